//! The engine.

use crate::address::Address;
use crate::answer::Answer;
use crate::cast::{quoted, shaped};
use crate::config::{NAME, SparkConfig};
use crate::connect::Spark;
use crate::inputs::Inputs;
use crate::session::Session;
use crate::settings::Settings;
use crate::sql::Sql;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use larder_engine_parse::dialect::DatabricksDialect;
use larder_engine_parse::{Rewritten, parse};
use larder_io_core::{
    Error, ErrorKind, LazyTable, Position, Prepared, Query, Result, Retry, SqlEngine, SqlValue, TableSource,
};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs queries in a cluster of Apache Spark, in its dialect. Parameters are written `$name`.
///
/// Delta tables that the workers reach are read there, as far as their files alone say what their rows are; others are copied into `staging` first. A result
/// that goes into a Delta table is written by the workers; any other comes through this process as a stream.
#[derive(Clone)]
pub struct SparkEngine {
    address: Address,
    settings: Settings,
    staging: Option<PathBuf>,
}

impl fmt::Debug for SparkEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SparkEngine({})", self.address)
    }
}

impl SparkEngine {
    pub(crate) fn new(address: Address, config: SparkConfig) -> Result<Self> {
        let settings = config.settings();
        settings.of_session()?;
        Ok(Self {
            address,
            settings,
            staging: config.staging,
        })
    }

    async fn session(&self) -> Result<Session> {
        Spark::connect(&self.address, &self.settings).await?.session().await
    }
}

/// A query as it is sent: its parameters are numbered, so that no name of the user's is one of Spark's.
pub(crate) struct Sent {
    rewritten: Rewritten,
    values: BTreeMap<String, SqlValue>,
}

