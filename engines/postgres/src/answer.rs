//! The result of a query: its rows, or a table that the server makes of them.

use crate::bind::Bound;
use crate::columns::Shape;
use crate::engine::{PostgresEngine, types, values};
use crate::error::Sent;
use crate::inputs::Inputs;
use arrow_schema::{DataType, SchemaRef};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Fill, Filled, NewPlace, PlaceColumn, Result, Scan, TableSource};
use larder_io_postgres::wire::{Rows, Session, quoted};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::{Client, RowStream};

pub(crate) struct Answer {
    engine: PostgresEngine,
    inputs: Inputs,
    sent: Arc<Sent>,
    shape: Shape,
    bound: Vec<Bound>,
    /// It is run once: another time it may give other rows.
    run: AtomicBool,
}

impl Answer {
    pub(crate) fn new(engine: PostgresEngine, inputs: Inputs, sent: Sent, shape: Shape, bound: Vec<Bound>) -> Self {
        Self {
            engine,
            inputs,
            sent: Arc::new(sent),
            shape,
            bound,
            run: AtomicBool::new(false),
        }
    }

    fn once(&self) -> Result<()> {
        match self.run.swap(true, Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::Unsupported, "a query is run once; run it anew")),
        }
    }

    async fn rows(&self) -> Result<BatchStream> {
        self.once()?;
        let session = self.engine.begin(&self.inputs, true).await?;
        let told = |error| self.sent.told(self.engine.server(), error);
        let client = session.client()?;
        let statement = client
            .prepare_typed(&self.sent.sql, &types(&self.bound))
            .await
            .map_err(told)?;
        let rows = client.query_raw(&statement, values(&self.bound)).await.map_err(told)?;
        let reading = Reading {
            session: Some(session),
            rows: Box::pin(rows),
            decoded: Rows::new(Arc::clone(&self.shape.schema))?,
            engine: self.engine.clone(),
            sent: Arc::clone(&self.sent),
        };
        Ok(stream::try_unfold(reading, Reading::next).boxed())
    }
}

#[async_trait]
impl TableSource for Answer {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shape.schema)
    }

    fn replayable(&self) -> bool {
        false
    }

    fn fill(&self) -> Option<&dyn Fill> {
        Some(self)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let batches = self.rows().await?;
        request.apply(&self.shape.schema, batches)
    }
}

#[async_trait]
impl Fill for Answer {
    fn reaches(&self, place: &NewPlace) -> bool {
        matches!(place, NewPlace::Table { server, .. } if server == self.engine.server().name())
    }

    async fn fill(&self, place: &NewPlace) -> Result<Filled> {
        let NewPlace::Table {
            table, columns, hold, ..
        } = place
        else {
            let message = format!("PostgreSQL does not reach {place}; this is a defect of its manager");
            return Err(Error::new(ErrorKind::Unexpected, message));
        };
        self.once()?;
        let session = self.engine.begin(&self.inputs, true).await?;
        let filled = self.make(session.client()?, table, columns, hold).await;
        match &filled {
            // Its functions may have set what the next query is not to have.
            Ok(_) => session.close(),
            // What it holds is free at once; dropped, it would be so when the server comes to it.
            Err(_) => {
                if let Ok(client) = session.client()
                    && !client.is_closed()
                {
                    let _ = client.batch_execute("ROLLBACK").await;
                }
            }
        }
        filled
    }
}

