//! A table that nobody sees yet: made, filled by whoever has the rows, and committed.

use crate::book::{Book, text};
use crate::error::{Fault, Outcome, WORDS};
use crate::format;
use crate::names;
use crate::pool::{Lease, Pool};
use crate::publish::Pending;
use crate::read::Stored;
use crate::staged::StagedTable;
use crate::types;
use crate::view::Views;
use arrow_schema::SchemaRef;
use larder_io_core::{ContentHash, Error, ErrorKind, Form, Location, OutputContext, Receipt, Result, Retention};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// The name of the format, for receipts and messages.
pub(crate) const FORMAT: &str = "postgres";

/// What a manager does its work with.
#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) pool: Pool,
    pub(crate) book: Book,
    pub(crate) views: Views,
    /// How long the table of a replaced version stays.
    pub(crate) grace: Duration,
    /// Of an asset that has none of its own.
    pub(crate) retention: Retention,
}

impl Core {
    /// The error of a fault, for everybody else.
    pub(crate) fn error(&self, fault: Fault, doing: &str, location: &Location) -> Error {
        fault.at(self.pool.place(), &WORDS, &format!("{doing} `{location}`"))
    }

    /// A stored version as a source of rows.
    ///
    /// # Errors
    /// `InvalidData` for a receipt whose schema is none.
    pub(crate) fn stored(&self, data: &str, receipt: &Receipt) -> Result<Stored> {
        let schema = receipt.schema.as_deref().map(serde_json::from_str);
        let Some(Ok(schema)) = schema else {
            let message = format!(
                "the bookkeeping of `{}` has no schema, or one that is none: others changed it; materialize the asset again",
                receipt.location
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        };
        Ok(Stored {
            core: self.clone(),
            data: data.to_owned(),
            location: receipt.location.clone(),
            schema: Arc::new(schema),
            rows: receipt.rows,
        })
    }

    /// Opens a transaction with a new, empty table for a value of these columns. Whoever fills it [seals](Staging::seal) it; dropped
    /// before, the transaction is rolled back, so that what a crash leaves is nothing or all of it.
    ///
    /// # Errors
    /// `Unsupported` for columns that cannot be kept, and what the server refuses.
    pub(crate) async fn begin(&self, ctx: &OutputContext, schema: &SchemaRef) -> Result<Staging> {
        let began = Instant::now();
        let columns = types::columns(schema)?;
        let mut receipt = Receipt::begin(ctx, ctx.location.clone(), Form::Table, FORMAT);
        receipt.schema = Some(serde_json::to_string(schema.as_ref()).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "a schema cannot be written as JSON").with_source(error)
        })?);
        let data = names::data_table();
        receipt.uri = self.book.uri(&data);
        let definition = types::definition(&columns);
        let lease = match self.open(&data, &definition).await {
            // A connection that was lost meanwhile is made again.
            Err(fault) if fault.is_silence() => {
                self.pool.clear();
                self.open(&data, &definition).await
            }
            other => other,
        };
        let lease = lease.map_err(|fault| self.error(fault, "storing", &ctx.location))?;
        Ok(Staging {
            core: self.clone(),
            lease,
            data,
            definition,
            receipt,
            began,
        })
    }

    /// What is staged, for whoever publishes it.
    pub(crate) fn staged(&self, ctx: &OutputContext, data: String, receipt: Receipt, began: Instant) -> StagedTable {
        let pending = Pending {
            data,
            location: ctx.location.clone(),
            asset_location: ctx.asset_location.clone(),
            write: ctx.write.clone(),
            precondition: ctx.precondition.clone(),
            retention: ctx.retention.unwrap_or(self.retention),
        };
        StagedTable::new(self.clone(), receipt, pending, ctx.keep_for_checks, began)
    }

    /// Enters a table into the book, as one that nobody sees.
    pub(crate) async fn note(
        &self,
        client: &Client,
        ctx: &OutputContext,
        data: &str,
        definition: &str,
        receipt: &Receipt,
    ) -> Outcome<()> {
        let json = serde_json::to_string(receipt)?;
        let sql = format!(
            "INSERT INTO {} (data_table, location, asset_location, state, write, version, receipt, columns)
             VALUES ($1, $2, $3, 'staged', $4, '', $5::text::json, $6)",
            self.book.values()
        );
        let (location, asset, write) = (
            ctx.location.as_str(),
            ctx.asset_location.as_str(),
            receipt.write.as_str(),
        );
        let values = [
            text(&data),
            text(&location),
            text(&asset),
            text(&write),
            text(&json),
            text(&definition),
        ];
        client.execute_typed(&sql, &values).await?;
        Ok(())
    }

    async fn open(&self, data: &str, definition: &str) -> Outcome<Lease> {
        let lease = self.pool.lend().await?;
        let client = lease.client()?;
        format::set_up(client, &self.book).await?;
        let table = self.book.within(data);
        // `heap` keeps rows in the order of their writing, which other kinds of tables need not.
        let begin = format!("BEGIN; CREATE TABLE {table} ({definition}) USING heap");
        client.batch_execute(&begin).await?;
        Ok(lease)
    }
}

/// A transaction with a new table, which somebody fills, however they do it.
pub(crate) struct Staging {
    core: Core,
    lease: Lease,
    data: String,
    definition: String,
    receipt: Receipt,
    began: Instant,
}

/// What was written into a table.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    /// Bytes of the table as binary COPY has them.
    pub(crate) bytes: u64,
    /// The hash of the logical value.
    pub(crate) content: Option<ContentHash>,
    /// The hash of those bytes.
    pub(crate) stored: ContentHash,
}

impl Staging {
    /// The connection that has the transaction.
    pub(crate) fn client(&self) -> Outcome<&Client> {
        self.lease.client()
    }

    /// The table as SQL has it.
    pub(crate) fn table(&self) -> String {
        self.core.book.within(&self.data)
    }

    /// Commits the table, with an entry in the book. Nobody sees it until it is published.
    pub(crate) async fn seal(mut self, ctx: &OutputContext, written: Written) -> Outcome<StagedTable> {
        self.receipt.rows = Some(written.rows);
        self.receipt.bytes = written.bytes;
        self.receipt.content_hash = written.content;
        self.receipt.stored_hash = Some(written.stored);
        self.receipt.duration = self.began.elapsed();
        let client = self.client()?;
        self.core
            .note(client, ctx, &self.data, &self.definition, &self.receipt)
            .await?;
        client.batch_execute("COMMIT").await?;
        self.lease.give_back();
        Ok(self.core.staged(ctx, self.data, self.receipt, self.began))
    }
}
