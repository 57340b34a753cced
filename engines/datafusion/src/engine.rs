//! A query from its text to its rows.

use crate::error::from_engine;
use crate::provider::LazyTableProvider;
use arrow_array::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::common::TableReference;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use futures_util::StreamExt;
use larder_io_core::{Error, ErrorKind, QueryEngine, Result, TableStream, Tables};
use std::sync::Arc;

/// Bytes that sorts, joins and aggregates may hold before they spill to the temporary directory.
const MEMORY: usize = 1 << 30;

/// Runs SQL with Apache DataFusion, in its dialect. A query sees nothing but the assets it names: no files, no other tables.
///
/// Sorts, joins and aggregates use up to 1 GiB, then the temporary directory.
#[derive(Clone, Copy, Debug, Default)]
pub struct DataFusion;

impl DataFusion {
    /// Makes the engine. Every query has a session of its own.
    pub fn new() -> Self {
        Self
    }

    fn session(self) -> Result<SessionContext> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(MEMORY)))
            .build_arc()
            .map_err(from_engine)?;
        // Texts stay what they are in the asset.
        let config = SessionConfig::new().set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
        Ok(SessionContext::new_with_config_rt(config, runtime))
    }
}

#[async_trait]
impl QueryEngine for DataFusion {
    fn name(&self) -> &'static str {
        "datafusion"
    }

    async fn query(&self, sql: &str, tables: &dyn Tables) -> Result<TableStream> {
        let session = self.session()?;
        let state = session.state();
        let dialect = state.config().options().sql_parser.dialect;
        let statement = state.sql_to_statement(sql, &dialect).map_err(from_engine)?;
        if !reads(&statement) {
            return Err(not_a_query());
        }
        for reference in state.resolve_table_references(&statement).map_err(from_engine)? {
            let table = tables.table(&parts(&reference)).await?;
            // Quoted whole, so that a key's slashes and dots are no parts of a name.
            register(&session, reference, table)?;
        }
        let plan = session
            .state()
            .statement_to_plan(statement)
            .await
            .map_err(from_engine)?;
        let reading = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        reading.verify_plan(&plan).map_err(|_| not_a_query())?;
        let frame = session.execute_logical_plan(plan).await.map_err(from_engine)?;
        let rows = frame.execute_stream().await.map_err(from_engine)?;
        let schema = rows.schema();
        let wanted = Arc::clone(&schema);
        // The engine's batches may differ in what their fields note, such as metadata.
        let rows = rows.map(move |batch| {
            let batch = batch.map_err(from_engine)?;
            let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            Ok(RecordBatch::try_new_with_options(Arc::clone(&wanted), columns, &count)?)
        });
        Ok(TableStream::new(schema, rows))
    }
}

/// Whether a statement is a query, before the tables that it names are looked for.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => matches!(**statement, SqlStatement::Query(_)),
        Statement::Explain(_) => true,
        _ => false,
    }
}

fn not_a_query() -> Error {
    Error::new(ErrorKind::Unsupported, "a query reads: write `select ..` or `with ..`")
}

fn parts(reference: &TableReference) -> Vec<&str> {
    match reference {
        TableReference::Bare { table } => vec![table],
        TableReference::Partial { schema, table } => vec![schema, table],
        TableReference::Full { catalog, schema, table } => vec![catalog, schema, table],
    }
}

/// Makes the table known under the name that the query has for it.
fn register(session: &SessionContext, reference: TableReference, table: larder_io_core::LazyTable) -> Result<()> {
    use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider};
    let options = session.state().config().options().catalog.clone();
    let resolved = reference.resolve(&options.default_catalog, &options.default_schema);
    let catalog = session.catalog(&resolved.catalog).unwrap_or_else(|| {
        let catalog = Arc::new(MemoryCatalogProvider::new());
        session.register_catalog(
            resolved.catalog.as_ref(),
            Arc::clone(&catalog) as Arc<dyn CatalogProvider>,
        );
        catalog
    });
    let schema = match catalog.schema(&resolved.schema) {
        Some(schema) => schema,
        None => {
            let schema = Arc::new(MemorySchemaProvider::new());
            catalog
                .register_schema(&resolved.schema, Arc::clone(&schema) as _)
                .map_err(from_engine)?;
            schema
        }
    };
    schema
        .register_table(resolved.table.to_string(), Arc::new(LazyTableProvider::new(table)))
        .map_err(from_engine)?;
    Ok(())
}
