//! Lineitem of TPC-H.

use arrow_array::RecordBatch;
use larder::Table;
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::LineItemArrow;

/// Rows of one generated batch.
const BATCH_ROWS: usize = 64 << 10;

/// Lineitem at a scale, in memory.
pub(super) fn lineitem(scale: f64) -> Result<Table, String> {
    let batches = LineItemArrow::new(LineItemGenerator::new(scale, 1, 1)).with_batch_size(BATCH_ROWS);
    let batches = batches.collect::<Result<_, _>>().map_err(super::text)?;
    Table::new(LineItemArrow::schema_ref(), batches).map_err(super::text)
}

/// Bytes in memory.
pub(super) fn bytes(table: &Table) -> usize {
    table.batches().iter().map(RecordBatch::get_array_memory_size).sum()
}
