//! Checks of what is published.

use super::{Checked, Subject};
use crate::definitions::{AssetPartition, Pipeline};
use crate::event::{Emitter, Event, Observer};
use crate::freshness::Recorder;
use crate::graph::definition;
use crate::resource::Held;
use crate::run::{Stop, stopped};
use crate::selection::Selection;
use larder_io_core::{AssetKey, Error, Form, Result};
use larder_partitions::PartitionSet;
use std::fmt;
use std::sync::Arc;

/// Which published values to check.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Which partitions, as a selection. Default: all in which something is stored.
    pub partitions: Option<String>,
    /// Who is told of each check as it is made.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Stops it from outside, in good order. Default: nobody does.
    pub stop: Option<Stop>,
}

impl fmt::Debug for CheckOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckOptions")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// What the checks of published values say.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// By asset, partition and definition.
    pub checked: Vec<Arc<Checked>>,
    /// Values that were asked for and are not there.
    pub missing: Vec<AssetPartition>,
    /// Resources that could not be closed, or not in their time.
    pub unclosed: Vec<Arc<Error>>,
    /// Whether it was stopped before its end; what was checked until then stands.
    pub stopped: bool,
}

impl CheckReport {
    /// Whether all was checked and no value is wrong; warnings do not count.
    pub fn succeeded(&self) -> bool {
        !self.stopped && !self.checked.iter().any(|checked| checked.is_wrong())
    }
}

/// What all checks of one call have in common.
struct Checking<'c> {
    partitions: Option<&'c str>,
    emitter: &'c Emitter,
    held: &'c Arc<Held>,
    recorder: &'c Recorder,
}

impl Pipeline {
    /// Makes the checks of what is published, of external assets too, and records what they say. Nothing is computed, published or taken back.
    ///
    /// # Errors
    /// `InvalidDefinition` for a selection of assets or partitions that fits nothing, or in which no asset has a check; what keeps the catalogue
    /// from being written. A value that cannot be loaded does not pass its checks.
    ///
    /// # Cancel safety
    /// What was checked before is recorded; resources are closed in the background. [`CheckOptions::stop`] waits for both.
    pub async fn check(&self, selection: impl Into<Selection>, options: CheckOptions) -> Result<CheckReport> {
        let steps = selection.into().assets(self)?;
        let keys = steps.iter().flat_map(|step| &self.graph().nodes[*step].keys);
        let keys: Vec<&AssetKey> = keys.filter(|key| !self.0.checks.of(key).is_empty()).collect();
        if keys.is_empty() {
            let message =
                "none of these assets has a check; `#[check]` on a function makes one, `Definitions::checks` adds it";
            return Err(definition(message.to_owned()));
        }
        let emitter = Emitter(options.observers.into());
        let held = self.hold(&emitter);
        let (recorder, mut report) = (Recorder(self.catalog().cloned()), CheckReport::default());
        let checking = Checking {
            partitions: options.partitions.as_deref(),
            emitter: &emitter,
            held: &held,
            recorder: &recorder,
        };
        let checked = tokio::select! {
            biased;
            () = stopped(options.stop.as_ref()) => None,
            checked = self.check_published(&keys, &checking, &mut report) => Some(checked),
        };
        // However it ended.
        report.unclosed = held.close().await;
        report.stopped = checked.is_none();
        checked.transpose()?;
        recorder.flush().await?;
        Ok(report)
    }

    async fn check_published(
        &self,
        keys: &[&AssetKey],
        checking: &Checking<'_>,
        report: &mut CheckReport,
    ) -> Result<()> {
        for key in keys.iter().copied() {
            let (partitions, named) = self.asked(key, checking.partitions).await?;
            let values: Vec<AssetPartition> = match &partitions {
                None => vec![key.into()],
                Some(set) => set.iter().map(|partition| (key, &partition).into()).collect(),
            };
            for of in values {
                // One that cannot be loaded passes none of its checks, and keeps nobody from the others.
                let value = match self.load_stored(&of).await {
                    Ok(Some(value)) => Ok(value),
                    Err(error) => Err(error),
                    Ok(None) => {
                        if named || of.partition.is_none() {
                            report.missing.push(of);
                        }
                        continue;
                    }
                };
                let subject = Subject {
                    partitions: Self::as_set(partitions.as_ref(), &of)?,
                    earlier: self.earlier(&of, true).await,
                    of,
                    run: None,
                    held: Arc::clone(checking.held),
                    emitter: checking.emitter.clone(),
                };
                for checked in self.make_checks(&subject, &value).await {
                    checking.recorder.checked(&checked);
                    checking.emitter.emit(|| Event::Checked(Arc::clone(&checked)));
                    report.checked.push(checked);
                }
            }
        }
        Ok(())
    }

    /// The partitions that are asked for, and whether they were named.
    async fn asked(&self, key: &AssetKey, text: Option<&str>) -> Result<(Option<PartitionSet>, bool)> {
        match (self.keyspace(key).await?, text) {
            (None, _) => Ok((None, false)),
            (Some(space), Some(text)) => Ok((Some(space.select(text)?), true)),
            (Some(space), None) if self.stored(key)?.form == Form::Nothing => Ok((Some(space.all()), false)),
            (Some(_), None) => Ok((Some(self.stored_partitions(key).await?), false)),
        }
    }

    /// The checks that are defined of these assets, with the asset of each.
    ///
    /// # Errors
    /// `InvalidDefinition` for a selection that fits nothing.
    pub fn checks_of(&self, selection: impl Into<Selection>) -> Result<Vec<CheckInfo>> {
        let steps = selection.into().assets(self)?;
        let keys = steps.iter().flat_map(|step| &self.graph().nodes[*step].keys);
        let infos = keys.flat_map(|key| {
            self.0.checks.of(key).iter().map(|resolved| CheckInfo {
                asset: key.clone(),
                name: resolved.check.name.clone(),
                description: resolved.check.description.clone(),
                blocking: resolved.check.blocking,
                severity: resolved.check.severity,
            })
        });
        Ok(infos.collect())
    }
}

/// A check in a list.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct CheckInfo {
    /// The asset.
    pub asset: AssetKey,
    /// The name.
    pub name: String,
    /// What it looks for.
    pub description: Option<String>,
    /// Whether values that do not pass are not published.
    pub blocking: bool,
    /// How much it matters.
    pub severity: super::Severity,
}
