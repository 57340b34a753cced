//! Memory is bounded (law 12): what is streamed to a cloud and back is many times larger than the process that does it
//! may become. The process is a child, because the double that counts and drops the bytes has buffers of its own.
#![cfg(target_os = "linux")]

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder::{AssetValue, Blob, Form, IoManager, OutputContext, Secret, TableStream, Value};
use larder_integration_tests::Random;
use larder_io_delta::DeltaConfig;
use larder_io_s3::S3Config;
use larder_testkit::cloud::{Cloud, Dialect};
use std::process::Command;
use std::sync::Arc;

/// The most that a process may take while it streams, with what the system's allocator keeps of freed memory.
const LIMIT: u64 = 256 << 20;
/// The variables by which a child knows that it is one.
const ENDPOINT: &str = "LARDER_MEMORY_ENDPOINT";
const BYTES: &str = "LARDER_MEMORY_BYTES";

const GIB: u64 = 1 << 30;
const PIECE: usize = 1 << 20;
const PAYLOAD: usize = 1000;
const BATCH_ROWS: u64 = 4096;
const PARTITIONS: i64 = 20;

fn context() -> OutputContext {
    let key = "value".parse().expect("is a key");
    OutputContext::new(key, None, "value".parse().expect("is a location"))
}

fn config(endpoint: String) -> S3Config {
    let mut config = S3Config::new("bucket", "");
    config.endpoint = Some(endpoint);
    config.access_key_id = Some("id".to_owned());
    config.secret_access_key = Some(Secret::new("secret"));
    config
}

/// Runs the test of this name as a child that streams, and compares what it says with what the double counted.
async fn streams(test: &str, prefix: &str, bytes: u64) {
    let cloud = Cloud::start(Dialect::S3).await.discarding_over(PIECE as u64);
    cloud.create_bucket("bucket");
    let child = Command::new(std::env::current_exe().expect("has a path"))
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(ENDPOINT, cloud.endpoint())
        .env(BYTES, bytes.to_string())
        // What is live is the law's matter. Left to itself glibc keeps freed blocks for later; how many depends on its version and on
        // who allocates beside the rows (decision 0030).
        .env("MALLOC_MMAP_THRESHOLD_", "1048576")
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&child.stdout);
    let complaint = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "the child failed: {said}{complaint}");
    let number = |name: &str| {
        let found = said.split_whitespace().find_map(|word| word.strip_prefix(name));
        found
            .and_then(|number| number.parse::<u64>().ok())
            .expect("the child tells it")
    };
    let (peak, stored) = (number("peak="), number("stored="));
    let keys = cloud.keys();
    let lengths = keys
        .iter()
        .filter(|key| key.starts_with(prefix))
        .map(|key| cloud.length(key));
    let lengths = lengths.collect::<Option<Vec<u64>>>().expect("are there");
    assert_eq!(lengths.iter().sum::<u64>(), stored, "the receipt is not true");
    assert!(stored >= bytes, "only {stored} bytes were stored");
    let told = format!("{} MiB were resident while {bytes} bytes were streamed", peak >> 20);
    println!("{told}");
    assert!(peak <= LIMIT, "{told}");
}

/// What the parent wants of this process, if it is a child.
fn wanted() -> Option<(String, u64)> {
    let endpoint = std::env::var(ENDPOINT).ok()?;
    let bytes = std::env::var(BYTES).ok()?;
    Some((endpoint, bytes.parse().expect("is a number")))
}

async fn store(manager: &impl IoManager, value: Value) -> u64 {
    let receipt = manager.handle_output(&context(), &value).await.expect("is stored");
    receipt.bytes
}

fn tell(stored: u64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("is told by the kernel");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    println!("\npeak={} stored={stored}", peak.expect("is a number") << 10);
}

/// A blob, there and back.
async fn blob(test: &str, bytes: u64) {
    let Some((endpoint, bytes)) = wanted() else {
        return streams(test, "value.bin", bytes).await;
    };
    let manager = config(endpoint).open().expect("opens");
    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = (0..bytes / PIECE as u64).map(move |_| Ok(piece.clone()));
    let stored = store(&manager, Blob::from_stream(stream::iter(pieces).boxed()).into_value()).await;
    let value = manager
        .load_input(&context().to_input(Form::Blob))
        .await
        .expect("is there");
    let stream = Blob::from_value(value)
        .await
        .expect("is a blob")
        .stream()
        .await
        .expect("is read");
    let count = |seen, piece: Bytes| async move { Ok(seen + piece.len() as u64) };
    assert_eq!(stream.try_fold(0, count).await.expect("is read"), stored);
    tell(stored);
}

/// Rows of values that do not compress, in partitions that come mixed.
fn rows(bytes: u64) -> Value {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("partition", DataType::Int64, false),
        Field::new("payload", DataType::Binary, false),
    ]));
    let (of, mut random) = (Arc::clone(&schema), Random::new(7));
    let batches = (0..(bytes / PAYLOAD as u64).div_ceil(BATCH_ROWS) + 1).map(move |index| {
        let ids = (0..BATCH_ROWS).map(|row| (index * BATCH_ROWS + row) as i64);
        let partitions: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.clone().map(|id| id % PARTITIONS)));
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
        let words = BATCH_ROWS as usize * PAYLOAD / 8;
        let noise: Vec<u8> = (0..words).flat_map(|_| random.next_u64().to_le_bytes()).collect();
        let payload: ArrayRef = Arc::new(BinaryArray::from_iter_values(noise.chunks_exact(PAYLOAD)));
        Ok(RecordBatch::try_new(Arc::clone(&of), vec![ids, partitions, payload])?)
    });
    TableStream::from_iter(schema, batches).into_value()
}

/// A table as a Parquet file.
async fn table(test: &str, bytes: u64) {
    let Some((endpoint, bytes)) = wanted() else {
        return streams(test, "value.parquet", bytes).await;
    };
    let manager = config(endpoint).open().expect("opens");
    tell(store(&manager, rows(bytes)).await);
}

/// A Delta table, partitioned by these columns.
async fn delta(test: &str, partition_by: &[&str], bytes: u64) {
    let Some((endpoint, bytes)) = wanted() else {
        return streams(test, "value.delta/part-", bytes).await;
    };
    let mut lake = DeltaConfig::default();
    lake.partition_by = partition_by.iter().map(|column| (*column).to_owned()).collect();
    let ground = config(endpoint).open_ground().expect("opens");
    let manager = lake.open(ground).expect("opens");
    tell(store(&manager, rows(bytes)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_of_1_gib() {
    blob("a_blob_of_1_gib", GIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_1_gib() {
    table("a_table_of_1_gib", GIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_table_of_1_gib() {
    delta("a_delta_table_of_1_gib", &[], GIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_table_in_partitions_of_1_gib() {
    delta("a_delta_table_in_partitions_of_1_gib", &["partition"], GIB).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs minutes: cargo xtask test"]
async fn a_blob_of_5_gib() {
    blob("a_blob_of_5_gib", 5 * GIB).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs minutes: cargo xtask test"]
async fn a_table_of_5_gib() {
    table("a_table_of_5_gib", 5 * GIB).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs minutes: cargo xtask test"]
async fn a_delta_table_of_5_gib() {
    delta("a_delta_table_of_5_gib", &[], 5 * GIB).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs minutes: cargo xtask test"]
async fn a_delta_table_in_partitions_of_5_gib() {
    delta("a_delta_table_in_partitions_of_5_gib", &["partition"], 5 * GIB).await;
}