impl Sent {
    fn of(query: Query<'_>, inputs: &Inputs) -> Result<Self> {
        if query.prepared.explains {
            let message = "write the query alone; `explain ASSET --query-plan` shows how it is run";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let mut values = BTreeMap::new();
        for (number, name) in query.prepared.parameters.iter().enumerate() {
            values.insert(parameter(number), query.value(name)?.clone());
        }
        let parsed = parse(&DatabricksDialect {}, &query.prepared.sql)?;
        // Each place of a table takes the next of its views.
        let mut views: Vec<_> = inputs.sources.iter().map(|views| views.iter()).collect();
        let table = |number: usize| {
            let view = views.get_mut(number).and_then(Iterator::next);
            view.cloned().unwrap_or_default()
        };
        let rewritten = parsed.rewritten(table, |number| format!(":{}", parameter(number)), quoted);
        Ok(Self { rewritten, values })
    }

    /// The query alone.
    pub(crate) fn query(&self) -> Sql {
        Sql::new(&self.rewritten.sql).bind_all(&self.values)
    }

    /// The query with casts around it; its own lines stay lines of their own.
    fn cast(&self, list: &str) -> Sql {
        Sql::new(format!("select {list} from (\n{}\n) as q", self.rewritten.sql)).bind_all(&self.values)
    }

    /// The error with the place in the user's text; `before` are the lines in front of the query.
    pub(crate) fn told(&self, error: Error, before: u64) -> Error {
        let error = gone(error);
        let Some((found, at)) = place(error.message()) else {
            return error;
        };
        let Some(line) = at.line.checked_sub(before).filter(|line| *line > 0) else {
            return error;
        };
        let origin = self.rewritten.origin_of(Position {
            line,
            column: at.column,
        });
        let message = error.message().replacen(&found, &origin.to_string(), 1);
        Error::new(error.kind(), message)
            .with_retry(error.retry())
            .with_effect(error.effect())
            .with_source(error)
    }
}

/// A file that a query does not find was an input's when the query was prepared, or is where only this process finds it.
pub(crate) fn gone(error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let said = error.message();
    let (kind, message) = match file_of(said).filter(|file| Path::new(file).exists()) {
        Some(file) => (
            ErrorKind::InvalidConfig,
            format!(
                "the cluster does not find `{file}`, which is there for this process: do all workers and the server share this path? ({said})"
            ),
        ),
        None => (
            ErrorKind::Conflict,
            format!(
                "a file of an input is there no more: it was taken away while the query was about to read it; run it again, and if that says the same, the table is damaged ({said})"
            ),
        ),
    };
    // Computed again by the same step it would be read where it was.
    Error::new(kind, message).with_retry(Retry::Never).with_source(error)
}

/// The first local file that a message names.
fn file_of(message: &str) -> Option<&str> {
    let at = message.find("file:/")? + "file:".len();
    let rest = &message[at..];
    let end = rest.find(|letter: char| letter.is_whitespace() || "`'\",;()".contains(letter));
    let path = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
    // One slash or three.
    Some(path.strip_prefix("//").unwrap_or(path))
}

/// How often each table is named in a query.
fn places(query: Query<'_>) -> Result<Vec<usize>> {
    let mut places = vec![0; query.prepared.tables.len()];
    let table = |number: usize| {
        if let Some(count) = places.get_mut(number) {
            *count += 1;
        }
        String::new()
    };
    parse(&DatabricksDialect {}, &query.prepared.sql)?.rewritten(table, parameter, quoted);
    Ok(places)
}

fn parameter(number: usize) -> String {
    format!("larder_{}", number + 1)
}

/// The first place that a message tells, and its text.
fn place(message: &str) -> Option<(String, Position)> {
    let rest = message.split_once("line ")?.1;
    let (line, rest) = rest.split_once(", column ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let (line, column) = (line.parse().ok()?, digits.parse().ok()?);
    let at = Position { line, column };
    Some((at.to_string(), at))
}

#[async_trait]
impl SqlEngine for SparkEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn prepare(&self, sql: &str) -> Result<Prepared> {
        parse(&DatabricksDialect {}, sql).map(|parsed| parsed.prepared)
    }

    fn schema(&self, query: Query<'_>, _: &[SchemaRef]) -> Result<Option<SchemaRef>> {
        Ok(query.columns.cloned())
    }

    async fn explain(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<String> {
        let session = self.session().await?;
        let inputs = Inputs::bring(&session, tables, &places(query)?, self.staging.as_deref())
            .await
            .map_err(gone)?;
        let sent = Sent::of(query, &inputs)?;
        session
            .explain(&sent.query())
            .await
            .map_err(|error| sent.told(error, 0))
    }

    async fn execute(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<Arc<dyn TableSource>> {
        let session = self.session().await?;
        let mut inputs = Inputs::bring(&session, tables, &places(query)?, self.staging.as_deref())
            .await
            .map_err(gone)?;
        let sent = Sent::of(query, &inputs)?;
        let found = session
            .schema(&sent.query())
            .await
            .map_err(|error| sent.told(error, 0))?;
        let (schema, list) = shaped(&found, query)?;
        let sql = sent.cast(&list);
        // The casts, which may not be there.
        session.schema(&sql).await.map_err(|error| sent.told(error, 1))?;
        inputs.bring_rows(&session).await.map_err(gone)?;
        Ok(Arc::new(Answer::new(session, inputs, sent, sql, schema)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_only_this_process_finds_is_no_shared_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("part-0.parquet");
        std::fs::write(&file, "rows").expect("is written");
        for message in [
            format!(
                "[PATH_NOT_FOUND] Path does not exist: file:{}. SQLSTATE: 42K03",
                file.display()
            ),
            format!("`file://{}` is not there", file.display()),
        ] {
            let error = gone(Error::new(ErrorKind::NotFound, message));
            assert_eq!(
                (error.kind(), error.retry()),
                (ErrorKind::InvalidConfig, Retry::Never),
                "{error}"
            );
            assert!(error.message().contains("share this path"), "{error}");
        }
        std::fs::remove_file(&file).expect("is removed");
        let message = format!("Path does not exist: file:{}.", file.display());
        let error = gone(Error::new(ErrorKind::NotFound, message));
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::Conflict, Retry::Never),
            "{error}"
        );
        assert_eq!(
            gone(Error::new(ErrorKind::NotFound, "nothing")).kind(),
            ErrorKind::Conflict
        );
    }
}
