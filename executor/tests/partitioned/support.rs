//! Days, months, and pipelines over them.

use larder_executor::{Asset, Definitions, Pipeline, RunOptions, RunReport};
use larder_io_core::PartitionKey;
use larder_io_memory::MemoryIo;
use larder_partitions::{Partitioning, TimePartitions};
use std::sync::Arc;

/// Sixty days from the first of January 2024.
pub(crate) fn days() -> TimePartitions {
    Partitioning::daily("2024-01-01").end("2024-03-01")
}

/// The two months that these are.
pub(crate) fn months() -> TimePartitions {
    Partitioning::monthly("2024-01-01").end("2024-03-01")
}

pub(crate) fn day(text: &str) -> PartitionKey {
    PartitionKey::single("date", text).expect("is a key")
}

/// The number of a day's month and the day in it: 131 for the last of January.
pub(crate) fn number(partition: &PartitionKey) -> u64 {
    let date = partition.get("date").expect("has a date");
    date[5..7].parse::<u64>().expect("is a month") * 100 + date[8..10].parse::<u64>().expect("is a day")
}

/// An asset `days` whose value is the number of its day.
pub(crate) fn numbered() -> Asset {
    Asset::builder("days")
        .partitions(days())
        .function(|args| async move { Ok(number(args.context().partition().expect("is of a day"))) })
}

pub(crate) fn pipeline(assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    build(assets).expect("is valid")
}

pub(crate) fn build(assets: impl IntoIterator<Item = Asset>) -> larder_io_core::Result<Pipeline> {
    Definitions::new()
        .assets(assets)
        .default_io_manager(Arc::new(MemoryIo::new()))
        .build()
}

pub(crate) fn options(partitions: &str) -> RunOptions {
    let mut options = RunOptions::default();
    options.partitions = Some(partitions.to_owned());
    options
}

pub(crate) async fn run(pipeline: &Pipeline, selection: &str, partitions: &str) -> RunReport {
    let report = pipeline
        .run_with(selection, options(partitions))
        .await
        .expect("is planned");
    for step in &report.steps {
        if let larder_executor::StepStatus::Failed(error) = &step.status {
            panic!("{:?} {:?}: {error:?}", step.assets, step.partitions);
        }
    }
    report
}

/// The partitions of an asset that a run made, as text in the order of the steps.
pub(crate) fn made(report: &RunReport, asset: &str) -> Vec<String> {
    let value = |made: &Arc<larder_executor::Materialization>| {
        let partition = made.partition.as_ref();
        partition.map_or_else(String::new, |key| {
            key.dimensions()
                .iter()
                .map(|(_, value)| value.as_str())
                .collect::<Vec<_>>()
                .join("/")
        })
    };
    report.materializations(asset).map(value).collect()
}
