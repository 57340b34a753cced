//! What can be recorded.

use crate::Entry;
use jiff::Timestamp;
use larder_io_core::{AssetKey, ErrorKind, PartitionKey, RunId};
use std::collections::BTreeMap;
use std::time::Duration;

/// Something that happened. Times are kept to the microsecond.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A run began.
    RunStarted(RunStarted),
    /// A step began.
    StepStarted(StepStarted),
    /// A value was published.
    Materialized(Box<Entry>),
    /// Somebody looked at a value that something else makes.
    Observed(Observation),
    /// A step failed: its old values stand.
    Failed(Failure),
    /// A check of a value was made.
    Checked(Check),
    /// A value was deleted.
    Deleted(Deletion),
    /// A run ended, however well.
    RunFinished(RunFinished),
}

macro_rules! records {
    ($($type:ident => $variant:ident),*) => {$(
        impl From<$type> for Record {
            fn from(record: $type) -> Self {
                Self::$variant(record.into())
            }
        }
    )*};
}
records!(
    RunStarted => RunStarted, StepStarted => StepStarted, Entry => Materialized, Observation => Observed, Failure => Failed,
    Check => Checked, Deletion => Deleted, RunFinished => RunFinished
);

/// The beginning of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStarted {
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What was asked for, as the user wrote it.
    pub selection: String,
    /// The profile of `larder.toml`.
    pub profile: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// The beginning of a step: one function for some partitions, or for an asset without any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStarted {
    /// The run.
    pub run: RunId,
    /// What the function makes.
    pub assets: Vec<AssetKey>,
    /// Its partitions; empty for assets without partitions.
    pub partitions: Vec<PartitionKey>,
    /// When.
    pub at: Timestamp,
}

/// A look at a value that something else makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The asset.
    pub asset: AssetKey,
    /// The partition.
    pub partition: Option<PartitionKey>,
    /// The run, if it was in one.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
    /// What tells this value from others; `None` when nothing was there.
    pub data_version: Option<String>,
    /// What was seen besides.
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// The failure of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The run.
    pub run: RunId,
    /// What the function would have made.
    pub assets: Vec<AssetKey>,
    /// Its partitions; empty for assets without partitions.
    pub partitions: Vec<PartitionKey>,
    /// When.
    pub at: Timestamp,
    /// The kind of the error, as [`failure_kind`] writes it.
    pub kind: String,
    /// The error with its causes. Never a secret.
    pub message: String,
}

/// Writes a kind of error as records have it: `NotFound`.
pub fn failure_kind(kind: ErrorKind) -> String {
    format!("{kind:?}")
}

/// A check of one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The asset.
    pub asset: AssetKey,
    /// The partition.
    pub partition: Option<PartitionKey>,
    /// The run, if it was in one.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
    /// The check's name.
    pub name: String,
    /// Whether the value is as it should be.
    pub passed: bool,
    /// Whether a value that does not pass is kept from being published.
    pub blocking: bool,
    /// Whether it is only a warning that a value does not pass.
    pub warning: bool,
    /// What was found.
    pub message: Option<String>,
    /// What was measured.
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// The deletion of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The asset.
    pub asset: AssetKey,
    /// The partition.
    pub partition: Option<PartitionKey>,
    /// The run, if it was in one.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFinished {
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What became of its steps.
    pub counts: RunCounts,
    /// How long it took, by a clock that nobody sets.
    pub duration: Duration,
}

/// How many steps of a run came to which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Published.
    pub materialized: u64,
    /// Failed.
    pub failed: u64,
    /// Not begun, because something before them failed or nothing was to do.
    pub skipped: u64,
}
