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
    /// Opens the directory for a table format, without history: it keeps its own, and what it deletes is gone from the disk.
    ///
    /// # Errors
    /// As [`FsConfig::open_store`].
    pub fn open_ground(&self) -> Result<Ground> {
        let config = Self {
            history: 0,
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use object_store::ObjectStoreExt as _;

    #[tokio::test]
    async fn what_a_table_format_deletes_is_gone_with_its_directories() {
        let dir = tempfile::tempdir().expect("a directory");
        let ground = FsConfig::new(dir.path()).open_ground().expect("opens");
        let path = |path: &str| object_store::path::Path::from(path);
        for name in ["t/a/b/1.parquet", "t/a/2.parquet", "t/log/0.json"] {
            ground
                .objects
                .put(&path(name), "rows".into())
                .await
                .expect("is written");
        }
        // A file that others wrote.
        std::fs::create_dir_all(dir.path().join("t/theirs")).expect("is made");
        std::fs::write(dir.path().join("t/theirs/3.parquet"), "rows").expect("is written");
        for name in ["t/a/b/1.parquet", "t/theirs/3.parquet"] {
            ground.objects.delete(&path(name)).await.expect("is deleted");
        }
        assert!(!dir.path().join("t/a/b").exists());
        assert!(!dir.path().join("t/theirs").exists());
        let left: Vec<_> = ground.objects.list(None).try_collect().await.expect("is listed");
        let mut left: Vec<String> = left.into_iter().map(|meta| meta.location.to_string()).collect();
        left.sort();
        assert_eq!(left, ["t/a/2.parquet", "t/log/0.json"]);
        assert!(!dir.path().join(".larder/versions/t").exists());
        ground
            .objects
            .put(&path("t/a/b/4.parquet"), "rows".into())
            .await
            .expect("is written again");
    }
}
