//! From a parsed query to a plan: tables, values of parameters, declared columns.

use crate::error::from_engine;
use crate::parse::reference;
use arrow_schema::SchemaRef;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, TableProvider};
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::{Column, ParamValues, ScalarValue};
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use larder_engine_parse::not_a_query;
use larder_io_core::{Query, Result, SqlValue, TableName};
use std::collections::HashMap;
use std::sync::Arc;

/// Plans a query over the tables that the session knows.
pub(crate) async fn plan(session: &SessionContext, statement: Statement, query: Query<'_>) -> Result<LogicalPlan> {
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
    let plan = plan.with_param_values(values(query)?).map_err(from_engine)?;
    let names: Vec<&str> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    query.check_columns(&names)?;
    match query.columns {
        None => Ok(plan),
        Some(columns) => as_declared(plan, columns),
    }
}

/// A value for each parameter.
fn values(query: Query<'_>) -> Result<ParamValues> {
    let mut values = HashMap::new();
    for name in &query.prepared.parameters {
        values.insert(name.clone(), ScalarAndMetadata::from(scalar(query.value(name)?)));
    }
    Ok(ParamValues::Map(values))
}

fn scalar(value: &SqlValue) -> ScalarValue {
    match value {
        SqlValue::Bool(value) => ScalarValue::Boolean(Some(*value)),
        SqlValue::Int(value) => ScalarValue::Int64(Some(*value)),
        SqlValue::Float(value) => ScalarValue::Float64(Some(*value)),
        SqlValue::Timestamp(value) => {
            ScalarValue::TimestampMicrosecond(Some(value.as_microsecond()), Some("UTC".into()))
        }
        SqlValue::Text(value) => ScalarValue::Utf8(Some(value.clone())),
        // Of kinds to come.
        other => ScalarValue::Utf8(Some(other.to_string())),
    }
}

/// The result cast to columns, by their names and in their order.
fn as_declared(plan: LogicalPlan, columns: &SchemaRef) -> Result<LogicalPlan> {
    let qualified: Vec<Column> = plan.schema().columns();
    let projected: Vec<Expr> = columns
        .fields()
        .iter()
        .filter_map(|field| {
            let column = qualified.iter().find(|column| column.name == *field.name())?;
            let column = Expr::Column(column.clone());
            Some(cast(column, field.data_type().clone()).alias(field.name()))
        })
        .collect();
    LogicalPlanBuilder::from(plan)
        .project(projected)
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_engine)
}

/// The catalogue and the schema of names that have none: a name that nobody writes, so that `x` and `public.x` are two.
pub(crate) const NOWHERE: &str = "\u{1}";

/// Makes a table known under the name that the query has for it.
pub(crate) fn register(session: &SessionContext, name: &TableName, table: Arc<dyn TableProvider>) -> Result<()> {
    let resolved = reference(name).resolve(NOWHERE, NOWHERE);
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
        .register_table(resolved.table.to_string(), table)
        .map_err(from_engine)?;
    Ok(())
}
