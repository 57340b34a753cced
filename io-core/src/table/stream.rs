//! A table that passes by, batch by batch.

use super::whole::schema_mismatch;
use super::{BatchStream, Scan, TableSource};
use crate::blob::consumed;
use crate::error::Result;
use crate::value::{Access, AssetValue, Form, Forms, Value};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::stream::{Stream, StreamExt};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// A table that is read once, batch by batch, so that its size does not matter. It is itself a stream of batches.
///
/// As an output it gets one attempt at being stored, because it cannot be read again.
pub struct TableStream {
    schema: SchemaRef,
    batches: BatchStream,
}

impl TableStream {
    /// Makes a stream whose batches all have `schema`; a batch with another one becomes an error in the stream.
    pub fn new(schema: SchemaRef, batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static) -> Self {
        let wanted = Arc::clone(&schema);
        let batches = batches.map(move |batch| {
            batch.and_then(|batch| match batch.schema_ref() == &wanted {
                true => Ok(batch),
                false => Err(schema_mismatch(&wanted, batch.schema_ref())),
            })
        });
        Self {
            schema,
            batches: batches.boxed(),
        }
    }

    /// Makes a stream of a blocking iterator, which is asked for the next batch when the consumer wants one. Managers that keep a table as a file (local disk, buckets)
    /// ask it on a thread of its own, where it may wait by the channels and locks of `std`; tokio's calls that block (`blocking_recv`, `Handle::block_on`) panic there. Others,
    /// Delta among them, may ask it where async tasks run: rows that wait for what other tasks do are a stream, [`new`](Self::new).
    pub fn from_iter(schema: SchemaRef, batches: impl Iterator<Item = Result<RecordBatch>> + Send + 'static) -> Self {
        Self::new(schema, futures_util::stream::iter(batches))
    }

    /// Reads the rest into memory.
    ///
    /// # Errors
    /// The stream's own.
    pub async fn collect(self) -> Result<super::Table> {
        use futures_util::TryStreamExt;
        super::Table::new(self.schema, self.batches.try_collect().await?)
    }

    /// Changes each batch as it passes; the results have `schema`.
    #[must_use]
    pub fn map_batches(
        self,
        schema: SchemaRef,
        mut change: impl FnMut(RecordBatch) -> Result<RecordBatch> + Send + 'static,
    ) -> Self {
        Self::new(schema, self.batches.map(move |batch| batch.and_then(&mut change)))
    }

    /// The stream as a source that can be scanned once.
    pub fn into_source(self) -> Arc<dyn TableSource> {
        Arc::new(Once {
            schema: self.schema,
            batches: Mutex::new(Some(self.batches)),
        })
    }

    /// The schema of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Stream for TableStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(cx)
    }
}

impl fmt::Debug for TableStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableStream({} columns)", self.schema.fields().len())
    }
}

#[async_trait]
impl AssetValue for TableStream {
    fn forms() -> Forms {
        Forms::of([Form::Table])
    }

    fn access() -> Access {
        Access::Streamed
    }

    fn into_value(self) -> Value {
        Value::Table(self.into_source())
    }

    async fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Table(source) => {
                let batches = source.scan(Scan::all()).await?;
                Ok(Self {
                    schema: source.schema(),
                    batches,
                })
            }
            other => Err(other.mismatch("a table")),
        }
    }
}

struct Once {
    schema: SchemaRef,
    batches: Mutex<Option<BatchStream>>,
}

#[async_trait]
impl TableSource for Once {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        false
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let batches = self
            .batches
            .lock()
            .ok()
            .and_then(|mut batches| batches.take())
            .ok_or_else(consumed)?;
        request.apply(&self.schema, batches)
    }
}
