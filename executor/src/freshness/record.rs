//! What a run tells the catalogue.

use crate::check::{Checked, Severity};
use crate::definitions::Pipeline;
use crate::event::Materialization;
use crate::plan::PARTITIONS;
use jiff::Timestamp;
use larder_catalog::{
    Catalog, Check, Durations, Entry, Failure, InputVersions, Record, RunCounts, RunFinished, RunStarted, StepStarted,
    failure_kind,
};
use larder_io_core::{AssetKey, Error, PartitionKey, Receipt, Result, RunId};
use larder_partitions::PartitionSet;
use std::collections::BTreeMap;
use std::time::Duration;

/// Writes a run into the catalogue, if there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(pub(crate) Option<Catalog>);

/// What a value was made from, and a copy of a small one.
pub(crate) struct Origin<'o> {
    pub(crate) fingerprint: Option<String>,
    pub(crate) code_version: Option<String>,
    pub(crate) inputs: &'o [InputVersions],
    pub(crate) inline: Option<Vec<u8>>,
}

impl Recorder {
    fn record(&self, record: impl FnOnce() -> Record) {
        if let Some(catalog) = &self.0 {
            catalog.record(record());
        }
    }

    pub(crate) fn run_started(&self, pipeline: &Pipeline, run: &RunId, selection: &str, partitions: Option<&str>) {
        self.record(|| {
            let selection = match partitions {
                Some(partitions) => format!("{selection}{PARTITIONS}{partitions}"),
                None => selection.to_owned(),
            };
            Record::RunStarted(RunStarted {
                run: run.clone(),
                at: Timestamp::now(),
                selection,
                profile: pipeline.0.profile.clone(),
                tags: BTreeMap::new(),
            })
        });
    }

    pub(crate) fn step_started(&self, run: &RunId, assets: &[AssetKey], partitions: Option<&PartitionSet>) {
        self.record(|| {
            Record::StepStarted(StepStarted {
                run: run.clone(),
                assets: assets.to_vec(),
                partitions: listed(partitions),
                at: Timestamp::now(),
            })
        });
    }

    pub(crate) fn failed(&self, run: &RunId, assets: &[AssetKey], partitions: Option<&PartitionSet>, error: &Error) {
        self.record(|| {
            let mut message = error.message().to_owned();
            for cause in error.causes() {
                message.push_str(": ");
                message.push_str(&cause);
            }
            Record::Failed(Failure {
                run: run.clone(),
                assets: assets.to_vec(),
                partitions: listed(partitions),
                at: Timestamp::now(),
                kind: failure_kind(error.kind()),
                message,
            })
        });
    }

    pub(crate) fn checked(&self, made: &Checked) {
        self.record(|| {
            Record::Checked(Check {
                asset: made.asset.clone(),
                partition: made.partition.clone(),
                run: made.run.clone(),
                at: Timestamp::now(),
                name: made.name.clone(),
                passed: made.passed,
                blocking: made.blocking,
                warning: made.severity == Severity::Warn,
                message: made.message.clone(),
                metadata: made.metadata.clone(),
            })
        });
    }

    pub(crate) fn materialized(
        &self,
        pipeline: &Pipeline,
        made: &Materialization,
        data_version: &str,
        origin: Origin<'_>,
    ) {
        self.record(|| {
            let mut entry = entry(
                pipeline,
                &made.asset,
                made.partition.as_ref(),
                &made.run,
                data_version,
                made.receipt.as_ref(),
            );
            entry.fingerprint = origin.fingerprint;
            entry.code_version = origin.code_version;
            entry.inputs = origin.inputs.to_vec();
            entry.inline = origin.inline;
            entry.metadata = crate::measures::metadata(made);
            entry.durations = Durations {
                compute: made.compute,
                load: made.load,
                store: made.store,
            };
            entry.into()
        });
    }

    /// A value that is stored and was not recorded: the process ended between the two.
    pub(crate) fn adopted(&self, pipeline: &Pipeline, receipt: &Receipt, inputs: &[InputVersions]) {
        self.published(pipeline, receipt, inputs, receipt.stored_at, None);
    }

    /// A value that was published again just now, or for the first time here.
    pub(crate) fn restored(
        &self,
        pipeline: &Pipeline,
        receipt: &Receipt,
        inputs: &[InputVersions],
        inline: Option<Vec<u8>>,
    ) {
        self.published(pipeline, receipt, inputs, Timestamp::now(), inline);
    }

    fn published(
        &self,
        pipeline: &Pipeline,
        receipt: &Receipt,
        inputs: &[InputVersions],
        at: Timestamp,
        inline: Option<Vec<u8>>,
    ) {
        self.record(|| {
            let version = receipt.data_version();
            let mut entry = entry(
                pipeline,
                &receipt.asset,
                receipt.partition.as_ref(),
                &receipt.run,
                &version,
                Some(receipt),
            );
            entry.at = at;
            entry.fingerprint.clone_from(&receipt.fingerprint);
            entry.code_version.clone_from(&receipt.code_version);
            entry.inputs = inputs.to_vec();
            entry.inline = inline;
            entry.into()
        });
    }

    pub(crate) fn run_finished(&self, run: &RunId, [succeeded, failed, skipped]: [usize; 3], duration: Duration) {
        self.record(|| {
            Record::RunFinished(RunFinished {
                run: run.clone(),
                at: Timestamp::now(),
                counts: RunCounts {
                    materialized: succeeded as u64,
                    failed: failed as u64,
                    skipped: skipped as u64,
                },
                duration,
            })
        });
    }

    pub(crate) async fn flush(&self) -> Result<()> {
        match &self.0 {
            Some(catalog) => catalog.flush().await,
            None => Ok(()),
        }
    }
}

fn listed(partitions: Option<&PartitionSet>) -> Vec<PartitionKey> {
    partitions.map(|set| set.iter().collect()).unwrap_or_default()
}

fn entry(
    pipeline: &Pipeline,
    asset: &AssetKey,
    partition: Option<&PartitionKey>,
    run: &RunId,
    data_version: &str,
    receipt: Option<&Receipt>,
) -> Entry {
    let manager = pipeline.stored(asset).ok().and_then(|stored| stored.bound.as_ref());
    let manager = manager.map(|bound| bound.key.clone()).unwrap_or_default();
    let mut entry = Entry::new(
        asset.clone(),
        partition.cloned(),
        run.clone(),
        Timestamp::now(),
        manager,
        data_version,
    );
    if let Some(receipt) = receipt {
        entry.version = Some(receipt.version.to_string());
        entry.uri = Some(receipt.uri.clone());
        entry.receipt = Some(receipt.clone());
    }
    if let Ok(info) = pipeline.info(asset) {
        entry.tags = info.tags;
    }
    entry
}
