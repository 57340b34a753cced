//! How partitions arrive: as a value, as a map, as one table, or not at all.

use crate::support::{day, days, months, numbered, options, pipeline, run};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use larder_executor::{Asset, Pipeline};
use larder_io_core::{AssetValue, ErrorKind, LazyTable, Maybe, PartitionKey, Partitions, Table, col};
use larder_partitions::{Mapping, Partitioning};
use std::sync::Arc;

/// An asset `seen` that keeps which keys and values it got of `days`.
fn seen(lenient: bool) -> Asset {
    let seen = Asset::builder("seen")
        .partitions(months())
        .input::<Partitions<u64>>("days");
    let seen = if lenient { seen.allow_missing() } else { seen };
    seen.function(|mut args| async move {
        let days: Partitions<u64> = args.input().await?;
        Ok(days
            .into_iter()
            .map(|(key, value)| (key.to_string(), value))
            .collect::<Vec<_>>())
    })
}

async fn value<T: AssetValue>(pipeline: &Pipeline, key: &str, partition: Option<&PartitionKey>) -> T {
    let key = pipeline.key(key).expect("is there");
    let loaded = match partition {
        Some(partition) => pipeline.load_value((&key, partition), None).await,
        None => pipeline.load_value(&key, None).await,
    };
    T::from_value(loaded.expect("is stored")).await.expect("is of the type")
}

#[tokio::test]
async fn many_are_a_map_in_key_order() {
    let pipeline = pipeline([seen(false), numbered()]);
    run(&pipeline, "*", "all").await;
    let january: Vec<(String, u64)> = value(&pipeline, "seen", Some(&day("2024-01-01"))).await;
    assert_eq!(january.len(), 31);
    assert_eq!(january[30], ("date=2024-01-31".to_owned(), 131));
    assert!(january.is_sorted());
}

/// A map with one partition is a map, not the bare value.
#[tokio::test]
async fn one_partition_of_many_is_a_map_too() {
    let days = Partitioning::daily("2024-01-31").end("2024-02-01");
    let one = Asset::builder("days")
        .partitions(days)
        .function(|_| async { Ok(7_u64) });
    let all = Asset::builder("all")
        .input::<Partitions<u64>>("days")
        .function(|mut args| async move {
            let days: Partitions<u64> = args.input().await?;
            Ok(days.keys().map(ToString::to_string).collect::<Vec<_>>())
        });
    let pipeline = pipeline([one, all]);
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    assert_eq!(value::<Vec<String>>(&pipeline, "all", None).await, ["date=2024-01-31"]);
}

/// What is not stored is named; what is stored keeps its own key.
#[tokio::test]
async fn a_missing_partition_is_an_error_or_left_out_and_shifts_nothing() {
    let strict = pipeline([seen(false), numbered()]);
    run(&strict, "days", "2024-01-01..2024-01-09, 2024-01-11..2024-01-31").await;
    let report = strict
        .run_with("seen", options("2024-01-01"))
        .await
        .expect("is planned");
    let error = report.error("seen").expect("lacks a day");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error
            .message()
            .contains("1 of 31 partitions of `days`: date=2024-01-10;"),
        "{error}"
    );

    let lenient = pipeline([seen(true), numbered()]);
    run(&lenient, "days", "2024-01-01..2024-01-09, 2024-01-11..2024-01-31").await;
    run(&lenient, "seen", "2024-01-01").await;
    let january: Vec<(String, u64)> = value(&lenient, "seen", Some(&day("2024-01-01"))).await;
    assert_eq!(january.len(), 30);
    assert_eq!(january[9], ("date=2024-01-11".to_owned(), 111));
}

/// What the mapping names and does not exist is missing too: the week that ends with the second day has five days before the start.
#[tokio::test]
async fn partitions_before_the_start_are_missing() {
    let week = |lenient: bool| {
        let week = Asset::builder("week")
            .partitions(days())
            .input::<Partitions<u64>>("days")
            .mapping(Mapping::windows(-6, 0));
        let week = if lenient { week.allow_missing() } else { week };
        week.function(|mut args| async move { Ok(args.input::<Partitions<u64>>().await?.len() as u64) })
    };
    let strict = pipeline([week(false), numbered()]);
    run(&strict, "days", "all").await;
    let report = strict
        .run_with("week", options("2024-01-02..2024-01-07"))
        .await
        .expect("is planned");
    assert_eq!(report.counts(), [1, 5, 0]);
    let error = report.error("week").expect("lacks days");
    assert!(
        error
            .message()
            .contains("date=2023-12-27..2023-12-31 (5: before the start)"),
        "{error}"
    );
    let lenient = pipeline([week(true), numbered()]);
    run(&lenient, "*", "2024-01-01..2024-01-07").await;
    assert_eq!(value::<u64>(&lenient, "week", Some(&day("2024-01-02"))).await, 2);
}

