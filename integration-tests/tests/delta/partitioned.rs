//! Partitioned assets in Delta tables, as runs make and load them.

use super::{numbers, rows};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use larder::partitions::{Mapping, Partitioning};
use larder::{Asset, AssetKey, AssetValue, PartitionKey, Partitions, Pipeline, RunOptions, Table};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

fn pipeline(assets: Vec<Asset>) -> (TempDir, Pipeline) {
    let dir = tempfile::tempdir().expect("a directory");
    let text = format!(
        "io_manager = \"lake\"\n[io_managers.lake]\nurl = \"delta+file://{}\"",
        dir.path().display()
    );
    let definitions = larder::definitions().variables([]).config_text(text);
    (dir, definitions.assets(assets).build().expect("fits"))
}

async fn run(pipeline: &Pipeline, selection: &str, partitions: Option<&str>) {
    let mut options = RunOptions::default();
    options.partitions = partitions.map(str::to_owned);
    let report = pipeline.run_with(selection, options).await.expect("is planned");
    assert!(report.succeeded(), "{report:?}");
}

/// The numbers of a whole asset, or of one partition, in order.
async fn stored(pipeline: &Pipeline, key: &str, partition: Option<PartitionKey>) -> Vec<i64> {
    let table = match partition {
        None => pipeline.load::<Table>(key).await.expect("loads"),
        Some(partition) => {
            let key: AssetKey = key.parse().expect("is a key");
            let value = pipeline.load_value((&key, &partition), None).await.expect("loads");
            Table::from_value(value).await.expect("is a table")
        }
    };
    let mut found = numbers(&table);
    found.sort_unstable();
    found
}

fn text(partition: &PartitionKey) -> &str {
    &partition.dimensions()[0].1
}

/// The peer took the predicate of two keys for none, and replaced the table. Keys of text, of numbers, and of no column of the rows.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_keys_made_again_leave_the_third() {
    for (values, column) in [
        (["x", "y", "z"], true),
        (["1", "2", "3"], true),
        (["x", "y", "z"], false),
    ] {
        let made = Arc::new(AtomicI64::new(0));
        let counted = Arc::clone(&made);
        let kinds = Partitioning::fixed("kind", values).expect("is valid");
        let asset = Asset::builder("many").partitions(kinds).function(move |args| {
            let run = counted.load(Ordering::Relaxed);
            async move {
                let asked = args.context().partitions().expect("has some").iter();
                let table = |partition: &PartitionKey| {
                    let kind = text(partition);
                    let kinds: ArrayRef = match kind.parse::<i64>() {
                        Ok(number) => Arc::new(Int64Array::from(vec![number])),
                        Err(_) => Arc::new(StringArray::from(vec![kind.to_owned()])),
                    };
                    let place = values.iter().position(|value| *value == kind).expect("is one") as i64;
                    let mut columns: Vec<(&str, ArrayRef)> = vec![("n", Arc::new(Int64Array::from(vec![run + place])))];
                    columns.extend(column.then_some(("kind", kinds)));
                    Table::from(RecordBatch::try_from_iter(columns).expect("fits"))
                };
                let all = asked.map(|partition| (partition.clone(), table(&partition)));
                Ok(all.collect::<Partitions<Table>>())
            }
        });
        let (_dir, pipeline) = pipeline(vec![asset]);
        run(&pipeline, "*", None).await;
        made.store(10, Ordering::Relaxed);
        run(&pipeline, "*", Some(&values[..2].join(","))).await;
        assert_eq!(stored(&pipeline, "many", None).await, [2, 10, 11], "{values:?}");
        let third = PartitionKey::single("kind", values[2]).expect("is a key");
        assert_eq!(stored(&pipeline, "many", Some(third)).await, [2], "{values:?}");
    }
}

/// The peer gave the first of three days. As one table, and each by its key.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_three_days_gets_three() {
    let days = || {
        Partitioning::daily("2024-01-01")
            .end("2024-01-06")
            .build()
            .expect("is valid")
    };
    let upstream = Asset::builder("days").partitions(days()).function(|args| async move {
        let day = args.context().partition().map(|partition| text(partition)[8..].parse());
        Ok(rows([day.expect("has one").expect("is a number")]))
    });
    let together = Asset::builder("together")
        .partitions(days())
        .input_from::<Table>("days", "days")
        .mapping(Mapping::windows(-2, 0))
        .function(|mut args| async move { Ok(rows(numbers(&args.input::<Table>().await?))) });
    let each = Asset::builder("each")
        .partitions(days())
        .input_from::<Partitions<Table>>("days", "days")
        .mapping(Mapping::windows(-2, 0))
        .function(|mut args| async move {
            let given = args.input::<Partitions<Table>>().await?;
            let of_key = |(partition, table): (&PartitionKey, &Table)| {
                let day: i64 = text(partition)[8..].parse().expect("is a number");
                assert_eq!(numbers(table), [day], "{partition}");
                day
            };
            Ok(rows(given.iter().map(of_key).collect::<Vec<_>>()))
        });
    let (_dir, pipeline) = pipeline(vec![upstream, together, each]);
    run(&pipeline, "days", None).await;
    run(&pipeline, "together,each", Some("2024-01-04")).await;
    let day = || Some(PartitionKey::single("date", "2024-01-04").expect("is a key"));
    for key in ["together", "each"] {
        assert_eq!(stored(&pipeline, key, day()).await, [2, 3, 4], "{key}");
    }
}

/// Hours own their rows by a column of times; SQL reads all of them.
#[tokio::test(flavor = "multi_thread")]
async fn hours_of_a_schedule_fit_a_column_of_times() {
    const HOUR: i64 = 3_600_000_000;
    const NEW_YEAR: i64 = 1_704_067_200_000_000;
    for zone in [None, Some("UTC")] {
        let hours = Partitioning::hourly("2024-01-01T00:00")
            .end("2024-01-01T03:00")
            .name("at");
        let asset = Asset::builder("hours")
            .partitions(hours.build().expect("is valid"))
            .function(move |args| async move {
                let partition = args.context().partition().cloned().expect("has one");
                let hour: i64 = text(&partition)[11..13].parse().expect("is a number");
                let moments = TimestampMicrosecondArray::from(vec![NEW_YEAR + hour * HOUR]).with_timezone_opt(zone);
                let columns: [(&str, ArrayRef); 2] =
                    [("n", Arc::new(Int64Array::from(vec![hour]))), ("at", Arc::new(moments))];
                Ok(Table::from(RecordBatch::try_from_iter(columns).expect("fits")))
            });
        let (_dir, pipeline) = pipeline(vec![asset]);
        run(&pipeline, "*", None).await;
        run(&pipeline, "*", Some("2024-01-01T01:00")).await;
        assert_eq!(stored(&pipeline, "hours", None).await, [0, 1, 2], "{zone:?}");
        let second = PartitionKey::single("at", "2024-01-01T01:00").expect("is a key");
        assert_eq!(stored(&pipeline, "hours", Some(second)).await, [1], "{zone:?}");
        let asked = pipeline.query("select n from hours where n > 0 order by n").await;
        let found = asked.expect("is answered").collect().await.expect("is read");
        assert_eq!(numbers(&found), [1, 2], "{zone:?}");
    }
}
