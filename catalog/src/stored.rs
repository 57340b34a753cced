//! What the rows of a database mean, whichever database it is.

use crate::detail::{CheckDetail, EntryDetail, ObservationDetail};
use crate::time::from_micros;
use crate::{
    Check, Deletion, Entry, FailedPartition, Happening, Observation, RunCounts, RunEnd, RunSummary, partition_from_text,
};
use jiff::Timestamp;
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result, RunId};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::time::Duration;

/// The kinds of events, as the tables have them.
pub(crate) const MATERIALIZED: i64 = 1;
pub(crate) const OBSERVED: i64 = 2;
pub(crate) const FAILED: i64 = 3;
pub(crate) const CHECKED: i64 = 4;
pub(crate) const DELETED: i64 = 5;

/// A row of `event`, with the text of its run and the kind and message of its failure.
pub(crate) struct StoredEvent<'a> {
    pub(crate) kind: i64,
    pub(crate) partition: &'a str,
    pub(crate) at: i64,
    pub(crate) run: Option<String>,
    pub(crate) detail: Option<&'a str>,
    pub(crate) inline: Option<Vec<u8>>,
    pub(crate) failure: Option<(String, String)>,
}

impl StoredEvent<'_> {
    pub(crate) fn happening(self, asset: &AssetKey) -> Result<Happening> {
        let asset = asset.clone();
        let partition = partition_from_text(self.partition)?;
        let at = time(self.at)?;
        let run = self.run.map(RunId::from_text);
        let some_run = |run: Option<RunId>| run.ok_or_else(|| broken("an event without its run"));
        let detail = self.detail.unwrap_or("null");
        Ok(match self.kind {
            MATERIALIZED => {
                let detail: EntryDetail<'_> = json(detail)?;
                let entry = detail.fill(Entry::new(asset, partition, some_run(run)?, at, "", ""));
                Happening::Materialized(Box::new(Entry {
                    inline: self.inline,
                    ..entry
                }))
            }
            OBSERVED => {
                let detail: ObservationDetail<'_> = json(detail)?;
                let (data_version, metadata) = (detail.data_version.map(Cow::into_owned), detail.metadata.into_owned());
                Happening::Observed(Observation {
                    asset,
                    partition,
                    run,
                    at,
                    data_version,
                    metadata,
                })
            }
            FAILED => {
                let (kind, message) = self.failure.ok_or_else(|| broken("a failure without its text"))?;
                Happening::Failed(FailedPartition {
                    asset,
                    partition,
                    run: some_run(run)?,
                    at,
                    kind,
                    message,
                })
            }
            CHECKED => {
                let detail: CheckDetail<'_> = json(detail)?;
                Happening::Checked(Check {
                    asset,
                    partition,
                    run,
                    at,
                    name: detail.name.into_owned(),
                    passed: detail.passed,
                    blocking: detail.blocking,
                    warning: detail.warning,
                    message: detail.message.map(Cow::into_owned),
                    metadata: detail.metadata.into_owned(),
                })
            }
            DELETED => Happening::Deleted(Deletion {
                asset,
                partition,
                run,
                at,
            }),
            _ => return Err(broken("an event of a kind that there is not")),
        })
    }
}

/// A row of `run` whose beginning was recorded. `end` is the number materialized, failed and skipped, and the duration.
pub(crate) struct StoredRun {
    pub(crate) run: String,
    pub(crate) started: i64,
    pub(crate) selection: String,
    pub(crate) profile: Option<String>,
    pub(crate) tags: String,
    pub(crate) finished: Option<i64>,
    pub(crate) end: [Option<i64>; 4],
}

impl StoredRun {
    pub(crate) fn summary(self) -> Result<RunSummary> {
        let [materialized, failed, skipped, nanos] = self.end.map(|number| number.unwrap_or_default().unsigned_abs());
        let end = |at| -> Result<RunEnd> {
            Ok(RunEnd {
                at: time(at)?,
                counts: RunCounts {
                    materialized,
                    failed,
                    skipped,
                },
                duration: Duration::from_nanos(nanos),
            })
        };
        Ok(RunSummary {
            run: RunId::from_text(self.run),
            started: time(self.started)?,
            selection: self.selection,
            profile: self.profile,
            tags: json(&self.tags)?,
            finished: self.finished.map(end).transpose()?,
        })
    }
}

/// Reads an array of partitions' texts.
pub(crate) fn partitions(text: &str) -> Result<Vec<PartitionKey>> {
    let texts: Vec<String> = json(text)?;
    let key = |text: String| partition_from_text(&text)?.ok_or_else(|| broken("an empty partition in a list"));
    texts.into_iter().map(key).collect()
}

pub(crate) fn asset_key(text: &str) -> Result<AssetKey> {
    text.parse()
        .map_err(|error| broken("an asset key that is none").with_source(error))
}

pub(crate) fn time(micros: i64) -> Result<Timestamp> {
    from_micros(micros).ok_or_else(|| broken("a time that is none"))
}

/// Reads what `to_json` wrote. Not borrowed: a detail is wanted whole.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("a row of the catalogue is damaged: {error}");
        Error::new(ErrorKind::InvalidData, message).with_source(error)
    })
}

pub(crate) fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the catalogue has {what}"))
}
