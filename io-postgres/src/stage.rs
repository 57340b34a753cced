//! Writing rows into a table that nobody sees.

use crate::book::{Book, text};
use crate::encode::{self, HEADER, TRAILER};
use crate::error::{Fault, Outcome};
use crate::names;
use crate::pool::{Lease, Pool};
use crate::publish::{self, Pending};
use crate::read::Stored;
use crate::types;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use larder_io_core::hash::TableDigest;
use larder_io_core::{
    Error, ErrorKind, Form, Location, OutputContext, Receipt, Result, Scan, Staged, TableSource, Value, async_trait,
};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tokio_postgres::Client;

/// Bytes of one message; a row more at most.
const MESSAGE: usize = 256 * 1024;
/// The name of the format, for receipts and messages.
pub(crate) const FORMAT: &str = "postgres";

/// What a manager does its work with.
#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) pool: Pool,
    pub(crate) book: Book,
    pub(crate) views: bool,
}

impl Core {
    /// The error of a fault, for everybody else.
    pub(crate) fn error(&self, fault: Fault, doing: &str, location: &Location) -> Error {
        fault.at(self.pool.place(), &format!("{doing} `{location}`"))
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
            pool: self.pool.clone(),
            location: receipt.location.clone(),
            table: self.book.within(data),
            schema: Arc::new(schema),
            rows: receipt.rows,
        })
    }

    /// Writes a value into a new table, in one transaction, so that what a crash leaves is nothing or all of it.
    pub(crate) async fn stage(&self, ctx: &OutputContext, source: &dyn TableSource) -> Result<(String, Receipt)> {
        let began = Instant::now();
        let schema = source.schema();
        let columns = types::columns(&schema)?;
        let mut receipt = Receipt::begin(ctx, ctx.location.clone(), Form::Table, FORMAT);
        receipt.schema = Some(serde_json::to_string(schema.as_ref()).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "a schema cannot be written as JSON").with_source(error)
        })?);
        let data = names::data_table();
        receipt.uri = self.book.uri(&data);
        let definition = types::definition(&columns);
        let written = async {
            let lease = self.begin(&data, &definition).await?;
            let client = lease.client()?;
            let copied = copy(client, &self.book.within(&data), &schema, source).await?;
            (receipt.rows, receipt.bytes) = (Some(copied.rows), copied.bytes);
            (receipt.content_hash, receipt.stored_hash) = (copied.content, Some(copied.stored.into()));
            receipt.duration = began.elapsed();
            self.note(client, ctx, &data, &definition, &receipt).await?;
            client.batch_execute("COMMIT").await?;
            lease.give_back();
            Ok::<(), Fault>(())
        };
        written
            .await
            .map_err(|fault| self.error(fault, "storing", &ctx.location))?;
        Ok((data, receipt))
    }

    /// Opens a transaction with a new table. A connection that was lost meanwhile is made again.
    async fn begin(&self, data: &str, definition: &str) -> Outcome<Lease> {
        match self.try_begin(data, definition).await {
            Err(fault) if fault.is_silence() => {
                self.pool.clear();
                self.try_begin(data, definition).await
            }
            other => other,
        }
    }

    async fn try_begin(&self, data: &str, definition: &str) -> Outcome<Lease> {
        let lease = self.pool.lend().await?;
        let client = lease.client()?;
        self.book.set_up(client).await?;
        let table = self.book.within(data);
        // `heap` keeps rows in the order of their writing, which other kinds of tables need not.
        let begin = format!("BEGIN; CREATE TABLE {table} ({definition}) USING heap");
        client.batch_execute(&begin).await?;
        Ok(lease)
    }

    pub(crate) async fn note(
        &self,
        client: &Client,
        ctx: &OutputContext,
        data: &str,
        definition: &str,
        receipt: &Receipt,
    ) -> Outcome<()> {
        let json = serde_json::to_string(receipt).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "a receipt cannot be written as JSON").with_source(error)
        })?;
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
}

/// What was written.
pub(crate) struct Copied {
    pub(crate) rows: u64,
    bytes: u64,
    content: Option<larder_io_core::ContentHash>,
    stored: blake3::Hash,
}

