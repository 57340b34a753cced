//! What a plan, a status and a history cost when much is recorded.

use super::row::{Row, limited};
use super::{Size, text};
use larder::catalog::{Catalog, Entry};
use larder::{
    Asset, AssetKey, CodeVersion, Definitions, PartitionKey, Partitioning, Pipeline, Recompute, RunId, RunOptions,
};
use larder_io_fs::FsConfig;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_millis(200);
const WITHIN: &str = "<= 200 ms";
/// Assets, and partitions of each, of which each was made many times.
const ASSETS: usize = 100;
const PARTITIONS: usize = 100;

pub(super) async fn run(size: Size) -> Result<Vec<Row>, String> {
    let mut rows = many_times(size).await?;
    rows.extend(many_partitions(size).await?);
    Ok(rows)
}

/// A pipeline on disk, with its catalogue in the same directory.
fn built(dir: &Path, definitions: Definitions) -> Result<Pipeline, String> {
    let mut config = FsConfig::new(dir.join("storage"));
    config.durability = larder_io_fs::Durability::Rename;
    let manager = Arc::new(config.open().map_err(text)?);
    let pipeline = definitions.default_io_manager(manager).without_config().build();
    let catalog = Catalog::open(&dir.join("larder.db")).map_err(text)?;
    Ok(pipeline.map_err(text)?.with_catalog(catalog))
}

fn recorded(pipeline: &Pipeline) -> Result<&Catalog, String> {
    pipeline.catalog().ok_or_else(|| "there is no catalogue".to_owned())
}

/// A hundred assets of a hundred partitions, each made a hundred times: the last time by a run, so that all are fresh.
async fn many_times(size: Size) -> Result<Vec<Row>, String> {
    let dir = tempfile::tempdir().map_err(text)?;
    let values: Vec<String> = (0..PARTITIONS).map(|value| format!("{value:03}")).collect();
    let assets = (0..ASSETS).map(|number| {
        Asset::builder(format!("layer/a{number:03}"))
            .partitions(Partitioning::fixed("part", values.clone()))
            .code_version(CodeVersion::manual("1"))
            .function(|_| async { Ok(1_u64) })
    });
    let pipeline = built(dir.path(), Definitions::new().assets(assets))?;
    let catalog = recorded(&pipeline)?;
    let (run, times) = (RunId::random(), size.recorded / ASSETS / PARTITIONS);
    let keys: Vec<AssetKey> = pipeline
        .graph()
        .nodes
        .iter()
        .flat_map(|node| node.keys.clone())
        .collect();
    let began = Instant::now();
    for time in 1..times {
        for key in &keys {
            for value in &values {
                let partition = PartitionKey::single("part", value.clone()).map_err(text)?;
                catalog.record(entry(key, partition, &run, &format!("{time}")));
            }
        }
    }
    catalog.flush().await.map_err(text)?;
    let each = began.elapsed() / u32::try_from(times.saturating_sub(1) * ASSETS * PARTITIONS).map_err(text)?;
    let report = pipeline.run("*").await.map_err(text)?;
    if !report.succeeded() || report.unrecorded.is_some() {
        return Err("a partition was not made".to_owned());
    }
    let first = keys.first().ok_or("no assets")?;
    let one = PartitionKey::single("part", values[0].clone()).map_err(text)?;
    let (mut planned, mut status, mut history) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..size.times {
        planned = planned.min(preview(&pipeline, Recompute::Stale).await?);
        let began = Instant::now();
        let states = catalog.all_states().await.map_err(text)?;
        status = status.min(began.elapsed());
        if states.iter().map(|(_, states)| states.len()).sum::<usize>() != ASSETS * PARTITIONS {
            return Err("a state is missing".to_owned());
        }
        let began = Instant::now();
        let happened = catalog.history(first, Some(Some(&one)), times).await.map_err(text)?;
        history = history.min(began.elapsed());
        if happened.len() != times {
            return Err(format!("{} happenings instead of {times}", happened.len()));
        }
    }
    let limit = Duration::from_micros(200);
    Ok(vec![
        limited(
            "record one of a million materializations, durable",
            each,
            limit,
            "<= 200 us",
        ),
        limited(
            "plan --stale of 10,000 partitions, made 100 times",
            planned,
            LIMIT,
            WITHIN,
        ),
        limited("the status of all of them", status, LIMIT, WITHIN),
        limited("the history of one of them", history, LIMIT, WITHIN),
    ])
}

/// One asset of a million partitions, made once.
async fn many_partitions(size: Size) -> Result<Vec<Row>, String> {
    let dir = tempfile::tempdir().map_err(text)?;
    let hours = Partitioning::hourly("1910-01-01").end("2024-02-01");
    let asset = Asset::builder("hours")
        .partitions(hours)
        .code_version(CodeVersion::manual("1"))
        .function(|_| async { Ok(1_u64) });
    let pipeline = built(dir.path(), Definitions::new().asset(asset))?;
    let catalog = recorded(&pipeline)?;
    let key: AssetKey = "hours".parse().map_err(text)?;
    let space = pipeline.keyspace(&key).await.map_err(text)?.ok_or("no partitions")?;
    // One is made, so that its fingerprint is known: without inputs all have the same.
    let first = space.iter().next().ok_or("no partitions")?;
    let mut options = RunOptions::default();
    options.partitions = Some(first.dimensions()[0].1.clone());
    pipeline.run_with("*", options).await.map_err(text)?;
    let made = catalog
        .latest_of(&key, Some(&first))
        .await
        .map_err(text)?
        .ok_or("nothing was made")?;
    let run = RunId::random();
    for partition in space.iter().skip(1).take(size.recorded) {
        let mut entry = entry(&key, partition, &run, "1");
        entry.fingerprint.clone_from(&made.fingerprint);
        entry.code_version.clone_from(&made.code_version);
        catalog.record(entry);
    }
    catalog.flush().await.map_err(text)?;
    let (mut stale, mut missing, mut status) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..size.times {
        stale = stale.min(preview(&pipeline, Recompute::Stale).await?);
        missing = missing.min(preview(&pipeline, Recompute::Missing).await?);
        let began = Instant::now();
        let states = catalog.states(&key).await.map_err(text)?;
        status = status.min(began.elapsed());
        drop(states);
    }
    Ok(vec![
        limited(
            "plan --stale of 1,000,000 partitions that are recorded",
            stale,
            LIMIT,
            WITHIN,
        ),
        limited("plan --missing of them", missing, LIMIT, WITHIN),
        limited("the status of all of them", status, LIMIT, WITHIN),
    ])
}

/// The time of a plan in which nothing is to be made that is recorded.
async fn preview(pipeline: &Pipeline, recompute: Recompute) -> Result<Duration, String> {
    let mut options = RunOptions::default();
    options.recompute = recompute;
    let began = Instant::now();
    let previewed = pipeline.preview("*", &options).await.map_err(text)?;
    let took = began.elapsed();
    match previewed.iter().any(|step| step.reason != larder::Reason::Missing) {
        false => Ok(took),
        true => Err(format!("{:?} is not fresh", previewed[0].assets)),
    }
}

fn entry(key: &AssetKey, partition: PartitionKey, run: &RunId, version: &str) -> Entry {
    let hash = format!("{version:0>64}");
    let mut entry = Entry::new(
        key.clone(),
        Some(partition),
        run.clone(),
        jiff::Timestamp::now(),
        "disk",
        hash,
    );
    entry.version = Some(version.to_owned());
    entry.code_version = Some("0".to_owned());
    entry
}
