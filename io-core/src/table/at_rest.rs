//! Where rows are at rest, so that an engine reads and writes them there instead of taking them through the process.

use super::TableSource;
use crate::error::{Error, ErrorKind, Result};
use async_trait::async_trait;
use std::fmt;

/// Where the rows of a table are, as others than their manager can read them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtRest {
    /// Parquet files whose rows, together, are the table's. Their names as URLs without secrets: `file:///data/part-0.parquet`.
    Files(Vec<String>),
    /// Rows of a database server.
    Server {
        /// Who reads them, and where: `postgres://user@host:port/database`. Another user may have other rights.
        server: String,
        /// A `select` that gives them under the names of the table's columns.
        select: String,
    },
    /// Several places, one for each partition, and the columns that each adds to its rows: name and text.
    Parts(Vec<(Self, Vec<(String, String)>)>),
}

/// A column as a server is to make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceColumn {
    /// Its name there.
    pub name: String,
    /// Its type in the server's SQL.
    pub sql: String,
    /// Whether it may be null.
    pub nullable: bool,
}

/// A place that is not there yet, and that nobody sees before it is published: its manager's stage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewPlace {
    /// A folder for Parquet files, as a URL that ends with `/`.
    Folder(String),
    /// A table of a database server.
    Table {
        /// As in [`AtRest::Server`].
        server: String,
        /// Its name as the server's SQL has it, with its schema.
        table: String,
        /// Its columns, in the order of the rows' own.
        columns: Vec<PlaceColumn>,
        /// A query that the transaction which makes it begins with: it gives a row where the place is still to be filled, and until that transaction
        /// ends, however that may be, nobody takes the place for one that was left behind.
        hold: String,
    },
}

impl fmt::Display for NewPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(url) => f.write_str(url),
            Self::Table { server, table, .. } => write!(f, "{table} on {server}"),
        }
    }
}

/// What was written into a [`NewPlace`], by the account of whoever wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// The rows.
    pub rows: u64,
    /// The bytes, where they are known.
    pub bytes: Option<u64>,
    /// The files in a folder: path below it, bytes.
    pub files: Vec<(String, u64)>,
}

/// Rows that somebody else computes and can write into a place of their manager themselves: a query of a server or a cluster.
#[async_trait]
pub trait Fill: Send + Sync {
    /// Whether it reaches the place at all. No I/O.
    fn reaches(&self, place: &NewPlace) -> bool;

    /// Writes the rows into a place that it reaches, with exactly the columns of the table: all of them, or none. Success is said only on
    /// evidence of the write itself. The place was not there before; another attempt gets another one.
    ///
    /// # Errors
    /// As those of reading the rows; whatever the place refuses.
    ///
    /// # Cancel safety
    /// A dropped future ends the query. What it wrote is nobody's, and its manager's `gc` removes it.
    async fn fill(&self, place: &NewPlace) -> Result<Filled>;
}

const _: fn(&dyn Fill) = |_| {};

/// Who fills a place with the rows of a table that has said it can.
///
/// # Errors
/// `Unexpected` when it cannot: its manager did not ask.
pub fn filler(source: &dyn TableSource) -> Result<&dyn Fill> {
    source.fill().ok_or_else(|| {
        let message = "a table was asked to fill a place that it does not reach; this is a defect of its manager";
        Error::new(ErrorKind::Unexpected, message)
    })
}
