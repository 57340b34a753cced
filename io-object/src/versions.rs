//! Old versions of what an `ObjectIo` keeps, and cleaning up.

use crate::ObjectIo;
use crate::core::{path, suffixed};
use crate::store::Purpose;
use async_trait::async_trait;
use larder_io_core::{
    Error, ErrorKind, Finding, Garbage, GcOptions, InputContext, Maintenance, Precondition, Receipt, Result, Version,
    Versions,
};

#[async_trait]
impl Versions for ObjectIo {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        let (right, others) = self.core.suffixes(ctx);
        let mut receipts: Vec<Receipt> = Vec::new();
        for suffix in right.iter().chain(&others) {
            let Ok(location) = suffixed(&ctx.location, suffix) else {
                continue;
            };
            let at = path(&location)?;
            let kept = match self.core.store.versions() {
                Some(versions) => versions.kept(&at).await?,
                None => Vec::new(),
            };
            for version in std::iter::once(None).chain(kept.iter().map(Some)) {
                // A version that went away since it was listed is not history any more.
                let Some(found) = self.core.open(ctx, suffix, version, Purpose::Receipt).await? else {
                    continue;
                };
                let receipt = self.core.receipt_or_foreign(ctx, &found)?;
                if !receipts.iter().any(|known| known.version == receipt.version) {
                    receipts.push(receipt);
                }
            }
        }
        receipts.sort_by(|a, b| b.stored_at.cmp(&a.stored_at).then_with(|| b.version.cmp(&a.version)));
        Ok(receipts)
    }

    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt> {
        let versions = self.core.store.versions().ok_or_else(no_versions)?;
        let ctx = ctx.clone().with_version(version.clone());
        let Some(found) = self.core.find(&ctx, Purpose::Value).await? else {
            return Err(self.core.missing(&ctx).await);
        };
        let (right, _) = self.core.suffixes(&ctx);
        if !right.contains(&found.suffix) || !self.core.counts(&ctx, &found)? {
            let message = format!(
                "version {version} is stored as `{}`, and the asset is read as `{}` now; set the format back to restore it",
                found.location, right[0]
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        // Never a damaged value over a good one. What larder did not write has no hash to compare.
        if found.reader.receipt().is_some() {
            let receipt = self.core.receipt(&found.path, found.reader.as_ref())?;
            self.core.check(&found, &receipt, true).await?;
        }
        let mut current = ctx.clone();
        current.version = None;
        let _held = self.core.hold(&current).await?;
        let beside = self.core.beside(&current, &found.path, false).await?;
        let published = versions.restore(&found.path, version).await?;
        if let Some(beside) = beside {
            let asked = Precondition::None;
            self.core.retire(&beside, &asked, &found.path, &published).await?;
        }
        self.core.forget(&ctx.location);
        self.core.retire_siblings(&current, &found.path).await;
        self.core.reset_loads(&current).await;
        let mut receipt = self.core.receipt_or_foreign(&ctx, &found)?;
        receipt.version = published;
        Ok(receipt)
    }

    fn removes(&self) -> bool {
        true
    }

    async fn remove(&self, ctx: &InputContext, version: &Version) -> Result<()> {
        let versions = self.core.store.versions().ok_or_else(no_versions)?;
        let ctx = ctx.clone().with_version(version.clone());
        match self.core.find(&ctx, Purpose::Receipt).await? {
            Some(found) => versions.remove(&found.path, version).await,
            None => Ok(()),
        }
    }
}

fn no_versions() -> Error {
    Error::new(ErrorKind::Unsupported, "this store keeps no old versions")
}

#[async_trait]
impl Maintenance for ObjectIo {
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        self.core.store.gc(options).await
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        self.core.store.survey().await
    }
}
