//! The executor over every backend and format.
//!
//! | module | proves |
//! |---|---|
//! | `values` | one pipeline of every form gives equal values and equal hashes everywhere |
//! | `runs` | what runs when, what is loaded how often, what a failure touches |
//! | `refusals` | definitions that do not fit are refused before anything runs |
//! | `partitions` | what Dagster gets wrong of partitions, right everywhere |
//! | `changes` | formats that change, other writers, other programs' files, going back |

mod changes;
mod partitions;
mod refusals;
mod runs;
mod values;

use larder::{Definitions, IoManager, RunOptions};
use larder_executor::Pipeline;
use larder_io_fs::{FsConfig, RecordKeeping};
use larder_io_memory::MemoryIo;
use larder_io_object::{Compression, ObjectFormat, ObjectIo, TableFormat};
use std::sync::Arc;
use tempfile::TempDir;

/// A manager, and the directory it may work in.
struct Backend {
    name: &'static str,
    manager: Arc<dyn IoManager>,
    root: TempDir,
}

impl Backend {
    fn on_disk(name: &'static str, change: impl FnOnce(&mut FsConfig)) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let mut config = FsConfig::new(root.path());
        change(&mut config);
        Self {
            name,
            manager: Arc::new(config.open().expect("opens")),
            root,
        }
    }

    fn other(name: &'static str, manager: Arc<dyn IoManager>) -> Self {
        Self {
            name,
            manager,
            root: tempfile::tempdir().expect("a temporary directory can be made"),
        }
    }

    fn build(&self, definitions: Definitions) -> Pipeline {
        definitions
            .with_every_asset_in(Arc::clone(&self.manager))
            .build()
            .expect("the definitions fit")
    }
}

/// Every backend with every format that has a word for every value.
fn backends() -> Vec<Backend> {
    let in_memory: Arc<dyn object_store::ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    vec![
        Backend::other("memory", Arc::new(MemoryIo::new())),
        Backend::other(
            "plain object store",
            Arc::new(ObjectIo::plain("mem", "mem:", in_memory).expect("opens")),
        ),
        Backend::on_disk("disk, json and parquet", |_| {}),
        Backend::on_disk("disk, msgpack and arrow by memory map", |config| {
            config.object = ObjectFormat::Msgpack;
            config.table = TableFormat::Arrow;
        }),
        Backend::on_disk("disk, json and arrow that is read, verified", |config| {
            config.table = TableFormat::Arrow;
            config.mmap = false;
            config.verify = true;
        }),
        Backend::on_disk("disk, pickle and csv", |config| {
            config.object = ObjectFormat::Pickle;
            config.table = TableFormat::Csv;
        }),
        Backend::on_disk("disk, json and Avro", |config| config.table = TableFormat::Avro),
        Backend::on_disk(
            "disk, msgpack and parquet with lz4, records beside, no history",
            |config| {
                config.object = ObjectFormat::Msgpack;
                config.compression = Compression::Lz4;
                config.records = RecordKeeping::Sidecar;
                config.history = 1;
            },
        ),
    ]
}

/// JSON has no word for NaN.
fn ndjson() -> Backend {
    Backend::on_disk("disk, json and ndjson", |config| config.table = TableFormat::Ndjson)
}

/// A backend for tests that need only one.
fn disk() -> Backend {
    Backend::on_disk("disk", |_| {})
}

fn options(max_concurrent: usize) -> RunOptions {
    let mut options = RunOptions::default();
    options.max_concurrent = max_concurrent;
    options
}

fn forced() -> RunOptions {
    let mut options = RunOptions::default();
    options.force = true;
    options
}
