//! Durable local-disk storage for larder.
//!
//! [`DurableFs`] is an [`object_store::ObjectStore`] on a directory: atomic, safe against power cuts, with history.
//! [`FsConfig`] opens it as an I/O manager; [`backend`] adds the scheme `file` to a pipeline.
//!
//! ```
//! use larder_io_core::IoManager;
//! let manager = larder_io_fs::FsConfig::new("/tmp/lake").open()?;
//! assert_eq!(manager.info().scheme, "file");
//! # Ok::<(), larder_io_core::Error>(())
//! ```
//!
//! | what | where below the root |
//! |---|---|
//! | published values, ordinary read-only files (0444) | `reports/carrier_delays.parquet` |
//! | old versions, hard links | `.larder/versions/<location>/<version>.version` |
//! | staged values | `.larder/tmp/<id>` |
//! | records, where there are no extended attributes | `.larder/records/` |
//! | locks | `.larder/locks/` |
//! | counts of loads, for `table = "auto"` | `.larder/loads/` |
//!
//! What it does not do: protect a file from another program that edits it in place (after a restore the kept version
//! shares its inode), or tell two values apart on file systems without extended attributes once another tool has
//! copied them.

mod attributes;
mod config;
pub mod disk;
mod durable;
mod error;
mod gc;
#[cfg(feature = "arrow")]
mod ground;
mod history;
mod list;
mod loads;
mod names;
mod publish;
mod read;
mod record;
mod store;
mod target;
mod tree;
mod upload;

pub use config::{FsConfig, SCHEME, backend};
#[cfg(feature = "arrow")]
pub use ground::ground;
pub use larder_io_object::{AutoSettings, Compression, ObjectFormat, ParquetSettings, ParquetStatistics, TableFormat};
pub use record::RecordKeeping;
pub use store::DurableFs;
pub use tree::Durability;
