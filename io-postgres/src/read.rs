//! A stored table as a source of rows.

use crate::decode::Decoder;
use crate::error::{Fault, Outcome, WORDS};
use crate::filter::{self, Query};
use crate::names;
use crate::pool::Lease;
use crate::stage::Core;
use crate::types;
use arrow_schema::SchemaRef;
use futures_util::StreamExt;
use futures_util::stream::{self, TryStreamExt};
use larder_io_core::{
    AtRest, BatchStream, ContentHash, Error, ErrorKind, Location, Result, Scan, TableSource, async_trait,
};
use larder_postgres::quoted;
use std::pin::Pin;
use tokio_postgres::CopyOutStream;

/// One version of a value. It is read when it is scanned, by a query of its own, and never changes.
pub(crate) struct Stored {
    pub(crate) core: Core,
    pub(crate) location: Location,
    /// The table.
    pub(crate) data: String,
    pub(crate) schema: SchemaRef,
    pub(crate) rows: Option<u64>,
}

#[async_trait]
impl TableSource for Stored {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    fn at_rest(&self) -> Option<AtRest> {
        let mut fields = self.schema.fields().iter();
        let natural = fields.all(|field| types::is_natural(field.data_type()));
        let named = names::columns(&self.schema);
        let mut both = named.iter().zip(self.schema.fields());
        // Others would not know which count means which time, or which name which column.
        if !natural || !both.all(|(name, field)| name == field.name()) {
            return None;
        }
        let list: Vec<String> = named.iter().map(|name| quoted(name)).collect();
        Some(AtRest::Server {
            server: self.core.pool.place().url.clone(),
            select: format!("SELECT {} FROM {}", list.join(", "), self.table()),
        })
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let Query {
            sql,
            schema,
            rest,
            wanted,
        } = filter::query(&self.schema, &self.table(), &request)?;
        let decoder = Decoder::new(schema.clone())?;
        let (lease, rows) = self.copy(&sql).await?;
        let reading = Reading {
            lease: Some(lease),
            rows,
            decoder,
            core: self.core.clone(),
            what: self.what(),
        };
        let batches = stream::try_unfold(reading, Reading::next).boxed();
        let columns: Vec<usize> = (0..wanted).collect();
        let all = wanted == schema.fields().len();
        let batches = rest.apply(&schema, batches)?;
        Ok(match all {
            true => batches,
            false => batches
                .map(move |batch| batch.and_then(|batch| batch.project(&columns).map_err(Into::into)))
                .boxed(),
        })
    }
}

impl Stored {
    fn what(&self) -> String {
        format!("loading `{}`", self.location)
    }

    /// Begins a query. One that meets a connection that was lost meanwhile is begun again, on a new one.
    async fn copy(&self, sql: &str) -> Result<(Lease, Pin<Box<CopyOutStream>>)> {
        let begun = match self.begin(sql).await {
            Err(fault) if fault.is_silence() => {
                self.core.pool.clear();
                self.begin(sql).await
            }
            other => other,
        };
        match begun {
            Err(fault) if fault.is_missing() => Err(self.missing().await),
            begun => begun.map_err(|fault| fault.at(self.core.pool.place(), &WORDS, &self.what())),
        }
    }

    /// The error of a table that is not there: it was let go since its value was loaded, or others dropped it.
    async fn missing(&self) -> Error {
        let kept = async {
            let lease = self.core.pool.lend().await?;
            let kept = self.core.book.is_kept(lease.client()?, &self.data).await?;
            lease.give_back();
            Ok::<bool, Fault>(kept)
        };
        let (location, table) = (&self.location, self.table());
        match kept.await {
            Ok(false) => {
                let message = format!(
                    "the version of `{location}` that was loaded is not kept any more, because newer ones were stored since; load it again, or keep more with `history`, or for longer with `grace`"
                );
                Error::new(ErrorKind::Conflict, message)
            }
            Err(fault) if !fault.is_missing() => fault.at(self.core.pool.place(), &WORDS, &self.what()),
            _ => {
                let message = format!(
                    "`{location}` is lost: somebody dropped its table {table}; restore an old version, or materialize it again"
                );
                Error::new(ErrorKind::InvalidData, message)
            }
        }
    }

    /// The table as SQL has it.
    fn table(&self) -> String {
        self.core.book.within(&self.data)
    }

    async fn begin(&self, sql: &str) -> Outcome<(Lease, Pin<Box<CopyOutStream>>)> {
        let lease = self.core.pool.lend().await?;
        let rows = lease
            .client()?
            .copy_out(&format!("COPY ({sql}) TO STDOUT (FORMAT binary)"))
            .await?;
        Ok((lease, Box::pin(rows)))
    }

    /// Reads the stored bytes, and compares them with their hash.
    ///
    /// # Errors
    /// `InvalidData` when they have another.
    pub(crate) async fn verify(&self, expected: Option<ContentHash>) -> Result<()> {
        let Some(expected) = expected else {
            let message = format!(
                "`{}` has no stored hash to compare; materialize the asset again",
                self.location
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let sql = filter::query(&self.schema, &self.table(), &Scan::all())?.sql;
        let (lease, mut rows) = self.copy(&sql).await?;
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = rows
            .try_next()
            .await
            .map_err(|error| Fault::from(error).at(self.core.pool.place(), &WORDS, &self.what()))?
        {
            hasher.update(&piece);
        }
        lease.give_back();
        match ContentHash::from(hasher.finalize()) == expected {
            true => Ok(()),
            false => {
                let message = format!(
                    "the rows of `{}` are not those that larder stored: somebody changed {}, or it is damaged; restore an old version or materialize the asset again",
                    self.location,
                    self.table()
                );
                Err(Error::new(ErrorKind::InvalidData, message))
            }
        }
    }
}

/// A query whose rows are taken. Dropped before its end, it is cancelled.
struct Reading {
    /// Given back at the end.
    lease: Option<Lease>,
    rows: Pin<Box<CopyOutStream>>,
    decoder: Decoder,
    core: Core,
    what: String,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(arrow_array::RecordBatch, Self)>> {
        loop {
            if let Some(batch) = self.decoder.next() {
                return Ok(Some((batch, self)));
            }
            let Some(lease) = self.lease.take() else {
                return Ok(None);
            };
            match self.rows.try_next().await {
                Ok(Some(piece)) => {
                    self.decoder.push(&piece)?;
                    self.lease = Some(lease);
                }
                Ok(None) => {
                    lease.give_back();
                    self.decoder.end()?;
                }
                Err(error) => return Err(Fault::from(error).at(self.core.pool.place(), &WORDS, &self.what)),
            }
        }
    }
}
