//! Pipelines whose SQL assets a cluster computes.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use larder_executor::{Definitions, Pipeline};
use larder_io_core::{ErrorKind, LazyTable, Table};
use std::path::Path;
use std::sync::Arc;

/// Everything in Delta tables below a directory that the cluster shares, but for what says `here`.
pub(crate) fn definitions(dir: &Path, server: &str) -> Definitions {
    let root = dir.display();
    let definitions = larder_io_delta::backends(vec![larder_io_fs::ground()])
        .into_iter()
        .fold(Definitions::new(), Definitions::backend);
    definitions
        .backend(larder_io_memory::backend())
        .engine_backend(larder_engine_spark::backend())
        .variables([])
        .config_text(format!(
            "io_manager = 'lake'\nengine = 'spark'\n[io_managers.lake]\nurl = 'delta+file://{root}/lake'\n[io_managers.here]\nurl = 'memory:'\n\
             [engines.spark]\nurl = '{server}'\nstaging = '{root}/staging'\n[engines.spark.session]\n'spark.sql.shuffle.partitions' = '2'\n"
        ))
}

pub(crate) fn columns(fields: impl IntoIterator<Item = (&'static str, DataType, bool)>) -> Arc<Schema> {
    let field = |(name, data_type, nullable)| Field::new(name, data_type, nullable);
    Arc::new(Schema::new(fields.into_iter().map(field).collect::<Vec<_>>()))
}

pub(crate) async fn made(definitions: Definitions) -> Pipeline {
    let pipeline = definitions.build().expect("is valid");
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded(), "{report:?}");
    pipeline
}

pub(crate) async fn failed(definitions: Definitions, key: &str) -> (ErrorKind, String) {
    let report = definitions.build().expect("is valid").run("*").await.expect("runs");
    let error = report
        .error(key)
        .unwrap_or_else(|| panic!("`{key}` was made: {report:?}"));
    (error.kind(), error.to_string())
}

pub(crate) async fn stored(pipeline: &Pipeline, key: &str) -> Table {
    let table: LazyTable = pipeline.load(key).await.expect("is stored");
    table.collect().await.expect("is read")
}

/// Every row, its values as texts.
pub(crate) async fn shown(pipeline: &Pipeline, key: &str) -> Vec<String> {
    lines(&stored(pipeline, key).await)
}

pub(crate) fn lines(table: &Table) -> Vec<String> {
    let of = |batch: &RecordBatch| {
        let cell = |column: &ArrayRef, row| arrow_cast::display::array_value_to_string(column, row).expect("is shown");
        let line = |row| {
            batch
                .columns()
                .iter()
                .map(|column| cell(column, row))
                .collect::<Vec<_>>()
                .join("|")
        };
        (0..batch.num_rows()).map(line).collect::<Vec<_>>()
    };
    table.batches().iter().flat_map(of).collect()
}

/// Everything below a directory.
pub(crate) fn walk(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("is read") {
        let path = entry.expect("is read").path();
        found.push(path.display().to_string());
        if path.is_dir() {
            found.extend(walk(&path));
        }
    }
    found
}
