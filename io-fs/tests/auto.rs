//! `table = "auto"`: what is loaded often is stored as Arrow next time.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use larder_io_core::{
    AssetKey, AssetValue, Form, FormatChoice, InputContext, IoManager, OutputContext, Receipt, Table,
};
use larder_io_fs::FsConfig;
use larder_io_object::{ObjectIo, TableFormat};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn manager(root: &Path) -> ObjectIo {
    let mut config = FsConfig::new(root);
    config.table = TableFormat::Auto;
    config.auto.least_bytes = 100;
    config.open().expect("opens")
}

fn context() -> OutputContext {
    let key: AssetKey = "clean/flights".parse().expect("is a key");
    OutputContext::new(key, None, "clean/flights".parse().expect("is a location"))
}

fn input() -> InputContext {
    context().to_input(Form::Table)
}

fn table(rows: i64) -> Table {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    Table::from(RecordBatch::try_from_iter([("n", numbers)]).expect("fits"))
}

async fn store(manager: &ObjectIo, rows: i64) -> Receipt {
    let stored = manager.handle_output(&context(), &table(rows).into_value()).await;
    stored.expect("is stored")
}

async fn load(manager: &ObjectIo, input: &InputContext) -> Table {
    let value = manager.load_input(input).await.expect("loads");
    Table::from_value(value).await.expect("is a table")
}

async fn next(manager: &ObjectIo) -> (String, String) {
    let FormatChoice { format, because, .. } = manager.next_format(&input()).await.expect("tells").expect("chooses");
    (format, because)
}

fn there(root: &Path, suffix: &str) -> bool {
    root.join(format!("clean/flights.{suffix}"))
        .try_exists()
        .expect("looks")
}

#[tokio::test]
async fn what_is_loaded_often_becomes_arrow_and_cools_down_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    assert_eq!(
        next(&manager).await,
        ("parquet".to_owned(), "nothing is stored yet".to_owned())
    );
    let cold = store(&manager, 500).await;
    assert_eq!(cold.format, "parquet");
    assert_eq!(next(&manager).await.1, "not loaded since it was stored");
    assert_eq!(load(&manager, &input()).await, table(500));
    assert_eq!(
        next(&manager).await,
        ("parquet".to_owned(), "loaded once since it was stored".to_owned())
    );
    // Looking and old versions are no use.
    manager.head(&input()).await.expect("tells");
    load(&manager, &input().with_version(cold.version.clone())).await;
    assert_eq!(next(&manager).await.1, "loaded once since it was stored");
    load(&manager, &input()).await;
    load(&manager, &input()).await;
    let (format, because) = next(&manager).await;
    assert_eq!(format, "arrow");
    assert!(because.starts_with("loaded 3 times since it was stored, "), "{because}");

    let hot = store(&manager, 500).await;
    assert_eq!(hot.format, "arrow");
    assert!(there(dir.path(), "arrow") && !there(dir.path(), "parquet"));
    assert_eq!(
        hot.content_hash, cold.content_hash,
        "equal values are equal in both formats"
    );
    assert_eq!(load(&manager, &input()).await, table(500));

    // An old version in the other format.
    assert_eq!(
        load(&manager, &input().with_version(cold.version.clone())).await,
        table(500)
    );
    let versions = manager.versions().expect("keeps versions");
    versions.restore(&input(), &cold.version).await.expect("restores");
    assert!(there(dir.path(), "parquet") && !there(dir.path(), "arrow"));
    assert_eq!(next(&manager).await.1, "not loaded since it was stored");
    versions.restore(&input(), &hot.version).await.expect("restores");
    assert!(there(dir.path(), "arrow") && !there(dir.path(), "parquet"));
    assert_eq!(load(&manager, &input()).await, table(500));

    // Loaded once only: it is Parquet again.
    assert_eq!(store(&manager, 600).await.format, "parquet");
    assert!(there(dir.path(), "parquet") && !there(dir.path(), "arrow"));
    assert_eq!(load(&manager, &input()).await, table(600));
}

#[tokio::test]
async fn small_and_large_values_stay_parquet() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = FsConfig::new(dir.path());
    config.table = TableFormat::Auto;
    config.auto.least_bytes = 1;
    config.auto.most_bytes = 100;
    let manager = config.open().expect("opens");
    store(&manager, 500).await;
    for _ in 0..5 {
        load(&manager, &input()).await;
    }
    let (format, because) = next(&manager).await;
    assert_eq!(format, "parquet");
    assert!(because.contains("are more than 100 bytes"), "{because}");
    assert_eq!(store(&manager, 500).await.format, "parquet");
}

#[tokio::test]
async fn without_maps_nothing_is_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = FsConfig::new(dir.path());
    config.table = TableFormat::Auto;
    config.mmap = false;
    let manager = config.open().expect("opens");
    store(&manager, 500).await;
    load(&manager, &input()).await;
    assert_eq!(
        next(&manager).await,
        ("parquet".to_owned(), "this store counts no loads".to_owned())
    );
    assert!(!dir.path().join(".larder/loads").try_exists().expect("looks"));
}

#[tokio::test]
async fn a_load_that_cannot_be_counted_is_a_load() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    store(&manager, 500).await;
    std::fs::write(dir.path().join(".larder/loads"), "is no directory").expect("writes");
    assert_eq!(load(&manager, &input()).await, table(500));
    assert_eq!(store(&manager, 500).await.format, "parquet");
}

const ROOT: &str = "LARDER_TEST_AUTO_ROOT";
const LOADS: usize = 200;

/// Also what the other processes of the test below do, in its directory.
#[tokio::test]
async fn loads_of_one_process_are_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let shared = std::env::var_os(ROOT);
    let manager = manager(shared.as_ref().map_or(dir.path(), Path::new));
    if shared.is_none() {
        store(&manager, 500).await;
    }
    for _ in 0..LOADS {
        load(&manager, &input()).await;
    }
    if shared.is_none() {
        let (_, because) = next(&manager).await;
        assert!(because.starts_with(&format!("loaded {LOADS} times")), "{because}");
    }
}

#[tokio::test]
async fn loads_of_two_processes_are_counted_together() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    store(&manager, 500).await;
    let program = std::env::current_exe().expect("is known");
    let start = || {
        let mut command = Command::new(&program);
        command
            .args(["--exact", "loads_of_one_process_are_counted"])
            .env(ROOT, dir.path());
        command.stdout(std::process::Stdio::null()).spawn().expect("starts")
    };
    for mut child in [start(), start()] {
        assert!(child.wait().expect("ends").success());
    }
    let (_, because) = next(&manager).await;
    assert!(because.starts_with(&format!("loaded {} times", 2 * LOADS)), "{because}");
}
