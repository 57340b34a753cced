//! Encoding on a blocking thread, with bounded queues before and behind it.

use super::parts::PartWriter;
use super::{RowFormat, arrow_write, parquet_write, rows};
use crate::format::{Settings, TableFormat};
use crate::sink::Sink;
use arrow_array::RecordBatch;
use bytes::Bytes;
use futures_util::StreamExt;
use larder_io_core::{ContentHash, Error, ErrorKind, Result, Scan, TableSource};
use parquet::file::metadata::ParquetMetaData;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Batches that wait for the encoder: one being encoded, one ready.
const BATCHES_AHEAD: usize = 1;
/// Parts that wait to be written.
const PARTS_AHEAD: usize = 1;

/// What an encoder tells of a table.
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) content_hash: Option<ContentHash>,
    /// The footer of a Parquet file.
    pub(crate) metadata: Option<Arc<ParquetMetaData>>,
    /// The schema as JSON, where the format does not keep it.
    pub(crate) schema: Option<String>,
}

/// Encodes a table into the sink. Memory: the batches that wait to be encoded, row groups that are not in the file yet, and one part that fills, one that waits, and
/// those that the sink has.
pub(crate) async fn write(source: &dyn TableSource, sink: &mut Sink, settings: &Settings) -> Result<Written> {
    let schema = source.schema();
    let mut batches = source.scan(Scan::all()).await?;
    let (to_encoder, from_producer) = mpsc::channel::<RecordBatch>(BATCHES_AHEAD);
    let (to_sink, mut from_encoder) = mpsc::channel::<Bytes>(PARTS_AHEAD);
    let usage = sink.usage().cloned();
    let encoder = {
        let settings = settings.clone();
        tokio::task::spawn_blocking(move || {
            let output = PartWriter::new(settings.part_bytes, to_sink, usage);
            match settings.table {
                TableFormat::Parquet | TableFormat::Auto => {
                    parquet_write::encode(schema, from_producer, output, &settings)
                }
                TableFormat::Arrow => arrow_write::encode(schema, from_producer, output),
                TableFormat::Csv => rows::encode(RowFormat::Csv, schema, from_producer, output),
                TableFormat::Ndjson => rows::encode(RowFormat::Ndjson, schema, from_producer, output),
                TableFormat::Avro => rows::encode(RowFormat::Avro, schema, from_producer, output),
            }
        })
    };
    let produce = async move {
        while let Some(batch) = batches.next().await {
            // The encoder stopped early: it has the error to tell.
            if to_encoder.send(batch?).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let consume = async {
        while let Some(part) = from_encoder.recv().await {
            // It counts itself.
            sink.part(part.into(), None).await?;
        }
        Ok(())
    };
    let encode = async {
        encoder.await.unwrap_or_else(|error| {
            Err(Error::new(
                ErrorKind::Unexpected,
                format!("encoding a table stopped: {error}"),
            ))
        })
    };
    // A source's error waits for the others to end; theirs stop everything at once.
    let (produced, (), encoded) =
        futures_util::try_join!(async { Ok::<Result<()>, Error>(produce.await) }, consume, encode)?;
    produced?;
    Ok(encoded)
}
