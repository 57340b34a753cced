//! Which partitions a text means, for assets that depend on each other.

use crate::support::{made, months, numbered, options, pipeline, run};
use larder_executor::{Asset, Pipeline};
use larder_io_core::Partitions;

fn two() -> Pipeline {
    let months = Asset::builder("months")
        .partitions(months())
        .input::<Partitions<u64>>("days")
        .function(|mut args| async move {
            let days: Partitions<u64> = args.input().await?;
            Ok(days.values().sum::<u64>())
        });
    let all = Asset::builder("all")
        .input::<Partitions<u64>>("months")
        .function(|mut args| async move {
            let months: Partitions<u64> = args.input().await?;
            Ok(months.values().sum::<u64>())
        });
    pipeline([months, all, numbered()])
}

/// The text is for the first; the month of these days follows.
#[tokio::test]
async fn what_depends_on_the_first_follows() {
    let pipeline = two();
    run(&pipeline, "days", "all").await;
    let report = run(&pipeline, "days months", "2024-02-10..2024-02-12").await;
    assert_eq!(made(&report, "days").len(), 3);
    assert_eq!(made(&report, "months"), ["2024-02-01"]);
}

/// The text is for what is named; what it needs comes with it.
#[tokio::test]
async fn what_the_named_one_needs_follows() {
    let pipeline = two();
    let report = run(&pipeline, "+months", "2024-02-01").await;
    assert_eq!(made(&report, "months"), ["2024-02-01"]);
    let days = made(&report, "days");
    assert_eq!(
        (days.len(), days[0].as_str(), days[28].as_str()),
        (29, "2024-02-01", "2024-02-29")
    );
}

#[tokio::test]
async fn without_a_text_everything() {
    let pipeline = two();
    let report = pipeline.run("*").await.expect("runs");
    assert_eq!(report.counts(), [63, 0, 0]);
    let total: u64 = pipeline.load("all").await.expect("is stored");
    assert_eq!(total, (101..=131).sum::<u64>() + (201..=229).sum::<u64>());
}

#[tokio::test]
async fn a_text_that_fits_nothing_is_refused() {
    let pipeline = two();
    for (selection, text, message) in [
        (
            "days",
            "2023-12-31",
            "partitions of `days`: there is no partition with date `2023-12-31`",
        ),
        ("days", "2024-02-01..2024-01-01", "ends before it begins"),
        ("months", "2024-01-02", "there is no partition with date `2024-01-02`"),
        ("all", "2024-01-01", "none of the selected assets has partitions"),
    ] {
        let error = pipeline.run_with(selection, options(text)).await.expect_err(text);
        assert!(error.message().contains(message), "{error}");
    }
    let mut none = options("all");
    none.partitions_per_call = Some(0);
    let error = pipeline.run_with("days", none).await.expect_err("nothing could run");
    assert!(error.message().contains("partitions_per_call is 0"), "{error}");
}
