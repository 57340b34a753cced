//! Where values are that others wrote, with the day in the name of the file.

use larder::prelude::*;
use larder::{HiveLayout, Layout, Location};

/// One asset has files such as `orders-2024-03-04.csv`, the rest lies where larder puts it.
#[derive(Debug)]
pub(crate) struct DatedFiles {
    asset: &'static str,
    stem: &'static str,
}

impl DatedFiles {
    /// The files of `asset` begin with `stem`.
    pub(crate) fn of(asset: &'static str, stem: &'static str) -> Self {
        Self { asset, stem }
    }
}

impl Layout for DatedFiles {
    fn name(&self) -> &str {
        "dated files"
    }

    fn locate(&self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Location> {
        match partition.and_then(|partition| partition.get("date")) {
            Some(day) if asset.as_str() == self.asset => format!("{}-{day}", self.stem).parse(),
            _ => HiveLayout.locate(asset, partition),
        }
    }
}
