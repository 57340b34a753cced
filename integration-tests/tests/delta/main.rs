//! Delta tables on every store, beside other libraries, and in processes that are killed.

mod at_once;
mod commands;
mod golden;
mod killed;
mod partitioned;
mod python;
mod settings;
mod stores;
mod unreadable;
mod witnesses;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder::{AssetValue, Form, IoManager, OutputContext, Table};
use larder_io_delta::{DeltaConfig, DeltaIo};
use larder_io_fs::FsConfig;
use std::path::Path;
use std::sync::Arc;

/// Delta tables below a directory.
fn on_disk(root: &Path, change: impl FnOnce(&mut DeltaConfig)) -> DeltaIo {
    let mut config = DeltaConfig::default();
    change(&mut config);
    let ground = FsConfig::new(root).open_ground().expect("opens");
    config.open(ground).expect("opens")
}

fn context(asset: &str) -> OutputContext {
    OutputContext::new(
        asset.parse().expect("is a key"),
        None,
        asset.parse().expect("is a location"),
    )
}

/// Rows of a number and a text.
fn rows(numbers: impl IntoIterator<Item = i64>) -> Table {
    let numbers: Vec<i64> = numbers.into_iter().collect();
    let texts: Vec<String> = numbers.iter().map(|number| format!("row {number}")).collect();
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int64Array::from(numbers))),
        ("t", Arc::new(StringArray::from(texts))),
    ];
    Table::from(RecordBatch::try_from_iter(columns).expect("is a table"))
}

async fn load(manager: &dyn IoManager, asset: &str) -> larder::Result<Table> {
    let value = manager.load_input(&context(asset).to_input(Form::Table)).await?;
    Table::from_value(value).await
}

/// The numbers of `rows`, in their order.
fn numbers(table: &Table) -> Vec<i64> {
    column(table, "n")
}

fn column(table: &Table, name: &str) -> Vec<i64> {
    let batch = table.to_batch().expect("joins");
    let column = batch.column_by_name(name).expect("is there");
    let numbers = column.as_any().downcast_ref::<Int64Array>().expect("are numbers");
    numbers.values().to_vec()
}
