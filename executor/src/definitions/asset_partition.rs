//! One value that is kept: an asset, or a partition of one.

use super::Pipeline;
use crate::graph::definition;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result};
use larder_partitions::{Keyspace, PartitionSet, Partitioning};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Partitions of one asset, or of one call, that are looked at, loaded or stored at once.
pub(crate) const AT_ONCE: usize = 8;

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

impl From<(&AssetKey, Option<&PartitionKey>)> for AssetPartition {
    fn from((asset, partition): (&AssetKey, Option<&PartitionKey>)) -> Self {
        Self {
            asset: asset.clone(),
            partition: partition.cloned(),
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
    pub async fn asset_partition(&self, asset: &str, partition: Option<&str>) -> Result<AssetPartition> {
        let asset = self.key(asset)?;
        let partition = match (partition, self.keyspace(&asset).await?) {
            (None, _) => None,
            (Some(text), Some(space)) => Some(space.parse(text)?),
            (Some(text), None) => {
                return Err(definition(format!(
                    "`{asset}` has no partitions, so there is no `{text}` of it"
                )));
            }
        };
        Ok(AssetPartition { asset, partition })
    }

    /// The partitions of an asset that exist now; `None` for an asset without.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key; whatever the catalogue gives, where dynamic partitions are.
    pub async fn keyspace(&self, asset: &AssetKey) -> Result<Option<Keyspace>> {
        let Some(partitioning) = self.partitioning(asset)? else {
            return Ok(None);
        };
        let dynamic = self.dynamic_keys([partitioning]).await?;
        partitioning.at(Timestamp::now(), &dynamic).map(Some)
    }

    /// The values of dynamic partitions, which are in the catalogue.
    ///
    /// # Errors
    /// `InvalidConfig` without one: that there are none would be a guess.
    pub(crate) async fn dynamic_keys<'p>(
        &self,
        partitionings: impl IntoIterator<Item = &'p Partitioning>,
    ) -> Result<BTreeMap<String, Vec<String>>> {
        let mut values = BTreeMap::new();
        for name in partitionings.into_iter().flat_map(Partitioning::dynamic_names) {
            if values.contains_key(name) {
                continue;
            }
            let mut values_of_name = Vec::new();
            let mut catalogs = self.lineage().filter_map(Self::catalog).peekable();
            catalogs.peek().ok_or_else(|| {
                let message = format!(
                    "the values of `{name}` are in the catalogue, and there is none yet; `partitions add {name} VALUE` makes it"
                );
                Error::new(ErrorKind::InvalidConfig, message)
            })?;
            // A branch has its parent's, and its own.
            let mut seen = HashSet::new();
            for catalog in catalogs {
                let found = catalog.dynamic_keys(name).await?.into_iter();
                values_of_name.extend(found.filter(|value| seen.insert(value.clone())));
            }
            values.insert(name.to_owned(), values_of_name);
        }
        Ok(values)
    }

    /// The partitions of an asset in which something is stored, of those that exist now. Asks the storage for each of them.
    ///
    /// # Errors
    /// `InvalidDefinition` for an asset without partitions; else only when the manager cannot tell.
    pub async fn stored_partitions(&self, asset: &AssetKey) -> Result<PartitionSet> {
        let space = self.keyspace(asset).await?;
        let space = space.ok_or_else(|| definition(format!("`{asset}` has no partitions")))?;
        let heads = stream::iter(space.iter()).map(|partition| async move {
            let found = self.head((asset, &partition)).await?;
            Ok::<_, Error>(found.map(|_| partition))
        });
        let stored: Vec<Option<PartitionKey>> = heads.buffered(AT_ONCE).try_collect().await?;
        space.set(stored.iter().flatten())
    }
}
