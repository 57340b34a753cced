//! Typed reading of the published CSV files, plain or gzip-compressed, batch by batch.

use arrow_array::RecordBatch;
use arrow_csv::ReaderBuilder;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use flate2::read::MultiGzDecoder;
use larder::prelude::*;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// What a file holds: each column's name and type, in the order of its header.
pub(crate) type Columns = [(&'static str, DataType)];

/// Rows in a batch: enough that the work per batch does not count, few enough that a batch takes a few megabytes.
const BATCH_ROWS: usize = 16_384;

/// Reads a file of the data directory as a stream; the file is open and its rows are parsed as they are asked for.
///
/// # Errors
/// `AssetFailed` when the file cannot be opened. In the stream: when the header is not that of `columns`, a cell does
/// not parse or is empty, or the gzip data is damaged; the message names the file and, for a cell, its column.
pub(crate) fn stream(file: &str, columns: &Columns) -> Result<TableStream> {
    let (schema, batches) = open(file, columns)?;
    Ok(TableStream::from_iter(schema, batches))
}

/// Reads a whole file of the data directory.
///
/// # Errors
/// As [`stream`].
pub(crate) fn table(file: &str, columns: &Columns) -> Result<Table> {
    let (schema, batches) = open(file, columns)?;
    Table::new(schema, batches.collect::<Result<_>>()?)
}

fn open(file: &str, columns: &Columns) -> Result<(SchemaRef, impl Iterator<Item = Result<RecordBatch>> + use<>)> {
    // The publisher writes a missing value as `NA`, so an empty cell is damage: no column is nullable.
    let fields = columns
        .iter()
        .map(|(name, data_type)| Field::new(*name, data_type.clone(), false));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));

    let path = data_directory().join(file);
    let name = path.display().to_string();
    let compressed = File::open(&path).context(format!(
        "cannot open {name}; LARDER_FLIGHTS_DATA may name the data directory"
    ))?;
    let bytes: Box<dyn Read + Send> = match path.extension().is_some_and(|extension| extension == "gz") {
        true => Box::new(MultiGzDecoder::new(compressed)),
        false => Box::new(compressed),
    };
    let batches = ReaderBuilder::new(Arc::clone(&schema))
        .with_header(true)
        .with_header_validation(true)
        .with_batch_size(BATCH_ROWS)
        .build(bytes)
        .context(format!("cannot read {name}"))?
        .map(move |batch| batch.context(format!("cannot read {name}")));
    Ok((schema, batches))
}

fn data_directory() -> PathBuf {
    std::env::var_os("LARDER_FLIGHTS_DATA").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/examples/flights/data").into(),
        PathBuf::from,
    )
}
