//! A log that cannot be read is no table that is missing. The peer took the one for the other, and a store of one partition for the whole table.

use super::numbers;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder::{AssetValue, ErrorKind, Form, IoManager, OutputContext, PartitionKey, Secret, Table};
use larder_io_delta::{DeltaConfig, DeltaIo, WriteMode};
use larder_io_s3::S3Config;
use larder_testkit::cloud::{Cloud, Dialect, Fault, Operation, When};

fn day(day: &str) -> OutputContext {
    let key = PartitionKey::single("day", day).expect("is a key");
    let location = format!("t/day={day}/data").parse().expect("is a location");
    let mut ctx = OutputContext::new("t".parse().expect("is a key"), Some(key), location);
    ctx.asset_location = "t".parse().expect("is a location");
    ctx
}

fn rows(day: &str, number: i64) -> Table {
    let columns: [(&str, ArrayRef); 2] = [
        ("n", std::sync::Arc::new(Int64Array::from(vec![number]))),
        ("day", std::sync::Arc::new(StringArray::from(vec![day]))),
    ];
    Table::from(RecordBatch::try_from_iter(columns).expect("fits"))
}

/// One that has seen nothing of the table yet.
fn manager(cloud: &Cloud, mode: WriteMode) -> DeltaIo {
    let mut store = S3Config::new("bucket", "lake");
    store.endpoint = Some(cloud.endpoint());
    store.access_key_id = Some("id".to_owned());
    store.secret_access_key = Some(Secret::new("secret"));
    let mut config = DeltaConfig::default();
    config.mode = mode;
    if mode == WriteMode::Merge {
        config.merge_on = vec!["n".to_owned()];
    }
    config.open(store.open_ground().expect("opens")).expect("opens")
}

async fn loaded(cloud: &Cloud) -> Vec<i64> {
    let mut input = day("a").to_input(Form::Table);
    (input.partition, input.location) = (None, input.asset_location.clone());
    let value = manager(cloud, WriteMode::Overwrite).load_input(&input).await;
    let table = Table::from_value(value.expect("loads")).await.expect("is a table");
    let mut found = numbers(&table);
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_partition_fails_and_leaves_all_of_them() {
    let cloud = Cloud::start(Dialect::S3).await;
    cloud.create_bucket("bucket");
    for (name, number) in [("a", 1), ("b", 2)] {
        let stored = manager(&cloud, WriteMode::Overwrite)
            .handle_output(&day(name), &rows(name, number).into_value())
            .await;
        stored.expect("stores");
    }
    let before = cloud.keys();
    for (fault, kind) in [
        (Fault::vendor(503, "ServiceUnavailable"), ErrorKind::Unavailable),
        (Fault::ResetBefore, ErrorKind::Unavailable),
        (Fault::vendor(403, "AccessDenied"), ErrorKind::PermissionDenied),
    ] {
        for mode in [
            WriteMode::Overwrite,
            WriteMode::Append,
            WriteMode::Merge,
            WriteMode::ReplacePartitions,
            WriteMode::ErrorIfExists,
        ] {
            // Whatever is written goes through.
            let reads = |operation| {
                matches!(
                    operation,
                    Operation::List | Operation::Get | Operation::RangedGet | Operation::Head
                )
            };
            let when = When::any().on("lake/t.delta/_delta_log");
            let when = when.matching(move |request| reads(request.operation)).always();
            cloud.fail(when, fault.clone());
            let stored = manager(&cloud, mode)
                .handle_output(&day("a"), &rows("a", 3).into_value())
                .await;
            cloud.heal();
            let error = stored.expect_err("cannot know what is there");
            assert_eq!(error.kind(), kind, "{mode:?}: {error}");
            assert_eq!(cloud.keys(), before, "{mode:?}, {fault:?}");
            assert_eq!(loaded(&cloud).await, [1, 2], "{mode:?}, {fault:?}");
        }
    }
}
