//! The engine: sessions, and what a query is asked for.

use crate::error::from_engine;
use crate::parse::parse;
use crate::plan::{NOWHERE, plan, register};
use crate::provider::LazyTableProvider;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::physical_plan::displayable;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::{FutureExt, StreamExt};
use larder_io_core::{Error, ErrorKind, LazyTable, Prepared, Query, Result, SqlEngine, TableSource, TableStream};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Bytes that sorts, joins and aggregates of all queries may hold before they spill to the temporary directory.
const MEMORY: usize = 1 << 30;
/// What each sort keeps of it for merging what it spilled, at most: DataFusion's own default.
const SPILLING: usize = 10 << 20;

/// Runs SQL with Apache DataFusion, in its dialect. A query sees nothing but the assets it names: no files, no other tables.
///
/// Sorts, joins and aggregates of all queries that run at once use up to 1 GiB, or what [`DataFusion::with_memory`] says, then the temporary directory.
/// Parameters are written `$name`.
#[derive(Clone)]
pub struct DataFusion {
    memory: usize,
    /// What every session begins as: the engine's functions and rules, made once.
    base: Arc<OnceLock<SessionState>>,
}

impl fmt::Debug for DataFusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataFusion({} bytes)", self.memory)
    }
}

impl Default for DataFusion {
    fn default() -> Self {
        Self {
            memory: MEMORY,
            base: Arc::default(),
        }
    }
}

impl DataFusion {
    /// Makes the engine. Every query has a session of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the bytes that sorts, joins and aggregates of all queries may hold before they spill to the temporary directory. Default 1 GiB.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self {
            memory: bytes,
            base: Arc::default(),
        }
    }

    fn base(&self) -> Result<&SessionState> {
        if let Some(base) = self.base.get() {
            return Ok(base);
        }
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(self.memory)))
            .build_arc()
            .map_err(from_engine)?;
        // Texts stay what they are in the asset; errors tell line and column.
        let config = SessionConfig::new()
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
            .set_bool("datafusion.sql_parser.collect_spans", true)
            .with_default_catalog_and_schema(NOWHERE, NOWHERE)
            .with_sort_spill_reservation_bytes(SPILLING.min(self.memory / 32));
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .build();
        Ok(self.base.get_or_init(|| state))
    }

    /// A session with tables of its own.
    fn session(&self) -> Result<SessionContext> {
        let state = SessionStateBuilder::new_from_existing(self.base()?.clone())
            .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
            .build();
        Ok(SessionContext::new_with_state(state))
    }

    /// A session that knows the tables.
    fn session_over(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<SessionContext> {
        let session = self.session()?;
        for (name, table) in query.prepared.tables.iter().zip(tables) {
            register(&session, name, Arc::new(LazyTableProvider::new(table.clone())))?;
        }
        Ok(session)
    }
}

#[async_trait]
impl SqlEngine for DataFusion {
    fn name(&self) -> &str {
        "datafusion"
    }

    fn prepare(&self, sql: &str) -> Result<Prepared> {
        parse(self.base()?, sql).map(|(_, prepared)| prepared)
    }

    fn schema(&self, query: Query<'_>, tables: &[SchemaRef]) -> Result<Option<SchemaRef>> {
        let session = self.session()?;
        for (name, schema) in query.prepared.tables.iter().zip(tables) {
            register(&session, name, Arc::new(EmptyTable::new(Arc::clone(schema))))?;
        }
        let state = session.state();
        let (statement, _) = parse(&state, &query.prepared.sql)?;
        // Tables in memory are found at once.
        let planned = plan(&session, statement, query).now_or_never().ok_or_else(|| {
            let message = "the query was not planned at once, although all its tables are known";
            Error::new(ErrorKind::Unexpected, message)
        })??;
        let planned = state.optimize(&planned).map_err(from_engine)?;
        Ok(Some(Arc::clone(planned.schema().inner())))
    }

    async fn explain(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<String> {
        let session = self.session_over(query, tables)?;
        let state = session.state();
        let (statement, _) = parse(&state, &query.prepared.sql)?;
        let plan = plan(&session, statement, query).await?;
        let physical = state.create_physical_plan(&plan).await.map_err(from_engine)?;
        Ok(displayable(physical.as_ref()).indent(false).to_string())
    }

    async fn execute(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<Arc<dyn TableSource>> {
        let session = self.session_over(query, tables)?;
        let (statement, _) = parse(&session.state(), &query.prepared.sql)?;
        let plan = plan(&session, statement, query).await?;
        let frame = session.execute_logical_plan(plan).await.map_err(from_engine)?;
        let rows = frame.execute_stream().await.map_err(from_engine)?;
        let schema = match query.columns {
            Some(columns) => Arc::clone(columns),
            None => rows.schema(),
        };
        let wanted = Arc::clone(&schema);
        // The engine's batches may differ in what their fields note, such as metadata.
        let rows = rows.map(move |batch| {
            let batch = batch.map_err(from_engine)?;
            let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            RecordBatch::try_new_with_options(Arc::clone(&wanted), columns, &count).map_err(|error| {
                // A null where the declared column has none.
                Error::new(
                    ErrorKind::InvalidData,
                    format!("the result does not fit its columns: {error}"),
                )
            })
        });
        Ok(TableStream::new(schema, rows).into_source())
    }
}
