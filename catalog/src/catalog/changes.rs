//! Changes that are no record of anything: what they change is different when they return.

use super::Catalog;
use crate::database::{Change, Forgotten};
use jiff::Timestamp;
use larder_io_core::{AssetKey, PartitionKey, Result};
use larder_partitions::Partitioning;

impl Catalog {
    /// Adds values of dynamic partitions, durably when it returns. Values that are there already stay where they are.
    ///
    /// # Errors
    /// `InvalidDefinition` for a name or value that cannot be part of a key: empty, too long, or with control characters; none is added
    /// then. Else as [`Catalog::flush`].
    ///
    /// # Cancel safety
    /// When dropped, they may be added.
    pub async fn add_dynamic_keys<V: Into<String>>(
        &self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<()> {
        let mut values: Vec<String> = values.into_iter().map(Into::into).collect();
        let mut seen = std::collections::HashSet::new();
        values.retain(|value| seen.insert(value.clone()));
        // What a dimension may have, the definition knows.
        Partitioning::dynamic(name)?.at(Timestamp::UNIX_EPOCH, &|_: &str| Ok(values.clone()))?;
        self.0.queue.push(Change::AddKeys {
            name: name.to_owned(),
            values,
        });
        self.flush().await
    }

    /// Removes values of dynamic partitions, durably when it returns. Those that are not there are no error.
    ///
    /// # Errors
    /// As [`Catalog::flush`].
    ///
    /// # Cancel safety
    /// When dropped, they may be removed.
    pub async fn remove_dynamic_keys<V: Into<String>>(
        &self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<()> {
        let values = values.into_iter().map(Into::into).collect();
        self.0.queue.push(Change::RemoveKeys {
            name: name.to_owned(),
            values,
        });
        self.flush().await
    }

    /// Takes values away that are kept [inline](crate::Entry::inline) and begin with `prefix`, of all versions but some, durably when it returns; all else
    /// that is known of them stays.
    ///
    /// # Errors
    /// As [`Catalog::flush`].
    ///
    /// # Cancel safety
    /// When dropped, they may be taken away.
    pub async fn forget_inline<V: Into<String>>(
        &self,
        asset: &AssetKey,
        partition: Option<&PartitionKey>,
        prefix: &[u8],
        kept: impl IntoIterator<Item = V>,
    ) -> Result<()> {
        self.0.queue.push(Change::Forget(Forgotten {
            asset: asset.clone(),
            partition: partition.cloned(),
            prefix: prefix.to_vec(),
            kept: kept.into_iter().map(Into::into).collect(),
        }));
        self.flush().await
    }
}
