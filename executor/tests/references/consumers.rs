//! What a consumer takes of a reference.

use crate::support::{Lake, raw, rows, run};
use larder_executor::check::Check;
use larder_executor::{Asset, CheckResult};
use larder_io_core::{Blob, DataRef, ErrorKind, LazyTable, Maybe, Partitions, Table, TableStream, Value, col};
use larder_partitions::Partitioning;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_what_it_points_to() {
    let lake = Lake::new();
    lake.write("raw", "csv", rows(10)).await;
    let bytes = fs::read(lake.outside("raw.csv")).expect("reads");
    let out = Asset::builder("out")
        .input_from::<Table>("table", "raw")
        .input_from::<LazyTable>("lazy", "raw")
        .input_from::<TableStream>("stream", "raw")
        .input_from::<Blob>("blob", "raw")
        .input_from::<Vec<u8>>("bytes", "raw")
        .input_from::<Maybe<LazyTable>>("maybe", "raw")
        .input_from::<DataRef>("itself", "raw")
        .input_from::<()>("waits", "raw")
        .function(|mut args| async move {
            let table: Table = args.input().await?;
            let lazy: LazyTable = args.input().await?;
            let stream: TableStream = args.input().await?;
            let blob: Blob = args.input().await?;
            let bytes: Vec<u8> = args.input().await?;
            let maybe: Maybe<LazyTable> = args.input().await?;
            let itself: DataRef = args.input().await?;
            let () = args.input().await?;
            let maybe = maybe.into_option().expect("is there");
            let counts = (
                table.rows() as u64,
                lazy.filter(col("n").gt(6))?.count().await?,
                stream.collect().await?.rows() as u64,
                maybe.count().await?,
            );
            let sizes = (blob.bytes().await?.len() as u64, bytes.len() as u64, itself.bytes);
            Ok((counts, sizes))
        });
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.csv"))), out]);
    run(&pipeline, "*").await;
    type Out = ((u64, u64, u64, u64), (u64, u64, Option<u64>));
    let (counts, sizes): Out = pipeline.load("out").await.expect("loads");
    let size = bytes.len() as u64;
    assert_eq!((counts, sizes), ((10, 3, 10, 10), (size, size, Some(size))));
    assert_eq!(pipeline.load::<Table>("raw").await.expect("follows").rows(), 10);
    assert_eq!(pipeline.load::<Vec<u8>>("raw").await.expect("follows"), bytes);
    let key = pipeline.key("raw").expect("is one");
    let (reference, value) = pipeline.load_followed(&key, None).await.expect("follows");
    assert!(matches!(value, Value::Table(_)), "{value:?}");
    assert_eq!(reference.expect("is one").bytes, Some(size));
}

/// Whoever takes the reference itself gets it whatever became of what it points to.
#[tokio::test(flavor = "multi_thread")]
async fn the_reference_itself_is_taken_without_a_look() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    let out = Asset::builder("out")
        .input::<DataRef>("raw")
        .function(|mut args| async move {
            let reference: DataRef = args.input().await?;
            Ok(reference.rows)
        });
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.parquet"))), out]);
    run(&pipeline, "raw").await;
    fs::remove_file(lake.outside("raw.parquet")).expect("is removed");
    run(&pipeline, "out").await;
    assert_eq!(pipeline.load::<Option<u64>>("out").await.expect("loads"), Some(3));
}

