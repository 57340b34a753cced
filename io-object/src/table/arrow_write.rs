//! Tables as Arrow IPC files, uncompressed, so that they can be mapped.

use super::parts::PartWriter;
use super::unwritable;
use super::write::Written;
use arrow_array::cast::AsArray;
use arrow_array::types::ByteViewType;
use arrow_array::{Array, ArrayRef, GenericByteViewArray, RecordBatch, RecordBatchOptions};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use larder_io_core::hash::TableDigest;
use larder_io_core::{Error, ErrorKind, Result};
use std::sync::Arc;
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
        // Hashing reads what writing copies: both at once halve the time.
        std::thread::scope(|scope| {
            let hashing = scope.spawn(|| digest.update(&batch));
            let written = blocks(&batch).try_for_each(|block| writer.write(&block));
            let hashed = hashing
                .join()
                .map_err(|_| ArrowError::ComputeError("hashing stopped".to_owned()));
            written.and(hashed)
        })
        .map_err(wrap)?;
    }
    writer.finish().map_err(wrap)?;
    let mut output = writer.into_inner().map_err(wrap)?;
    output
        .finish()
        .map_err(|error| Error::new(ErrorKind::Cancelled, error.to_string()).with_source(error))?;
    Ok(Written {
        rows: digest.rows(),
        content_hash: digest.finish(),
        metadata: None,
        schema: None,
    })
}

fn blocks(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let bytes: usize = batch
        .columns()
        .iter()
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
        .sum();
    let bytes_per_row = bytes / batch.num_rows().max(1);
    let rows = (BLOCK_BYTES / bytes_per_row.max(1)).max(1);
    let starts = (0..batch.num_rows()).step_by(rows);
    starts.map(move |start| compact(batch.slice(start, rows.min(batch.num_rows() - start))))
}

/// Leaves out what no row looks at: a slice of a view column brings the buffers of all rows with it, and each block
/// would store them again.
fn compact(block: RecordBatch) -> RecordBatch {
    let schema = block.schema();
    let columns = block.columns().iter().map(|column| {
        if let Some(views) = column.as_string_view_opt() {
            return if wasteful(views) {
                Arc::new(views.gc())
            } else {
                Arc::clone(column)
            };
        }
        match column.as_binary_view_opt() {
            Some(views) if wasteful(views) => Arc::new(views.gc()),
            _ => Arc::clone(column),
        }
    });
    let columns: Vec<ArrayRef> = columns.collect();
    let options = RecordBatchOptions::new().with_row_count(Some(block.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options).unwrap_or(block)
}

fn wasteful<T: ByteViewType + ?Sized>(views: &GenericByteViewArray<T>) -> bool {
    let held: usize = views.data_buffers().iter().map(|buffer| buffer.len()).sum();
    held > 4096 + views.total_buffer_bytes_used() * 5 / 4
}
