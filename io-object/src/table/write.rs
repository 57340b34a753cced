//! Encoding on a blocking thread, with its source on another one, and bounded queues before and behind it.

use super::parts::PartWriter;
use super::producer::Producer;
use super::seat::Seat;
use super::{RowFormat, arrow_write, parquet_write, rows};
use crate::format::{Settings, TableFormat};
use crate::sink::Sink;
use bytes::Bytes;
use larder_io_core::{ContentHash, Error, ErrorKind, Result, Scan, TableSource};
use parquet::file::metadata::ParquetMetaData;
use std::panic::resume_unwind;
use std::sync::Arc;
use tokio::sync::mpsc;

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
    write_at(None, source, sink, settings).await
}

/// The same with the encoder at a seat, if there is one.
pub(crate) async fn write_at(
    seat: Option<&Seat>,
    source: &dyn TableSource,
    sink: &mut Sink,
    settings: &Settings,
) -> Result<Written> {
    let schema = source.schema();
    // Dropped with this future, which ends the source.
    let (producer, _keep) = Producer::new(source.scan(Scan::all()).await?);
    let (to_sink, mut from_encoder) = mpsc::channel::<Bytes>(PARTS_AHEAD);
    let usage = sink.usage().cloned();
    let encoder = {
        let settings = settings.clone();
        let work = move || {
            let output = PartWriter::new(settings.part_bytes, to_sink, usage);
            producer.feed(|batches| match settings.table {
                TableFormat::Parquet | TableFormat::Auto => parquet_write::encode(schema, batches, output, &settings),
                TableFormat::Arrow => arrow_write::encode(schema, batches, output),
                TableFormat::Csv => rows::encode(RowFormat::Csv, schema, batches, output),
                TableFormat::Ndjson => rows::encode(RowFormat::Ndjson, schema, batches, output),
                TableFormat::Avro => rows::encode(RowFormat::Avro, schema, batches, output),
            })
        };
        match seat {
            Some(seat) => seat.spawn(work),
            None => tokio::task::spawn_blocking(work),
        }
    };
    let consume = async {
        while let Some(part) = from_encoder.recv().await {
            // It counts itself.
            sink.part(part.into(), None).await?;
        }
        Ok(())
    };
    let encode = async {
        match encoder.await {
            Ok(encoded) => encoded.unwrap_or_else(|panic| resume_unwind(panic)),
            Err(error) => Err(Error::new(
                ErrorKind::Unexpected,
                format!("encoding a table stopped: {error}"),
            )),
        }
    };
    // An error of the source or the encoder comes when both have ended; the sink's stops everything at once.
    let ((), encoded) = futures_util::try_join!(consume, encode)?;
    Ok(encoded)
}
