//! Google Cloud Storage as asset storage.
//!
//! [`GcsConfig`] says where and how; [`GcsConfig::open`] gives an I/O manager, [`backend`] answers to `gs://bucket/prefix`.
//! object_store moves the data through Google's XML interface; what it has no words for goes through the JSON interface: preconditions
//! on large values, old generations, copies of any size. With the feature `sdk` Google's own library finds the
//! credentials: user accounts, workload identity, impersonation, instances.
//!
//! # Large values
//! No request that completes an upload takes a precondition. So an upload is put together under `.larder/uploads` and published by a
//! rewrite to its own name, which takes one and carries the receipt; within a bucket and a storage class that moves no bytes. A bucket
//! with soft delete, which new buckets have for 7 days, keeps what was put together as long and bills it: turn it off, or
//! set `preconditions = false`.
//!
//! # Laws
//! Reads after writes are consistent, an object is replaced in one step, and `x-goog-if-generation-match` is checked with the write; so
//! every law of [`larder_io_core::IoManager`] holds. A generation is never given twice, so that `Unchanged` can always tell.
//!
//! # TLS of the feature `sdk`
//! Google's library asks for a process-wide provider of cryptography: unless the program has installed one for `rustls`, `ring` is
//! installed when credentials are first looked for.

mod api;
mod config;
mod credentials;
mod error;
#[cfg(feature = "arrow")]
mod ground;
mod headers;
#[cfg(feature = "sdk")]
mod sdk;
mod store;
mod target;

pub use config::{GcsConfig, backend};
#[cfg(feature = "arrow")]
pub use ground::ground;
pub use larder_io_object::http::Transport;
pub use larder_io_object::{Compression, ObjectFormat, ParquetSettings, ParquetStatistics, TableFormat, Transfer};
