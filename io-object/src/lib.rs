//! An [`IoManager`](larder_io_core::IoManager) over any object store.
//!
//! [`ObjectIo`] turns objects, tables and blobs into bytes and back, streams in both directions, stages before it
//! publishes and writes a receipt with every value. What differs between stores is in one trait, [`Store`];
//! [`PlainStore`] implements it for every [`object_store::ObjectStore`], and a backend with more to offer (history,
//! memory maps, preconditions on uploads) implements it itself.
//!
//! | module | owns |
//! |---|---|
//! | `manager`, `core` | [`ObjectIo`]: locations, siblings, receipts |
//! | `stage` | writing: small values in one put, large ones in an upload |
//! | `store`, `plain` | what a store can do |
//! | `format` | json, msgpack, and the settings of every format |
//! | `table` | parquet and arrow files, both ways |
//! | `error` | the one mapping of object_store's errors |

mod core;
pub mod error;
pub mod format;
mod manager;
mod plain;
mod source;
mod stage;
pub mod store;
#[cfg(feature = "arrow")]
mod table;

pub use format::{Compression, ObjectFormat, Settings, TableFormat};
pub use manager::ObjectIo;
pub use plain::PlainStore;
pub use store::{Features, Reader, Store, StoreVersions, Upload};
