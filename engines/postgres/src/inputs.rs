//! Tables as the server reads them: where they are, or copied into temporary ones.

use arrow_schema::{DataType, Field, TimeUnit};
use larder_io_core::{AssetValue as _, AtRest, Error, ErrorKind, LazyTable, Result, TableName, TableSource, Value};
use larder_io_postgres::wire::{self, Server, quoted};
use std::sync::Arc;
use tokio_postgres::Client;

/// What the names of copies begin with, before their number.
const COPY: &str = "pg_temp.larder_input_";

/// Letters of a table's `select` that people are shown.
const SHOWN: usize = 400;

/// What stands in a query for each of its tables.
pub(crate) struct Inputs {
    /// In the order of the tables.
    pub(crate) sources: Vec<String>,
    /// What has to be copied: the temporary table and the rows.
    copies: Vec<(String, Arc<dyn TableSource>)>,
}

impl Inputs {
    pub(crate) fn of(server: &Server, tables: &[LazyTable]) -> Self {
        let mut inputs = Self {
            sources: Vec::new(),
            copies: Vec::new(),
        };
        for (number, table) in tables.iter().enumerate() {
            let there = table.at_rest().and_then(|at| select(server, &at));
            let source = there.map_or_else(|| inputs.copied(number, table), |select| format!("({select})"));
            inputs.sources.push(source);
        }
        inputs
    }

    fn copied(&mut self, number: usize, table: &LazyTable) -> String {
        let name = format!("{COPY}{}", number + 1);
        if let Value::Table(source) = table.clone().into_value() {
            self.copies.push((name.clone(), source));
        }
        name
    }

    /// Makes the temporary tables, in the transaction that is open; `rows` says whether with their rows.
    ///
    /// # Errors
    /// `Unsupported` for a column whose type PostgreSQL cannot keep; whatever the tables and the server give.
    pub(crate) async fn bring(&self, server: &Server, client: &Client, rows: bool) -> Result<()> {
        for (name, source) in &self.copies {
            let columns = wire::columns(&source.schema())?;
            for (field, column) in source.schema().fields().iter().zip(&columns) {
                means_the_same(field, &column.name)?;
            }
            let made = format!(
                "CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP",
                name.trim_start_matches("pg_temp."),
                wire::definition(&columns)
            );
            let sent = |error| server.error(error);
            client.batch_execute(&made).await.map_err(sent)?;
            if rows {
                server.send(client, name, source.as_ref()).await?;
                // Nobody has counted its rows yet, and a plan depends on that.
                client.batch_execute(&format!("ANALYZE {name}")).await.map_err(sent)?;
            }
        }
        Ok(())
    }

    /// Where each table is read, for people: a plan has other names than a query. Of one with many parts the beginning is shown.
    pub(crate) fn described(&self, names: &[TableName]) -> String {
        let one = |(name, source): (&TableName, &String)| {
            if source.starts_with(COPY) {
                return format!("{name}: elsewhere, and copied into {source} first; shown here empty\n");
            }
            let select = source.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            let mut letters = select.unwrap_or(source).chars();
            let shown: String = letters.by_ref().take(SHOWN).collect();
            let more = if letters.next().is_some() { " .." } else { "" };
            format!("{name}: {shown}{more}\n")
        };
        names.iter().zip(&self.sources).map(one).collect()
    }
}

/// Refuses a column that would be another one in a query: nanoseconds are kept as a count, and some names are PostgreSQL's own.
fn means_the_same(field: &Field, name: &str) -> Result<()> {
    let counted = matches!(
        field.data_type(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Time64(TimeUnit::Nanosecond) | DataType::Duration(_)
    );
    match counted || name != field.name() {
        false => Ok(()),
        true => {
            let message = format!(
                "the column `{}` ({}) cannot be queried on PostgreSQL as what it is; cast or rename it in the asset that makes it",
                field.name(),
                field.data_type()
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// Parts of a table that one query reads at most: each has a lock.
const MOST_PARTS: usize = 500;

/// The query for rows that are on this server.
fn select(server: &Server, at: &AtRest) -> Option<String> {
    match at {
        AtRest::Server { server: there, select } => (there == server.name()).then(|| select.clone()),
        AtRest::Parts(parts) if parts.len() <= MOST_PARTS => {
            let part = |(at, added): &(AtRest, Vec<(String, String)>)| {
                let rows = select(server, at)?;
                let mut columns = String::from("p.*");
                for (name, value) in added {
                    if value.contains('\0') {
                        return None;
                    }
                    let value = value.replace('\'', "''");
                    columns += &format!(", '{value}'::text AS {}", quoted(name));
                }
                Some(format!("SELECT {columns} FROM ({rows}) AS p"))
            };
            let all: Option<Vec<String>> = parts.iter().map(part).collect();
            all.map(|all| all.join(" UNION ALL "))
        }
        _ => None,
    }
}
