//! Tables as Arrow IPC files, uncompressed, so that they can be mapped.

use super::unwritable;
use super::write::{PartWriter, Written};
use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use larder_io_core::hash::TableDigest;
use larder_io_core::{Error, ErrorKind, Result};
use tokio::sync::mpsc;

/// Bytes of one block at most, as far as rows can be cut: the writer copies a block before it writes it.
const BLOCK_BYTES: usize = 8 << 20;

/// Encodes batches until the channel closes. Blocks.
pub(super) fn encode(
    schema: SchemaRef,
    mut batches: mpsc::Receiver<RecordBatch>,
    output: PartWriter,
) -> Result<Written> {
    let wrap = |error| unwritable("an arrow file", &error);
    let mut writer = FileWriter::try_new(output, &schema).map_err(wrap)?;
    let mut digest = TableDigest::new(schema);
    while let Some(batch) = batches.blocking_recv() {
        digest.update(&batch);
        for block in blocks(&batch) {
            writer.write(&block).map_err(wrap)?;
        }
    }
    writer.finish().map_err(wrap)?;
    let output = writer.into_inner().map_err(wrap)?;
    output
        .finish()
        .map_err(|error| Error::new(ErrorKind::Cancelled, error.to_string()).with_source(error))?;
    Ok(Written {
        rows: digest.rows(),
        content_hash: digest.finish(),
    })
}

fn blocks(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let bytes_per_row = batch.get_array_memory_size() / batch.num_rows().max(1);
    let rows = (BLOCK_BYTES / bytes_per_row.max(1)).max(1);
    let starts = (0..batch.num_rows()).step_by(rows);
    starts.map(move |start| batch.slice(start, rows.min(batch.num_rows() - start)))
}