impl Answer {
    /// Makes the table, in the transaction that is open, and commits it.
    async fn make(&self, client: &Client, table: &str, columns: &[PlaceColumn], hold: &str) -> Result<Filled> {
        let (server, shape) = (self.engine.server(), &self.shape);
        let held = client.query_opt(hold, &[]).await;
        if held.map_err(|error| server.error(error))?.is_none() {
            let message = "the place for the result is gone: `gc` of another session removed it before the query began; raise the age that `gc` is called with";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        // `heap` keeps rows in the order of their writing, which other kinds of tables need not.
        let head = format!("CREATE TABLE {table} ({}) USING heap AS ", names.join(", "));
        let sent = self.sent.within(head.len(), format!("{head}{}", self.sent.sql));
        let told = |error| sent.told(server, error);
        let statement = client
            .prepare_typed(&sent.sql, &types(&self.bound))
            .await
            .map_err(told)?;
        let rows = client.execute(&statement, &values(&self.bound)).await.map_err(told)?;
        let firm = columns
            .iter()
            .zip(shape.schema.fields())
            .filter(|(column, _)| !column.nullable);
        for (column, field) in firm {
            let firm = format!("ALTER TABLE {table} ALTER COLUMN {} SET NOT NULL", quoted(&column.name));
            client.batch_execute(&firm).await.map_err(|error| match error.code() {
                Some(code) if code.code() == "23502" => {
                    let message = format!(
                        "column `{}` may not be null, as the asset declares it, and the query gives rows where it is; make the column one that may be, or fill them with `coalesce`",
                        field.name()
                    );
                    Error::new(ErrorKind::InvalidData, message).with_source(error)
                }
                _ => server.error(error),
            })?;
        }
        self.without_what_nobody_reads(client, table, columns).await?;
        // What plans of the next queries depend on, and how large it is.
        let measured = client.batch_execute(&format!("ANALYZE {table}")).await;
        measured.map_err(|error| server.error(error))?;
        let size = client
            .query_one(
                &format!("SELECT pg_table_size('{}'::regclass)", table.replace('\'', "''")),
                &[],
            )
            .await;
        let size = size
            .and_then(|row| row.try_get::<_, i64>(0))
            .map_err(|error| server.error(error))?;
        let committed = client.batch_execute("COMMIT").await;
        committed.map_err(|error| server.error(error))?;
        Ok(Filled {
            rows,
            bytes: u64::try_from(size).ok(),
            files: Vec::new(),
        })
    }

    /// Refuses values that PostgreSQL has and no table of larder: they would be published, and no load could read them.
    async fn without_what_nobody_reads(&self, client: &Client, table: &str, columns: &[PlaceColumn]) -> Result<()> {
        let odd = columns
            .iter()
            .zip(self.shape.schema.fields())
            .filter_map(|(column, field)| {
                let name = quoted(&column.name);
                match field.data_type() {
                    DataType::Date32 => Some(format!("NOT isfinite({name})")),
                    // The last microsecond that 64 bits count from 1970.
                    DataType::Timestamp(..) => Some(format!("NOT isfinite({name}) OR {name} >= '294247-01-01'")),
                    DataType::Decimal128(..) | DataType::Decimal256(..) => Some(format!("{name} = 'NaN'")),
                    _ => None,
                }
            });
        let odd: Vec<String> = odd.collect();
        if odd.is_empty() {
            return Ok(());
        }
        let asked = format!("SELECT 1 FROM {table} WHERE {} LIMIT 1", odd.join(" OR "));
        let found = client.query_opt(&asked, &[]).await;
        match found.map_err(|error| self.engine.server().error(error))? {
            None => Ok(()),
            Some(_) => {
                let message = "the result has an infinite date or time, or a NaN in a decimal, which no table of larder has; make it null, or a value that there is";
                Err(Error::new(ErrorKind::InvalidData, message))
            }
        }
    }
}

/// A query whose rows are taken. Dropped before its end, it is cancelled.
struct Reading {
    /// Gone at the end.
    session: Option<Session>,
    rows: Pin<Box<RowStream>>,
    decoded: Rows,
    engine: PostgresEngine,
    sent: Arc<Sent>,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(arrow_array::RecordBatch, Self)>> {
        loop {
            if let Some(batch) = self.decoded.next_batch() {
                return Ok(Some((batch, self)));
            }
            if self.session.is_none() {
                return Ok(None);
            }
            match self.rows.try_next().await {
                Ok(Some(row)) => self.decoded.push(&row).map_err(unfit)?,
                Ok(None) => {
                    self.decoded.end().map_err(unfit)?;
                    // It was to read: what its functions did is not kept.
                    if let Some(session) = self.session.take() {
                        self.engine.end(session).await?;
                    }
                }
                Err(error) => return Err(self.sent.told(self.engine.server(), error)),
            }
        }
    }
}

/// A row that the columns do not take.
fn unfit(error: Error) -> Error {
    let message =
        "the result does not fit its columns: one has a null where none may be, or a value that its type does not hold";
    Error::new(ErrorKind::InvalidData, message).with_source(error)
}
