//! What the catalogue answers.

use crate::{Check, Deletion, Entry, Failure, Observation, RunCounts, StepStarted};
use jiff::Timestamp;
use larder_io_core::{AssetKey, PartitionKey, RunId};
use std::collections::BTreeMap;
use std::time::Duration;

/// One line of an asset's history.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A value was published.
    Materialized(Box<Entry>),
    /// A value that something else makes was looked at.
    Observed(Observation),
    /// A step failed.
    Failed(FailedPartition),
    /// A value was checked.
    Checked(Check),
    /// A value was deleted.
    Deleted(Deletion),
}

/// What a failure means to one asset and partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedPartition {
    /// The asset.
    pub asset: AssetKey,
    /// The partition.
    pub partition: Option<PartitionKey>,
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// The kind of the error.
    pub kind: String,
    /// The error with its causes.
    pub message: String,
}

impl Happening {
    /// The asset.
    pub fn asset(&self) -> &AssetKey {
        match self {
            Self::Materialized(it) => &it.asset,
            Self::Observed(it) => &it.asset,
            Self::Failed(it) => &it.asset,
            Self::Checked(it) => &it.asset,
            Self::Deleted(it) => &it.asset,
        }
    }

    /// The partition.
    pub fn partition(&self) -> Option<&PartitionKey> {
        match self {
            Self::Materialized(it) => it.partition.as_ref(),
            Self::Observed(it) => it.partition.as_ref(),
            Self::Failed(it) => it.partition.as_ref(),
            Self::Checked(it) => it.partition.as_ref(),
            Self::Deleted(it) => it.partition.as_ref(),
        }
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Materialized(it) => it.at,
            Self::Observed(it) => it.at,
            Self::Failed(it) => it.at,
            Self::Checked(it) => it.at,
            Self::Deleted(it) => it.at,
        }
    }

    /// The run, if it was in one.
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::Materialized(it) => Some(&it.run),
            Self::Observed(it) => it.run.as_ref(),
            Self::Failed(it) => Some(&it.run),
            Self::Checked(it) => it.run.as_ref(),
            Self::Deleted(it) => it.run.as_ref(),
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// When it began.
    pub started: Timestamp,
    /// What was asked for.
    pub selection: String,
    /// The profile.
    pub profile: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// How it ended; `None` while it runs, and for ever after it was killed.
    pub finished: Option<RunEnd>,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// What became of its steps.
    pub counts: RunCounts,
    /// How long it took.
    pub duration: Duration,
}

/// One run with all that happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDetail {
    /// The run.
    pub summary: RunSummary,
    /// The steps that began, in that order.
    pub steps: Vec<StepStarted>,
    /// What was published, in that order, also what was replaced or deleted since.
    pub materialized: Vec<(AssetKey, Option<PartitionKey>)>,
    /// What failed, in that order.
    pub failures: Vec<Failure>,
}
