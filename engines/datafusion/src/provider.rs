//! A table of larder's as one of DataFusion's.

use crate::error::into_engine;
use crate::filter::predicate;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures_util::{StreamExt, TryStreamExt};
use larder_io_core::LazyTable;
use std::sync::Arc;

/// A [`LazyTable`] as a table of DataFusion: it reads the columns that a query needs, leaves out what comparisons with
/// literals leave out (row groups, pages, files of a Delta table, partitions), and stops at a limit.
///
/// Its rows come in one partition, in their order; it can be scanned as often as the table itself.
#[derive(Clone, Debug)]
pub struct LazyTableProvider(LazyTable);

impl LazyTableProvider {
    /// Wraps a table.
    pub fn new(table: LazyTable) -> Self {
        Self(table)
    }
}

impl From<LazyTable> for LazyTableProvider {
    fn from(table: LazyTable) -> Self {
        Self::new(table)
    }
}

#[async_trait]
impl TableProvider for LazyTableProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.0.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let schema = self.0.schema();
        let known = |filter: &&Expr| match predicate(filter, schema) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(known).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut table = self.0.clone();
        for filter in filters.iter().filter_map(|filter| predicate(filter, self.0.schema())) {
            table = table.filter(filter).map_err(into_engine)?;
        }
        if let Some(limit) = limit {
            table = table.limit(limit);
        }
        if let Some(projection) = projection {
            let names = projection.iter().map(|at| self.0.schema().field(*at).name().clone());
            table = table.select(names).map_err(into_engine)?;
        }
        let schema = Arc::clone(table.schema());
        let rows: Arc<dyn PartitionStream> = Arc::new(Rows(table));
        let plan = StreamingTableExec::try_new(schema, vec![rows], None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// The rows of a scan, read when they are asked for.
#[derive(Debug)]
struct Rows(LazyTable);

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let table = self.0.clone();
        let schema = Arc::clone(table.schema());
        let rows = futures_util::stream::once(async move { table.stream().await })
            .try_flatten()
            .map(|batch| batch.map_err(into_engine));
        Box::pin(RecordBatchStreamAdapter::new(schema, rows.boxed()))
    }
}
