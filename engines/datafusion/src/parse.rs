//! A query's text: whether it is one, the tables that it reads, and the parameters that it takes.

use crate::error::from_engine;
use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Select, Statement as SqlStatement, TableFactor, Value, ValueWithSpan, Visit, Visitor,
};
use larder_engine_parse::not_a_query;
use larder_io_core::{Position, Prepared, Result, TableName};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Parses one query.
pub(crate) fn parse(state: &SessionState, sql: &str) -> Result<(Statement, Prepared)> {
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect).map_err(from_engine)?;
    let found = ast(&statement).map(Found::of).unwrap_or_default();
    if !reads(&statement) || found.writes {
        return Err(not_a_query());
    }
    let tables = state.resolve_table_references(&statement).map_err(from_engine)?;
    let mut tables: Vec<TableName> = tables
        .iter()
        .map(|reference| {
            let parts: Vec<String> = parts(reference).into_iter().map(str::to_owned).collect();
            let at = found.places.get(&parts.join(".")).copied();
            TableName { parts, at }
        })
        .filter(|name| !found.functions.contains(&name.to_string()))
        .collect();
    // As they come in the text.
    tables.sort_by_key(|table| table.at);
    let prepared = Prepared {
        sql: sql.to_owned(),
        normal: statement.to_string(),
        tables,
        parameters: found.parameters,
        explains: matches!(statement, Statement::Explain(_)),
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

/// What a walk over a query finds.
#[derive(Default)]
struct Found {
    /// Where each name of a table stands first.
    places: BTreeMap<String, Position>,
    /// Names of functions that give tables, such as `generate_series(1, 10)`.
    functions: BTreeSet<String>,
    /// The parameters, in the order of the text.
    parameters: Vec<String>,
    /// Whether something is written: `select .. into ..`.
    writes: bool,
}

impl Found {
    fn of(statement: &SqlStatement) -> Self {
        let mut found = Self::default();
        let _ = statement.visit(&mut found);
        found
    }
}

/// A name as the engine takes it, and where it stands.
fn named(name: &ObjectName) -> (String, Option<Position>) {
    let idents: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    let parts = idents.iter().map(|ident| match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    });
    let key = parts.collect::<Vec<_>>().join(".");
    let start = idents.first().map(|ident| ident.span.start).filter(|at| at.line > 0);
    let at = start.map(|start| Position {
        line: start.line,
        column: start.column,
    });
    (key, at)
}

impl Visitor for Found {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.writes |= select.into.is_some();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name, args: Some(_), ..
        } = factor
        {
            self.functions.insert(named(name).0);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        if let (key, Some(at)) = named(name) {
            self.places.entry(key).or_insert(at);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Value(ValueWithSpan {
            value: Value::Placeholder(name),
            ..
        }) = expr
        {
            let name = name.trim_start_matches('$');
            if !self.parameters.iter().any(|known| known == name) {
                self.parameters.push(name.to_owned());
            }
        }
        ControlFlow::Continue(())
    }
}
