//! How Parquet files are written.

use super::Compression;
use larder_io_core::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// For what least and greatest values are kept, by which readers leave out what no row of a filter is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ParquetStatistics {
    /// Pages, and so row groups.
    #[default]
    Page,
    /// Row groups.
    Chunk,
    /// Nothing: every reader reads everything.
    None,
}

/// How Parquet files are written; the codec is the manager's `compression`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ParquetSettings {
    /// The level of zstd, 1 to 22: higher is smaller and slower. Default 1. Other codecs have none.
    pub level: Option<i32>,
    /// Rows of one row group at most. Default 1,048,576.
    pub row_group_rows: usize,
    /// Encoded bytes after which a row group ends. Default 12 MiB, which bounds the memory of a store. How large rows become is told by those some chunks of 4 MiB
    /// before: the first row group has four chunks at least, and a change is heeded eight chunks later.
    pub row_group_bytes: usize,
    /// Whether columns of few values are kept by a dictionary. Default true. From the second row group on, a column that gains nothing by one has none, and its
    /// integers are kept by their steps (`DELTA_BINARY_PACKED`) where that takes no more than a tenth more.
    pub dictionary: bool,
    /// For what least and greatest values are kept: `page` (default), `chunk`, `none`.
    pub statistics: ParquetStatistics,
    /// Columns with a bloom filter, which tells a reader that asks for one value where it is not. Default none. A nested
    /// column is named by its path, parted by dots; a table without the column has none.
    pub bloom_filters: Vec<String>,
    /// Whether pages end where the values say, so that a small change leaves most pages as they were, for storage that
    /// keeps equal chunks once. Default false; columns are then encoded one after the other.
    pub content_defined_chunks: bool,
}

impl Default for ParquetSettings {
    fn default() -> Self {
        Self {
            level: None,
            row_group_rows: 1 << 20,
            row_group_bytes: 12 << 20,
            dictionary: true,
            statistics: ParquetStatistics::default(),
            bloom_filters: Vec::new(),
            content_defined_chunks: false,
        }
    }
}

impl ParquetSettings {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub(super) fn validate(&self, compression: Compression) -> Result<()> {
        let wrong = |problem: &str| Err(Error::new(ErrorKind::InvalidConfig, problem));
        if self.row_group_rows == 0 || self.row_group_bytes == 0 {
            return wrong("parquet.row_group_rows and parquet.row_group_bytes must be greater than 0");
        }
        match self.level {
            Some(_) if compression != Compression::Zstd => {
                wrong("parquet.level is the level of zstd; leave it out, or set `compression = \"zstd\"`")
            }
            Some(level) if !(1..=22).contains(&level) => wrong("parquet.level must be from 1 to 22"),
            _ => Ok(()),
        }
    }
}
