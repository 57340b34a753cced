//! A table much larger than memory, streamed.

use super::memory::{of, reset_peak, status};
use super::tables::{input, manager, output};
use super::text;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use futures_util::TryStreamExt;
use larder::{AssetValue, IoManager, TableStream};
use std::sync::Arc;
use std::time::Instant;

const BATCH_ROWS: u64 = 64 << 10;

/// Streams so many rows into storage and back, and prints the peak of resident memory.
pub(super) async fn run(format: &str, rows: &str) -> Result<(), String> {
    let rows: u64 = rows.parse().map_err(text)?;
    let dir = tempfile::tempdir().map_err(text)?;
    let manager = manager(dir.path(), of(format)?)?;
    reset_peak()?;
    let began = Instant::now();
    let receipt = manager
        .handle_output(&output()?, &table(rows).into_value())
        .await
        .map_err(text)?;
    let stored = began.elapsed();
    let began = Instant::now();
    let stream = TableStream::from_value(manager.load_input(&input()?).await.map_err(text)?)
        .await
        .map_err(text)?;
    let count = |rows, batch: RecordBatch| async move { Ok(rows + batch.num_rows() as u64) };
    let seen = stream.try_fold(0, count).await.map_err(text)?;
    if seen != rows || receipt.rows != Some(rows) {
        return Err(format!(
            "{rows} rows went in, {seen} came out, the receipt says {:?}",
            receipt.rows
        ));
    }
    println!(
        "{format}: {rows} rows, {:.2} GB stored, in {:.1} s, back in {:.1} s",
        receipt.bytes as f64 / 1e9,
        stored.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    // A memory map's pages are counted here too although the kernel may take them back at any time.
    println!("{}", status("VmHWM")?);
    Ok(())
}

fn table(rows: u64) -> TableStream {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("amount", DataType::Float64, false),
        Field::new("name", DataType::Utf8, false),
    ]));
    let of = Arc::clone(&schema);
    let batches = (0..rows.div_ceil(BATCH_ROWS)).map(move |index| {
        let range = index * BATCH_ROWS..rows.min((index + 1) * BATCH_ROWS);
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(range.clone().map(|id| id as i64)));
        let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values(range.clone().map(|id| id as f64 * 0.01)));
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(
            range.map(|id| format!("customer-{}", id % 100_000)),
        ));
        Ok(RecordBatch::try_new(Arc::clone(&of), vec![ids, amounts, names])?)
    });
    TableStream::from_iter(schema, batches)
}
