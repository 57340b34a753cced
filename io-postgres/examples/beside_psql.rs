//! How long tables take into PostgreSQL and back, beside psql's `\copy` of the same rows, and how much memory this process needs.
//!
//! `cargo xtask bench postgres` runs it: `beside_psql ROWS TIMES` starts a server of its own, does everything so often, and prints
//! one line of JSON with the best times in seconds.
#![allow(clippy::unwrap_used)]

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use futures_util::TryStreamExt;
use larder_io_core::{AssetValue, Form, IoManager, OutputContext, TableStream};
use larder_io_postgres::{PostgresConfig, PostgresIo};
use larder_testkit::postgresql::{Server, programs};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const BATCH: usize = 64 << 10;

/// Rows that cost little to make: only the first column differs from batch to batch.
fn rows(count: usize) -> TableStream {
    let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values((0..BATCH).map(|n| n as f64 * 0.37)));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..BATCH).map(|n| format!("customer-{n}")),
    ));
    let batch = move |index: usize| {
        let range = index * BATCH..count.min((index + 1) * BATCH);
        let length = range.len();
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(range.map(|id| id as i64)));
        let columns = [
            ("id", ids),
            ("amount", amounts.slice(0, length)),
            ("name", names.slice(0, length)),
        ];
        Ok(RecordBatch::try_from_iter(columns)?)
    };
    let schema = batch(0).map(|batch: RecordBatch| batch.schema()).unwrap();
    TableStream::from_iter(schema, (0..count.div_ceil(BATCH)).map(batch))
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.map_or(0, |kibibytes| kibibytes * 1024)
}

async fn store(manager: &PostgresIo, count: usize) {
    let ctx = OutputContext::new("x".parse().unwrap(), None, "x".parse().unwrap());
    let receipt = manager.handle_output(&ctx, &rows(count).into_value()).await.unwrap();
    assert_eq!(receipt.rows, Some(count as u64));
}

async fn load(manager: &PostgresIo, count: usize) {
    let ctx = OutputContext::new("x".parse().unwrap(), None, "x".parse().unwrap()).to_input(Form::Table);
    let stream = TableStream::from_value(manager.load_input(&ctx).await.unwrap())
        .await
        .unwrap();
    let seen = stream.try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) });
    assert_eq!(seen.await.unwrap(), count);
}

fn psql(server: &Server, command: &str) {
    let program = programs().join("psql");
    let done = Command::new(program)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.url(), "-c", command])
        .status()
        .unwrap();
    assert!(done.success(), "{command}");
}

fn best(times: usize, mut work: impl FnMut()) -> f64 {
    let one = |_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64()
    };
    (0..times).map(one).fold(f64::INFINITY, f64::min)
}

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let [count, times] = numbers[..] else {
        panic!("usage: beside_psql ROWS TIMES");
    };
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut config = PostgresConfig::new(server.url().strip_prefix("postgres://").unwrap());
    config.history = 1;
    config.grace = std::time::Duration::ZERO;
    let manager = config.open().unwrap();
    let stored = best(times, || runtime.block_on(store(&manager, count)));
    let loaded = best(times, || runtime.block_on(load(&manager, count)));
    let mut told = serde_json::json!({ "rows": count, "stored": stored, "loaded": loaded, "peak": peak() });
    let directory = tempfile::tempdir().unwrap();
    for format in ["csv", "binary"] {
        let file = directory.path().join(format);
        let file = file.display();
        let out = best(times, || {
            psql(
                &server,
                &format!("\\copy (select * from assets.x) to '{file}' with (format {format})"),
            );
        });
        server.sql("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (LIKE assets.x)");
        let into = best(times, || {
            server.sql("TRUNCATE public.t");
            psql(
                &server,
                &format!("\\copy public.t from '{file}' with (format {format})"),
            );
        });
        told[format] = serde_json::json!({ "in": into, "out": out });
    }
    println!("{told}");
}
