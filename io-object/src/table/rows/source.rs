//! A stored file of rows as a source.

use super::RowFormat;
use super::feed::{Failed, Feed};
use crate::store::Reader;
use crate::table::guarded;
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Result, Scan, TableSource};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Batches that wait to be taken.
const BATCHES_AHEAD: usize = 1;

/// A stored file of rows, decoded on a thread while it is read. Every scan reads from the beginning, and no further than
/// its rows are asked for.
pub(crate) struct RowSource {
    reader: Arc<dyn Reader>,
    schema: SchemaRef,
    format: RowFormat,
    rows: Option<u64>,
}

impl RowSource {
    /// Takes schema and rows from the receipt; a file that somebody else wrote is read once to find one that every row fits.
    pub(crate) async fn open(
        reader: Arc<dyn Reader>,
        format: RowFormat,
        schema: Option<&str>,
        rows: Option<u64>,
    ) -> Result<Self> {
        let schema: SchemaRef = match schema {
            Some(json) => Arc::new(serde_json::from_str::<Schema>(json).map_err(|error| {
                let message = format!(
                    "the schema in the receipt of a {} file is damaged: {error}",
                    format.name()
                );
                Error::new(ErrorKind::InvalidData, message)
            })?),
            None => {
                let (feed, failed) = Feed::of_stream(reader.stream());
                let inferred = tokio::task::spawn_blocking(move || guarded(format.name(), || format.infer(feed))).await;
                told(&failed, inferred.map_err(stopped)?)?
            }
        };
        Ok(Self {
            reader,
            schema,
            format,
            rows,
        })
    }
}

fn stopped(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Cancelled, error.to_string())
}

/// The storage's own error before that of the decoder, which only misses the rest.
fn told<T>(failed: &Failed, result: Result<T>) -> Result<T> {
    result.map_err(|error| failed.take().unwrap_or(error))
}

#[async_trait]
impl TableSource for RowSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let (feed, failed) = Feed::of_stream(self.reader.stream());
        let (format, schema) = (self.format, Arc::clone(&self.schema));
        let (sender, receiver) = mpsc::channel::<Result<RecordBatch>>(BATCHES_AHEAD);
        tokio::task::spawn_blocking(move || {
            let name = format.name();
            let mut batches = match told(&failed, guarded(name, || format.decode(feed, &schema))) {
                Ok(batches) => batches,
                Err(error) => return drop(sender.blocking_send(Err(error))),
            };
            loop {
                let batch = match guarded(name, || batches.next().transpose()) {
                    Ok(None) => match failed.take() {
                        Some(error) => Err(error),
                        None => return,
                    },
                    Ok(Some(batch)) => Ok(batch),
                    Err(error) => Err(failed.take().unwrap_or(error)),
                };
                let ended = batch.is_err();
                // Nobody listens any more when the rows that were wanted are there.
                if sender.blocking_send(batch).is_err() || ended {
                    return;
                }
            }
        });
        let batches = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|batch| (batch, receiver))
        });
        request.apply(&self.schema, batches.boxed())
    }
}
