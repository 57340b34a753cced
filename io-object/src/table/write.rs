//! Encoding on a blocking thread, with bounded queues before and behind it.

use super::{RowFormat, arrow_write, parquet_write, rows};
use crate::format::{Settings, TableFormat};
use crate::sink::{Sink, part_bytes};
use arrow_array::RecordBatch;
use bytes::Bytes;
use futures_util::StreamExt;
use larder_io_core::{Buffered, ContentHash, Error, ErrorKind, Result, Scan, TableSource, Usage};
use parquet::file::metadata::ParquetMetaData;
use std::io;
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

/// Encodes a table into the sink. Memory: the batches in flight, one encoded row group, and four parts.
pub(crate) async fn write(source: &dyn TableSource, sink: &mut Sink, settings: &Settings) -> Result<Written> {
    let schema = source.schema();
    let mut batches = source.scan(Scan::all()).await?;
    let (to_encoder, from_producer) = mpsc::channel::<RecordBatch>(BATCHES_AHEAD);
    let (to_sink, mut from_encoder) = mpsc::channel::<Part>(PARTS_AHEAD);
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
        while let Some((part, held)) = from_encoder.recv().await {
            sink.part(part.into(), held).await?;
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

/// A part, and what it holds.
pub(super) type Part = (Bytes, Option<Buffered>);

/// Gathers what an encoder writes into parts and hands them over, waiting when nobody takes them.
pub(super) struct PartWriter {
    first_bytes: usize,
    parts: usize,
    buffer: Vec<u8>,
    to_sink: mpsc::Sender<Part>,
    usage: Option<Arc<Usage>>,
    /// Of the buffer.
    held: Option<Buffered>,
}

impl PartWriter {
    pub(super) fn new(first_bytes: usize, to_sink: mpsc::Sender<Part>, usage: Option<Arc<Usage>>) -> Self {
        Self {
            first_bytes,
            parts: 0,
            buffer: Vec::new(),
            to_sink,
            usage,
            held: None,
        }
    }

    /// A buffer for what else is held on the way, if anybody counts.
    pub(super) fn buffer(&self) -> Option<Buffered> {
        self.usage.as_ref().map(Usage::buffer)
    }

    fn send(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.buffer);
        self.parts += 1;
        let closed = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the write was stopped");
        let held = self.held.take();
        self.to_sink.blocking_send((part.into(), held)).map_err(closed)
    }

    /// Hands over what is left.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.send() }
    }
}

impl io::Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = part_bytes(self.first_bytes, self.parts);
        if self.buffer.capacity() == 0 {
            // Small values must not cost a whole part.
            self.buffer.reserve_exact(if self.parts == 0 {
                bytes.len().clamp(64 << 10, limit)
            } else {
                limit
            });
            let bytes = self.buffer.capacity() as u64;
            self.held = self.buffer().map(|held| held.of(bytes));
        }
        let taken = bytes.len().min(limit - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == limit {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
