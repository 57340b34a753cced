//! What came of a step so far. The run sees it too, for a step that it stops.

use crate::check::Checked;
use crate::event::Materialization;
use larder_io_core::{AssetKey, Error, PartitionKey};
use larder_partitions::PartitionSet;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What is made, of an asset with partitions.
    wanted: Mutex<Option<PartitionSet>>,
    made: Mutex<Vec<Arc<Materialization>>>,
    checks: Mutex<Vec<Arc<Checked>>>,
    /// Why it failed, once that is recorded.
    failed: Mutex<Option<Arc<Error>>>,
    /// Whether publishing has begun: from then on nobody stops the step, and it is not made again.
    publishing: AtomicBool,
}

impl Outcome {
    pub(super) fn new(wanted: Option<PartitionSet>) -> Self {
        Self {
            wanted: Mutex::new(wanted),
            ..Self::default()
        }
    }

    /// Only this is made; the rest is as it would be made again.
    pub(super) fn narrowed(&self, to: PartitionSet) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
    }

    pub(super) fn begins_to_publish(&self) {
        self.publishing.store(true, Ordering::Relaxed);
    }

    pub(super) fn publishing(&self) -> bool {
        self.publishing.load(Ordering::Relaxed)
    }

    pub(super) fn published(&self, made: &Arc<Materialization>) {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(made));
    }

    pub(super) fn failed(&self, error: &Arc<Error>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(error));
    }

    pub(super) fn failure(&self) -> Option<Arc<Error>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn checked(&self, made: &Arc<Checked>) {
        let mut all = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(made));
    }

    pub(super) fn checks(&self) -> Vec<Arc<Checked>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn made(&self) -> Vec<Arc<Materialization>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The partitions of which not every output was published; `None` for an asset without.
    pub(super) fn left(&self, keys: &[AssetKey]) -> Option<PartitionSet> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let made = self.made();
        let mut published: HashMap<&PartitionKey, HashSet<&AssetKey>> = HashMap::new();
        for made in &made {
            if let Some(partition) = &made.partition {
                published.entry(partition).or_default().insert(&made.asset);
            }
        }
        let whole = |partition: &PartitionKey| published.get(partition).map(HashSet::len) == Some(keys.len());
        let left: Vec<_> = wanted.iter().filter(|partition| !whole(partition)).collect();
        // Keys of the set are keys of its space.
        Some(wanted.keyspace().set(&left).unwrap_or(wanted))
    }

    /// Whether everything was published.
    pub(super) fn complete(&self, keys: &[AssetKey]) -> bool {
        match self.left(keys) {
            Some(left) => left.is_empty(),
            None => {
                let made = self.made();
                keys.iter().all(|key| made.iter().any(|made| made.asset == *key))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_core::RunId;
    use larder_partitions::Partitioning;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn made(asset: &AssetKey, partition: Option<PartitionKey>) -> Arc<Materialization> {
        Arc::new(Materialization {
            asset: asset.clone(),
            partition,
            run: RunId::random(),
            receipt: None,
            uri: None,
            version: None,
            compute: Duration::ZERO,
            load: Duration::ZERO,
            store: Duration::ZERO,
            peak_memory: None,
            overlapped: 0,
            measures: crate::Measures::default(),
            metadata: BTreeMap::new(),
            #[cfg(feature = "arrow")]
            schema: None,
        })
    }

    #[test]
    fn a_partition_is_left_until_every_output_of_it_was_published() {
        let keys: Vec<AssetKey> = ["a", "b"].map(|key| key.parse().expect("is a key")).into();
        let none = |_: &str| Ok(Vec::new());
        let space = Partitioning::fixed("kind", ["x", "y"])
            .expect("is one")
            .at(jiff::Timestamp::now(), &none)
            .expect("is there");
        let kind = |kind| PartitionKey::single("kind", kind).expect("is a key");
        let left = |outcome: &Outcome| outcome.left(&keys).map(|left| left.iter().collect::<Vec<_>>());
        let outcome = Outcome::new(Some(space.all()));
        // Twice the same output is not both.
        outcome.published(&made(&keys[0], Some(kind("x"))));
        outcome.published(&made(&keys[0], Some(kind("x"))));
        assert_eq!(left(&outcome), Some(vec![kind("x"), kind("y")]));
        outcome.published(&made(&keys[1], Some(kind("x"))));
        assert_eq!(left(&outcome), Some(vec![kind("y")]));
        assert!(!outcome.complete(&keys));
        // What was fresh is not left.
        outcome.narrowed(space.set(&[kind("x")]).expect("is one"));
        assert_eq!((left(&outcome), outcome.complete(&keys)), (Some(vec![]), true));

        let outcome = Outcome::default();
        outcome.published(&made(&keys[0], None));
        assert_eq!((left(&outcome), outcome.complete(&keys)), (None, false));
        outcome.published(&made(&keys[1], None));
        assert!(outcome.complete(&keys));
    }
}
