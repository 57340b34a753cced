//! Values from one place to another: another manager, another format, a branch's parent.

use super::versions::unchanged;
use crate::definitions::{AT_ONCE, AssetPartition, Pipeline};
use crate::freshness::{Recorder, fingerprint};
use crate::graph::definition;
use crate::selection::Selection;
use futures_util::stream::{self, StreamExt};
use larder_catalog::InputVersions;
use larder_io_core::{AssetKey, Error, ErrorKind, Form, IoManager, Original, Receipt, Result, RunId, Value};
use larder_partitions::Keyspace;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};

/// What of the selected assets to copy, and how.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CopyOptions {
    /// Which partitions, of assets that have some, as `--partitions` reads it. Default every one that is stored.
    pub partitions: Option<String>,
    /// Only tell.
    pub dry_run: bool,
    /// Also over values that larder did not write.
    pub force: bool,
}

/// What became of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CopyOutcome {
    /// It was copied, and its hash is the one it had.
    Copied,
    /// It was copied, and there is no hash to compare: something else wrote it, or it was added to a table.
    Unverified,
    /// The same value was there already.
    Same,
}

/// What a copy consists of.
#[derive(Clone, Copy)]
enum Bytes {
    /// What the target's settings make of the value.
    Written,
    /// The bytes that are stored already, where the target's storage can take them over.
    AsStored,
}

/// A value that was (or would be) copied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Copied {
    /// Which.
    pub of: AssetPartition,
    /// What became of it.
    pub outcome: CopyOutcome,
    /// The receipt: of the copy, and before it is made that of the source.
    pub receipt: Receipt,
}

