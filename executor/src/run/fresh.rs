//! Whether a call is needed at all, and what its values are computed from.

use super::step::Step;
use crate::definitions::AT_ONCE;
use crate::freshness::{Recompute, fingerprint, size_of};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_catalog::InputVersions;
use larder_io_core::{AssetKey, Error, ErrorKind, Form, PartitionKey, Receipt, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The data versions of the inputs, for each partition that is made.
pub(super) type Sources = HashMap<Option<PartitionKey>, Arc<Vec<InputVersions>>>;

impl Step {
    /// The version of the code, with the build where it counts.
    pub(super) fn code(&self) -> Option<String> {
        self.pipeline.code_of(self.index, self.build_id.as_deref())
    }

    pub(super) fn fingerprint_of(&self, key: &AssetKey, sources: &[InputVersions]) -> Option<String> {
        let config = self.pipeline.storage_config(key).ok()?;
        Some(fingerprint(&self.code()?, &config, sources))
    }

    /// The data versions of the inputs now. Looked at before they are loaded: if somebody writes in between, the value will
    /// look older than it is and be computed again, never newer.
    pub(super) async fn sources(&self) -> Result<Sources> {
        let wanted: Vec<Option<PartitionKey>> = match &self.partitions {
            None => vec![None],
            Some(set) => set.iter().map(Some).collect(),
        };
        let each = stream::iter(wanted).map(|partition| async move {
            let sources = self.sources_of(partition.as_ref()).await?;
            Ok((partition, Arc::new(sources)))
        });
        each.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn sources_of(&self, partition: Option<&PartitionKey>) -> Result<Vec<InputVersions>> {
        let inputs = &self.pipeline.graph().nodes[self.index].inputs;
        let mut sources = Vec::with_capacity(inputs.len());
        for (position, key) in inputs.iter().enumerate() {
            let follows = self
                .follows
                .get(&self.index)
                .and_then(|follows| follows[position].as_ref());
            let wanted: Vec<Option<PartitionKey>> = match (follows, &self.partitions) {
                // What is not published yet has no version.
                _ if self.is_ahead_of(key) => Vec::new(),
                (None, _) => vec![None],
                (Some(follows), None) => follows.upstream(None)?.partitions.iter().map(Some).collect(),
                (Some(follows), Some(all)) => {
                    let one = all.keyspace().set(partition)?;
                    follows.upstream(Some(&one))?.partitions.iter().map(Some).collect()
                }
            };
            let versions = stream::iter(wanted).map(|partition| async move {
                let version = self.known.data_version(&self.pipeline, key, partition.as_ref()).await?;
                Ok::<_, Error>(version.map(|version| (partition, version)))
            });
            let versions: Vec<_> = versions.buffer_unordered(AT_ONCE).try_collect().await?;
            sources.push(InputVersions::new(key.clone(), versions.into_iter().flatten()));
        }
        Ok(sources)
    }

    /// Leaves out the partitions that need not be made; false when nothing is left.
    pub(super) async fn narrow(&mut self, keys: &[AssetKey], sources: &Sources) -> Result<bool> {
        if self.recompute == Recompute::All {
            return Ok(true);
        }
        let Some(all) = self.partitions.clone() else {
            let none: &[InputVersions] = &[];
            let sources = sources.get(&None).map_or(none, |sources| sources.as_slice());
            return Ok(!self.fresh(keys, None, sources).await?);
        };
        let mut stale = Vec::new();
        for partition in all.iter() {
            let key = Some(partition);
            let sources = sources.get(&key).cloned().unwrap_or_default();
            if !self.fresh(keys, key.as_ref(), &sources).await? {
                stale.extend(key);
            }
        }
        let left = all.keyspace().set(&stale)?;
        let any = !left.is_empty();
        self.partitions = Some(left);
        Ok(any)
    }

    /// Whether every output of one partition is as it would be made again.
    async fn fresh(
        &self,
        keys: &[AssetKey],
        partition: Option<&PartitionKey>,
        sources: &[InputVersions],
    ) -> Result<bool> {
        let mut versions = Vec::with_capacity(keys.len());
        for key in keys {
            match self.fresh_version(key, partition, sources).await? {
                Some(version) => versions.push((key, version)),
                None => return Ok(false),
            }
        }
        for (key, version) in versions {
            let size = self.known.size(key, partition);
            self.known.set(key, partition, Some(version), size);
        }
        Ok(true)
    }

    /// The data version of a value that is as it would be made again.
    async fn fresh_version(
        &self,
        key: &AssetKey,
        partition: Option<&PartitionKey>,
        sources: &[InputVersions],
    ) -> Result<Option<String>> {
        let nothing = self.pipeline.stored(key)?.form == Form::Nothing;
        let state = self.known.state(key, partition).await?;
        let recorded = state.as_ref().and_then(|state| state.data_version());
        let receipt = match nothing {
            true => None,
            false => {
                let (manager, context) = self.pipeline.input_of(key, partition)?;
                match manager.head(&context).await {
                    Ok(receipt) => receipt,
                    Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(None),
                    Err(error) => return Err(self.explain(error, key, "head")),
                }
            }
        };
        let stored = match (&receipt, nothing) {
            (Some(receipt), _) => receipt.data_version(),
            (None, true) => match recorded.as_deref() {
                Some(version) => version.to_owned(),
                None => return self.inherited(key, partition, sources).await,
            },
            (None, false) => return self.inherited(key, partition, sources).await,
        };
        let size = receipt.as_ref().map(size_of);
        self.known.set(key, partition, Some(stored.clone()), size);
        if self.recompute == Recompute::Missing {
            return Ok(Some(stored));
        }
        // Of unknown code nobody can tell whether it is the same.
        let Some(wanted) = self.fingerprint_of(key, sources) else {
            return Ok(None);
        };
        let known = state.as_ref().and_then(|state| state.fingerprint());
        let failed = state.as_ref().is_some_and(|state| state.failed());
        if recorded.as_deref() == Some(stored.as_str()) && known.as_deref() == Some(wanted.as_str()) {
            if let (true, Some(receipt)) = (failed, &receipt) {
                // A later attempt failed, and what it should have replaced is right again.
                self.recorder.adopted(&self.pipeline, receipt, sources);
            }
            return Ok(Some(stored));
        }
        match receipt.filter(|receipt| receipt.fingerprint.as_deref() == Some(wanted.as_str())) {
            Some(receipt) => {
                self.recorder.adopted(&self.pipeline, &receipt, sources);
                Ok(Some(stored))
            }
            None => Ok(None),
        }
    }

    /// The data version of a value that a branch lacks, where its parent has it as it would be made again.
    async fn inherited(
        &self,
        key: &AssetKey,
        partition: Option<&PartitionKey>,
        sources: &[InputVersions],
    ) -> Result<Option<String>> {
        if self.known.parent().is_none() {
            return Ok(None);
        }
        if self.pipeline.stored(key)?.form != Form::Nothing {
            let (manager, context) = self.pipeline.input_of(key, partition)?;
            // One in another format would be met by whoever loads it.
            if !matches!(manager.head(&context.of_any_form()).await, Ok(None)) {
                return Ok(None);
            }
        }
        let known = std::iter::successors(self.known.parent(), |known| known.parent());
        for (pipeline, known) in self.pipeline.lineage().skip(1).zip(known) {
            let state = known.state(key, partition).await?;
            let recorded = state.as_ref().and_then(|state| state.data_version());
            let receipt = match pipeline.stored(key)?.form {
                Form::Nothing => None,
                _ => match pipeline.head((key, partition)).await {
                    Ok(Some(receipt)) => Some(receipt),
                    Ok(None) => continue,
                    Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(None),
                    Err(error) => return Err(error),
                },
            };
            let Some(stored) = receipt
                .as_ref()
                .map(Receipt::data_version)
                .or(recorded.as_deref().map(str::to_owned))
            else {
                continue;
            };
            if self.recompute == Recompute::Missing {
                return Ok(Some(stored));
            }
            let Some(code) = self.code() else { return Ok(None) };
            let wanted = fingerprint(&code, &pipeline.storage_config(key)?, sources);
            let of_state = state.as_ref().and_then(|state| state.fingerprint());
            let by_catalog =
                recorded.as_deref() == Some(stored.as_str()) && of_state.as_deref() == Some(wanted.as_str());
            let by_receipt = receipt.is_some_and(|receipt| receipt.fingerprint.as_deref() == Some(wanted.as_str()));
            // Values further up are hidden by this one.
            return Ok((by_catalog || by_receipt).then_some(stored));
        }
        Ok(None)
    }
}
