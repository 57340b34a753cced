//! What runs, in which order, and what a failure takes with it.

use crate::support::{day, days, made, months, number, numbered, options, pipeline, run};
use larder_executor::{Asset, StepStatus};
use larder_io_core::{Error, ErrorKind, Maybe, Partitions};
use larder_partitions::Mapping;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn every_partition_is_a_call_with_its_key_and_window() {
    let asset = Asset::builder("days").partitions(days()).function(|args| async move {
        let context = args.context();
        let window = context.window()?;
        let partition = context
            .partition()
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "none"))?;
        Ok((partition.to_string(), window.end.as_second() - window.start.as_second()))
    });
    let pipeline = pipeline([asset]);
    let report = run(&pipeline, "days", "2024-02-28..2024-02-29").await;
    assert_eq!(made(&report, "days"), ["2024-02-28", "2024-02-29"]);
    assert_eq!(report.steps.len(), 2);
    let key = pipeline.key("days").expect("is there");
    let stored = pipeline.stored_partitions(&key).await.expect("tells");
    assert_eq!(stored.to_string(), "2024-02-28..2024-02-29");
    let leap = pipeline
        .load_value((&key, &day("2024-02-29")), None)
        .await
        .expect("is stored");
    let leap = <(String, i64) as larder_io_core::AssetValue>::from_value(leap)
        .await
        .expect("is it");
    assert_eq!(leap, ("date=2024-02-29".to_owned(), 86_400));
    let receipt = pipeline
        .head((&key, &day("2024-02-29")))
        .await
        .expect("tells")
        .expect("is stored");
    assert_eq!(receipt.partition, Some(day("2024-02-29")));
    assert_eq!(receipt.location.as_str(), "days/date=2024-02-29/data");
}

#[tokio::test]
async fn an_asset_that_takes_its_own_last_value_runs_in_order() {
    let total = Asset::builder("total")
        .partitions(days())
        .input::<u64>("days")
        .input::<Maybe<u64>>("total")
        .mapping(Mapping::Previous)
        .function(|mut args| async move {
            let today: u64 = args.input().await?;
            let before: Maybe<u64> = args.input().await?;
            Ok(today + before.into_option().unwrap_or(0))
        });
    let pipeline = pipeline([total, numbered()]);
    let report = run(&pipeline, "*", "all").await;
    assert_eq!(report.counts(), [120, 0, 0]);
    let expected: u64 = pipeline
        .keyspace(&pipeline.key("days").expect("is there"))
        .await
        .expect("is known")
        .expect("is parted")
        .iter()
        .map(|key| number(&key))
        .sum();
    let key = pipeline.key("total").expect("is there");
    let last = pipeline
        .load_value((&key, &day("2024-02-29")), None)
        .await
        .expect("is stored");
    let last = <u64 as larder_io_core::AssetValue>::from_value(last)
        .await
        .expect("is a number");
    assert_eq!(last, expected);
}

/// Of a day that fails, only what is made from that day is skipped.
#[tokio::test]
async fn a_failure_skips_what_is_made_from_it_and_nothing_else() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let fails = Asset::builder("days").partitions(days()).function(move |args| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match number(args.context().partition().expect("is of a day")) {
                131 => Err(Error::new(ErrorKind::AssetFailed, "no data")),
                number => Ok(number),
            }
        }
    });
    let months = Asset::builder("months")
        .partitions(months())
        .input::<Partitions<u64>>("days")
        .function(|mut args| async move {
            let days: Partitions<u64> = args.input().await?;
            Ok(days.len() as u64)
        });
    let all = Asset::builder("all")
        .input::<Partitions<u64>>("months")
        .function(|mut args| async move {
            let months: Partitions<u64> = args.input().await?;
            Ok(months.len() as u64)
        });
    let pipeline = pipeline([fails, months, all]);
    let report = pipeline.run_with("*", options("all")).await.expect("is planned");
    assert_eq!(calls.load(Ordering::Relaxed), 60);
    assert_eq!(report.counts(), [59 + 1, 1, 2]);
    assert_eq!(made(&report, "months"), ["2024-02-01"]);
    let failed = report.error("days").expect("failed");
    assert_eq!(failed.context("partition"), Some("2024-01-31"));
    let skipped = report
        .steps
        .iter()
        .filter(|step| matches!(step.status, StepStatus::Skipped { .. }));
    let skipped: Vec<String> = skipped.map(|step| step.assets[0].to_string()).collect();
    assert_eq!(skipped, ["months", "all"]);
}

/// Loading a partition again is a second version of it, and of no other.
#[tokio::test]
async fn a_partition_is_replaced_alone() {
    let pipeline = pipeline([numbered()]);
    run(&pipeline, "days", "2024-01-01..2024-01-03").await;
    let key = pipeline.key("days").expect("is there");
    let head = async |date: &str| {
        pipeline
            .head((&key, &day(date)))
            .await
            .expect("tells")
            .expect("is stored")
            .version
    };
    let before = [
        head("2024-01-01").await,
        head("2024-01-02").await,
        head("2024-01-03").await,
    ];
    run(&pipeline, "days", "2024-01-02").await;
    let after = [
        head("2024-01-01").await,
        head("2024-01-02").await,
        head("2024-01-03").await,
    ];
    assert_eq!((&before[0], &before[2]), (&after[0], &after[2]));
    assert_ne!(before[1], after[1]);
}

#[tokio::test]
async fn several_runs_make_so_many_partitions_each() {
    let one = Asset::builder("one").function(|_| async { Ok(1_u64) });
    let pipeline = pipeline([numbered(), one]);
    let asked = options("2024-01-01..2024-01-10");
    let several = std::num::NonZeroUsize::new(4).expect("is some");
    let runs = pipeline.in_runs_of("days", &asked, several).await.expect("is planned");
    let told: Vec<&str> = runs.iter().filter_map(|run| run.partitions.as_deref()).collect();
    assert_eq!(
        told,
        [
            "2024-01-01..2024-01-04",
            "2024-01-05..2024-01-08",
            "2024-01-09..2024-01-10"
        ]
    );
    let mut ids = Vec::new();
    for (options, many) in runs.into_iter().zip([4, 4, 2]) {
        let report = pipeline.run_with("days", options).await.expect("is planned");
        assert_eq!(report.counts(), [many, 0, 0]);
        ids.push(report.run);
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let key = pipeline.key("days").expect("is there");
    let stored = pipeline.stored_partitions(&key).await.expect("tells");
    assert_eq!(stored.to_string(), "2024-01-01..2024-01-10");
    for (selection, told) in [("*", "one asset at a time"), ("one", "has no partitions")] {
        let refused = pipeline.in_runs_of(selection, &Default::default(), several).await;
        let refused = refused.expect_err("is refused");
        assert!(refused.message().contains(told), "{refused}");
    }
}
