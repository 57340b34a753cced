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
    change_data_feed: Option<bool>,
    compression: Option<Compression>,
    parquet: Option<ParquetSettings>,
    file_bytes: Option<u64>,
    gather_bytes: Option<u64>,
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

    /// Lays them over the manager's. An asset that sets a mode without `merge` merges by nothing; an empty `delete_when` is
    /// none.
    pub(crate) fn over(self, base: &DeltaConfig) -> DeltaConfig {
        // Field by field, so that the compiler asks about a new one.
        let DeltaConfig {
            mode,
            evolution,
            merge_on,
            delete_when,
            columns,
            spans,
            partition_by,
            properties,
            change_data_feed,
            compression,
            parquet,
            file_bytes,
            gather_bytes,
            part_bytes,
            checkpoint_interval,
            commit_attempts,
            verify,
        } = base.clone();
        let merges = self.mode.is_none_or(|mode| mode == WriteMode::Merge);
        let (merge_on, delete_when) = match merges {
            true => (merge_on, delete_when),
            false => (Vec::new(), None),
        };
        let delete_when = match self.delete_when {
            Some(own) => Some(own).filter(|own| !own.is_empty()),
            None => delete_when,
        };
        DeltaConfig {
            mode: self.mode.unwrap_or(mode),
            evolution: self.evolution.unwrap_or(evolution),
            merge_on: self.merge_on.unwrap_or(merge_on),
            delete_when,
            columns: self.columns.unwrap_or(columns),
            spans: self.spans.unwrap_or(spans),
            partition_by: self.partition_by.unwrap_or(partition_by),
            properties: self.properties.unwrap_or(properties),
            change_data_feed: self.change_data_feed.unwrap_or(change_data_feed),
            compression: self.compression.unwrap_or(compression),
            parquet: self.parquet.unwrap_or(parquet),
            file_bytes: self.file_bytes.unwrap_or(file_bytes),
            gather_bytes: self.gather_bytes.unwrap_or(gather_bytes),
            part_bytes,
            checkpoint_interval,
            commit_attempts,
            verify: self.verify.unwrap_or(verify),
        }
    }
}
