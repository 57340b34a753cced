//! What somebody else keeps: a table of many rows, most of whose bytes nobody here needs.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use larder::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of the table.
pub(crate) const ROWS: i64 = 200_000;
/// Rows of a batch.
const BATCH: i64 = 20_000;
/// The first of January 2024, in milliseconds since 1970.
const BEGIN: i64 = 1_704_067_200_000;

/// Where the lake is.
pub(crate) fn root() -> PathBuf {
    let named = std::env::var_os("HYBRID_LAKE").map(PathBuf::from);
    let root = named.unwrap_or_else(|| PathBuf::from("target/hybrid-lake"));
    std::path::absolute(&root).unwrap_or(root)
}

/// The file of the table.
pub(crate) fn events(root: &Path) -> PathBuf {
    root.join("events.parquet")
}

/// Events of one second each, every seventh without a status. The payload is what makes them large.
#[asset]
async fn events_of_somebody() -> Result<Table> {
    let batches: Result<Vec<RecordBatch>> = (0..ROWS / BATCH).map(|batch| rows(batch * BATCH)).collect();
    let batches = batches?;
    Table::new(batches[0].schema(), batches)
}

fn rows(from: i64) -> Result<RecordBatch> {
    let numbers = || from..from + BATCH;
    let status = numbers().map(|n| (n % 7 != 0).then_some(if n % 5 == 0 { "late" } else { "good" }));
    // Different in every row, as hashes and texts are, so that no codec makes it small.
    let mixed = |n: i64, salt: u64| (n as u64 ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    let payload = numbers().map(|n| format!("{:016x}{:016x}", mixed(n, 1), mixed(n, 0x5bd1_e995)));
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from_iter_values(numbers()))),
        (
            "at",
            Arc::new(TimestampMillisecondArray::from_iter_values(
                numbers().map(|n| BEGIN + n * 1000),
            )),
        ),
        ("status", Arc::new(StringArray::from_iter(status))),
        ("payload", Arc::new(StringArray::from_iter_values(payload))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// Makes the lake, by a pipeline of its own.
///
/// # Errors
/// Whatever the disk gives.
pub(crate) fn make(root: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Error::from_asset)?;
    runtime.block_on(make_in(root))
}

/// The same within a runtime.
///
/// # Errors
/// Whatever the disk gives.
pub(crate) async fn make_in(root: &Path) -> Result<()> {
    let lake = larder::definitions()
        .without_config()
        .asset(larder::Asset::external::<Table>("events"))
        .default_io_manager_url(format!("file://{}", root.display()));
    let made = larder::definitions()
        .without_config()
        .assets(assets![events_of_somebody])
        .default_io_manager_url("memory:")
        .build()?;
    made.run("*").await?;
    let table: Table = made.load("events_of_somebody").await?;
    lake.build()?.store("events", table).await.map(drop)
}
