//! What is kept of a step's requests: in a run on S3 each request that the server saw stands at one of the steps.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use larder::catalog::Catalog;
use larder::{Asset, Check, CheckResult, Definitions, IoManager, LazyTable, RunOptions, Table};
use larder_io_core::Secret;
use larder_io_delta::DeltaConfig;
use larder_io_s3::S3Config;
use larder_testkit::cloud::{Cloud, Dialect};
use std::sync::Arc;
use std::time::Duration;

const ROWS: i64 = 2_000_000;

/// Numbers that hardly compress, and what counts them.
fn definitions() -> Definitions {
    let rows = Asset::builder("rows").function(|_| async {
        let numbers = (0..ROWS).map(|n| n.wrapping_mul(0x1E37_79B9_7F4A_7C15));
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        Ok(Table::from(RecordBatch::try_from_iter([("n", column)]).expect("fits")))
    });
    let copy = Asset::builder("copy")
        .input_from::<LazyTable>("rows", "rows")
        .function(|mut args| async move { args.input::<LazyTable>().await?.collect().await });
    let slow = Check::builder("slow")
        .input::<LazyTable>("copy")
        .blocking()
        .function(|_| async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            Ok(CheckResult::of(true))
        });
    Definitions::new().assets([rows, copy]).checks([slow]).without_config()
}

async fn each_request_is_somebodys(cloud: &Cloud, manager: Arc<dyn IoManager>) {
    let catalog = Catalog::in_memory().expect("opens");
    let pipeline = definitions()
        .default_io_manager(manager)
        .build()
        .expect("fits together");
    let pipeline = pipeline.with_catalog(catalog);
    let mut options = RunOptions::default();
    options.max_concurrent = 1;
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert!(report.succeeded(), "{:?}", report.steps);
    let measured = |key: &str| report.materialization(key).expect("was made").measures.clone();
    let (rows, copy) = (measured("rows"), measured("copy"));
    let counted = rows.requests.zip(copy.requests).map(|(one, other)| one + other);
    assert_eq!(counted, Some(cloud.requests().len() as u64), "{rows:?} {copy:?}");
    assert!(copy.requests > rows.requests, "it also loads: {rows:?} {copy:?}");
    for buffered in [rows.buffered_bytes, copy.buffered_bytes] {
        assert!(
            buffered.is_some_and(|bytes| (1 << 20..128 << 20).contains(&bytes)),
            "{buffered:?}"
        );
    }
    assert_eq!(rows.check, Duration::ZERO);
    assert!(copy.check >= Duration::from_millis(40), "{copy:?}");
}

async fn s3() -> (Cloud, S3Config) {
    let cloud = Cloud::start(Dialect::S3).await;
    cloud.create_bucket("bucket");
    let mut config = S3Config::new("bucket", "lake");
    config.endpoint = Some(cloud.endpoint());
    config.access_key_id = Some("id".to_owned());
    config.secret_access_key = Some(Secret::new("secret"));
    (cloud, config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_s3() {
    let (cloud, config) = s3().await;
    each_request_is_somebodys(&cloud, Arc::new(config.open().expect("opens"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_delta_tables_on_s3() {
    let (cloud, config) = s3().await;
    let ground = config.open_ground().expect("opens");
    let manager = DeltaConfig::default().open(ground).expect("opens");
    each_request_is_somebodys(&cloud, Arc::new(manager)).await;
}

#[tokio::test]
async fn on_local_disk_there_are_none() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let manager = larder_io_fs::FsConfig::new(dir.path()).open().expect("opens");
    let pipeline = definitions()
        .default_io_manager(Arc::new(manager))
        .build()
        .expect("fits together");
    let pipeline = pipeline.with_catalog(Catalog::in_memory().expect("opens"));
    let report = pipeline.run("rows").await.expect("runs");
    let measures = report.materialization("rows").expect("was made").measures.clone();
    assert_eq!(measures.requests, None);
    assert!(measures.buffered_bytes > Some(1 << 20), "{measures:?}");
}
