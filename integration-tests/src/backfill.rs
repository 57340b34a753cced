//! A pipeline of 365 days: its partitions are computed slowly enough to be interrupted, and every call is written down.

use larder::prelude::*;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

/// The variable that names the file in which calls are written down.
pub const CALLS: &str = "LARDER_TEST_CALLS";

fn days() -> larder::partitions::TimePartitions {
    Partitioning::daily("2023-01-01").end("2024-01-01")
}

fn months() -> larder::partitions::TimePartitions {
    Partitioning::monthly("2023-01-01").end("2024-01-01")
}

/// What the value of a day is.
pub fn value_of(partition: &PartitionKey) -> u64 {
    let hash = larder::ContentHash::of(partition.to_string().as_bytes());
    hash.as_bytes()
        .iter()
        .take(4)
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn called(asset: &str, partition: &PartitionKey) -> Result<()> {
    let Some(file) = std::env::var_os(CALLS) else {
        return Ok(());
    };
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    // One write: lines of several processes do not mix.
    Ok(file.write_all(format!("{asset} {partition}\n").as_bytes())?)
}

fn partition(ctx: &AssetContext) -> Result<&PartitionKey> {
    ctx.partition()
        .ok_or_else(|| Error::new(ErrorKind::Unexpected, "a call without a partition"))
}

/// A number of each day.
#[asset(partitions = days())]
async fn numbers(ctx: &AssetContext) -> Result<u64> {
    let partition = partition(ctx)?;
    called("numbers", partition)?;
    tokio::time::sleep(Duration::from_millis(3)).await;
    Ok(value_of(partition))
}

/// The sum of each month.
#[asset(partitions = months())]
async fn monthly(ctx: &AssetContext, numbers: Partitions<u64>) -> Result<u64> {
    called("monthly", partition(ctx)?)?;
    Ok(numbers.values().sum())
}

/// The sum of all days up to each.
#[asset(partitions = days())]
async fn running(ctx: &AssetContext, numbers: u64, #[mapping(Mapping::Previous)] running: Maybe<u64>) -> Result<u64> {
    called("running", partition(ctx)?)?;
    Ok(numbers + running.into_option().unwrap_or(0))
}

/// The pipeline.
pub fn definitions() -> Definitions {
    larder::definitions().assets(larder::assets![numbers, monthly, running])
}
