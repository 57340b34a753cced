//! Lineitem stored and loaded, beside the bare libraries.

use super::{Row, Size, against, bare, best, data, limited, text};
use futures_util::TryStreamExt;
use larder::{AssetKey, AssetValue, InputContext, IoManager, LazyTable, OutputContext, Table, TableStream};
use larder_io_fs::FsConfig;
use larder_io_object::TableFormat;
use std::path::Path;
use tokio::runtime::Runtime;

pub(super) fn manager(root: &Path, format: TableFormat) -> Result<impl IoManager, String> {
    let mut config = FsConfig::new(root);
    config.table = format;
    // One version, so that the disk's room does not grow with the repetitions.
    config.history = 1;
    config.open().map_err(text)
}

pub(super) fn output() -> Result<OutputContext, String> {
    let key: AssetKey = "lineitem".parse().map_err(text)?;
    Ok(OutputContext::new(key, None, "lineitem".parse().map_err(text)?))
}

pub(super) fn input() -> Result<InputContext, String> {
    Ok(output()?.to_input(larder::Form::Table))
}

pub(super) fn run(runtime: &Runtime, size: Size) -> Result<Vec<Row>, String> {
    let table = data::lineitem(size.scale)?;
    println!(
        "lineitem: {} rows, {:.2} GB in memory",
        table.rows(),
        data::bytes(&table) as f64 / 1e9
    );
    let mut rows = parquet(runtime, size, &table)?;
    rows.extend(arrow(runtime, size, &table)?);
    Ok(rows)
}

fn store(runtime: &Runtime, manager: &impl IoManager, table: &Table) -> Result<(), String> {
    let value = table.clone().into_value();
    runtime
        .block_on(manager.handle_output(&output()?, &value))
        .map(drop)
        .map_err(text)
}

fn load(runtime: &Runtime, manager: &impl IoManager) -> Result<Table, String> {
    runtime.block_on(async {
        Table::from_value(manager.load_input(&input()?).await.map_err(text)?)
            .await
            .map_err(text)
    })
}

fn parquet(runtime: &Runtime, size: Size, table: &Table) -> Result<Vec<Row>, String> {
    let dir = tempfile::tempdir().map_err(text)?;
    let manager = manager(&dir.path().join("lake"), TableFormat::Parquet)?;
    let by_hand = dir.path().join("bare.parquet");
    let stored = best(size.times, |_| store(runtime, &manager, table))?;
    let bare_stored = best(size.times, |_| bare::write_parquet(table.batches(), &by_hand))?;
    let file = dir.path().join("lake/lineitem.parquet");
    let loaded = best(size.times, |_| load(runtime, &manager))?;
    let bare_loaded = best(size.times, |_| bare::read_parquet(&file))?;
    let again = load(runtime, &manager)?;
    if again.rows() != table.rows() {
        return Err(format!("{} rows were stored and {} loaded", table.rows(), again.rows()));
    }
    Ok(vec![
        against(
            "store as Parquet zstd, hashed, durable",
            stored,
            bare_stored,
            1.1,
            "<= 1.1",
        ),
        against("load Parquet as a Table", loaded, bare_loaded, 1.1, "<= 1.1"),
    ])
}

fn arrow(runtime: &Runtime, size: Size, table: &Table) -> Result<Vec<Row>, String> {
    let dir = tempfile::tempdir().map_err(text)?;
    let manager = manager(&dir.path().join("lake"), TableFormat::Arrow)?;
    let file = dir.path().join("lake/lineitem.arrow");
    let stored = best(size.times, |_| store(runtime, &manager, table))?;
    let bytes = std::fs::read(&file).map_err(text)?;
    let raw = dir.path().join("raw");
    let bare_stored = best(size.times, |_| {
        let written = bare::write_bytes(&bytes, &raw);
        std::fs::remove_file(&raw).map_err(text)?;
        written
    })?;
    drop(bytes);
    let opened = best(size.times, |_| {
        runtime.block_on(async {
            let lazy = LazyTable::from_value(manager.load_input(&input()?).await.map_err(text)?)
                .await
                .map_err(text)?;
            Ok(lazy.schema().fields().len())
        })
    })?;
    let scanned = best(size.times, |_| runtime.block_on(scan(&manager)))?;
    let bare_scanned = best(size.times, |_| bare::scan_arrow(&file))?;
    let millis = opened.as_secs_f64() * 1e3;
    Ok(vec![
        against(
            "store as Arrow IPC, hashed, durable",
            stored,
            bare_stored,
            1.3,
            "<= 1.3",
        ),
        limited(
            "open it by map, with its schema",
            format!("{millis:.2} ms"),
            millis < 5.0,
            "< 5 ms",
        ),
        against("scan it by map, validated", scanned, bare_scanned, 1.3, "<= 1.3"),
    ])
}

async fn scan(manager: &impl IoManager) -> Result<usize, String> {
    let value = manager.load_input(&input()?).await.map_err(text)?;
    let stream = TableStream::from_value(value).await.map_err(text)?;
    stream
        .try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) })
        .await
        .map_err(text)
}
