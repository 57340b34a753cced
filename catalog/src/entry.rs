//! What is known of a materialization.

use crate::partition_text;
use jiff::Timestamp;
use larder_io_core::{AssetKey, PartitionKey, Receipt, RunId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// One materialization of an asset, or of one partition of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The asset.
    pub asset: AssetKey,
    /// The partition, for a partitioned asset.
    pub partition: Option<PartitionKey>,
    /// The run that made it.
    pub run: RunId,
    /// When it was published. Kept to the microsecond.
    pub at: Timestamp,
    /// The key of the I/O manager that has the value.
    pub io_manager: String,
    /// The version in the manager, where it gives versions.
    pub version: Option<String>,
    /// What tells this value from others: the content hash, or else the version.
    pub data_version: String,
    /// Hash of code version, config and the data versions of the inputs: equal fingerprints need no second computation.
    pub fingerprint: Option<String>,
    /// The version of the asset's code.
    pub code_version: Option<String>,
    /// The config with which it was computed, or a hash of it. Never a secret.
    pub config: Option<String>,
    /// What it was computed from.
    pub inputs: Vec<InputVersions>,
    /// The manager's proof.
    pub receipt: Option<Receipt>,
    /// The address of the value for other tools.
    pub uri: Option<String>,
    /// What the asset said about the value.
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Where the time went.
    pub durations: Durations,
    /// A small value that is kept in the catalogue itself.
    pub inline: Option<Vec<u8>>,
}

impl Entry {
    /// Begins an entry with what every one has; the other fields are empty.
    pub fn new(
        asset: AssetKey,
        partition: Option<PartitionKey>,
        run: RunId,
        at: Timestamp,
        io_manager: impl Into<String>,
        data_version: impl Into<String>,
    ) -> Self {
        Self {
            asset,
            partition,
            run,
            at,
            io_manager: io_manager.into(),
            version: None,
            data_version: data_version.into(),
            fingerprint: None,
            code_version: None,
            config: None,
            inputs: Vec::new(),
            receipt: None,
            uri: None,
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
            durations: Durations::default(),
            inline: None,
        }
    }
}

/// How long the parts of a step took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// The asset's own code.
    pub compute: Duration,
    /// Loading its inputs.
    pub load: Duration,
    /// Staging and publishing.
    pub store: Duration,
}

/// Which versions of one input a value was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputVersions {
    /// The input's asset.
    pub asset: AssetKey,
    /// Partition and data version of each value that was read; empty beyond [`InputVersions::MAX_EACH`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<(Option<PartitionKey>, String)>,
    /// How many values were read.
    pub count: u64,
    /// Hash of all pairs, in the order of the partitions' texts: equal inputs have equal digests, however many they are.
    pub digest: String,
}

impl InputVersions {
    /// So many pairs are kept one by one: a million of them in every entry would be a database of nothing else.
    pub const MAX_EACH: usize = 1000;

    /// Counts and hashes pairs of partition and data version, in whatever order they come.
    pub fn new(asset: AssetKey, pairs: impl IntoIterator<Item = (Option<PartitionKey>, String)>) -> Self {
        let mut pairs: Vec<(String, Option<PartitionKey>, String)> = pairs
            .into_iter()
            .map(|(partition, version)| (partition_text(partition.as_ref()), partition, version))
            .collect();
        pairs.sort();
        let mut hasher = blake3::Hasher::new();
        for (text, _, version) in &pairs {
            for part in [text, version] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        let count = pairs.len();
        let each = pairs.into_iter().map(|(_, partition, version)| (partition, version));
        Self {
            asset,
            each: each.take(if count > Self::MAX_EACH { 0 } else { count }).collect(),
            count: count as u64,
            digest: hasher.finalize().to_hex().to_string(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pair(day: usize, version: &str) -> (Option<PartitionKey>, String) {
        (PartitionKey::single("d", format!("{day}")).ok(), version.to_owned())
    }

    #[test]
    fn a_digest_knows_every_pair_and_no_order() {
        let of = |pairs: Vec<_>| InputVersions::new("a".parse().unwrap(), pairs);
        let one = of(vec![pair(1, "x"), pair(2, "y")]);
        assert_eq!(one, of(vec![pair(2, "y"), pair(1, "x")]));
        assert_ne!(one.digest, of(vec![pair(1, "y"), pair(2, "x")]).digest);
        assert_ne!(of(vec![pair(1, "x")]).digest, of(vec![(None, "x".to_owned())]).digest);
        assert_ne!(of(vec![pair(1, "2x")]).digest, of(vec![pair(12, "x")]).digest);
        let many = of((0..InputVersions::MAX_EACH + 1).map(|day| pair(day, "x")).collect());
        assert_eq!((many.each.len(), many.count), (0, 1001));
        assert_eq!(of((0..1000).map(|day| pair(day, "x")).collect()).each.len(), 1000);
    }
}
