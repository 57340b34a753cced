//! What becomes of stored values: copied, deleted, kept for so long, compared with the catalogue, adopted.

mod copy;
mod diff;
mod fsck;
mod inline;
mod retention;
mod versions;

pub use copy::{Copied, CopyOptions, CopyOutcome};
pub use diff::{BlobDifference, Difference, Differs, ObjectDifference, Place};
#[cfg(feature = "arrow")]
pub use diff::{ColumnDifference, TableDifference};
pub use fsck::{FsckFinding, FsckOptions, FsckProblem, FsckReport};
pub(crate) use inline::not_kept;
pub(crate) use versions::unchanged;

use crate::definitions::{AssetPartition, Pipeline};
use crate::graph::definition;
use jiff::Timestamp;
use larder_catalog::{Deletion, State, partition_text};
use larder_io_core::{AssetKey, Error, ErrorKind, Form, PartitionKey, Result};
use std::collections::BTreeMap;

/// A partition that exists or is recorded, with what is recorded.
struct Known {
    partition: Option<PartitionKey>,
    state: Option<State>,
}

impl Pipeline {
    /// Every partition of an asset that exists or is recorded.
    async fn known_values(&self, key: &AssetKey) -> Result<Vec<Known>> {
        let mut all: BTreeMap<String, Known> = BTreeMap::new();
        let mut add = |partition: Option<PartitionKey>| {
            let text = partition_text(partition.as_ref());
            all.insert(text, Known { partition, state: None });
        };
        match self.keyspace(key).await? {
            Some(space) => space.iter().for_each(|partition| add(Some(partition))),
            None => add(None),
        }
        let Some(catalog) = self.catalog() else {
            return Ok(all.into_values().collect());
        };
        let names: Option<Vec<&str>> = self.partitioning(key)?.map(|own| own.names().collect());
        for state in catalog.states(key).await? {
            let partition = state.partition()?;
            // What was recorded of other dimensions has no place now.
            let of = partition
                .as_ref()
                .map(|key| key.dimensions().iter().map(|(name, _)| name.as_str()).collect());
            if of == names {
                let state = Some(state);
                all.insert(partition_text(partition.as_ref()), Known { partition, state });
            }
        }
        Ok(all.into_values().collect())
    }

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
