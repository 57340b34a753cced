//! A check blocks every second value while readers load the asset all the time: none of them ever sees a blocked one, wherever it is kept. The values are
//! streams that can be read once, larger than one request. Not on LocalStack, whose answers mix the old object with
//! the new one while that is completed.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder::{
    Asset, Check, CheckResult, Definitions, ErrorKind, IoManager, LazyTable, Pipeline, Table, TableStream,
    catalog::Catalog, col,
};
use larder_integration_tests::Random;
use larder_io_core::Secret;
use larder_io_delta::DeltaConfig;
use larder_io_fs::FsConfig;
use larder_io_memory::MemoryIo;
use larder_io_s3::S3Config;
use larder_testkit::cloud::{Cloud, Dialect};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const VALUES: i64 = 12;
const BATCHES: usize = 6;
const ROWS: usize = 2048;

/// A batch of one number, and text that hardly compresses: about 1.5 MB.
fn batch(number: i64, random: &mut Random) -> RecordBatch {
    let texts = (0..ROWS).map(|_| {
        (0..32)
            .map(|_| format!("{:016x}", random.next_u64()))
            .collect::<String>()
    });
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int64Array::from(vec![number; ROWS]))),
        ("t", Arc::new(StringArray::from_iter_values(texts))),
    ];
    RecordBatch::try_from_iter(columns).expect("is a table")
}

fn definitions(number: &Arc<AtomicI64>) -> Definitions {
    let number = Arc::clone(number);
    let asset = Asset::builder("numbers").function(move |_| {
        let number = number.load(Ordering::SeqCst);
        async move {
            let mut random = Random::new(number.unsigned_abs());
            let batches: Vec<RecordBatch> = (0..BATCHES).map(|_| batch(number, &mut random)).collect();
            Ok(TableStream::from_iter(batches[0].schema(), batches.into_iter().map(Ok)))
        }
    });
    let even = Check::builder("even")
        .input::<LazyTable>("numbers")
        .blocking()
        .function(|mut args| async move {
            let table = args.input::<LazyTable>().await?;
            let all = table.count().await?;
            let numbers = table.clone().select(["n"])?.head(1).await?;
            let number = first(&numbers).ok_or_else(|| larder::Error::new(ErrorKind::InvalidData, "it is empty"))?;
            let same = table.filter(col("n").eq(number))?.count().await?;
            let whole = all == (BATCHES * ROWS) as u64 && same == all;
            Ok(CheckResult::of(whole && number % 2 == 0).with_message(format!("{number}, {same} of {all} rows")))
        });
    Definitions::new().asset(asset).checks([even]).without_config()
}

fn first(table: &Table) -> Option<i64> {
    let batch = table.batches().iter().find(|batch| batch.num_rows() > 0)?;
    let column = batch.column_by_name("n")?.as_any().downcast_ref::<Int64Array>()?;
    Some(column.value(0))
}

async fn numbers(pipeline: &Pipeline) -> larder::Result<Table> {
    let table = pipeline.load::<LazyTable>("numbers").await?;
    table.select(["n"])?.collect().await
}

/// Loads until it is told to stop; how often, and every number that it saw.
async fn read(pipeline: Pipeline, stop: Arc<AtomicBool>) -> (u64, Vec<i64>) {
    let (mut loads, mut seen) = (0, Vec::new());
    while !stop.load(Ordering::SeqCst) {
        // In memory nothing ever waits: others have to run too.
        tokio::task::yield_now().await;
        let numbers = match numbers(&pipeline).await {
            Ok(numbers) => numbers,
            // A bucket without versions keeps no old value for its readers, and says so.
            Err(error) if error.kind() == ErrorKind::Conflict => continue,
            Err(error) => panic!("{error:?}"),
        };
        let number = first(&numbers).expect("has rows");
        loads += 1;
        if seen.last() != Some(&number) {
            seen.push(number);
        }
    }
    (loads, seen)
}

async fn never_seen(manager: Arc<dyn IoManager>) {
    let number = Arc::new(AtomicI64::new(0));
    let catalog = Catalog::in_memory().expect("opens");
    let definitions = definitions(&number).default_io_manager(manager);
    let pipeline = definitions.build().expect("is valid").with_catalog(catalog.clone());
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| tokio::spawn(read(pipeline.clone(), Arc::clone(&stop))))
        .collect();
    for value in 1..=VALUES {
        number.store(value, Ordering::SeqCst);
        let report = pipeline.run("*").await.expect("runs");
        let checked = report.checks().next().expect("is checked");
        assert_eq!(
            checked.message.as_deref(),
            Some(format!("{value}, {0} of {0} rows", BATCHES * ROWS).as_str())
        );
        let error = report.error("numbers").map(|error| error.kind());
        assert_eq!(error, (value % 2 == 1).then_some(ErrorKind::InvalidData), "{value}");
        // The reader sees what is there now, before the next one comes.
        let table = pipeline.load::<LazyTable>("numbers").await.expect("loads");
        let published = first(&table.head(1).await.expect("reads"));
        assert_eq!(published, Some(value - value % 2));
    }
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        let (loads, seen) = reader.await.expect("does not panic");
        println!("{loads} loads saw {seen:?}");
        assert!(loads > 1 && seen.iter().all(|number| number % 2 == 0), "{seen:?}");
        assert!(seen.is_sorted(), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    never_seen(Arc::new(MemoryIo::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_disk() {
    let root = tempfile::tempdir().expect("can be made");
    never_seen(Arc::new(FsConfig::new(root.path()).open().expect("opens"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_delta_on_disk() {
    let root = tempfile::tempdir().expect("can be made");
    let ground = FsConfig::new(root.path()).open_ground().expect("opens");
    never_seen(Arc::new(DeltaConfig::default().open(ground).expect("opens"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_double_of_s3() {
    let cloud = Cloud::start(Dialect::S3).await;
    cloud.create_bucket("bucket");
    let mut config = S3Config::new("bucket", "lake/one");
    config.endpoint = Some(cloud.endpoint());
    config.access_key_id = Some("id".to_owned());
    config.secret_access_key = Some(Secret::new("secret"));
    never_seen(Arc::new(config.open().expect("opens"))).await;
}
