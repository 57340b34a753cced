//! Azure Data Lake Storage Gen2 and Azure Blob Storage as asset storage.
//!
//! [`AdlsConfig`] says where and how; [`AdlsConfig::open`] gives an I/O manager, [`backend`] answers to
//! `abfss://filesystem@account.dfs.core.windows.net/prefix` and `az://container/prefix`. Both kinds of account are
//! reached through the Blob API. object_store moves the data; what it has no words for (preconditions on large values,
//! old versions, what an account is) goes over plain HTTP, because Microsoft's `azure_storage_blob` takes no account
//! keys. With the feature `sdk` Microsoft's `azure_identity` finds credentials.
//!
//! # Laws
//! Azure answers reads after writes consistently, replaces a blob in one step, and checks `If-Match` and
//! `If-None-Match` atomically, also when blocks are committed; its ETags are unique to a write. So every law of
//! [`larder_io_core::IoManager`] holds. Uncommitted blocks belong to the name of a blob: when two writers stage large
//! values for one location, the first commit drops the blocks of the other, who gets `Conflict` under a precondition and
//! `NotFound` without one, and has to stage again.
//!
//! What a hierarchical account does differently is tested on our own double only, and so are old versions.

mod address;
mod config;
mod connection;
mod credentials;
mod environment;
mod error;
#[cfg(feature = "arrow")]
mod ground;
mod objects;
mod rest;
#[cfg(feature = "sdk")]
mod sdk;
mod signed;
mod store;
mod target;
mod validate;

pub use config::{AdlsConfig, Identity, backend};
#[cfg(feature = "arrow")]
pub use ground::ground;
pub use larder_io_object::http::Transport;
pub use larder_io_object::{Compression, ObjectFormat, ParquetSettings, ParquetStatistics, TableFormat, Transfer};
