//! Azure for table formats.

use crate::config::{AdlsConfig, backend};
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

impl AdlsConfig {
    /// Opens the bucket for a table format. A put that must create has to fail where something is, which a server that
    /// ignores preconditions does not.
    ///
    /// # Errors
    /// As [`AdlsConfig::open`].
    pub fn open_ground(&self) -> Result<Ground> {
        let config = self.resolved()?;
        crate::validate::check(&config)?;
        let (scheme, root) = config.shown();
        Ok(crate::store::open(&config, &format!("{scheme}:{root}"))?.ground())
    }
}

#[derive(Debug)]
struct AdlsGround;

impl GroundBackend for AdlsGround {
    fn schemes(&self) -> Vec<&'static str> {
        vec!["abfss", "abfs", "az"]
    }

    fn schema(&self) -> serde_json::Value {
        without(backend().schema(), &OF_VALUES)
    }

    fn open(&self, url: &ManagerUrl) -> Result<Ground> {
        check_settings(url, &self.schema())?;
        AdlsConfig::from_url(url)?.open_ground()
    }
}

/// Azure for table formats such as Delta Lake.
pub fn ground() -> Arc<dyn GroundBackend> {
    Arc::new(AdlsGround)
}
