//! The way to a server for larder's own engine: sessions, rows both ways, errors. Not for others; it changes without notice.

use crate::address;
use crate::config::PostgresConfig;
use crate::decode::Decoder;
use crate::encode::{HEADER, TRAILER};
use crate::error::{Fault, WORDS};
use crate::pool::{Lease, Pool};
use crate::{copy, types};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use larder_io_core::{Error, ErrorKind, ManagerUrl, PlaceColumn, Result, Scan, TableSource};
use std::fmt;
use std::time::Duration;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row};

pub use larder_postgres::quoted;

/// What an engine asks of others who hold a lock, before it gives up.
const LOCKS: Duration = Duration::from_secs(30);
/// Undoes what the manager sets for reading rows in the order of their writing: a query may be run as the server likes. Its transaction locks nothing that
/// others wait for, and may wait for the rows of a slow source.
const FREE: &str = "SET synchronize_seqscans TO DEFAULT; SET max_parallel_workers_per_gather TO DEFAULT;
    SET enable_indexscan TO DEFAULT; SET enable_indexonlyscan TO DEFAULT; SET enable_seqscan TO DEFAULT;
    SET idle_in_transaction_session_timeout = 0; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET extra_float_digits = 1";

/// Looks at an address before its settings are read, whose errors might show a part of it.
///
/// # Errors
/// `InvalidConfig` for one that is wrong.
pub fn check(url: &ManagerUrl) -> Result<()> {
    address::check(url.address()).map(drop)
}

/// A server that queries are run on.
#[derive(Clone)]
pub struct Server {
    pool: Pool,
    name: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.name)
    }
}

impl Server {
    /// Opens it by settings of a manager, of which those count that its connections have; the URL has the variables. No I/O.
    ///
    /// # Errors
    /// `InvalidConfig` for an address or a setting that is wrong.
    pub fn open(config: &PostgresConfig, url: &ManagerUrl) -> Result<Self> {
        config.check()?;
        let address = address::read(config, Some(url))?;
        let pool = Pool::new(address, LOCKS, config.connect_timeout, config.idle_connections);
        Ok(Self {
            name: pool.place().url.clone(),
            pool,
        })
    }

    /// `postgres://user@host:port/database`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A session of its own, outside of any transaction. One that is lost meanwhile is made again.
    ///
    /// # Errors
    /// `Unavailable`, `Unauthenticated`.
    pub async fn session(&self) -> Result<Session> {
        for _ in 0..2 {
            let lease = self.pool.lend().await.map_err(|fault| self.told(fault))?;
            let client = lease.client().map_err(|fault| self.told(fault))?;
            match client.batch_execute(FREE).await {
                Ok(()) => return Ok(Session { lease }),
                Err(error) if error.as_db_error().is_none() => self.pool.clear(),
                Err(error) => return Err(self.error(error)),
            }
        }
        let message = format!("{} closes every connection at once", self.pool.place());
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// An error of the server that has nothing to do with a query's text.
    pub fn error(&self, error: tokio_postgres::Error) -> Error {
        WORDS.map(error, self.pool.place(), "the query")
    }

    fn told(&self, fault: Fault) -> Error {
        fault.at(self.pool.place(), &WORDS, "the query")
    }

    /// Writes the rows of a table into one that this session has made with [`columns`], and in this transaction.
    ///
    /// # Errors
    /// Whatever the source and the server give.
    pub async fn send(&self, client: &Client, table: &str, source: &dyn TableSource) -> Result<u64> {
        let schema = source.schema();
        let batches = source.scan(Scan::all()).await?;
        let copied = copy::copy(client, table, &schema, batches).await;
        copied.map(|copied| copied.rows).map_err(|fault| self.told(fault))
    }
}

/// A connection in use. Dropped, it is closed, and what it does is cancelled at the server.
pub struct Session {
    lease: Lease,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// Its client.
    ///
    /// # Errors
    /// Never, before it is given back.
    pub fn client(&self) -> Result<&Client> {
        self.lease.client().map_err(|fault| match fault {
            Fault::Own(error) => error,
            Fault::Postgres(error) => Error::new(ErrorKind::Unexpected, "a session has no client").with_source(error),
        })
    }

    /// Ends it. Outside of any transaction.
    pub fn close(self) {
        self.lease.close();
    }

    /// Keeps the connection for the next query, if none has run in it. Outside of any transaction.
    pub fn give_back(self) {
        self.lease.give_back();
    }
}

/// The columns of a table, as the manager makes them.
///
/// # Errors
/// `Unsupported` for a type that PostgreSQL cannot keep exactly.
pub fn columns(schema: &Schema) -> Result<Vec<PlaceColumn>> {
    Ok(types::columns(schema)?.into_iter().map(types::Column::placed).collect())
}

/// The columns as `CREATE TABLE` has them.
pub fn definition(columns: &[PlaceColumn]) -> String {
    let one = |column: &PlaceColumn| {
        let not_null = if column.nullable { "" } else { " NOT NULL" };
        format!("{} {}{not_null}", quoted(&column.name), column.sql)
    };
    columns.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Rows of a query as batches.
pub struct Rows {
    decoder: Decoder,
    /// One row, as COPY has it.
    row: Vec<u8>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

/// A value as it came.
struct Raw<'r>(Option<&'r [u8]>);

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Rows {
    /// Begins to read rows of a schema.
    ///
    /// # Errors
    /// `InvalidData` for a type that PostgreSQL does not have.
    pub fn new(schema: SchemaRef) -> Result<Self> {
        let mut decoder = Decoder::new(schema)?;
        decoder.push(HEADER)?;
        Ok(Self {
            decoder,
            row: Vec::new(),
        })
    }

    /// Takes one row.
    ///
    /// # Errors
    /// `InvalidData` for what does not fit the schema.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        let wrong = |error: tokio_postgres::Error| {
            Error::new(ErrorKind::Unexpected, "a row of the query cannot be read").with_source(error)
        };
        self.row.clear();
        let fields = i16::try_from(row.len()).unwrap_or(i16::MAX);
        self.row.extend_from_slice(&fields.to_be_bytes());
        for index in 0..row.len() {
            let Raw(value) = row.try_get(index).map_err(wrong)?;
            let length = value.map_or(Ok(-1), |value| i32::try_from(value.len()));
            let length = length.map_err(|_| Error::new(ErrorKind::InvalidData, "a value is larger than 2 GiB"))?;
            self.row.extend_from_slice(&length.to_be_bytes());
            self.row.extend_from_slice(value.unwrap_or_default());
        }
        self.decoder.push(&self.row)
    }

    /// No more comes.
    ///
    /// # Errors
    /// `InvalidData` for what does not fit the schema.
    pub fn end(&mut self) -> Result<()> {
        self.decoder.push(&TRAILER)?;
        self.decoder.end()
    }

    /// The next batch that is whole.
    pub fn next_batch(&mut self) -> Option<RecordBatch> {
        self.decoder.next()
    }
}
