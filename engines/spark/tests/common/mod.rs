//! Clusters for tests: the shared one, and others that a test may break.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod pipelines;

#[path = "../../../../xtask/src/cluster/start/mod.rs"]
pub(crate) mod start;

use arrow_array::RecordBatch;
use futures_util::TryStreamExt;
use larder_engine_spark::{Address, Rows, Session, Settings, Spark};
use larder_io_core::Result;
use serde_json::Value;
use start::{Cluster, Options};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The one of `cargo xtask test` or `cargo xtask cluster up`.
pub(crate) fn address() -> Address {
    let text = std::env::var("LARDER_TEST_SPARK").expect("LARDER_TEST_SPARK names a server: cargo xtask cluster up");
    Address::parse(&text).expect("is an address")
}

/// What is known of its processes.
pub(crate) fn note() -> Value {
    let path = std::env::var("LARDER_TEST_SPARK_CLUSTER").expect("LARDER_TEST_SPARK_CLUSTER names the cluster's note");
    serde_json::from_slice(&std::fs::read(path).expect("is there")).expect("is JSON")
}

pub(crate) async fn session() -> Session {
    let spark = Spark::connect(&address(), &Settings::default())
        .await
        .expect("connects");
    spark.session().await.expect("opens")
}

/// A cluster of the test's own, in a folder below `dir`.
pub(crate) fn own(dir: &Path, confs: &[(&str, &str)]) -> Cluster {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let note = note();
    let path = |name: &str| PathBuf::from(note[name].as_str().expect("is in the note"));
    let options = Options {
        home: path("home"),
        java: path("java"),
        work: dir.join(format!("cluster-{}", NUMBER.fetch_add(1, Ordering::Relaxed))),
        workers: 2,
        cores: 1,
        memory: 1024,
        confs: confs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        stays: false,
    };
    Cluster::start(&options).expect("starts")
}

/// Few tries, so that a server that is gone is given up soon.
pub(crate) fn impatient() -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(5),
        tries: 3,
        ..Settings::default()
    }
}

pub(crate) async fn open(cluster: &Cluster, settings: &Settings) -> Session {
    let address = Address::parse(&cluster.address()).expect("is an address");
    let spark = Spark::connect(&address, settings).await.expect("connects");
    spark.session().await.expect("opens")
}

pub(crate) async fn all(rows: Result<Rows>) -> Result<Vec<RecordBatch>> {
    rows?.try_collect().await
}

/// What Spark's REST API of the application on this port says of its jobs.
pub(crate) fn jobs(page: u16) -> Vec<Value> {
    let body = |path: &str| -> Value {
        let told = start::get(page, path).unwrap_or_default();
        let at = told.find("\r\n\r\n").map_or(0, |at| at + 4);
        serde_json::from_str(told[at..].trim()).unwrap_or_default()
    };
    let applications = body("/api/v1/applications");
    let id = applications[0]["id"].as_str().unwrap_or_default().to_owned();
    body(&format!("/api/v1/applications/{id}/jobs"))
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// The jobs of a session, whose id its `Debug` shows.
pub(crate) fn jobs_of(page: u16, session: &Session) -> Vec<Value> {
    let shown = format!("{session:?}");
    let id = shown
        .trim_end_matches(')')
        .rsplit(' ')
        .next()
        .expect("is shown")
        .to_owned();
    jobs(page)
        .into_iter()
        .filter(|job| job["jobTags"].to_string().contains(&id))
        .collect()
}

pub(crate) fn page() -> u16 {
    let note = note();
    let page = note["page"].as_str().expect("is in the note");
    page.rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("is a port")
}

/// Looks again and again, until it is so; ten minutes at most, for machines that do much else.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not in ten minutes: {what}");
}

/// A query of this many tasks, each of which sleeps so long before its one row.
pub(crate) fn sleepy(tasks: u32, milliseconds: u32) -> String {
    format!(
        "select id, reflect('java.lang.Thread', 'sleep', {milliseconds}L) as nothing from range(0, {tasks}, 1, {tasks})"
    )
}

/// A query that groups `rows` rows of `tasks` tasks by their rest of 97, each task sleeping so long; its columns are k, n and s.
pub(crate) fn slow_groups(rows: u64, tasks: u32, milliseconds: u32) -> String {
    let each = rows / u64::from(tasks);
    format!(
        "select id % 97 as k, count(*) as n, sum(id) as s from range(0, {rows}, 1, {tasks}) \
         where coalesce(case when id % {each} = 0 then reflect('java.lang.Thread', 'sleep', {milliseconds}L) end, 'null') = 'null' group by 1 order by 1"
    )
}

/// What it gives.
pub(crate) fn groups(rows: u64) -> Vec<(i64, i64, i64)> {
    let mut all: Vec<(i64, i64, i64)> = (0..97).map(|k| (k, 0, 0)).collect();
    for id in 0..rows {
        let group = &mut all[(id % 97) as usize];
        group.1 += 1;
        group.2 += id as i64;
    }
    all
}

/// The rows of three columns of integers.
pub(crate) fn triples(batches: &[RecordBatch]) -> Vec<(i64, i64, i64)> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    let mut all = Vec::new();
    for batch in batches {
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>();
        all.extend((0..batch.num_rows()).map(|row| (column(0).value(row), column(1).value(row), column(2).value(row))));
    }
    all
}
