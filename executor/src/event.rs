//! What a run tells its observers.

use crate::check::Checked;
use crate::measures::Measures;
use larder_io_core::{AssetKey, Error, PartitionKey, Receipt, RunId};
use larder_partitions::PartitionSet;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// May be wrong.
    Warn,
}

/// One asset (or partition) that was computed and published.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Materialization {
    /// The asset.
    pub asset: AssetKey,
    /// The partition.
    pub partition: Option<PartitionKey>,
    /// The run.
    pub run: RunId,
    /// Proof of the write; `None` for an asset of form Nothing.
    pub receipt: Option<Receipt>,
    /// Where the value is, for other tools.
    pub uri: Option<String>,
    /// The published version.
    pub version: Option<String>,
    /// Time in the asset's own code, a stream's production included.
    pub compute: Duration,
    /// Time loading inputs.
    pub load: Duration,
    /// Time encoding, writing and publishing, without waiting for a stream's production.
    pub store: Duration,
    /// The process's peak of resident memory so far, in bytes, sampled at most every 10 ms; `None` where the system
    /// does not tell.
    pub peak_memory: Option<u64>,
    /// How many other steps ran at some moment of this one: the peak is theirs too.
    pub overlapped: usize,
    /// What making it took besides.
    pub measures: Measures,
    /// What the asset's code added.
    pub metadata: BTreeMap<String, Json>,
    /// The columns of a table, as they were stored.
    #[cfg(feature = "arrow")]
    #[serde(with = "schema")]
    pub schema: Option<arrow_schema::SchemaRef>,
}

/// Serde for a shared schema.
#[cfg(feature = "arrow")]
mod schema {
    use arrow_schema::{Schema, SchemaRef};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(schema: &Option<SchemaRef>, to: S) -> Result<S::Ok, S::Error> {
        schema.as_deref().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SchemaRef>, D::Error> {
        Ok(Option::<Schema>::deserialize(from)?.map(Arc::new))
    }
}

/// Bytes and rows of a value that is being stored, counted while they pass.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes in memory so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, rows: u64, bytes: u64) {
        self.rows.store(rows, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, rows: usize, bytes: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Something that happened in a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// The run.
        run: RunId,
        /// The assets it will make, in an order in which they can be made.
        assets: Vec<AssetKey>,
        /// How many calls of functions that takes; one for each partition unless a function makes many.
        calls: usize,
    },
    /// A step begins.
    StepStarted {
        /// The assets it makes.
        assets: Vec<AssetKey>,
        /// The partitions it makes.
        partitions: Option<PartitionSet>,
    },
    /// A step is not needed: what it makes is as it would be made again.
    StepFresh {
        /// The assets it makes.
        assets: Vec<AssetKey>,
        /// The partitions that were asked for.
        partitions: Option<PartitionSet>,
    },
    /// An input was loaded, or found loaded already.
    InputLoaded {
        /// The consumer.
        asset: AssetKey,
        /// The consumer's partitions.
        partitions: Option<PartitionSet>,
        /// The input.
        input: AssetKey,
        /// Whether nothing was stored, which the consumer allows.
        missing: bool,
        /// Time waited for it.
        duration: Duration,
    },
    /// The function returned; a stream it returned is produced while it is stored.
    Computed {
        /// The assets.
        assets: Vec<AssetKey>,
        /// The partitions.
        partitions: Option<PartitionSet>,
        /// Time in the function.
        duration: Duration,
    },
    /// A value begins to be written.
    StoreStarted {
        /// The asset.
        asset: AssetKey,
        /// The partition.
        partition: Option<PartitionKey>,
        /// Counts while the value passes.
        progress: Arc<Progress>,
    },
    /// A check was made of a value that is stored and not yet published; or, out of a run, of a published one.
    Checked(Arc<Checked>),
    /// A value was published.
    Materialized(Arc<Materialization>),
    /// The asset's code logged something.
    Log {
        /// The asset.
        asset: AssetKey,
        /// The partitions.
        partitions: Option<PartitionSet>,
        /// How much it matters.
        level: Level,
        /// The text.
        message: String,
    },
    /// An attempt at a step failed, and there will be another.
    StepRetried {
        /// The assets.
        assets: Vec<AssetKey>,
        /// The partitions that are tried again.
        partitions: Option<PartitionSet>,
        /// How many attempts there were.
        attempt: u32,
        /// How long until the next.
        delay: Duration,
        /// What went wrong.
        error: Arc<Error>,
    },
    /// A step failed; old values stay.
    StepFailed {
        /// The assets.
        assets: Vec<AssetKey>,
        /// The partitions.
        partitions: Option<PartitionSet>,
        /// What went wrong.
        error: Arc<Error>,
    },
    /// A step was not run.
    StepSkipped {
        /// The assets.
        assets: Vec<AssetKey>,
        /// The partitions.
        partitions: Option<PartitionSet>,
        /// The asset that failed before it.
        because: AssetKey,
    },
    /// A resource was opened, when a step or a check first needed it.
    ResourceOpened {
        /// Its name.
        resource: String,
        /// How many attempts that took.
        attempts: u32,
        /// How long, with the time between attempts.
        duration: Duration,
    },
    /// An attempt at opening a resource failed, and there will be another.
    ResourceRetried {
        /// Its name.
        resource: String,
        /// How many attempts there were.
        attempt: u32,
        /// How long until the next.
        delay: Duration,
        /// What went wrong.
        error: Arc<Error>,
    },
    /// A resource was closed, at the end of the run; one without anything to close is only dropped.
    ResourceClosed {
        /// Its name.
        resource: String,
        /// How long that took.
        duration: Duration,
        /// What went wrong; it is dropped all the same, and no step has failed because of it.
        error: Option<Arc<Error>>,
    },
    /// The run ended.
    RunFinished {
        /// The run.
        run: RunId,
        /// Steps that succeeded, failed, were skipped.
        counts: [usize; 3],
        /// Time of the whole run.
        duration: Duration,
    },
}

/// Someone who is told what happens. Called from the run's own tasks: must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: &Event);

    /// What it could not tell so far, in a sentence for people; asked at the end of a run. Default: nothing.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// Hands events to observers; without any, events are not even made.
#[derive(Clone, Default)]
pub(crate) struct Emitter(pub(crate) Arc<[Arc<dyn Observer>]>);

impl Emitter {
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        if !self.0.is_empty() {
            let event = event();
            self.0.iter().for_each(|observer| observer.on_event(&event));
        }
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emitter({} observers)", self.0.len())
    }
}
