//! Planning many assets, and many partitions.

use super::row::{Row, limited};
use super::{Size, best, text};
use larder::{Asset, Definitions, Partitioning, Partitions, RunOptions, Selection};
use std::sync::Arc;
use std::time::Duration;

/// Builds and resolves a pipeline of many assets, each taking two before it.
pub(super) fn run(size: Size) -> Result<Vec<Row>, String> {
    let assets: Vec<Asset> = (0..size.assets)
        .map(|index| {
            let builder = Asset::builder(format!("layer{}/a{index}", index % 100));
            let taken = [index.checked_sub(1), index.checked_sub(101)].into_iter().flatten();
            let builder = taken.enumerate().fold(builder, |builder, (nth, other)| {
                builder.input_from::<u64>(format!("in{nth}"), format!("layer{}/a{other}", other % 100))
            });
            builder.function(|_| async { Ok(1_u64) })
        })
        .collect();
    let memory: Arc<dyn larder::IoManager> = Arc::new(larder::backends::memory::MemoryIo::new());
    let mut all: Vec<Vec<Asset>> = (0..size.times).map(|_| assets.clone()).collect();
    let planned = best(size.times, |_| {
        let assets = all.pop().unwrap_or_default();
        let pipeline = Definitions::new()
            .assets(assets)
            .default_io_manager(Arc::clone(&memory))
            .build()
            .map_err(text)?;
        let steps = Selection::all().resolve(&pipeline).map_err(text)?.steps;
        match steps.len() == size.assets {
            true => Ok(pipeline),
            false => Err(format!("{} steps were planned", steps.len())),
        }
    })?;
    let parted = best(size.times, |_| many_partitions(&memory))?;
    Ok(vec![
        limited(
            "validate and plan 100,000 assets",
            planned,
            Duration::from_millis(200),
            "<= 200 ms",
        ),
        limited(
            "plan an asset of 1,000,000 partitions, and its days",
            parted,
            Duration::from_millis(200),
            "<= 200 ms",
        ),
    ])
}

/// Plans every hour since 1910, which are a million, and the days that are made from them.
fn many_partitions(memory: &Arc<dyn larder::IoManager>) -> Result<u64, String> {
    let hours = Partitioning::hourly("1910-01-01").end("2024-02-01");
    let days = Partitioning::daily("1910-01-01").end("2024-02-01");
    let pipeline = Definitions::new()
        .asset(
            Asset::builder("hours")
                .partitions(hours)
                .function(|_| async { Ok(1_u64) }),
        )
        .asset(
            Asset::builder("days")
                .partitions(days)
                .input::<Partitions<u64>>("hours")
                .function(|_| async { Ok(1_u64) }),
        )
        .default_io_manager(Arc::clone(memory))
        .build()
        .map_err(text)?;
    let mut options = RunOptions::default();
    options.partitions = Some("1910-02-01T00:00..2024-01-30T23:00".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
    let plan = runtime.block_on(pipeline.plan("*", &options)).map_err(text)?;
    let counts: Vec<u64> = plan
        .steps()
        .iter()
        .filter_map(|step| plan.partitions(*step))
        .map(|set| set.len())
        .collect();
    match counts.as_slice() {
        [hours, days] if hours / days == 24 && *hours > 900_000 => Ok(*hours),
        other => Err(format!("{other:?} partitions were planned")),
    }
}
