//! Delta Lake tables as an I/O manager.
//!
//! One asset is one table, in the directory `<key>.delta` below the root; its partitions are rows of that table. A store
//! writes data files and publishes them by one commit of the table's log, which is made anew for the newest version when
//! others were faster. The library below reads logs and writes checkpoints; which commit follows which is decided here,
//! because two overwrites of an empty table both succeed there (see `docs/decisions/0010-delta-commits.md`).
//!
//! | module | owns |
//! |---|---|
//! | `manager`, `core`, `config` | [`DeltaIo`] and its settings |
//! | `store`, `stage`, `plan`, `merge` | a staged value, the actions of its commit, and merging by keys |
//! | `changes` | files that a commit takes away, and the rows that it records as changed |
//! | `log`, `table`, `files` | versions of a table, its properties, and what tags of files tell |
//! | `partition`, `window`, `stats` | which rows a partition has, and which files have such rows |
//! | `protocol` | which tables may be written |
//! | `schema`, `evolution` | Arrow types in Delta and back, and changes of a table's schema |
//! | `read`, `write`, `verify` | data files |
//! | `at_rest`, `fill` | data files that engines read where they are, and those that engines write |
//! | `target` | tables that references point to |
//! | `versions`, `list` | history, restoring, deleting; listing |
//! | `maintenance`, `optimize`, `cluster`, `vacuum` | leftovers; small files, z-order; files of old versions |

mod at_rest;
mod backend;
mod changes;
mod cluster;
mod config;
mod core;
mod error;
mod evolution;
mod files;
mod fill;
mod list;
mod log;
mod maintenance;
mod manager;
mod merge;
mod optimize;
mod overrides;
mod partition;
mod plan;
mod protocol;
mod read;
mod restore;
mod schema;
mod stage;
mod stats;
mod store;
mod table;
mod target;
mod vacuum;
mod verify;
mod versions;
mod window;
mod write;

pub use backend::backends;
pub use config::{DeltaConfig, WriteMode};
pub use evolution::Evolution;
pub use manager::DeltaIo;
pub use window::Span;
