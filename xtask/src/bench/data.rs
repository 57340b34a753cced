//! Lineitem of TPC-H.

use arrow_array::RecordBatch;
use larder::Table;
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::{LineItemArrow, RecordBatchIterator};

/// Rows of one generated batch.
const BATCH_ROWS: usize = 64 << 10;

/// Lineitem at a scale, in memory.
pub(super) fn lineitem(scale: f64) -> Result<Table, String> {
    let batches = LineItemArrow::new(LineItemGenerator::new(scale, 1, 1)).with_batch_size(BATCH_ROWS);
    let schema = batches.schema().clone();
    Table::new(schema, batches.collect()).map_err(super::text)
}

/// Bytes in memory.
pub(super) fn bytes(table: &Table) -> usize {
    table.batches().iter().map(RecordBatch::get_array_memory_size).sum()
}
