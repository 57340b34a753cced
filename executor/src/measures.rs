//! What making a value took, beside the time of its phases.

use crate::event::Materialization;
#[cfg(feature = "arrow")]
use crate::table_facts::TableFacts;
use larder_catalog::Entry;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The metadata of a recorded materialization in which [`StepRecord`] is.
pub const STEP: &str = "larder/step";
/// The metadata of a recorded table in which its columns are: name, type, nulls, min, max.
pub const COLUMNS: &str = "larder/columns";
/// The metadata of a recorded table in which its first rows are.
pub const PREVIEW: &str = "larder/preview";

/// What making a value took, beside the time of its phases. Of one call for many partitions, the call's own figures stand at each of them.
///
/// Measured for whoever asks: with a catalogue or an observer; else everything is none or zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Measures {
    /// From when nothing stood before the step any more until it began: time waited for a free place.
    #[serde(rename = "queue_seconds", with = "seconds")]
    pub queue: Duration,
    /// How many attempts it took.
    pub attempts: u32,
    /// Time lost in attempts that failed and in waiting between them.
    #[serde(rename = "lost_seconds", with = "seconds")]
    pub lost: Duration,
    /// Bytes of its inputs as they are stored. None where the run has not learned it of each of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<u64>,
    /// Rows of its inputs, of those that have rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_in: Option<u64>,
    /// Bytes in memory of the value, as it went to storage: of tables and blobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_bytes: Option<u64>,
    /// The process's peak of resident memory before the step, in bytes: where it is below the peak after it, the peak rose during the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_before: Option<u64>,
    /// Time of the checks of what was staged.
    #[serde(
        rename = "check_seconds",
        with = "seconds",
        skip_serializing_if = "Duration::is_zero"
    )]
    pub check: Duration,
    /// Requests that the step sent to storage up to this value, of all attempts, for what it loads, looks at and stores; of a step that is a
    /// process only those of the attempt that made it. A value that several steps share counts at the first that took it. None where storage is
    /// not reached by requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// The most bytes that larder's own buffers held at one moment: what waited to be encoded, sent, decoded or taken. None where
    /// there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffered_bytes: Option<u64>,
    /// Whether the step had a process of its own, so that the peak is its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_process: bool,
    /// What is told of a table.
    #[cfg(feature = "arrow")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Box<TableFacts>>,
}

/// What the catalogue keeps of a step with each value that it made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StepRecord {
    /// What was measured.
    #[serde(flatten)]
    pub measures: Measures,
    /// The process's peak of resident memory when the value was published, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// How many other steps ran in the process at some moment of this one.
    pub overlapped: usize,
    /// Bytes stored in each second of storing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
}

impl StepRecord {
    /// Reads what is kept with a materialization; none where nothing was measured, or by an older larder.
    pub fn of(entry: &Entry) -> Option<Self> {
        serde_json::from_value(entry.metadata.get(STEP)?.clone()).ok()
    }
}

/// What the catalogue keeps as metadata: the asset's own words, and larder's.
pub(crate) fn metadata(made: &Materialization) -> BTreeMap<String, Json> {
    let mut metadata = made.metadata.clone();
    let measures = made.measures.clone();
    #[cfg(feature = "arrow")]
    let measures = {
        let mut measures = measures;
        if let Some(table) = measures.table.take() {
            if !table.columns.is_empty() {
                metadata.insert(COLUMNS.to_owned(), json!(table.columns));
            }
            if !table.preview.is_empty() {
                metadata.insert(PREVIEW.to_owned(), table.preview.into());
            }
        }
        measures
    };
    let stored = made.receipt.as_ref().map_or(0, |receipt| receipt.bytes);
    let rate = stored as f64 / made.store.as_secs_f64();
    let record = StepRecord {
        measures,
        peak_memory_bytes: made.peak_memory,
        overlapped: made.overlapped,
        bytes_per_second: (stored > 0 && rate.is_finite()).then_some(rate as u64),
    };
    metadata.insert(STEP.to_owned(), json!(record));
    metadata
}

/// Durations as seconds, to the microsecond.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_micros() as f64 / 1e6)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}
