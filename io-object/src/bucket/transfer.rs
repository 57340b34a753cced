//! How values are moved.

use larder_io_core::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Requests at once and their sizes. Memory of one upload is about (parts in flight + 2) x part size, for a table one part more and what is being encoded; of
/// one download ranges in flight x range size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Transfer {
    /// Parts of one upload on their way at once. Default 4.
    pub parts_in_flight: usize,
    /// Bytes of one ranged read of a stream; values up to this size are read in one request and held, so that
    /// replacing them disturbs no reader. Default 8 MiB.
    pub range_bytes: usize,
    /// Ranged reads of one stream on their way at once. Default 4.
    pub ranges_in_flight: usize,
    /// Bytes of the first read of a format that begins with its footer. Default 512 KiB; the footers of most Parquet
    /// files take less than 64 KiB, and small tables come as a whole.
    pub footer_bytes: usize,
    /// Whether the store answers a read of the last bytes; Azure does not. Default true.
    #[serde(skip)]
    pub suffix_ranges: bool,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            parts_in_flight: 4,
            range_bytes: 8 << 20,
            ranges_in_flight: 4,
            footer_bytes: 512 << 10,
            suffix_ranges: true,
        }
    }
}

impl Transfer {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub fn validate(&self) -> Result<()> {
        let zero = [
            ("parts_in_flight", self.parts_in_flight),
            ("range_bytes", self.range_bytes),
            ("ranges_in_flight", self.ranges_in_flight),
            ("footer_bytes", self.footer_bytes),
        ];
        match zero.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => {
                let message = format!("transfer.{name} is 0, it must be 1 or more");
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
            None => Ok(()),
        }
    }
}
