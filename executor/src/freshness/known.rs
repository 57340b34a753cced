//! Which data version every asset and partition has now: what this run made, else what the storage has.

use crate::definitions::{AssetPartition, Pipeline};
use larder_catalog::{Catalog, State, partition_text};
use larder_io_core::{AssetKey, ErrorKind, Form, PartitionKey, Receipt, Result};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// What the catalogue knows of an asset.
#[derive(Debug)]
struct States {
    /// In the order of the partitions' texts.
    all: Vec<State>,
    /// Behind the one that was asked for last: partitions are mostly asked for in their order.
    next: AtomicUsize,
}

impl States {
    fn get(&self, partition: &str) -> Option<&State> {
        let next = self.next.load(Ordering::Relaxed);
        let at = match self.all.get(next) {
            Some(state) if state.partition_text() == partition => next,
            _ => self
                .all
                .binary_search_by(|state| state.partition_text().cmp(partition))
                .ok()?,
        };
        self.next.store(at + 1, Ordering::Relaxed);
        self.all.get(at)
    }
}

/// Bytes and rows of a value as it is stored.
pub(crate) type Size = (u64, Option<u64>);

/// The data version of a value, and its size where that was seen.
type Seen = (Option<String>, Option<Size>);

/// What is known in one run. Asked once of storage and catalogue, then remembered.
#[derive(Debug, Default)]
pub(crate) struct Known {
    catalog: Option<Catalog>,
    versions: Mutex<HashMap<AssetPartition, Seen>>,
    states: Mutex<HashMap<AssetKey, Arc<OnceCell<States>>>>,
    /// What is known in the profile from which this one reads what it lacks.
    parent: Option<Box<Self>>,
}

impl Known {
    pub(crate) fn new(pipeline: &Pipeline) -> Self {
        Self {
            catalog: pipeline.catalog().cloned(),
            parent: pipeline.parent().map(|parent| Box::new(Self::new(parent))),
            ..Self::default()
        }
    }

    /// What is known in the profile from which this one reads what it lacks.
    pub(crate) fn parent(&self) -> Option<&Self> {
        self.parent.as_deref()
    }

    /// The value has this data version from now on.
    pub(crate) fn set(
        &self,
        asset: &AssetKey,
        partition: Option<&PartitionKey>,
        version: Option<String>,
        size: Option<Size>,
    ) {
        let of = (asset, partition).into();
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.insert(of, (version, size));
    }

    /// The size of a value, where its version was asked for before.
    pub(crate) fn size(&self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Option<Size> {
        let of = AssetPartition::from((asset, partition));
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.get(&of)?.1
    }

    /// The data version of a value; `None` when nothing is stored.
    ///
    /// The storage is asked, not the catalogue: somebody else may have written there.
    pub(crate) async fn data_version(
        &self,
        pipeline: &Pipeline,
        asset: &AssetKey,
        partition: Option<&PartitionKey>,
    ) -> Result<Option<String>> {
        let of = AssetPartition::from((asset, partition));
        let known = {
            let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            versions.get(&of).map(|(version, _)| version.clone())
        };
        if let Some(version) = known {
            return Ok(version);
        }
        let mut size = None;
        let version = match pipeline.stored(asset)?.form {
            // Nothing is stored of it: only the catalogue knows that it ran.
            Form::Nothing => {
                size = Some((0, None));
                self.recorded_version(asset, partition).await?
            }
            _ => match pipeline.visible(&of).await {
                Ok(receipt) => {
                    size = receipt.as_ref().map(size_of);
                    receipt.map(|receipt| receipt.data_version())
                }
                // Damage is found when the value is loaded; until then it is a value of no known version.
                Err(error) if error.kind() == ErrorKind::InvalidData => None,
                Err(error) => return Err(error),
            },
        };
        self.set(asset, partition, version.clone(), size);
        Ok(version)
    }

    /// The data version by the catalogue: by this profile's, else by its parent's.
    pub(crate) async fn recorded_version(
        &self,
        asset: &AssetKey,
        partition: Option<&PartitionKey>,
    ) -> Result<Option<String>> {
        for known in std::iter::successors(Some(self), |known| known.parent()) {
            if let Some(state) = known.state(asset, partition).await? {
                return Ok(state.data_version().map(|version| version.into_owned()));
            }
        }
        Ok(None)
    }

    /// What the catalogue knows of a value that is there.
    pub(crate) async fn state(&self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Option<State>> {
        let Some(catalog) = &self.catalog else {
            return Ok(None);
        };
        let cell = {
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(states.entry(asset.clone()).or_default())
        };
        let states = cell
            .get_or_try_init(|| async {
                let (all, next) = (catalog.states(asset).await?, AtomicUsize::new(0));
                Ok::<_, larder_io_core::Error>(States { all, next })
            })
            .await?;
        Ok(states
            .get(&partition_text(partition))
            .filter(|state| state.is_live())
            .cloned())
    }
}

/// The size of a stored value; of one that somebody else wrote, without rows.
pub(crate) fn size_of(receipt: &Receipt) -> Size {
    (receipt.bytes, receipt.rows)
}
