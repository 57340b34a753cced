//! Columns that an asset declares are held against what it stores and against what is loaded.

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray};
use larder::prelude::*;
use larder::{IoManager, Pipeline, RunReport};
use larder_integration_tests::scratch;
use larder_io_delta::{DeltaConfig, Evolution};
use larder_io_fs::FsConfig;
use larder_io_memory::MemoryIo;
use std::sync::Arc;
use std::sync::Mutex;

#[derive(TableSchema)]
#[allow(dead_code)]
struct Delay {
    carrier: String,
    #[column(name = "mean minutes")]
    mean: Option<i64>,
}

/// What the asset makes next.
static NEXT: Mutex<Option<RecordBatch>> = Mutex::new(None);
/// One test at a time makes it.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[asset(columns = Delay)]
async fn delays() -> Result<Table> {
    let next = NEXT.lock().expect("no panic").clone();
    Ok(next.expect("is set").into())
}

#[asset(io_manager = "counts")]
async fn rows(delays: Table) -> Result<u64> {
    Ok(delays.rows() as u64)
}

#[asset(io_manager = "counts")]
async fn least(delays: LazyTable) -> Result<u64> {
    Ok(delays.head(1).await?.rows() as u64)
}

fn batch(columns: Vec<(&str, ArrayRef, bool)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns).expect("fits")
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn pipeline(manager: Arc<dyn IoManager>) -> Pipeline {
    larder::definitions()
        .without_config()
        .default_io_manager(manager)
        .io_manager("counts", Arc::new(MemoryIo::new()))
        .assets(assets![delays, rows, least])
        .build()
        .expect("fits")
}

async fn made(pipeline: &Pipeline, next: RecordBatch) -> RunReport {
    *NEXT.lock().expect("no panic") = Some(next);
    pipeline.run("*").await.expect("runs")
}

fn failure(report: &RunReport) -> String {
    let failed = ["delays", "rows", "least"].iter().find_map(|key| report.error(key));
    failed.map_or_else(String::new, |error| format!("{:?}: {}", error.kind(), error.message()))
}

fn managers() -> (tempfile::TempDir, Vec<Arc<dyn IoManager>>) {
    let root = scratch();
    let disk = FsConfig::new(root.path()).open().expect("opens");
    let mut lake = DeltaConfig::default();
    // What is declared is the asset's matter; the table takes whatever comes.
    lake.evolution = Evolution::Merge;
    let ground = FsConfig::new(root.path().join("lake")).open_ground().expect("opens");
    let lake = lake.open(ground).expect("opens");
    (root, vec![Arc::new(disk), Arc::new(MemoryIo::new()), Arc::new(lake)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_conforms_is_stored_in_any_order_and_encoding() {
    let _turn = TURN.lock().await;
    let (_root, managers) = managers();
    for manager in managers {
        let pipeline = pipeline(manager);
        let words = Arc::new(DictionaryArray::new(Int32Array::from(vec![0, 0]), texts(&[Some("AA")])));
        let views = Arc::new(StringViewArray::from(vec!["AA", "B6"]));
        for carrier in [texts(&[Some("AA"), Some("B6")]), words as ArrayRef, views] {
            let next = batch(vec![
                ("mean minutes", numbers(&[Some(1), None]), true),
                ("carrier", carrier, true),
            ]);
            let report = made(&pipeline, next).await;
            assert_eq!(failure(&report), "");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_differs_is_refused_and_the_old_value_stays() {
    let _turn = TURN.lock().await;
    let (_root, managers) = managers();
    for manager in managers {
        let pipeline = pipeline(Arc::clone(&manager));
        let good = || {
            batch(vec![
                ("carrier", texts(&[Some("AA")]), true),
                ("mean minutes", numbers(&[Some(1)]), true),
            ])
        };
        assert_eq!(failure(&made(&pipeline, good()).await), "");
        let wrong = batch(vec![
            ("carrier", numbers(&[Some(1)]), true),
            ("extra", texts(&[Some("x")]), true),
        ]);
        let told = failure(&made(&pipeline, wrong).await);
        for line in [
            "InvalidDefinition",
            "`carrier` is declared Utf8 and is Int64",
            "`mean minutes` Int64 is missing",
            "`extra` Utf8 is not declared",
        ] {
            assert!(told.contains(line), "{told}");
        }
        let null = batch(vec![
            ("carrier", texts(&[Some("AA"), None]), true),
            ("mean minutes", numbers(&[None, None]), true),
        ]);
        let told = failure(&made(&pipeline, null).await);
        assert!(
            told.contains("column `carrier` may not be null") && told.contains("1 of 2 rows"),
            "{told}"
        );
        let (manager, context) = pipeline.input(&"delays".parse().expect("is a key")).expect("is stored");
        let stays = Table::from_value(manager.load_input(&context).await.expect("is there"))
            .await
            .expect("reads");
        assert_eq!(stays.rows(), 1);
    }
}

/// Another program, or an older version of the code, left other columns behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_loaded_is_held_against_them_too() {
    let _turn = TURN.lock().await;
    let (_root, managers) = managers();
    for manager in managers {
        let pipeline = pipeline(Arc::clone(&manager));
        let key: AssetKey = "delays".parse().expect("is a key");
        let store = async |next: RecordBatch| {
            let (manager, context) = pipeline.output(&key, larder::RunId::random()).expect("is stored");
            let stored = manager.handle_output(&context, &Table::from(next).into_value()).await;
            stored.expect("the manager knows no columns");
        };
        let report = async || failure(&pipeline.run("rows").await.expect("runs"));
        store(batch(vec![("carrier", texts(&[Some("AA")]), true)])).await;
        let told = report().await;
        assert!(
            told.contains("InvalidData") && told.contains("`mean minutes` Int64 is missing"),
            "{told}"
        );
        store(batch(vec![
            ("carrier", texts(&[None]), true),
            ("mean minutes", numbers(&[Some(1)]), true),
        ]))
        .await;
        let told = report().await;
        assert!(
            told.contains("InvalidData") && told.contains("may not be null"),
            "{told}"
        );
    }
}

#[asset(columns = Delay)]
async fn number() -> Result<u64> {
    Ok(1)
}

#[test]
fn only_tables_have_columns() {
    let built = larder::definitions().without_config().assets(assets![number]).build();
    let error = built.expect_err("is no table");
    assert!(error.message().contains("`number` declares columns"), "{error}");
}
