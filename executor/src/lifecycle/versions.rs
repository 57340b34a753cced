//! Old versions: found by a beginning of their text, published again.

use super::not_kept;
use crate::definitions::{AssetPartition, Pipeline};
use crate::freshness::Recorder;
use crate::graph::definition;
use larder_catalog::Happening;
use larder_io_core::hash::digest_object;
use larder_io_core::{Error, ErrorKind, Form, IoManager, Precondition, Receipt, Result, Version, Versions};

/// Happenings that are looked through for what an old version was made from, and when it was replaced.
pub(super) const LOOKED_THROUGH: usize = 1000;

impl Pipeline {
    /// Receipts of every version that is kept, newest first, and which of them is published. Those of which only the catalogue has
    /// [a copy](crate::Definitions::inline_values) have no address.
    ///
    /// # Errors
    /// `Unsupported` when the manager keeps none, and the catalogue has no copy either.
    pub async fn history(&self, of: impl Into<AssetPartition>) -> Result<(Vec<Receipt>, Option<Version>)> {
        let of = of.into();
        let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
        let kept = match versions(manager.versions(), &of) {
            Ok(versions) => versions.history(&context).await,
            Err(none) => Err(none),
        };
        let about = |error| self.about(error, &of, "history");
        let published = self.head(&of).await?;
        let version = published.as_ref().map(|receipt| receipt.version.clone());
        let kept = match kept {
            Ok(kept) => self.with_inlined(&of, kept).await?,
            // Then the published one is all that the manager has.
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let all = self.with_inlined(&of, published.into_iter().collect()).await?;
                match all.iter().any(|receipt| receipt.uri.is_empty()) {
                    true => all,
                    false => return Err(about(error)),
                }
            }
            Err(error) => return Err(about(error)),
        };
        Ok((kept, version))
    }

    /// The kept version with this text, else the only one that begins with it.
    ///
    /// # Errors
    /// `NotFound` when none does, `InvalidDefinition` when several do; else as [`Pipeline::history`].
    pub async fn find_version(&self, of: impl Into<AssetPartition>, beginning: &str) -> Result<Version> {
        let of = of.into();
        let (kept, _) = self.history(&of).await?;
        named(&of, &kept, beginning).map(|receipt| receipt.version.clone())
    }

    /// Publishes an old version again, and records that with what it was made from, where that is known. A unique beginning of its text is
    /// enough.
    ///
    /// # Errors
    /// As [`Pipeline::find_version`]; of a version that only the catalogue has a copy of, `AlreadyExists` where something else wrote, `Conflict` when
    /// somebody writes meanwhile, and `Unsupported` when the asset's type makes another value of it; whatever the manager or the catalogue gives. When the catalogue fails, the version is published, and
    /// `fsck` finds that.
    pub async fn restore(&self, of: impl Into<AssetPartition>, version: &str) -> Result<Receipt> {
        let of = of.into();
        let version = self.find_version(&of, version).await?;
        let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
        let restored = match versions(manager.versions(), &of) {
            Ok(versions) => versions.restore(&context, &version).await,
            Err(none) => Err(none),
        };
        let restored = match restored {
            Err(error) if not_kept(&error) => self.restore_inlined(&of, &version).await?.ok_or(error),
            other => other,
        };
        let restored = restored.map_err(|error| self.about(error, &of, "restore"))?;
        if let Some(catalog) = self.catalog() {
            let happened = catalog
                .history(&of.asset, Some(of.partition.as_ref()), LOOKED_THROUGH)
                .await?;
            let made = happened.into_iter().find_map(|happening| match happening {
                Happening::Materialized(entry) if entry.data_version == restored.data_version() => Some(entry),
                _ => None,
            });
            let (inputs, inline) = made.map(|entry| (entry.inputs, entry.inline)).unwrap_or_default();
            Recorder(Some(catalog.clone())).restored(self, &restored, &inputs, inline);
            catalog.flush().await?;
        }
        Ok(restored)
    }

    /// Stores the catalogue's copy of an old version as it was stored first; `None` when there is none.
    async fn restore_inlined(&self, of: &AssetPartition, version: &Version) -> Result<Option<Receipt>> {
        let Some((old, value)) = self.load_inlined(of, version).await? else {
            return Ok(None);
        };
        let there = self.head(of).await?;
        if let Some(foreign) = there.as_ref().filter(|there| there.run.as_str().is_empty()) {
            let message = format!(
                "`{}` is there already and larder did not write it; move it away before an old version is stored there",
                foreign.location
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        let is = match old.form {
            Form::Blob => old.content_hash,
            _ => Some(digest_object(&value)?.hash),
        };
        if old.content_hash.is_some() && old.content_hash != is {
            let message = format!(
                "version `{version}` was made by another type than the asset has now, or one without an order, and would be another value; materialize it with the code of then"
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (manager, mut context) = self.output_of(&of.asset, of.partition.as_ref(), old.run)?;
        context.code_version = old.code_version;
        context.fingerprint = old.fingerprint;
        context.precondition = unchanged(manager.as_ref(), there.as_ref());
        manager.handle_output(&context, &value).await.map(Some)
    }
}

/// What must hold when a value is replaced that was looked at, as far as the manager can hold it.
pub(crate) fn unchanged(manager: &dyn IoManager, there: Option<&Receipt>) -> Precondition {
    match (manager.info().capabilities.preconditions, there) {
        (false, _) => Precondition::None,
        (true, None) => Precondition::Absent,
        (true, Some(there)) => Precondition::Unchanged(there.version.clone()),
    }
}

/// The kept version that is meant.
pub(super) fn named<'k>(of: &AssetPartition, kept: &'k [Receipt], text: &str) -> Result<&'k Receipt> {
    if let Some(exact) = kept.iter().find(|receipt| receipt.version.as_str() == text) {
        return Ok(exact);
    }
    let fits = kept.iter().filter(|receipt| receipt.version.as_str().starts_with(text));
    let mut fits: Vec<&Receipt> = fits.collect();
    fits.dedup_by(|one, other| one.version == other.version);
    match fits.as_slice() {
        [only] => Ok(only),
        [] => {
            let listed = match &of.partition {
                Some(partition) => format!("{} --partition {partition}", of.asset),
                None => of.asset.to_string(),
            };
            let message = format!("version `{text}` of `{of}` is not kept; `history {listed}` lists those that are");
            Err(Error::new(ErrorKind::NotFound, message).with_context("asset", &of.asset))
        }
        many => Err(definition(format!(
            "{} versions of `{of}` begin with `{text}`; write more of it",
            many.len()
        ))),
    }
}

fn versions<'m>(versions: Option<&'m dyn Versions>, of: &AssetPartition) -> Result<&'m dyn Versions> {
    versions.ok_or_else(|| {
        let message = format!("the I/O manager of `{}` keeps no old versions", of.asset);
        Error::new(ErrorKind::Unsupported, message)
    })
}
