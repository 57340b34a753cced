//! Values from one place to another: another manager, another format, a branch's parent.

use crate::definitions::{AT_ONCE, AssetPartition, Pipeline};
use crate::freshness::{Recorder, fingerprint};
use crate::graph::definition;
use crate::selection::Selection;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_catalog::InputVersions;
use larder_io_core::{AssetKey, Error, ErrorKind, Form, Precondition, Receipt, Result, RunId};
use serde::Serialize;

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
    /// Publishes what this branch has of its own in its parent profile. What the branch has stays.
    ///
    /// # Errors
    /// `InvalidConfig` for a profile that is no branch; else as [`Pipeline::copy_from`].
    pub async fn promote(&self, selection: impl Into<Selection>, options: &CopyOptions) -> Result<Vec<Copied>> {
        let parent = self.parent().ok_or_else(|| {
            let message =
                "this profile is no branch, so there is nowhere to promote to; `parent = \"..\"` in its table makes it one";
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        parent.copy_from(self, selection, options).await
    }

    /// Copies values from where another pipeline of the same assets keeps them to where this one does. Each is read with its stored hash
    /// compared, written, and published only when the hash of its content is what it was; then it is recorded here, with the code and
    /// the inputs that made it. What is not stored there is left alone here.
    ///
    /// Values are published one by one: after an error, those before it are copied.
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
        let selected = selection.into().resolve(self)?;
        let mut all = Vec::new();
        for step in selected.steps.iter().filter(|step| !self.is_external(**step)) {
            for key in &self.graph().nodes[*step].keys {
                if self.stored(key)?.form == Form::Nothing {
                    continue;
                }
                let wanted = source.wanted(key, options.partitions.as_deref()).await?;
                let copied = stream::iter(wanted).map(|of| self.copy_one(source, of, options));
                let copied: Vec<Option<Copied>> = copied.buffered(AT_ONCE).try_collect().await?;
                all.extend(copied.into_iter().flatten());
            }
        }
        if let Some(catalog) = self.catalog() {
            catalog.flush().await?;
        }
        Ok(all)
    }

    async fn wanted(&self, key: &AssetKey, partitions: Option<&str>) -> Result<Vec<AssetPartition>> {
        let of = |partition| (key, &partition).into();
        Ok(match (self.keyspace(key).await?, partitions) {
            (None, _) => vec![key.into()],
            (Some(space), None) => space.iter().map(of).collect(),
            (Some(space), Some(text)) => space.select(text)?.iter().map(of).collect(),
        })
    }

    async fn copy_one(&self, source: &Self, of: AssetPartition, options: &CopyOptions) -> Result<Option<Copied>> {
        let (from, mut reading) = source.input_of(&of.asset, of.partition.as_ref())?;
        let Some(original) = source.head(&of).await? else {
            return Ok(None);
        };
        let done = |outcome, receipt| {
            Ok(Some(Copied {
                of: of.clone(),
                outcome,
                receipt,
            }))
        };
        let there = self.head(&of).await?;
        if let Some(there) = there.as_ref().filter(|there| same(there, &original)) {
            return done(CopyOutcome::Same, there.clone());
        }
        if let Some(foreign) = there
            .as_ref()
            .filter(|there| !options.force && there.run.as_str().is_empty())
        {
            let message = format!(
                "`{}` is there already and larder did not write it; move it away, or copy with `--force` to replace it",
                foreign.location
            );
            return Err(self.about(Error::new(ErrorKind::AlreadyExists, message), &of, "copy"));
        }
        let (to, mut writing) = self.output_of(&of.asset, of.partition.as_ref(), provenance(&original))?;
        if (from.info().scheme.as_str(), from.info().root.as_str(), there.is_some())
            == (to.info().scheme.as_str(), to.info().root.as_str(), true)
        {
            let message = format!("`{of}` would be copied onto itself");
            return Err(definition(message));
        }
        if options.dry_run {
            return done(CopyOutcome::Copied, original);
        }
        let inputs = self.inputs_of(source, &of, &original).await?;
        writing.code_version.clone_from(&original.code_version);
        writing.fingerprint = match (&inputs, &original.code_version) {
            (Some(inputs), Some(code)) => Some(fingerprint(code, &self.storage_config(&of.asset)?, inputs)),
            _ => None,
        };
        writing.precondition = match (to.info().capabilities.preconditions, &there) {
            (false, _) => Precondition::None,
            (true, None) => Precondition::Absent,
            (true, Some(there)) => Precondition::Unchanged(there.version.clone()),
        };
        reading.verify = from.info().capabilities.verify;
        let value = from.load_input(&reading).await;
        let value = value.map_err(|error| source.about(error, &of, "load"))?;
        let about = |error| self.about(error, &of, "copy");
        let mut staged = to.stage(&writing, &value).await.map_err(about)?;
        let outcome = match compared(&original, staged.receipt(), there.is_some()) {
            Ok(outcome) => outcome,
            Err(error) => {
                let _ = staged.discard().await;
                return Err(about(error));
            }
        };
        let receipt = match staged.publish().await {
            Ok(receipt) => receipt,
            Err(error) => {
                let _ = staged.discard().await;
                return Err(about(error));
            }
        };
        Recorder(self.catalog().cloned()).adopted(self, &receipt, &inputs.unwrap_or_default());
        done(outcome, receipt)
    }

    /// What a value was computed from: recorded where it comes from, or here before it was moved.
    async fn inputs_of(
        &self,
        source: &Self,
        of: &AssetPartition,
        receipt: &Receipt,
    ) -> Result<Option<Vec<InputVersions>>> {
        for catalog in [source.catalog(), self.catalog()].into_iter().flatten() {
            let entry = catalog.latest_of(&of.asset, of.partition.as_ref()).await?;
            if let Some(entry) = entry.filter(|entry| entry.data_version == receipt.data_version()) {
                return Ok(Some(entry.inputs));
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
