//! Settings of Delta tables.

use crate::changes::FEED;
use crate::evolution::Evolution;
use crate::manager::DeltaIo;
use crate::window::Span;
use larder_io_core::{Error, ErrorKind, ManagerUrl, Result};
use larder_io_object::files::{Ground, TableFiles};
use larder_io_object::{Compression, ParquetSettings, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a store does to the rows that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum WriteMode {
    /// Replaces them: of a partitioned asset exactly those of the partition, else all.
    #[default]
    Overwrite,
    /// Leaves them and adds.
    Append,
    /// Replaces those partitions of `partition_by` that the new rows are in.
    ReplacePartitions,
    /// Replaces rows that have the same values in `merge_on`, and adds the others.
    Merge,
    /// Refuses to store where something is.
    ErrorIfExists,
}

impl WriteMode {
    /// Whether what was stored is all that there is afterwards, in the table or in the asset's partition.
    pub(crate) fn leaves_nothing(self) -> bool {
        matches!(self, Self::Overwrite | Self::ErrorIfExists)
    }
}

/// Settings of Delta tables; as a URL, `delta+s3://bucket/lake?mode=append`. Besides, the store's own settings can be given.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DeltaConfig {
    /// What a store does to rows that are there: `overwrite` (default), `append`, `replace_partitions`, `merge`,
    /// `error_if_exists`.
    pub mode: WriteMode,
    /// Which changes of a table's schema a store may make: `strict` (default, none), `widen`, `merge`.
    pub evolution: Evolution,
    /// Columns by which `mode = "merge"` knows a row again. A null equals nothing.
    pub merge_on: Vec<String>,
    /// A column of booleans: where it is true, `mode = "merge"` deletes the row instead of replacing it. It is not stored.
    pub delete_when: Option<String>,
    /// The column of each dimension of a partition key, where it has another name: `columns = { date = "day" }`. A dimension
    /// without a column is kept in one of its own.
    pub columns: BTreeMap<String, String>,
    /// How long the windows of a dimension are, where the keys do not show it: `spans = { date = "week" }`.
    pub spans: BTreeMap<String, Span>,
    /// Columns by which new tables are partitioned besides.
    pub partition_by: Vec<String>,
    /// Properties of new tables, such as `delta.appendOnly`; a change of them does not change tables that are there.
    pub properties: BTreeMap<String, String>,
    /// Whether tables record the rows that each commit changes, as Delta's change data feed: new tables from the first commit
    /// on, those that are there from the next one on. A table that records changes goes on, whatever this says. Default false.
    pub change_data_feed: bool,
    /// The codec of Parquet pages: `zstd` (default), `snappy`, `lz4`, `none`.
    pub compression: Compression,
    /// How Parquet files are written.
    pub parquet: ParquetSettings,
    /// Bytes of rows in memory after which a new file begins. Default 512 MiB, at least 1 MiB.
    pub file_bytes: u64,
    /// Bytes of rows that wait in memory where a store has rows of several partitions of the table: when there are more, the partition with most of them
    /// gets a file. More makes fewer and larger files. Default 64 MiB, at least 1 MiB; `file_bytes` where that is less.
    pub gather_bytes: u64,
    /// Bytes of one part of an upload. Default 8 MiB, range 64 KiB to 1 GiB; S3 takes no part under 5 MiB.
    pub part_bytes: usize,
    /// Versions after which a checkpoint is written. Default 10, as Delta's own; 0 writes none.
    pub checkpoint_interval: u64,
    /// Times a commit is tried again because others committed before it. Default 100.
    pub commit_attempts: u32,
    /// Whether every load compares the stored hashes first, which reads the table twice. Default false.
    pub verify: bool,
}

impl Default for DeltaConfig {
    fn default() -> Self {
        Self {
            mode: WriteMode::default(),
            evolution: Evolution::default(),
            merge_on: Vec::new(),
            delete_when: None,
            columns: BTreeMap::new(),
            spans: BTreeMap::new(),
            partition_by: Vec::new(),
            properties: BTreeMap::new(),
            change_data_feed: false,
            compression: Compression::default(),
            parquet: ParquetSettings::default(),
            file_bytes: 512 << 20,
            gather_bytes: 64 << 20,
            part_bytes: 8 << 20,
            checkpoint_interval: 10,
            commit_attempts: 100,
            verify: false,
        }
    }
}

impl DeltaConfig {
    /// Reads the settings of a URL, which has no others.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting.
    pub fn from_url(url: &ManagerUrl) -> Result<Self> {
        url.settings([])
    }

    /// Opens the I/O manager on a store.
    ///
    /// # Errors
    /// `InvalidConfig` for settings that cannot work.
    pub fn open(&self, ground: Ground) -> Result<DeltaIo> {
        self.validate()?;
        let mut settings = Settings::default();
        settings.compression = self.compression;
        settings.parquet = self.parquet.clone();
        settings.part_bytes = self.part_bytes;
        Ok(DeltaIo::new(self.clone(), TableFiles::new(ground, settings)?))
    }

    /// Properties of new tables.
    pub(crate) fn table_properties(&self) -> BTreeMap<String, String> {
        let mut properties = self.properties.clone();
        if self.change_data_feed {
            properties.insert(FEED.to_owned(), "true".to_owned());
        }
        properties
    }

    fn validate(&self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::new(ErrorKind::InvalidConfig, problem));
        if (self.mode == WriteMode::Merge) == self.merge_on.is_empty() {
            return wrong("`mode = \"merge\"` and `merge_on` go together; one of them is missing");
        }
        if self.delete_when.is_some() && self.mode != WriteMode::Merge {
            return wrong("`delete_when` is for `mode = \"merge\"`");
        }
        let feed = self.properties.get(FEED);
        if self.change_data_feed && feed.is_some_and(|feed| !feed.eq_ignore_ascii_case("true")) {
            return wrong(
                "`change_data_feed = true` and the property `delta.enableChangeDataFeed` say different things; leave the property away",
            );
        }
        if self.file_bytes < 1 << 20 {
            return wrong("`file_bytes` must be 1 MiB (1048576) or more");
        }
        if self.gather_bytes < 1 << 20 {
            return wrong("`gather_bytes` must be 1 MiB (1048576) or more");
        }
        if self.commit_attempts == 0 {
            return wrong("`commit_attempts` must be 1 or more");
        }
        Ok(())
    }
}
