//! S3 for table formats.

use crate::config::{S3Config, backend};
use larder_io_core::{ManagerUrl, Result};
use larder_io_object::files::{Ground, GroundBackend, check_settings, without};
use std::sync::Arc;

/// Settings that are for values and say nothing to a table format.
const OF_VALUES: [&str; 10] = [
    "object",
    "table",
    "compression",
    "parquet",
    "rows_as_table",
    "verify",
    "part_bytes",
    "versions",
    "preconditions",
    "copy_range_bytes",
];

impl S3Config {
    /// Opens the bucket for a table format. A put that must create has to fail where something is, which a server that
    /// ignores preconditions does not.
    ///
    /// # Errors
    /// As [`S3Config::open`].
    pub fn open_ground(&self) -> Result<Ground> {
        self.validate()?;
        Ok(crate::store::open(self)?.ground())
    }
}

#[derive(Debug)]
struct S3Ground;

impl GroundBackend for S3Ground {
    fn schemes(&self) -> Vec<&'static str> {
        vec!["s3", "s3a"]
    }

    fn schema(&self) -> serde_json::Value {
        without(backend().schema(), &OF_VALUES)
    }

    fn open(&self, url: &ManagerUrl) -> Result<Ground> {
        check_settings(url, &self.schema())?;
        S3Config::from_url(url)?.open_ground()
    }
}

/// S3 for table formats such as Delta Lake.
pub fn ground() -> Arc<dyn GroundBackend> {
    Arc::new(S3Ground)
}