/// A missing asset is missing; a reference whose target is missing is an error.
#[tokio::test(flavor = "multi_thread")]
async fn maybe_is_about_the_reference() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    let out = Asset::builder("out")
        .input::<Maybe<Table>>("raw")
        .function(|mut args| async move {
            let table: Maybe<Table> = args.input().await?;
            Ok(table.into_option().map(|table| table.rows() as u64))
        });
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.parquet"))), out]);
    run(&pipeline, "out").await;
    assert_eq!(pipeline.load::<Option<u64>>("out").await.expect("loads"), None);
    run(&pipeline, "raw").await;
    fs::remove_file(lake.outside("raw.parquet")).expect("is removed");
    let error = crate::support::failed(&pipeline, "out").await;
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_table_is_bytes() {
    let lake = Lake::new();
    fs::write(lake.outside("page.html"), b"<html>").expect("is written");
    fs::write(lake.outside("LICENSE"), b"free").expect("is written");
    for (name, text) in [("page.html", "<html>"), ("LICENSE", "free")] {
        let pipeline = lake.pipeline([raw(DataRef::new(lake.uri(name)))]);
        run(&pipeline, "raw").await;
        let blob: Blob = pipeline.load("raw").await.expect("follows");
        assert_eq!(blob.text().await.expect("reads"), text);
        let error = pipeline.load::<Table>("raw").await.expect_err("is none");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(".with_format(..)"), "{error}");
        let key = pipeline.key("raw").expect("is one");
        let (_, value) = pipeline.load_followed(&key, None).await.expect("follows");
        assert!(matches!(value, Value::Blob(_)), "{value:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_format_goes_before_the_suffix() {
    let lake = Lake::new();
    fs::write(lake.outside("prices.txt"), "n,word\n1,a\n2,b\n").expect("is written");
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("prices.txt")).with_format("csv"))]);
    run(&pipeline, "raw").await;
    assert_eq!(pipeline.load::<Table>("raw").await.expect("follows").rows(), 2);
}

/// Partitions of a reference: each by itself, all as a map, and all as one table.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_followed_one_by_one() {
    let lake = Lake::new();
    let days = || Partitioning::daily("2024-01-01").end("2024-01-04");
    for day in 1..=3_i64 {
        lake.write(&format!("2024-01-0{day}"), "parquet", rows(day)).await;
    }
    let base = lake.uri("");
    let raw = Asset::builder("raw").partitions(days()).function(move |args| {
        let base = base.clone();
        async move {
            let context = args.context();
            let day = context
                .partition()
                .and_then(|day| day.get("date"))
                .expect("is of a day");
            Ok(DataRef::new(format!("{base}{day}.parquet")))
        }
    });
    let daily = Asset::builder("daily")
        .partitions(days())
        .input::<LazyTable>("raw")
        .function(|mut args| async move {
            let table: LazyTable = args.input().await?;
            table.count().await
        });
    let map = Asset::builder("map")
        .input::<Partitions<LazyTable>>("raw")
        .function(|mut args| async move {
            let tables: Partitions<LazyTable> = args.input().await?;
            let mut counts = Vec::new();
            for table in tables.values() {
                counts.push(table.count().await?);
            }
            Ok(counts)
        });
    let one = Asset::builder("one")
        .input::<Table>("raw")
        .function(|mut args| async move {
            let table: Table = args.input().await?;
            Ok((table.rows() as u64, table.schema().fields().len() as u64))
        });
    let itself = Asset::builder("itself")
        .input::<Partitions<DataRef>>("raw")
        .function(|mut args| async move {
            let references: Partitions<DataRef> = args.input().await?;
            Ok(references.values().filter_map(|reference| reference.rows).sum::<u64>())
        });
    let pipeline = lake.pipeline([raw, daily, map, one, itself]);
    run(&pipeline, "*").await;
    assert_eq!(pipeline.load::<Vec<u64>>("map").await.expect("loads"), [1, 2, 3]);
    assert_eq!(pipeline.load::<(u64, u64)>("one").await.expect("loads"), (6, 3));
    assert_eq!(pipeline.load::<u64>("itself").await.expect("loads"), 6);
    assert_eq!(pipeline.load::<Table>("raw").await.expect("follows").rows(), 6);
    let key = pipeline.key("raw").expect("is one");
    let (reference, value) = pipeline.load_followed(&key, None).await.expect("follows");
    assert!(reference.is_none() && matches!(value, Value::Table(_)), "{value:?}");
}

/// A check of rows is made of what the reference points to, before it is published and afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn checks_look_at_what_it_points_to() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    let few = Check::builder("few")
        .blocking()
        .input::<LazyTable>("raw")
        .function(|mut args| async move {
            let table: LazyTable = args.input().await?;
            Ok(CheckResult::of(table.count().await? < 5))
        });
    let definitions = lake.definitions([raw(DataRef::new(lake.uri("raw.parquet")))]);
    let pipeline = definitions.checks([few]).build().expect("is valid");
    run(&pipeline, "raw").await;
    let before = lake.stored("raw").expect("is stored");
    lake.write("raw", "parquet", rows(10)).await;
    let report = pipeline.run("raw").await.expect("is planned");
    assert!(report.error("raw").is_some(), "the check keeps it back");
    assert_eq!(lake.stored("raw"), Some(before));
}
