//! An [`IoManager`](larder_io_core::IoManager) over any object store.
//!
//! [`ObjectIo`] turns objects, tables and blobs into bytes and back, streams in both directions, stages before it
//! publishes and writes a receipt with every value. What differs between stores is in one trait, [`Store`];
//! [`BucketStore`] implements it for every [`object_store::ObjectStore`], with what a [`Vendor`] adds to it; a backend
//! that is no object store (local disk, with history and memory maps) implements it itself.
//!
//! | module | owns |
//! |---|---|
//! | `manager`, `core`, `versions` | [`ObjectIo`]: locations, siblings, receipts |
//! | `beside`, `choice` | values of several formats: the places of one value, and which it gets next |
//! | `stage` | writing: small values in one put, large ones in an upload |
//! | `store` | what a store can do |
//! | `files` | tables as files that table formats refer to |
//! | `bucket`, `vendor` | any object store, and what a vendor's own interface adds |
//! | `usage` | how many requests a value takes |
//! | `http` | requests to a vendor: retries, stalls, refusals in words (feature `http`) |
//! | `format` | json, msgpack, and the settings of every format |
//! | `records` | sequences of structs as tables, both ways |
//! | `table` | parquet and arrow files, both ways |
//! | `target` | files and folders that references point to |
//! | `error` | the one mapping of object_store's errors |

mod beside;
mod bucket;
mod choice;
mod copy;
mod core;

pub mod error;
#[cfg(feature = "arrow")]
pub mod files;
mod find;
pub mod format;
mod held;
#[cfg(feature = "http")]
pub mod http;
mod manager;
mod marks;
#[cfg(feature = "arrow")]
mod records;
mod sink;
mod source;
mod spool;
mod stage;
pub mod store;
#[cfg(feature = "arrow")]
mod table;
pub mod target;
mod usage;
mod vendor;
mod versions;

pub use bucket::{BucketStore, Parts, Transfer, UPLOADS, prefix};
pub use format::{AutoSettings, Compression, ObjectFormat, ParquetSettings, ParquetStatistics, Settings, TableFormat};
pub use manager::ObjectIo;
pub use marks::Marks;
pub use store::{Features, Purpose, Reader, Store, StoreLoads, StoreVersions, Upload, Written};
pub use vendor::{Requests, Unfinished, Vendor, VendorFeatures};
