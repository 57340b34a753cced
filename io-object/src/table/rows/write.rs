//! Encoding rows, and decoding them again before they count.

use super::feed::Feed;
use super::{Encoder, RowFormat};
use crate::table::parts::PartWriter;
use crate::table::unwritable;
use crate::table::write::Written;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use larder_io_core::hash::{ColumnDigest, TableDigest};
use larder_io_core::{Error, ErrorKind, Result};
use std::io::Write;
use tokio::sync::mpsc;

/// Rows that are encoded in one go: they are in memory as a batch, as bytes, and as the batch that was read back.
const ROWS: usize = 4096;
/// Bytes in memory that are encoded in one go, as far as rows can be cut.
const BYTES: usize = 8 << 20;

/// Encodes batches until the channel closes. Blocks.
pub(in crate::table) fn encode(
    format: RowFormat,
    schema: SchemaRef,
    mut batches: mpsc::Receiver<RecordBatch>,
    mut output: PartWriter,
) -> Result<Written> {
    let wrap = |error| unwritable(format.name(), &error);
    let stopped = |error: std::io::Error| Error::new(ErrorKind::Cancelled, error.to_string()).with_source(error);
    refuse(&schema).map_err(wrap)?;
    let mut encoder = format.encoder(&schema).map_err(wrap)?;
    output.write_all(encoder.header()).map_err(stopped)?;
    let mut digest = TableDigest::new(schema.clone());
    while let Some(batch) = batches.blocking_recv() {
        let columns = batch.columns().iter();
        let bytes: usize = columns
            .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
            .sum();
        let at_once = (BYTES / (bytes / batch.num_rows().max(1)).max(1)).clamp(1, ROWS);
        for start in (0..batch.num_rows()).step_by(at_once) {
            let rows = batch.slice(start, at_once.min(batch.num_rows() - start));
            let bytes = encoder.encode(&rows).map_err(wrap)?;
            verify(format, encoder.as_ref(), &rows, &bytes).map_err(wrap)?;
            output.write_all(&bytes).map_err(stopped)?;
        }
        digest.update(&batch);
    }
    output.finish().map_err(stopped)?;
    let schema = serde_json::to_string(schema.as_ref())
        .map_err(|error| Error::new(ErrorKind::Unexpected, format!("cannot write a schema: {error}")))?;
    Ok(Written {
        rows: digest.rows(),
        content_hash: digest.finish(),
        metadata: None,
        schema: Some(schema),
    })
}

/// Refuses what no row can show.
fn refuse(schema: &Schema) -> Result<(), ArrowError> {
    let wrong = |problem: String| Err(ArrowError::SchemaError(problem));
    if schema.fields().is_empty() {
        return wrong("it has no columns".to_owned());
    }
    for (index, field) in schema.fields().iter().enumerate() {
        if schema.fields()[..index]
            .iter()
            .any(|other| other.name() == field.name())
        {
            return wrong(format!("two columns are named `{}`", field.name()));
        }
        if !ColumnDigest::new(field.data_type()).supported() {
            return wrong(format!(
                "column `{}` is a {}, of which nobody can tell whether it comes back as it was",
                field.name(),
                field.data_type()
            ));
        }
    }
    match schema.fields().iter().all(|field| field.data_type().is_null()) {
        true => wrong("every column is of type Null, so that a row takes no bytes".to_owned()),
        false => Ok(()),
    }
}

/// Reads rows back and compares them column by column.
pub(super) fn verify(
    format: RowFormat,
    encoder: &dyn Encoder,
    rows: &RecordBatch,
    bytes: &[u8],
) -> Result<(), ArrowError> {
    let whole = [encoder.header(), bytes].concat();
    let lost = |problem: String| ArrowError::ComputeError(format!("it does not come back as it was: {problem}"));
    let decoded: Vec<RecordBatch> = format
        .decode(Feed::of_bytes(whole), rows.schema_ref())
        .and_then(Iterator::collect)
        .map_err(lost)?;
    let count: usize = decoded.iter().map(RecordBatch::num_rows).sum();
    if count != rows.num_rows() {
        return Err(lost(format!("{} rows came back as {count}", rows.num_rows())));
    }
    for (index, field) in rows.schema_ref().fields().iter().enumerate() {
        let hash = |batches: &[RecordBatch]| {
            let mut digest = ColumnDigest::new(field.data_type());
            batches.iter().for_each(|batch| digest.update(batch.column(index)));
            digest.finish()
        };
        if hash(std::slice::from_ref(rows)) != hash(&decoded) {
            let (name, data_type) = (field.name(), field.data_type());
            return Err(lost(format!(
                "column `{name}` ({data_type}) has values that this format changes"
            )));
        }
    }
    Ok(())
}
