//! Queries and what runs them.
//!
//! An engine parses a query, tells its columns, and runs it over tables that it is given: it never looks for a table itself, so that
//! which asset a name means is decided in one place.

#[cfg(feature = "arrow")]
use crate::backend::ManagerUrl;
#[cfg(feature = "arrow")]
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "arrow")]
use crate::table::{LazyTable, TableSource};
#[cfg(feature = "arrow")]
use crate::text::nearest;
#[cfg(feature = "arrow")]
use arrow_schema::SchemaRef;
#[cfg(feature = "arrow")]
use async_trait::async_trait;
#[cfg(feature = "arrow")]
use std::collections::BTreeMap;
use std::fmt;
#[cfg(feature = "arrow")]
use std::sync::Arc;

/// A place in the text of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The letter in the line, from 1.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A table as a query names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The parts between the dots, as `raw` and `flights`; a name in quotes is one part.
    pub parts: Vec<String>,
    /// Where it stands first, as far as the engine tells.
    pub at: Option<Position>,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

/// A query that an engine has parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The query as it was written.
    pub sql: String,
    /// The query without comments, in one way of writing: two of one meaning that differ only in blanks are equal.
    pub normal: String,
    /// The tables that it reads, each once.
    pub tables: Vec<TableName>,
    /// The parameters that it takes, each once, without their `$`.
    pub parameters: Vec<String>,
    /// Whether it asks how a query would be run, instead of for its rows.
    pub explains: bool,
}

/// A value for a parameter. It is bound, never pasted into a query's text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SqlValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// A point in time.
    Timestamp(jiff::Timestamp),
}

impl SqlValue {
    /// The name of the kind, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Timestamp(_) => "timestamp",
        }
    }
}

impl fmt::Display for SqlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => fmt::Debug::fmt(value, f),
            Self::Text(value) => fmt::Debug::fmt(value, f),
            Self::Timestamp(value) => value.fmt(f),
        }
    }
}

macro_rules! from {
    ($($type:ty => $kind:ident,)*) => {$(
        impl From<$type> for SqlValue {
            fn from(value: $type) -> Self {
                Self::$kind(value.into())
            }
        }
    )*};
}

from! {
    bool => Bool,
    i32 => Int,
    i64 => Int,
    u32 => Int,
    f64 => Float,
    &str => Text,
    String => Text,
    jiff::Timestamp => Timestamp,
}

/// A query with what it is run with.
#[cfg(feature = "arrow")]
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The query.
    pub prepared: &'a Prepared,
    /// A value for each of its parameters.
    pub values: &'a BTreeMap<String, SqlValue>,
    /// The columns that its result is cast to, by their names and in this order; those that it has without.
    pub columns: Option<&'a SchemaRef>,
}

#[cfg(feature = "arrow")]
impl<'a> Query<'a> {
    /// The value of a parameter.
    ///
    /// # Errors
    /// `InvalidDefinition` when it has none, with the nearest that has one.
    pub fn value(&self, parameter: &str) -> Result<&'a SqlValue> {
        self.values.get(parameter).ok_or_else(|| {
            let known = self.values.keys().map(String::as_str);
            wrong(match nearest(parameter, known) {
                Some(near) => format!("there is no parameter `${parameter}`; did you mean `${near}`?"),
                None => format!("the parameter `${parameter}` has no value"),
            })
        })
    }

    /// Holds the columns that a result has against those that it is cast to: each once, none missing, none more.
    ///
    /// # Errors
    /// `InvalidDefinition` with every difference.
    pub fn check_columns(&self, found: &[&str]) -> Result<()> {
        if let Some((_, name)) = found.iter().enumerate().find(|(at, name)| found[..*at].contains(name)) {
            return Err(wrong(format!(
                "the column `{name}` comes twice in the result; give one another name, with `as`"
            )));
        }
        let Some(declared) = self.columns else { return Ok(()) };
        let missing = declared
            .fields()
            .iter()
            .filter(|field| !found.contains(&field.name().as_str()));
        let missing = missing.map(|field| match nearest(field.name(), found.iter().copied()) {
            Some(near) => format!("`{}` is missing; the query has `{near}`", field.name()),
            None => format!("`{}` is missing", field.name()),
        });
        let more = found.iter().filter(|name| declared.field_with_name(name).is_err());
        let problems: Vec<String> = missing
            .chain(more.map(|name| format!("`{name}` is not declared")))
            .collect();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(wrong(format!(
                "the query has other columns than the asset declares: {}",
                problems.join("; ")
            ))),
        }
    }
}

#[cfg(feature = "arrow")]
fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidDefinition, message)
}

/// Runs queries: in this process, on a server, on a cluster. It reads tables and writes nothing but what it is told to
/// [fill](crate::table::Fill).
///
/// A table that is [at rest](crate::TableSource::at_rest) where the engine reaches it is read there, and the result can
/// [fill](crate::TableSource::fill) a place of its manager, so that no row goes through this process; where it cannot, the rows are taken.
///
/// What is wrong with a query is told with line and column, as far as the engine knows them, and an unknown column with the nearest one.
#[cfg(feature = "arrow")]
#[async_trait]
pub trait SqlEngine: fmt::Debug + Send + Sync + 'static {
    /// What it is called in `engine = ".."`.
    fn name(&self) -> &str;

    /// Parses a query. No I/O.
    ///
    /// # Errors
    /// `InvalidDefinition` for what does not parse; `Unsupported` for a statement that is no query.
    fn prepare(&self, sql: &str) -> Result<Prepared>;

    /// The columns of the result over tables of these schemas, in the order of [`Prepared::tables`]; `None` where only a server could tell. No I/O.
    ///
    /// # Errors
    /// `InvalidDefinition` for a query that does not fit its tables or its declared columns.
    fn schema(&self, query: Query<'_>, tables: &[SchemaRef]) -> Result<Option<SchemaRef>>;

    /// How the engine would run the query, for people.
    ///
    /// # Errors
    /// As [`SqlEngine::schema`]; whatever the tables give.
    async fn explain(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<String>;

    /// Makes the result of the query over these tables, in the order of [`Prepared::tables`], with columns that are known: a source that can be
    /// scanned or [filled](crate::TableSource::fill) from once. Only the columns and rows that it needs are read, while its rows are taken.
    ///
    /// # Errors
    /// As [`SqlEngine::schema`], before a row is read; `InvalidData` for rows that cannot be computed, such as a division by zero;
    /// `Unavailable` for a server that is not there; whatever the tables give.
    ///
    /// # Cancel safety
    /// A dropped future, stream or source ends the query, at its server too, and leaves nothing behind.
    async fn execute(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<Arc<dyn TableSource>>;
}

/// Opens engines that have an address and settings. Handed over with `Definitions::engine_backend`, never registered behind one's back.
#[cfg(feature = "arrow")]
pub trait EngineBackend: fmt::Debug + Send + Sync + 'static {
    /// What its engine is called in `engine = ".."` and `[engines]`.
    fn name(&self) -> &str;

    /// Schemes of the URLs that it takes.
    fn schemes(&self) -> Vec<&str>;

    /// The JSON schema of its settings, for editors and for `config schema`. Default: anything.
    fn schema(&self) -> serde_json::Value {
        serde_json::json!({ "type": "object" })
    }

    /// Opens the engine. No I/O: its first query connects.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting.
    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn SqlEngine>>;
}
