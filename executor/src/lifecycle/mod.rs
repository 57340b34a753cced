//! What becomes of stored values: deleted, compared with the catalogue, adopted.

mod fsck;

pub use fsck::{FsckFinding, FsckOptions, FsckProblem, FsckReport};

use crate::definitions::{AssetPartition, Pipeline};
use crate::graph::definition;
use jiff::Timestamp;
use larder_catalog::Deletion;
use larder_io_core::{Error, ErrorKind, Form, Result};

impl Pipeline {
    /// Whether there is a published value of an asset or partition that [`Pipeline::delete`] would delete; a damaged one counts.
    ///
    /// # Errors
    /// `InvalidDefinition` for an external asset, whose values are somebody else's; `AlreadyExists` for a value that larder did not
    /// write; what keeps the manager from telling.
    pub async fn deletable(&self, of: impl Into<AssetPartition>) -> Result<bool> {
        let of = of.into();
        if self.is_external(self.origin(&of.asset)?.step) {
            let message = format!("`{}` is external: what makes its values has to delete them", of.asset);
            return Err(definition(message));
        }
        if self.stored(&of.asset)?.form == Form::Nothing {
            return Ok(false);
        }
        match self.head(&of).await {
            Ok(Some(receipt)) if receipt.run.as_str().is_empty() => {
                let message = format!("`{}` was not written by larder; remove it by hand", receipt.location);
                Err(self.about(Error::new(ErrorKind::AlreadyExists, message), &of, "delete"))
            }
            Ok(receipt) => Ok(receipt.is_some()),
            Err(error) if error.kind() == ErrorKind::InvalidData => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Deletes the published value of an asset or partition, and records that. Old versions that the manager keeps stay until its retention
    /// removes them. False when nothing was stored.
    ///
    /// # Errors
    /// As [`Pipeline::deletable`]; whatever the manager or the catalogue gives. When the catalogue fails, the value is gone, and `fsck` finds
    /// that.
    pub async fn delete(&self, of: impl Into<AssetPartition>) -> Result<bool> {
        let of = of.into();
        let there = self.deletable(&of).await?;
        if there {
            let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
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
