//! What becomes of stored values: deleted, compared with the catalogue, adopted.

mod fsck;

pub use fsck::{FsckFinding, FsckOptions, FsckProblem, FsckReport};

use crate::definitions::{AssetPartition, Pipeline};
use jiff::Timestamp;
use larder_catalog::Deletion;
use larder_io_core::{Form, Result};

impl Pipeline {
    /// Deletes the published value of an asset or partition, and records that. Old versions that the manager keeps stay until its retention
    /// removes them. False when nothing was stored.
    ///
    /// # Errors
    /// Whatever the manager or the catalogue gives; when the catalogue fails, the value is gone, and `fsck` finds that.
    pub async fn delete(&self, of: impl Into<AssetPartition>) -> Result<bool> {
        let of = of.into();
        let mut there = false;
        if self.stored(&of.asset)?.form != Form::Nothing {
            let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
            there = self.head(&of).await?.is_some();
            let deleted = manager.delete(&context).await;
            deleted.map_err(|error| self.about(error, &of, "delete"))?;
        }
        if let Some(catalog) = self.catalog() {
            catalog.record(Deletion {
                asset: of.asset,
                partition: of.partition,
                run: None,
                at: Timestamp::now(),
            });
            catalog.flush().await?;
        }
        Ok(there)
    }
}
