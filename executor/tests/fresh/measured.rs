//! What is kept of each step with the values it made.

use crate::support::{House, key, options};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder_catalog::{Catalog, Entry};
use larder_executor::{Asset, CodeVersion, Definitions, Measures, Recompute, RetryPolicy, StepRecord};
use larder_io_core::{Error, ErrorKind, LazyTable, Table};
use larder_io_memory::MemoryIo;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn table() -> Table {
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a")]));
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![3, -1, 2]));
    Table::from(RecordBatch::try_from_iter([("name", names), ("count", counts)]).expect("fits"))
}

/// A table, and what counts its rows; the first time it fails.
fn assets() -> [Asset; 2] {
    let failed = Arc::new(AtomicBool::new(false));
    [
        Asset::builder("rows")
            .code_version(CodeVersion::manual("1"))
            .function(|args| async move {
                args.context().add_metadata("mine", 7);
                args.context().add_metadata("larder/step", "not mine");
                Ok(table())
            }),
        Asset::builder("count")
            .input_from::<LazyTable>("rows", "rows")
            .function(move |mut args| {
                let first = !failed.swap(true, Ordering::Relaxed);
                async move {
                    let rows: LazyTable = args.input().await?;
                    match first {
                        true => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                            Err(Error::new(ErrorKind::AssetFailed, "not yet"))
                        }
                        false => rows.count().await,
                    }
                }
            }),
    ]
}

async fn entry(catalog: &Catalog, name: &str) -> Entry {
    let found = catalog.latest_of(&key(name), None).await.expect("answers");
    found.expect("is there")
}

#[tokio::test]
async fn a_step_is_recorded_with_what_it_took() {
    let house = House::new();
    let mut options = options(Recompute::All);
    options.retry = Some(RetryPolicy::of_attempts(3));
    options.max_concurrent = 1;
    let report = house
        .pipeline(assets())
        .run_with("*", options)
        .await
        .expect("is planned");
    assert!(report.succeeded(), "{report:?}");
    let rows = entry(&house.catalog, "rows").await;
    assert_eq!(rows.metadata["mine"], json!(7));
    assert_eq!(
        rows.metadata["larder/columns"],
        json!([
            { "name": "name", "type": "Utf8", "nulls": 1, "min": "a", "max": "b" },
            { "name": "count", "type": "Int64", "nulls": 0, "min": -1, "max": 3 },
        ])
    );
    assert_eq!(rows.metadata["larder/preview"][1], json!({ "name": null, "count": -1 }));
    let record = StepRecord::of(&rows).expect("was measured");
    assert_eq!((record.measures.attempts, record.measures.lost), (1, Duration::ZERO));
    assert_eq!(record.measures.bytes_in, Some(0));
    assert!(record.measures.value_bytes.is_some_and(|bytes| bytes > 0));
    let receipt = rows.receipt.expect("is stored");
    let count = StepRecord::of(&entry(&house.catalog, "count").await).expect("was measured");
    assert_eq!(count.measures.attempts, 2);
    assert!(count.measures.lost >= Duration::from_millis(20), "{count:?}");
    assert_eq!(
        (count.measures.bytes_in, count.measures.rows_in),
        (Some(receipt.bytes), Some(3))
    );
    #[cfg(target_os = "linux")]
    assert!(count.peak_memory_bytes >= count.measures.memory_before && count.measures.memory_before.is_some());
    // Fresh inputs have the same sizes.
    let again = house.pipeline(assets());
    let mut only_new = crate::support::options(Recompute::Stale);
    only_new.retry = Some(RetryPolicy::of_attempts(3));
    again.run_with("+count", only_new).await.expect("is planned");
    let count = StepRecord::of(&entry(&house.catalog, "count").await).expect("was measured");
    assert_eq!(count.measures.rows_in, Some(3));
}

#[tokio::test]
async fn who_waits_for_a_place_is_told_for_how_long() {
    let house = House::new();
    let wait = Duration::from_millis(30);
    let slow = |name: &str| {
        Asset::builder(name).function(move |_| async move {
            tokio::time::sleep(wait).await;
            Ok(1_u8)
        })
    };
    let mut options = options(Recompute::All);
    options.max_concurrent = 1;
    let pipeline = house.pipeline([slow("one"), slow("two")]);
    pipeline.run_with("*", options).await.expect("is planned");
    let mut queued = Vec::new();
    for name in ["one", "two"] {
        queued.push(
            StepRecord::of(&entry(&house.catalog, name).await)
                .expect("was measured")
                .measures
                .queue,
        );
    }
    queued.sort();
    assert!(queued[1] >= wait && queued[0] < queued[1], "{queued:?}");
}

#[tokio::test]
async fn rows_and_statistics_can_be_kept_out() {
    let catalog = Catalog::in_memory().expect("opens");
    let definitions = Definitions::new()
        .assets(assets())
        .column_statistics(false)
        .preview_rows(0)
        .default_io_manager(Arc::new(MemoryIo::new()));
    let pipeline = definitions.build().expect("is valid").with_catalog(catalog.clone());
    pipeline.run("rows").await.expect("is planned");
    let rows = entry(&catalog, "rows").await;
    let names: Vec<&str> = rows.metadata.keys().map(String::as_str).collect();
    assert_eq!(names, ["larder/step", "mine"]);
}

#[tokio::test]
async fn nobody_asks_nothing_is_measured() {
    let definitions = Definitions::new()
        .assets(assets())
        .default_io_manager(Arc::new(MemoryIo::new()))
        .without_catalog();
    let pipeline = definitions.build().expect("is valid");
    let report = pipeline.run("rows").await.expect("is planned");
    let made = report.materialization("rows").expect("was made");
    assert_eq!(made.measures, Measures::default());
}