/// Sends rows as they come; at no time more is held than one message and the batch that it is made of.
pub(crate) async fn copy(
    client: &Client,
    table: &str,
    schema: &SchemaRef,
    source: &dyn TableSource,
) -> Outcome<Copied> {
    let mut batches = source.scan(Scan::all()).await?;
    // Of a table that was made in this transaction the rows are final at once, and go one behind the other: no page is
    // filled up later, so that they keep their order.
    let mut sink = pin!(
        client
            .copy_in(&format!("COPY {table} FROM STDIN (FORMAT binary, FREEZE)"))
            .await?
    );
    let (mut digest, mut hasher) = (TableDigest::new(schema.clone()), blake3::Hasher::new());
    let (mut message, mut bytes) = (HEADER.to_vec(), 0);
    while let Some(batch) = batches.try_next().await? {
        digest.update(&batch);
        let mut from = 0;
        while from < batch.num_rows() {
            from = encode::rows(&batch, from, &mut message, MESSAGE)?;
            if message.len() >= MESSAGE {
                hasher.update(&message);
                bytes += message.len() as u64;
                sink.send(Bytes::from(std::mem::take(&mut message))).await?;
            }
        }
    }
    message.extend_from_slice(&TRAILER);
    hasher.update(&message);
    bytes += message.len() as u64;
    sink.send(Bytes::from(message)).await?;
    let rows = sink.finish().await?;
    if rows != digest.rows() {
        let message = format!("PostgreSQL took {rows} rows of {}; this is a defect", digest.rows());
        return Err(Error::new(ErrorKind::Unexpected, message).into());
    }
    Ok(Copied {
        rows,
        bytes,
        content: digest.finish(),
        stored: hasher.finalize(),
    })
}

/// A value in a table that nobody sees yet.
pub(crate) struct StagedTable {
    core: Core,
    receipt: Receipt,
    pending: Pending,
    keep_for_checks: bool,
    published: bool,
    began: Instant,
}

impl StagedTable {
    pub(crate) fn new(core: Core, receipt: Receipt, pending: Pending, keep_for_checks: bool, began: Instant) -> Self {
        Self {
            core,
            receipt,
            pending,
            keep_for_checks,
            published: false,
            began,
        }
    }

    /// Drops what was let go. What fails here is left to the next publish and to `gc`: the value is stored.
    async fn sweep(&self, lease: Lease) {
        let swept = async {
            let client = lease.client()?;
            let tables = publish::dropped(client, &self.core.book, &self.pending.location).await?;
            publish::sweep(client, &self.core.book, &tables).await
        };
        if swept.await.is_ok() {
            lease.give_back();
        }
    }
}

#[async_trait]
impl Staged for StagedTable {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        if !self.keep_for_checks {
            let message = "a staged value can be loaded only when the store asked for `keep_for_checks`";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(Value::Table(Arc::new(
            self.core.stored(&self.pending.data, &self.receipt)?,
        )))
    }

    async fn publish(&mut self) -> Result<Receipt> {
        if self.published {
            return Ok(self.receipt.clone());
        }
        let core = self.core.clone();
        let published = async {
            let lease = core.pool.lend().await?;
            match publish::publish(lease.client()?, &core.book, core.views, &self.pending).await {
                Ok(receipt) => Ok((lease, receipt)),
                Err(Fault::Own(error)) if error.kind() == ErrorKind::Conflict => {
                    // It was rolled back; the connection is as good as before.
                    lease.give_back();
                    Err(Fault::Own(error))
                }
                Err(fault) => Err(fault),
            }
        };
        let (lease, mut receipt) = published.await.map_err(|fault| {
            if fault.is_silence() {
                core.pool.clear();
            }
            core.error(fault, "publishing", &self.pending.location)
        })?;
        receipt.duration = self.began.elapsed();
        self.receipt = receipt;
        self.published = true;
        self.sweep(lease).await;
        Ok(self.receipt.clone())
    }

    async fn discard(&mut self) -> Result<()> {
        if self.published {
            return Ok(());
        }
        let discarded = async {
            let lease = self.core.pool.lend().await?;
            publish::discard(lease.client()?, &self.core.book, &self.pending.data).await?;
            Ok::<Lease, Fault>(lease)
        };
        let lease = discarded.await.map_err(|fault| {
            self.core
                .error(fault, "discarding what was staged for", &self.pending.location)
        })?;
        self.sweep(lease).await;
        Ok(())
    }
}
