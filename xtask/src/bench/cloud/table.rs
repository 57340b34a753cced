//! A streamed table through larder.

use super::{Noise, config};
use crate::bench::memory::{reset_peak, status};
use crate::bench::text;
use arrow_array::{ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use larder::{AssetKey, AssetValue, IoManager, OutputContext, TableStream};
use std::sync::Arc;
use std::time::Instant;

const BATCH_ROWS: u64 = 16 << 10;
/// Bytes of one value of the last column.
const PAYLOAD: u64 = 232;
/// Bytes of one row in memory: a number, an amount, an offset, a payload.
const ROW: u64 = 8 + 8 + 4 + PAYLOAD;

/// Streams a table of so many bytes in memory into storage; gives the peak of resident memory.
pub(super) async fn put_resident(endpoint: &str, bytes: u64) -> Result<u64, String> {
    let rows = bytes.div_ceil(ROW);
    let manager = config(endpoint).open().map_err(text)?;
    let key: AssetKey = "table".parse().map_err(text)?;
    let context = OutputContext::new(key, None, "table".parse().map_err(text)?);
    reset_peak()?;
    let began = Instant::now();
    let receipt = manager
        .handle_output(&context, &table(rows).into_value())
        .await
        .map_err(text)?;
    let took = began.elapsed();
    if receipt.rows != Some(rows) {
        return Err(format!("{rows} rows went in, the receipt says {:?}", receipt.rows));
    }
    println!(
        "table: {rows} rows, {:.2} GB in memory, {:.2} GB as Parquet, put in {:.1} s",
        (rows * ROW) as f64 / 1e9,
        receipt.bytes as f64 / 1e9,
        took.as_secs_f64()
    );
    status("VmHWM")
}

/// Rows of noise, which does not compress.
fn table(rows: u64) -> TableStream {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("amount", DataType::Float64, false),
        Field::new("payload", DataType::Binary, false),
    ]));
    let of = Arc::clone(&schema);
    let mut noise = Noise::new();
    let batches = (0..rows.div_ceil(BATCH_ROWS)).map(move |index| {
        let range = index * BATCH_ROWS..rows.min((index + 1) * BATCH_ROWS);
        let count = (range.end - range.start) as usize;
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(range.map(|id| id as i64)));
        let amounts = (0..count).map(|_| noise.word() as f64).collect::<Vec<_>>();
        let amounts: ArrayRef = Arc::new(Float64Array::from(amounts));
        let bytes = noise.bytes(count * PAYLOAD as usize);
        let payload: ArrayRef = Arc::new(BinaryArray::from_iter_values(bytes.chunks_exact(PAYLOAD as usize)));
        Ok(RecordBatch::try_new(Arc::clone(&of), vec![ids, amounts, payload])?)
    });
    TableStream::from_iter(schema, batches)
}
