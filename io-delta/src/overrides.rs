//! What single assets set for themselves.

use crate::config::{DeltaConfig, WriteMode};
use crate::evolution::Evolution;
use crate::window::Span;
use larder_io_core::{Result, from_texts};
use larder_io_object::{Compression, ParquetSettings};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The settings of [`DeltaConfig`] that an asset can have for itself; what it does not say stays the manager's. The others
/// are of the table's log or of the store, where assets that share them must agree.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Overrides {
    mode: Option<WriteMode>,
    evolution: Option<Evolution>,
    merge_on: Option<Vec<String>>,
    delete_when: Option<String>,
    columns: Option<BTreeMap<String, String>>,
    spans: Option<BTreeMap<String, Span>>,
    partition_by: Option<Vec<String>>,
    properties: Option<BTreeMap<String, String>>,
    compression: Option<Compression>,
    parquet: Option<ParquetSettings>,
    file_bytes: Option<u64>,
    verify: Option<bool>,
}

impl Overrides {
    /// Reads texts by name.
    ///
    /// # Errors
    /// `InvalidConfig` for one that is unknown or wrong.
    pub(crate) fn read(settings: &BTreeMap<String, String>) -> Result<Self> {
        from_texts(settings.clone())
    }

    /// Lays them over the manager's. An asset that sets a mode without `merge` merges by nothing.
    pub(crate) fn over(self, base: &DeltaConfig) -> DeltaConfig {
        let mut config = base.clone();
        if self.mode.is_some_and(|mode| mode != WriteMode::Merge) {
            (config.merge_on, config.delete_when) = (Vec::new(), None);
        }
        fn set<T>(own: Option<T>, place: &mut T) {
            if let Some(own) = own {
                *place = own;
            }
        }
        set(self.mode, &mut config.mode);
        set(self.evolution, &mut config.evolution);
        set(self.merge_on, &mut config.merge_on);
        set(self.delete_when.map(Some), &mut config.delete_when);
        set(self.columns, &mut config.columns);
        set(self.spans, &mut config.spans);
        set(self.partition_by, &mut config.partition_by);
        set(self.properties, &mut config.properties);
        set(self.compression, &mut config.compression);
        set(self.parquet, &mut config.parquet);
        set(self.file_bytes, &mut config.file_bytes);
        set(self.verify, &mut config.verify);
        config
    }
}
