//! One value that is kept: an asset, or a partition of one.

use super::Pipeline;
use crate::graph::definition;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use larder_io_core::{AssetKey, Error, PartitionKey, Result};
use larder_partitions::{Keyspace, NoDynamicKeys, PartitionSet};
use std::fmt;

/// One value that is kept: an asset without partitions, or a partition of one that has some.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetPartition {
    /// The asset.
    pub asset: AssetKey,
    /// The partition.
    pub partition: Option<PartitionKey>,
}

impl From<&AssetKey> for AssetPartition {
    fn from(asset: &AssetKey) -> Self {
        Self {
            asset: asset.clone(),
            partition: None,
        }
    }
}

impl From<(&AssetKey, &PartitionKey)> for AssetPartition {
    fn from((asset, partition): (&AssetKey, &PartitionKey)) -> Self {
        Self {
            asset: asset.clone(),
            partition: Some(partition.clone()),
        }
    }
}

impl From<&Self> for AssetPartition {
    fn from(other: &Self) -> Self {
        other.clone()
    }
}

impl fmt::Display for AssetPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.partition {
            Some(partition) => write!(f, "{} {partition}", self.asset),
            None => self.asset.fmt(f),
        }
    }
}

impl Pipeline {
    /// Finds an asset and, where a text is given, a partition of it: `2024-01-31` or `date=2024-01-31,region=eu`.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown asset, a partition that does not exist, and one of an asset without partitions.
    pub fn asset_partition(&self, asset: &str, partition: Option<&str>) -> Result<AssetPartition> {
        let asset = self.key(asset)?;
        let partition = match (partition, self.keyspace(&asset)?) {
            (None, _) => None,
            (Some(text), Some(space)) => Some(space.parse(text)?),
            (Some(text), None) => {
                return Err(definition(format!("`{asset}` has no partitions, so there is no `{text}` of it")));
            }
        };
        Ok(AssetPartition { asset, partition })
    }

    /// The partitions of an asset that exist now; `None` for an asset without.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key.
    pub fn keyspace(&self, asset: &AssetKey) -> Result<Option<Keyspace>> {
        let partitioning = self.partitioning(asset)?;
        partitioning.map(|partitioning| partitioning.at(Timestamp::now(), &NoDynamicKeys)).transpose()
    }

    /// The partitions of an asset in which something is stored, of those that exist now. Asks the storage for each of them.
    ///
    /// # Errors
    /// `InvalidDefinition` for an asset without partitions; else only when the manager cannot tell.
    pub async fn stored_partitions(&self, asset: &AssetKey) -> Result<PartitionSet> {
        let space = self.keyspace(asset)?;
        let space = space.ok_or_else(|| definition(format!("`{asset}` has no partitions")))?;
        let heads = stream::iter(space.iter()).map(|partition| async move {
            let found = self.head((asset, &partition)).await?;
            Ok::<_, Error>(found.map(|_| partition))
        });
        let stored: Vec<Option<PartitionKey>> = heads.buffered(AT_ONCE).try_collect().await?;
        space.set(stored.iter().flatten())
    }
}

/// Partitions that are asked about at once.
const AT_ONCE: usize = 8;
