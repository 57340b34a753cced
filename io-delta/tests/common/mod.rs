//! What the tests share: managers on temporary directories, contexts, small tables.
#![allow(dead_code)]

use arrow_array::{ArrayRef, RecordBatch};
use larder_io_core::{
    AssetValue, Form, InputContext, IoManager, OutputContext, PartitionKey, Receipt, Result, RunId, Table,
};
use larder_io_delta::{DeltaConfig, DeltaIo};
use larder_io_fs::FsConfig;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A lake on local disk.
pub(crate) struct Lake {
    pub(crate) dir: TempDir,
    pub(crate) manager: DeltaIo,
}

pub(crate) fn open(root: &Path, change: impl FnOnce(&mut DeltaConfig)) -> DeltaIo {
    let mut config = DeltaConfig::default();
    change(&mut config);
    config
        .open(FsConfig::new(root).open_ground().expect("opens"))
        .expect("opens")
}

impl Lake {
    pub(crate) fn new(change: impl FnOnce(&mut DeltaConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let manager = open(dir.path(), change);
        Self { dir, manager }
    }

    /// The same lake with other settings.
    pub(crate) fn with(&self, change: impl FnOnce(&mut DeltaConfig)) -> DeltaIo {
        open(self.dir.path(), change)
    }

    pub(crate) async fn store(&self, ctx: &OutputContext, table: Table) -> Result<Receipt> {
        self.manager.handle_output(ctx, &table.into_value()).await
    }

    /// The rows of an asset, or of a partition, as texts.
    pub(crate) async fn rows(&self, ctx: &OutputContext) -> Vec<String> {
        rows(&self.manager, &ctx.to_input(Form::Table)).await
    }

    /// The rows of the whole asset.
    pub(crate) async fn all(&self, asset: &str) -> Vec<String> {
        rows(&self.manager, &whole(asset).to_input(Form::Table)).await
    }
}

/// The rows that a context loads, each as `a|b|c`, in their order.
pub(crate) async fn rows(manager: &dyn IoManager, ctx: &InputContext) -> Vec<String> {
    let value = manager
        .load_input(ctx)
        .await
        .unwrap_or_else(|error| panic!("does not load: {error}"));
    let table = Table::from_value(value)
        .await
        .unwrap_or_else(|error| panic!("does not load: {error}"));
    texts(&table)
}

pub(crate) fn texts(table: &Table) -> Vec<String> {
    use arrow_cast::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::new().with_null("null");
    let mut rows = Vec::new();
    for batch in table.batches() {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).expect("can be shown"))
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            rows.push(values.join("|"));
        }
    }
    rows
}

/// A context of a whole asset.
pub(crate) fn whole(asset: &str) -> OutputContext {
    OutputContext::new(
        asset.parse().expect("is a key"),
        None,
        asset.parse().expect("is a location"),
    )
}

/// A context of one partition, as the executor makes it.
pub(crate) fn partition(asset: &str, dimensions: &[(&str, &str)]) -> OutputContext {
    let key = PartitionKey::new(dimensions.iter().copied()).expect("is a key");
    let tail: Vec<String> = key
        .dimensions()
        .iter()
        .map(|(name, value)| {
            format!(
                "{name}={}",
                value.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_")
            )
        })
        .collect();
    let location = format!("{asset}/{}/data", tail.join("/"));
    let mut ctx = OutputContext::new(
        asset.parse().expect("is a key"),
        Some(key),
        location.parse().expect("is a location"),
    );
    ctx.asset_location = asset.parse().expect("is a location");
    ctx
}

/// The same context in a run.
pub(crate) fn in_run(mut ctx: OutputContext, run: &str) -> OutputContext {
    ctx.run = RunId::from_text(run);
    ctx
}

/// A table of named columns.
pub(crate) fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
    Table::from(RecordBatch::try_from_iter(columns).expect("is a table"))
}

pub(crate) fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(arrow_array::Int64Array::from_iter_values(values))
}

pub(crate) fn strings<'t>(values: impl IntoIterator<Item = &'t str>) -> ArrayRef {
    Arc::new(arrow_array::StringArray::from_iter_values(values))
}
