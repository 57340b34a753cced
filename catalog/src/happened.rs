//! What a record makes of a partition's state, in every database.

use crate::detail::{CheckDetail, EntryDetail, ObservationDetail, to_json};
use crate::state::Slot;
use crate::time::micros;
use crate::{Check, Entry, Observation, partition_text};
use larder_io_core::PartitionKey;
use std::borrow::Cow;

/// Something that changes a state.
#[derive(Clone, Copy)]
pub(crate) enum Happened<'a> {
    /// With the number of the event.
    Materialized(&'a Entry, i64),
    Observed(&'a Observation),
    /// At this time, in microseconds.
    Failed(i64),
    Deleted,
}

impl Happened<'_> {
    /// The state after it.
    pub(crate) fn after(self, old: Option<Slot>) -> Option<Slot> {
        let touched = |at: i64| {
            let mut slot = old.clone().unwrap_or_default();
            if slot.event == 0 {
                slot.at = at;
            }
            slot
        };
        match self {
            Self::Materialized(it, event) => Some(Slot {
                event,
                at: micros(it.at),
                failed: false,
                data_version: Some(it.data_version.clone()),
                fingerprint: it.fingerprint.clone(),
                code_version: it.code_version.clone(),
                observed: None,
            }),
            Self::Observed(it) => Some(Slot {
                observed: it.data_version.clone(),
                ..touched(micros(it.at))
            }),
            Self::Failed(at) => Some(Slot {
                failed: true,
                ..touched(at)
            }),
            Self::Deleted => None,
        }
    }
}

pub(crate) fn entry_detail(it: &Entry) -> serde_json::Result<String> {
    to_json(&EntryDetail::of(it))
}

pub(crate) fn observation_detail(it: &Observation) -> serde_json::Result<String> {
    to_json(&ObservationDetail {
        data_version: it.data_version.as_deref().map(Cow::Borrowed),
        metadata: Cow::Borrowed(&it.metadata),
    })
}

pub(crate) fn check_detail(it: &Check) -> serde_json::Result<String> {
    to_json(&CheckDetail {
        name: Cow::Borrowed(&it.name),
        passed: it.passed,
        blocking: it.blocking,
        warning: it.warning,
        message: it.message.as_deref().map(Cow::Borrowed),
        metadata: Cow::Borrowed(&it.metadata),
    })
}

/// Partitions as their texts.
pub(crate) fn texts(partitions: &[PartitionKey]) -> Vec<String> {
    partitions.iter().map(|key| partition_text(Some(key))).collect()
}
