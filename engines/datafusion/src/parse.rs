//! A query's text: whether it is one, the tables that it reads, and the parameters that it takes.

use crate::error::from_engine;
use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Statement as SqlStatement, Value, ValueWithSpan, visit_expressions, visit_relations,
};
use larder_io_core::{Error, ErrorKind, Position, Prepared, Result, TableName};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Parses one query.
pub(crate) fn parse(state: &SessionState, sql: &str) -> Result<(Statement, Prepared)> {
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect).map_err(from_engine)?;
    if !reads(&statement) {
        return Err(not_a_query());
    }
    let ast = ast(&statement);
    let places = ast.map(places).unwrap_or_default();
    let tables = state.resolve_table_references(&statement).map_err(from_engine)?;
    let mut tables: Vec<TableName> = tables
        .iter()
        .map(|reference| {
            let parts: Vec<String> = parts(reference).into_iter().map(str::to_owned).collect();
            let at = places.get(&parts.join(".")).copied();
            TableName { parts, at }
        })
        .collect();
    // As they come in the text.
    tables.sort_by_key(|table| table.at);
    let prepared = Prepared {
        sql: sql.to_owned(),
        normal: statement.to_string(),
        tables,
        parameters: ast.map(parameters).unwrap_or_default(),
    };
    Ok((statement, prepared))
}

/// Whether a statement is a query, before the tables that it names are looked for.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => matches!(**statement, SqlStatement::Query(_)),
        Statement::Explain(_) => true,
        _ => false,
    }
}

pub(crate) fn not_a_query() -> Error {
    Error::new(ErrorKind::Unsupported, "a query reads: write `select ..` or `with ..`")
}

fn ast(statement: &Statement) -> Option<&SqlStatement> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        Statement::Explain(explain) => ast(&explain.statement),
        _ => None,
    }
}

fn parts(reference: &TableReference) -> Vec<&str> {
    match reference {
        TableReference::Bare { table } => vec![table],
        TableReference::Partial { schema, table } => vec![schema, table],
        TableReference::Full { catalog, schema, table } => vec![catalog, schema, table],
    }
}

/// The engine's name for a table.
pub(crate) fn reference(name: &TableName) -> TableReference {
    let owned = |part: &String| -> std::sync::Arc<str> { part.as_str().into() };
    match name.parts.as_slice() {
        [schema, table] => TableReference::partial(owned(schema), owned(table)),
        [catalog, schema, table] => TableReference::full(owned(catalog), owned(schema), owned(table)),
        parts => TableReference::bare(parts.join(".")),
    }
}

/// Where each name of a table stands first.
fn places(statement: &SqlStatement) -> BTreeMap<String, Position> {
    let mut places = BTreeMap::new();
    let _ = visit_relations(statement, |name: &ObjectName| {
        let idents: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let parts = idents.iter().map(|ident| match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        });
        let key = parts.collect::<Vec<_>>().join(".");
        if let Some(start) = idents.first().map(|ident| ident.span.start).filter(|at| at.line > 0) {
            let at = Position {
                line: start.line,
                column: start.column,
            };
            places.entry(key).or_insert(at);
        }
        ControlFlow::<()>::Continue(())
    });
    places
}

/// The parameters, in the order of the text.
fn parameters(statement: &SqlStatement) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let _ = visit_expressions(statement, |expr: &Expr| {
        if let Expr::Value(ValueWithSpan {
            value: Value::Placeholder(name),
            ..
        }) = expr
        {
            let name = name.trim_start_matches('$');
            if !found.iter().any(|known| known == name) {
                found.push(name.to_owned());
            }
        }
        ControlFlow::<()>::Continue(())
    });
    found
}
