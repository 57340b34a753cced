//! Tables that larder made, in every way that it changes them: the Python package and DuckDB, whose extension reads with Delta's own kernel, find in
//! every version what larder finds there.

use super::golden::{found, found_by, rows as rows_of, same};
use super::python::{every_type, partition};
use super::{context, on_disk};
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use larder::{AssetValue, Form, IoManager, Table, Version};
use larder_io_core::OptimizeOptions;
use larder_io_delta::{DeltaIo, Evolution, WriteMode};
use std::path::Path;
use std::sync::Arc;
use tempfile::tempdir;

/// Keys, numbers and texts, of which some are null.
fn rows(numbers: impl IntoIterator<Item = i64>, key: Option<&str>) -> Vec<(&'static str, ArrayRef, bool)> {
    let numbers: Vec<i64> = numbers.into_iter().collect();
    let keys = StringArray::from(vec![key; numbers.len()]);
    let texts = numbers
        .iter()
        .map(|number| (number % 5 > 0).then(|| format!("ü {number}")));
    let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
    vec![
        ("n", Arc::new(Int64Array::from(numbers)), true),
        ("key", Arc::new(keys), true),
        ("t", texts, true),
    ]
}

fn table(columns: Vec<(&'static str, ArrayRef, bool)>) -> Table {
    Table::from(RecordBatch::try_from_iter_with_nullable(columns).expect("fits"))
}

async fn store(manager: &DeltaIo, asset: &str, table: Table) {
    let stored = manager.handle_output(&context(asset), &table.into_value()).await;
    stored.expect("stores");
}

/// Merges with rows that are new, known, in other partitions and deleted, past a checkpoint.
async fn merged(root: &Path) {
    let manager = on_disk(root, |config| {
        config.mode = WriteMode::Merge;
        config.merge_on = vec!["n".to_owned()];
        config.delete_when = Some("gone".to_owned());
        config.partition_by = vec!["key".to_owned()];
        config.change_data_feed = true;
    });
    let keys = [Some("a/b"), None, Some("50%"), Some("ü 日本"), Some("x=y")];
    for (round, key) in (0..13).zip(keys.into_iter().cycle()) {
        let mut columns = rows(round * 2..round * 2 + 5, key);
        let gone = (0..5).map(|at| Some(round % 3 == 2 && at == 0));
        columns.push(("gone", Arc::new(gone.collect::<BooleanArray>()), true));
        store(&manager, "merged", table(columns)).await;
    }
}

/// Partitions that come, are replaced, go, and come back; one of them in a file with others.
async fn partitions(root: &Path) {
    let manager = on_disk(root, |_| {});
    let first = table(rows(0..3, Some("first")));
    let mut batches = first.batches().to_vec();
    batches.extend(table(rows(3..5, Some("second"))).batches().to_vec());
    let several = Table::new(Arc::clone(first.schema()), batches).expect("one schema");
    store(&manager, "partitions", several).await;
    for (key, numbers) in [("second", 10..12), ("a/b %=", 12..14), ("second", 14..17)] {
        let stored = manager
            .handle_output(
                &partition("partitions", key),
                &table(rows(numbers, Some(key))).into_value(),
            )
            .await;
        stored.expect("stores");
    }
    let first = partition("partitions", "first").to_input(Form::Table);
    manager.delete(&first).await.expect("deletes");
    let second = partition("partitions", "second").to_input(Form::Table);
    let versions = manager.versions().expect("are kept");
    let restored = versions.restore(&second, &Version::from_text("1")).await;
    restored.expect("is restored");
}

/// Appends of other columns, rewritten in another order.
async fn rewritten(root: &Path) {
    let manager = on_disk(root, |config| {
        config.mode = WriteMode::Append;
        config.evolution = Evolution::Widen;
    });
    for round in 0..3 {
        let mixed = (0..50).map(|n| n * 7 % 50 + round);
        store(&manager, "rewritten", table(rows(mixed, Some("k")))).await;
    }
    let mut wider = rows(100..110, None);
    wider.push(("more", Arc::new(Int64Array::from_iter_values(0..10)), true));
    store(&manager, "rewritten", table(wider)).await;
    let mut options = OptimizeOptions::default();
    options.z_order = vec!["n".to_owned(), "t".to_owned()];
    let input = context("rewritten").to_input(Form::Table);
    let maintenance = manager.maintenance().expect("has some");
    let done = maintenance.optimize(&input, &options).await.expect("optimizes");
    assert_eq!((done.files_before, done.files_after), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LARDER_PYTHON and LARDER_DUCKDB: cargo xtask test"]
async fn others_read_every_version_of_what_larder_made() {
    let root = tempdir().expect("a directory");
    let manager = on_disk(root.path(), |_| {});
    for _ in 0..2 {
        store(&manager, "types", every_type()).await;
    }
    merged(root.path()).await;
    partitions(root.path()).await;
    rewritten(root.path()).await;
    assert!(root.path().join("merged.delta/_delta_log/_last_checkpoint").is_file());

    let theirs = found("show", root.path());
    let ours = found_by(&manager, theirs.keys()).await;
    same(&ours, &theirs, true);
    // It takes every column for one that may be null.
    same(&ours, &found("duckdb", root.path()), false);
    // So that none of them agree on nothing.
    let count = |name: &str| rows_of(&theirs[name]).len();
    assert_eq!(
        ["types@1", "merged@0", "partitions@3", "partitions@5", "rewritten@4"].map(count),
        [3, 5, 8, 4, 160]
    );
}
