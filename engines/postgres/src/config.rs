//! How the engine is handed over.

use crate::engine::PostgresEngine;
use larder_io_core::{EngineBackend, ManagerUrl, Result, SqlEngine};
use std::sync::Arc;

/// The name in `engine = ".."` and `[engines.postgres]`.
pub(crate) const NAME: &str = "postgres";

/// Opens the engine that `[engines.postgres]` gives an address: `url = "postgres://me@db.example/warehouse"`, the same as the manager's whose tables it
/// is to read and write where they are, and its settings for the connection.
pub fn backend() -> Arc<dyn EngineBackend> {
    Arc::new(PostgresEngineBackend)
}

#[derive(Debug)]
struct PostgresEngineBackend;

impl EngineBackend for PostgresEngineBackend {
    fn name(&self) -> &str {
        NAME
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["postgres", "postgresql"]
    }

    fn schema(&self) -> serde_json::Value {
        larder_io_postgres::backend().schema()
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn SqlEngine>> {
        Ok(Arc::new(PostgresEngine::open(url)?))
    }
}
