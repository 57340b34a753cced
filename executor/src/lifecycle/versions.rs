//! Old versions: found by a beginning of their text, published again.

use crate::definitions::{AssetPartition, Pipeline};
use crate::freshness::Recorder;
use crate::graph::definition;
use larder_catalog::Happening;
use larder_io_core::{Error, ErrorKind, Receipt, Result, Version, Versions};

/// Happenings that are looked through for what an old version was made from, and when it was replaced.
pub(super) const LOOKED_THROUGH: usize = 1000;

impl Pipeline {
    /// Receipts of every version that is kept, newest first, and which of them is published.
    ///
    /// # Errors
    /// `Unsupported` when the manager keeps none.
    pub async fn history(&self, of: impl Into<AssetPartition>) -> Result<(Vec<Receipt>, Option<Version>)> {
        let of = of.into();
        let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
        let kept = versions(manager.versions(), &of)?.history(&context).await;
        let kept = kept.map_err(|error| self.about(error, &of, "history"))?;
        Ok((kept, self.head(&of).await?.map(|receipt| receipt.version)))
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
    /// As [`Pipeline::find_version`]; whatever the manager or the catalogue gives. When the catalogue fails, the version is published, and
    /// `fsck` finds that.
    pub async fn restore(&self, of: impl Into<AssetPartition>, version: &str) -> Result<Receipt> {
        let of = of.into();
        let version = self.find_version(&of, version).await?;
        let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
        let restored = versions(manager.versions(), &of)?.restore(&context, &version).await;
        let restored = restored.map_err(|error| self.about(error, &of, "restore"))?;
        if let Some(catalog) = self.catalog() {
            let happened = catalog
                .history(&of.asset, Some(of.partition.as_ref()), LOOKED_THROUGH)
                .await?;
            let made = happened.into_iter().find_map(|happening| match happening {
                Happening::Materialized(entry) if entry.data_version == restored.data_version() => Some(entry),
                _ => None,
            });
            let inputs = made.map(|entry| entry.inputs).unwrap_or_default();
            Recorder(Some(catalog.clone())).restored(self, &restored, &inputs);
            catalog.flush().await?;
        }
        Ok(restored)
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
