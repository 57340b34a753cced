//! Local disk for table formats.

use crate::config::{FsConfig, SCHEME, backend};
use larder_io_core::{ManagerUrl, Result};
use larder_io_object::Store as _;
use larder_io_object::files::{Ground, GroundBackend, check_settings, without};
use std::sync::Arc;

/// Settings that are for values and say nothing to a table format.
const OF_VALUES: [&str; 10] = [
    "object",
    "table",
    "compression",
    "parquet",
    "rows_as_table",
    "auto",
    "history",
    "mmap",
    "verify",
    "part_bytes",
];

impl FsConfig {
    /// Opens the directory for a table format, without history: it keeps its own.
    ///
    /// # Errors
    /// As [`FsConfig::open_store`].
    pub fn open_ground(&self) -> Result<Ground> {
        let config = Self {
            history: 1,
            ..self.clone()
        };
        let store = config.open_store()?;
        let root = format!("file://{}", store.root().display());
        let store = store.into_store();
        Ok(Ground::new(Arc::clone(store.objects()), root).with_features(store.features()))
    }
}

#[derive(Debug)]
struct FsGround;

impl GroundBackend for FsGround {
    fn schemes(&self) -> Vec<&'static str> {
        vec![SCHEME]
    }

    fn schema(&self) -> serde_json::Value {
        without(backend().schema(), &OF_VALUES)
    }

    fn open(&self, url: &ManagerUrl) -> Result<Ground> {
        check_settings(url, &self.schema())?;
        FsConfig::from_url(url)?.open_ground()
    }
}

/// Local disk for table formats such as Delta Lake.
pub fn ground() -> Arc<dyn GroundBackend> {
    Arc::new(FsGround)
}
