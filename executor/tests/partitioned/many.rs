//! Functions that make many partitions in one call.

use crate::support::{day, days, made, number, options, pipeline, run};
use larder_executor::Asset;
use larder_io_core::{ErrorKind, Partitions};
use std::sync::{Arc, Mutex};

type Calls = Arc<Mutex<Vec<String>>>;

/// An asset `days` that makes what it is asked for, but for `lacks`, and `extra` besides; and its calls.
fn many(lacks: Option<&'static str>, extra: Option<&'static str>) -> (Asset, Calls) {
    let calls = Calls::default();
    let told = Arc::clone(&calls);
    let asset = Asset::builder("days").partitions(days()).function(move |args| {
        let asked = args.context().partitions().expect("has partitions").clone();
        told.lock().expect("no panic").push(asked.to_string());
        async move {
            let wanted = asked.iter().filter(|key| lacks.is_none_or(|lacks| *key != day(lacks)));
            let all = wanted.chain(extra.map(day));
            Ok(all.map(|key| (key.clone(), number(&key))).collect::<Partitions<u64>>())
        }
    });
    (asset, calls)
}

#[tokio::test]
async fn one_call_makes_all_that_are_asked_for() {
    let (asset, calls) = many(None, None);
    let pipeline = pipeline([asset]);
    let report = run(&pipeline, "days", "2024-01-05..2024-01-07, 2024-02-01").await;
    assert_eq!(*calls.lock().expect("no panic"), ["2024-01-05..2024-01-07, 2024-02-01"]);
    assert_eq!(
        made(&report, "days"),
        ["2024-01-05", "2024-01-06", "2024-01-07", "2024-02-01"]
    );
}

#[tokio::test]
async fn or_so_many_at_most() {
    let (asset, calls) = many(None, None);
    let pipeline = pipeline([asset]);
    let mut chunks = options("2024-01-01..2024-01-07");
    chunks.partitions_per_call = Some(3);
    chunks.max_concurrent = 1;
    let report = pipeline.run_with("days", chunks).await.expect("is planned");
    assert_eq!(report.counts(), [3, 0, 0]);
    let calls = calls.lock().expect("no panic").clone();
    assert_eq!(
        calls,
        ["2024-01-01..2024-01-03", "2024-01-04..2024-01-06", "2024-01-07"]
    );
}

/// Two of three partitions are made again: the third stays.
#[tokio::test]
async fn what_is_not_asked_for_stays() {
    let (asset, _) = many(None, None);
    let pipeline = pipeline([asset]);
    run(&pipeline, "days", "2024-01-01..2024-01-03").await;
    run(&pipeline, "days", "2024-01-01..2024-01-02").await;
    let key = pipeline.key("days").expect("is there");
    let stored = pipeline.stored_partitions(&key).await.expect("tells");
    assert_eq!(stored.to_string(), "2024-01-01..2024-01-03");
}

#[tokio::test]
async fn too_few_and_too_many_store_nothing() {
    for (lacks, extra, message) in [
        (
            Some("2024-01-02"),
            None,
            "no value of the partition `date=2024-01-02` of `days` was returned",
        ),
        (
            None,
            Some("2024-01-09"),
            "a value of the partition `date=2024-01-09` was returned, and 2024-01-01..2024-01-03 was asked for",
        ),
    ] {
        let (asset, _) = many(lacks, extra);
        let pipeline = pipeline([asset]);
        let report = pipeline
            .run_with("days", options("2024-01-01..2024-01-03"))
            .await
            .expect("is planned");
        let error = report.error("days").expect("fails");
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
        assert!(error.message().contains(message), "{error}");
        let key = pipeline.key("days").expect("is there");
        assert!(pipeline.stored_partitions(&key).await.expect("tells").is_empty());
    }
}

/// What all the partitions of a call are made from, not what the first of them is: a value of one day would be taken for all.
#[tokio::test]
async fn a_call_takes_the_inputs_of_all_its_partitions() {
    let copies = |builder: larder_executor::AssetBuilder| {
        builder.function(|mut args| async move {
            let asked = args.context().partitions().expect("has partitions").clone();
            let days: Partitions<u64> = args.input().await?;
            Ok(asked
                .iter()
                .map(|key| (key.clone(), days[&key]))
                .collect::<Partitions<u64>>())
        })
    };
    let copied = copies(
        Asset::builder("copied")
            .partitions(days())
            .input::<Partitions<u64>>("days"),
    );
    let pipeline = pipeline([copied, crate::support::numbered()]);
    let report = run(&pipeline, "*", "2024-01-30..2024-02-01").await;
    assert_eq!(made(&report, "copied").len(), 3);
    let key = pipeline.key("copied").expect("is there");
    for date in ["2024-01-30", "2024-02-01"] {
        let value = pipeline.load_value((&key, &day(date)), None).await.expect("is stored");
        let value = <u64 as larder_io_core::AssetValue>::from_value(value)
            .await
            .expect("is a number");
        assert_eq!(value, number(&day(date)));
    }
    let one = Asset::builder("one")
        .partitions(days())
        .input::<u64>("days")
        .function(|_| async { Ok(Partitions::<u64>::new()) });
    let error = crate::support::build([one, crate::support::numbered()]).expect_err("one of many");
    assert!(
        error
            .message()
            .contains("it may be made from many partitions of `days`"),
        "{error}"
    );
}
