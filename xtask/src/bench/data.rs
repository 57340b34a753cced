//! Lineitem of TPC-H.

use super::text;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_ipc::writer::FileWriter;
use larder::{Table, TableStream};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::LineItemArrow;

/// Rows of one generated batch.
const BATCH_ROWS: usize = 64 << 10;
/// Bytes in memory that one unit of scale makes at least.
const SCALE_BYTES: u64 = 1_000_000_000;

/// Lineitem at a scale, in memory.
pub(super) fn lineitem(scale: f64) -> Result<Table, String> {
    let batches = generate(scale).collect::<Result<_, _>>().map_err(text)?;
    Table::new(LineItemArrow::schema_ref(), batches).map_err(text)
}

fn generate(scale: f64) -> LineItemArrow {
    LineItemArrow::new(LineItemGenerator::new(scale, 1, 1)).with_batch_size(BATCH_ROWS)
}

/// Bytes in memory.
pub(super) fn bytes(table: &Table) -> usize {
    table.batches().iter().map(RecordBatch::get_array_memory_size).sum()
}

/// What has passed of a stream.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) bytes: AtomicU64,
    pub(super) rows: AtomicU64,
    /// Of the last row; they grow.
    pub(super) order_key: AtomicU64,
}

/// Lineitem as a stream that ends when so many bytes, as they lie in memory, have passed.
pub(super) fn stream(bytes: u64) -> (TableStream, Arc<Passed>) {
    let passed = Arc::new(Passed::default());
    let tally = Arc::clone(&passed);
    let batches = generate(bytes.div_ceil(SCALE_BYTES) as f64)
        .take_while(move |batch| {
            let before = tally.bytes.load(Ordering::Relaxed);
            if let Ok(batch) = batch
                && before < bytes
            {
                tally
                    .bytes
                    .fetch_add(batch.get_array_memory_size() as u64, Ordering::Relaxed);
                tally.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                let keys = batch.column(0).as_primitive::<Int64Type>();
                let last = keys.values().last().map_or(0, |key| key.unsigned_abs());
                tally.order_key.store(last, Ordering::Relaxed);
            }
            before < bytes
        })
        .map(|batch| Ok(batch?));
    (TableStream::from_iter(LineItemArrow::schema_ref(), batches), passed)
}

/// Writes a table as an Arrow file for others to take it from, on the disk when this returns, so that nothing is written
/// behind the clock.
pub(super) fn hand_over(table: &Table, path: &Path) -> Result<(), String> {
    let file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(text)?);
    let mut writer = FileWriter::try_new(file, table.schema()).map_err(text)?;
    table
        .batches()
        .iter()
        .try_for_each(|batch| writer.write(batch))
        .map_err(text)?;
    writer.finish().map_err(text)?;
    let file = writer.into_inner().map_err(text)?.into_inner().map_err(text)?;
    file.sync_all().map_err(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_when_its_bytes_have_passed() {
        let wanted = 30 << 20;
        let (stream, passed) = stream(wanted);
        let runtime = crate::bench::runtime().expect("starts");
        let table = runtime.block_on(stream.collect()).expect("is made");
        let last = table.batches().last().expect("has rows").get_array_memory_size() as u64;
        let bytes_passed = passed.bytes.load(Ordering::Relaxed);
        assert_eq!(bytes_passed, bytes(&table) as u64);
        assert!(
            bytes_passed >= wanted && bytes_passed - last < wanted,
            "{bytes_passed} bytes"
        );
        assert_eq!(passed.rows.load(Ordering::Relaxed), table.rows() as u64);
        assert!(passed.order_key.load(Ordering::Relaxed) > 0);
    }
}
