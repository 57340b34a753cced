//! Amazon S3, and what speaks like it, as asset storage.
//!
//! [`S3Config`] says where and how; [`S3Config::open`] gives an I/O manager, [`backend`] answers to `s3://bucket/prefix`.
//! object_store moves the data; with the feature `sdk` AWS's own libraries add their credential chain, preconditions on
//! large values, old versions of versioned buckets, copies of any size, and cleaning up of unfinished uploads.
//!
//! # Laws
//! S3 answers reads after writes consistently, replaces an object in one step, and checks `If-Match` and
//! `If-None-Match` atomically; so every law of [`larder_io_core::IoManager`] holds. An ETag of an unencrypted object is
//! a hash of its bytes: when a value is replaced and then stored again with the very same bytes, `Unchanged` cannot tell
//! unless the bucket keeps versions.

mod config;
mod credentials;
mod error;
#[cfg(feature = "arrow")]
mod ground;
#[cfg(feature = "sdk")]
mod sdk;
mod store;
mod target;

pub use config::{Encryption, S3Config, backend};
#[cfg(feature = "arrow")]
pub use ground::ground;
pub use larder_io_object::http::Transport;
pub use larder_io_object::{Compression, ObjectFormat, ParquetSettings, ParquetStatistics, TableFormat, Transfer};