impl Pipeline {
    /// Publishes what this branch has of its own in its parent profile. What the branch has stays. Where both keep values in the same
    /// storage and format, the stored bytes are taken over as they are, without a copy on file systems whose files can share blocks; their
    /// hash is compared all the same.
    ///
    /// # Errors
    /// `InvalidConfig` for a profile that is no branch; else as [`Pipeline::copy_from`].
    ///
    /// Blocks while the parent's catalogue is made, where there is none yet.
    pub async fn promote(&self, selection: impl Into<Selection>, options: &CopyOptions) -> Result<Vec<Copied>> {
        let parent = self.parent().ok_or_else(|| {
            let message =
                "this profile is no branch, so there is nowhere to promote to; `parent = \"..\"` in its table makes it one";
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        let parent = match self.shares_catalog_with(parent) {
            // What is so in the parent has no place in the branch's own.
            true => parent.clone(),
            false => parent.clone().open_catalog(!options.dry_run)?,
        };
        parent.copy_all(self, selection, options, Bytes::AsStored).await
    }

    /// Copies values from where another pipeline of the same assets keeps them to where this one does. Each is read with its stored hash
    /// compared, written, and published only when the hash of its content is what it was; then it is recorded here. Where it is known there
    /// what made the value, and its fingerprint says so, it counts here as made from the same; else it is stale here. What is not stored
    /// there is left alone here.
    ///
    /// Values are published one by one: after an error none is begun, and those before it are copied and recorded.
    ///
    /// # Errors
    /// `InvalidDefinition` for a selection that fits nothing; `InvalidData` for a damaged value, or one whose copy is another value;
    /// `AlreadyExists` where something else wrote; `Conflict` when somebody writes there meanwhile; `Unsupported` where values are only
    /// added to what is there; whatever the managers give.
    pub async fn copy_from(
        &self,
        source: &Self,
        selection: impl Into<Selection>,
        options: &CopyOptions,
    ) -> Result<Vec<Copied>> {
        self.copy_all(source, selection, options, Bytes::Written).await
    }

    async fn copy_all(
        &self,
        source: &Self,
        selection: impl Into<Selection>,
        options: &CopyOptions,
        bytes: Bytes,
    ) -> Result<Vec<Copied>> {
        let selected = selection.into().resolve(self)?;
        let (mut all, mut failed) = (Vec::new(), None);
        'all: for step in selected.steps.iter().filter(|step| !self.is_external(**step)) {
            for key in &self.graph().nodes[*step].keys {
                if self.stored(key)?.form == Form::Nothing {
                    continue;
                }
                // Without a catalogue of its own, the partitions that come and go are those here.
                let known = if source.catalog().is_some() { source } else { self };
                let wanted = known.wanted(key, options.partitions.as_deref()).await?;
                let space = self.keyspace(key).await?;
                let stop = AtomicBool::new(false);
                let mut copying = stream::iter(wanted)
                    .map(|of| async {
                        if stop.load(Ordering::Relaxed) {
                            return Ok(None);
                        }
                        let copied = self.copy_one(source, of, space.as_ref(), options, bytes).await;
                        copied.inspect_err(|_| stop.store(true, Ordering::Relaxed))
                    })
                    .buffered(AT_ONCE);
                while let Some(copied) = copying.next().await {
                    match copied {
                        Ok(copied) => all.extend(copied),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                if failed.is_some() {
                    break 'all;
                }
            }
        }
        if let Some(catalog) = self.catalog() {
            catalog.flush().await?;
        }
        failed.map_or(Ok(all), Err)
    }

    async fn wanted(&self, key: &AssetKey, partitions: Option<&str>) -> Result<Vec<AssetPartition>> {
        let of = |partition| (key, &partition).into();
        Ok(match (self.keyspace(key).await?, partitions) {
            (None, _) => vec![key.into()],
            (Some(space), None) => space.iter().map(of).collect(),
            (Some(space), Some(text)) => space.select(text)?.iter().map(of).collect(),
        })
    }

    async fn copy_one(
        &self,
        source: &Self,
        of: AssetPartition,
        space: Option<&Keyspace>,
        options: &CopyOptions,
        bytes: Bytes,
    ) -> Result<Option<Copied>> {
        let (from, mut reading) = source.input_of(&of.asset, of.partition.as_ref())?;
        let Some(original) = source.head(&of).await? else {
            return Ok(None);
        };
        let about = |error| self.about(error, &of, "copy");
        if let (Some(space), Some(partition)) = (space, &of.partition)
            && space.set([partition]).is_err()
        {
            let message = format!(
                "`{of}` is stored there, and is no partition here, where nobody would find it; values of dynamic partitions come in by `partitions add`"
            );
            return Err(about(definition(message)));
        }
        let made_from = self.made_from(source, &of, &original).await?;
        let there = self.head(&of).await?;
        if let Some(there) = there.as_ref().filter(|there| same(there, &original)) {
            if let Some((fingerprint, inputs)) = made_from.filter(|_| !options.dry_run)
                && there.fingerprint.as_ref() != Some(&fingerprint)
            {
                // The same value by other code: the catalogue has the last word on what made it.
                let mut receipt = there.clone();
                receipt.fingerprint = Some(fingerprint);
                receipt.code_version.clone_from(&original.code_version);
                Recorder(self.catalog().cloned()).restored(self, &receipt, &inputs, None);
            }
            let (outcome, receipt) = (CopyOutcome::Same, there.clone());
            return Ok(Some(Copied { of, outcome, receipt }));
        }
        let foreign = there.as_ref().filter(|there| there.run.as_str().is_empty());
        if let Some(foreign) = foreign.filter(|_| !options.force) {
            let message = format!(
                "`{}` is there already and larder did not write it; move it away, or copy with `--force` to replace it",
                foreign.location
            );
            return Err(about(Error::new(ErrorKind::AlreadyExists, message)));
        }
        let (to, mut writing) = self.output_of(&of.asset, of.partition.as_ref(), provenance(&original))?;
        let place = |manager: &dyn IoManager| (manager.info().scheme.clone(), manager.info().root.clone());
        if there.is_some() && place(from.as_ref()) == place(to.as_ref()) {
            return Err(about(definition(format!("`{of}` would be copied onto itself"))));
        }
        if options.dry_run {
            let (outcome, receipt) = (CopyOutcome::Copied, original);
            return Ok(Some(Copied { of, outcome, receipt }));
        }
        let (fingerprint, inputs) = made_from.unzip();
        writing.code_version.clone_from(&original.code_version);
        writing.fingerprint = fingerprint;
        writing.precondition = unchanged(to.as_ref(), there.as_ref());
        reading.verify = from.info().capabilities.verify;
        let taken = match bytes {
            // What the catalogue keeps a copy of is looked at.
            Bytes::AsStored if original.form == Form::Table || !self.keeps_inline() => {
                let original = Original::new(from.info(), &original);
                to.stage_copy(&writing, &original).await.map_err(about)?
            }
            _ => None,
        };
        let (mut staged, inline) = match taken {
            Some(staged) => (staged, None),
            None => {
                let value = from.load_input(&reading).await;
                let value = self.typed(&of.asset, value.map_err(|error| source.about(error, &of, "load"))?);
                let value = value.await.map_err(|error| source.about(error, &of, "load"))?;
                let inline = self
                    .keeps_inline()
                    .then(|| self.inline_copy(&of.asset, &value))
                    .flatten();
                (to.stage(&writing, &value).await.map_err(about)?, inline)
            }
        };
        let published = match compared(&original, staged.receipt(), there.is_some()) {
            Ok(outcome) => staged.publish().await.map(|receipt| (outcome, receipt)),
            Err(another) => Err(another),
        };
        match published {
            Ok((outcome, receipt)) => {
                Recorder(self.catalog().cloned()).restored(self, &receipt, &inputs.unwrap_or_default(), inline);
                Ok(Some(Copied { of, outcome, receipt }))
            }
            Err(error) => {
                // The first error tells what happened; `gc` finds what stays.
                let _ = staged.discard().await;
                Err(about(error))
            }
        }
    }

    /// An object as the type that its asset makes: only so it is the same value, in another format too. Tables and bytes are what they are.
    pub(super) async fn typed(&self, key: &AssetKey, value: Value) -> Result<Value> {
        let step = &self.0.assets[self.origin(key)?.step];
        let output = step.outputs.iter().find(|output| output.key == key.as_str());
        match (value.form(), output.and_then(|output| output.retype)) {
            (Form::Object, Some(retype)) => retype(value).await,
            _ => Ok(value),
        }
    }

    /// The fingerprint here of a value that was made there, and its inputs; `None` where it is not sure what made it.
    ///
    /// The value's own fingerprint has to be the one that its code and the recorded inputs give where it comes from: what was stale there, or was
    /// made from other inputs than the record is of, must not count as fresh here.
    async fn made_from(
        &self,
        source: &Self,
        of: &AssetPartition,
        receipt: &Receipt,
    ) -> Result<Option<(String, Vec<InputVersions>)>> {
        let (Some(code), Some(own)) = (&receipt.code_version, &receipt.fingerprint) else {
            return Ok(None);
        };
        let there = source.storage_config(&of.asset)?;
        for catalog in [source.catalog(), self.catalog()].into_iter().flatten() {
            let entry = catalog.latest_of(&of.asset, of.partition.as_ref()).await?;
            if let Some(entry) = entry.filter(|entry| fingerprint(code, &there, &entry.inputs) == *own) {
                let here = fingerprint(code, &self.storage_config(&of.asset)?, &entry.inputs);
                return Ok(Some((here, entry.inputs)));
            }
        }
        Ok(None)
    }
}

/// Whether two places have the same value.
fn same(one: &Receipt, other: &Receipt) -> bool {
    one.content_hash.is_some() && one.content_hash == other.content_hash && one.form == other.form
}

/// The run that made a value; the copy is its work.
fn provenance(receipt: &Receipt) -> RunId {
    match receipt.run.as_str() {
        "" => RunId::random(),
        _ => receipt.run.clone(),
    }
}

/// Whether a staged copy is the value it was made of.
fn compared(original: &Receipt, staged: &Receipt, replaces: bool) -> Result<CopyOutcome> {
    match (&original.content_hash, &staged.content_hash) {
        (Some(was), Some(is)) if was == is => Ok(CopyOutcome::Copied),
        (Some(was), Some(is)) => {
            let message =
                format!("the copy is another value: its hash is {is} instead of {was}; nothing was published");
            Err(Error::new(ErrorKind::InvalidData, message))
        }
        (_, None) if replaces => {
            let message = "values are added there to what is stored already, so that the copy would be another value; delete that first";
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        _ => Ok(CopyOutcome::Unverified),
    }
}