/// A partition whose value is none is there.
#[tokio::test]
async fn a_stored_none_is_not_left_out() {
    let days = Partitioning::daily("2024-01-01").end("2024-01-03");
    let none = Asset::builder("days").partitions(days).function(|args| async move {
        let first = args.context().partition() == Some(&day("2024-01-01"));
        Ok(first.then_some(1_u64))
    });
    let all = Asset::builder("all")
        .input::<Partitions<Option<u64>>>("days")
        .function(|mut args| async move {
            let days: Partitions<Option<u64>> = args.input().await?;
            Ok(days.values().copied().collect::<Vec<_>>())
        });
    let pipeline = pipeline([none, all]);
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    assert_eq!(value::<Vec<Option<u64>>>(&pipeline, "all", None).await, [Some(1), None]);
}

#[tokio::test]
async fn one_that_may_be_missing() {
    let next = Asset::builder("next")
        .partitions(days())
        .input::<Maybe<u64>>("days")
        .mapping(Mapping::windows(-1, -1))
        .function(|mut args| async move {
            let before: Maybe<u64> = args.input().await?;
            Ok(before.into_option())
        });
    let pipeline = pipeline([next, numbered()]);
    run(&pipeline, "days", "2024-01-01").await;
    run(&pipeline, "next", "2024-01-01..2024-01-03").await;
    for (date, wanted) in [("2024-01-01", None), ("2024-01-02", Some(101)), ("2024-01-03", None)] {
        assert_eq!(
            value::<Option<u64>>(&pipeline, "next", Some(&day(date))).await,
            wanted,
            "{date}"
        );
    }
}

fn table(values: Vec<u64>) -> Table {
    let column: ArrayRef = Arc::new(UInt64Array::from(values));
    let batch = RecordBatch::try_from_iter([("n", column)]).expect("is a batch");
    Table::new(batch.schema(), vec![batch]).expect("is a table")
}

/// Tables of many partitions are one, with a column that says which; one partition is what it was.
#[tokio::test]
async fn tables_of_many_are_one_table() {
    let rows = Asset::builder("rows").partitions(days()).function(|args| async move {
        let number = crate::support::number(args.context().partition().expect("is of a day"));
        Ok(table(vec![number, number]))
    });
    let month = Asset::builder("month")
        .partitions(months())
        .input::<LazyTable>("rows")
        .function(|mut args| async move {
            let rows: LazyTable = args.input().await?;
            rows.filter(col("date").gt_eq("2024-01-30"))?.collect().await
        });
    let same = Asset::builder("same")
        .partitions(days())
        .input::<Table>("rows")
        .function(|mut args| async move {
            let rows: Table = args.input().await?;
            Ok(rows.schema().fields().len() as u64)
        });
    let pipeline = pipeline([rows, month, same]);
    run(&pipeline, "*", "2024-01-01..2024-01-31").await;
    let january: Table = value(&pipeline, "month", Some(&day("2024-01-01"))).await;
    let batch = january.to_batch().expect("is one");
    assert_eq!(
        batch.column(0).as_primitive::<UInt64Type>().values(),
        &[130, 130, 131, 131]
    );
    let dates: Vec<Option<&str>> = batch.column(1).as_string::<i32>().iter().collect();
    assert_eq!(
        dates,
        [
            Some("2024-01-30"),
            Some("2024-01-30"),
            Some("2024-01-31"),
            Some("2024-01-31")
        ]
    );
    assert_eq!(value::<u64>(&pipeline, "same", Some(&day("2024-01-05"))).await, 1);
    // From outside of a run too.
    let whole: Table = value(&pipeline, "rows", None).await;
    assert_eq!((whole.rows(), whole.schema().fields().len()), (62, 2));
}
