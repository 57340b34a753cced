//! Partitions: each owns exactly its rows, or the store is refused. The first tests are the losses that were measured in the
//! peer.

mod common;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, TimestampMicrosecondArray};
use common::{Lake, ints, partition, strings, table, whole};
use larder_io_core::{AssetValue, ErrorKind, Form, IoManager, OutputContext, Table, TableStream, Version, Versions};
use larder_io_delta::{DeltaConfig, Span, WriteMode};
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;
/// 2024-01-01 in microseconds since 1970.
const NEW_YEAR: i64 = 1_704_067_200_000_000;

fn day(number: i32, values: &[i64]) -> Table {
    let days: ArrayRef = Arc::new(Date32Array::from_iter_values(values.iter().map(|_| 19723 + number)));
    table(vec![("n", ints(values.iter().copied())), ("date", days)])
}

fn hours(zone: Option<&str>, hours: &[i64]) -> Table {
    let moments = TimestampMicrosecondArray::from_iter_values(hours.iter().map(|hour| NEW_YEAR + hour * HOUR));
    let moments: ArrayRef = match zone {
        Some(zone) => Arc::new(moments.with_timezone(zone)),
        None => Arc::new(moments),
    };
    table(vec![("n", ints(hours.iter().copied())), ("at", moments)])
}

/// Loss 1: the predicate of an integer partition could not be built, and the whole table was overwritten.
#[tokio::test(flavor = "multi_thread")]
async fn an_integer_partition_leaves_the_others() {
    let lake = Lake::new(|_| {});
    for year in [1, 2] {
        let stored = table(vec![
            ("year", ints([year, year])),
            ("n", ints([year * 10, year * 10 + 1])),
        ]);
        lake.store(&partition("t", &[("year", &year.to_string())]), stored)
            .await
            .expect("stores");
    }
    assert_eq!(lake.all("t").await, ["1|10", "1|11", "2|20", "2|21"]);
    let again = table(vec![("year", ints([2])), ("n", ints([22]))]);
    lake.store(&partition("t", &[("year", "2")]), again)
        .await
        .expect("stores");
    assert_eq!(lake.all("t").await, ["1|10", "1|11", "2|22"]);
    assert_eq!(lake.rows(&partition("t", &[("year", "1")])).await, ["1|10", "1|11"]);
}

/// The same loss with timestamps without a zone, and with hours where the peer's second one failed.
#[tokio::test(flavor = "multi_thread")]
async fn hours_with_and_without_a_zone() {
    for zone in [None, Some("UTC"), Some("Europe/Berlin")] {
        // Dagster's keys of hours, and larder's.
        for between in ["-", "T"] {
            let lake = Lake::new(|_| {});
            let key = |hour: i64| format!("2024-01-01{between}0{hour}:00");
            for hour in [0, 1, 2] {
                lake.store(&partition("t", &[("at", &key(hour))]), hours(zone, &[hour]))
                    .await
                    .expect("stores");
            }
            let second = partition("t", &[("at", &key(1))]);
            lake.store(&second, hours(zone, &[1, 1])).await.expect("stores");
            assert_eq!(lake.rows(&second).await.len(), 2, "{zone:?}");
            assert_eq!(lake.all("t").await.len(), 4, "{zone:?}");
            // The key of a whole day has all of its hours.
            let day = partition("t", &[("at", "2024-01-01")]);
            assert_eq!(lake.rows(&day).await.len(), 4, "{zone:?}");
            // One that begins within an hour may be a quarter of it.
            let quarter = partition("t", &[("at", "2024-01-01T01:15")]);
            let error = lake.store(&quarter, hours(zone, &[1])).await.expect_err("is refused");
            assert!(error.message().contains("`spans`"), "{error}");
            assert_eq!(lake.all("t").await.len(), 4, "{zone:?}");
        }
    }
}

/// The wrong load: of three days the peer gave the first one.
#[tokio::test(flavor = "multi_thread")]
async fn three_days_are_three_days() {
    let lake = Lake::new(|_| {});
    for number in 0..3 {
        let key = format!("2024-01-0{}", number + 1);
        lake.store(&partition("t", &[("date", &key)]), day(number, &[i64::from(number)]))
            .await
            .expect("stores");
    }
    assert_eq!(lake.all("t").await, ["0|2024-01-01", "1|2024-01-02", "2|2024-01-03"]);
    for number in 0..3 {
        let key = format!("2024-01-0{}", number + 1);
        assert_eq!(
            lake.rows(&partition("t", &[("date", &key)])).await,
            [format!("{number}|{key}")]
        );
    }
    // A month takes all of its days, and replaces them.
    assert_eq!(lake.rows(&partition("t", &[("date", "2024-01")])).await.len(), 3);
    lake.store(&partition("t", &[("date", "2024-01")]), day(9, &[9]))
        .await
        .expect("stores");
    assert_eq!(lake.all("t").await, ["9|2024-01-10"]);
}

/// Loss 2: several dimensions; the peer dropped a predicate of several keys.
#[tokio::test(flavor = "multi_thread")]
async fn several_dimensions_own_their_rows_together() {
    let lake = Lake::new(|_| {});
    let zone = |zone: &str, n: i64| table(vec![("zone", strings([zone])), ("n", ints([n]))]);
    for (date, name, n) in [
        ("2024-01-01", "eu", 1),
        ("2024-01-01", "us", 2),
        ("2024-01-02", "eu", 3),
    ] {
        let ctx = partition("t", &[("date", date), ("zone", name)]);
        lake.store(&ctx, zone(name, n)).await.expect("stores");
    }
    lake.store(
        &partition("t", &[("date", "2024-01-01"), ("zone", "eu")]),
        zone("eu", 9),
    )
    .await
    .expect("stores");
    assert_eq!(
        lake.all("t").await,
        ["us|2|2024-01-01", "eu|3|2024-01-02", "eu|9|2024-01-01"]
    );
    assert_eq!(
        lake.rows(&partition("t", &[("date", "2024-01-01"), ("zone", "eu")]))
            .await,
        ["eu|9"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_other_partitions_are_refused_before_the_commit() {
    let lake = Lake::new(|_| {});
    let ctx = partition("t", &[("date", "2024-01-01")]);
    lake.store(&ctx, day(0, &[1])).await.expect("stores");
    let error = lake.store(&ctx, day(1, &[2])).await.expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert!(error.message().contains("`date` is 2024-01-02"), "{error}");
    let hour = partition("h", &[("at", "2024-01-01-01:00")]);
    let error = lake.store(&hour, hours(None, &[1, 2])).await.expect_err("is refused");
    assert!(error.message().contains("1 of 2 rows"), "{error}");
    assert_eq!(lake.all("t").await, ["1|2024-01-01"]);
    let files = std::fs::read_dir(lake.dir.path().join("t.delta")).expect("is there");
    let parts = files.filter(|entry| {
        entry
            .as_ref()
            .is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("part-"))
    });
    assert_eq!(parts.count(), 1, "what was refused was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_fit_no_column_are_refused() {
    let lake = Lake::new(|_| {});
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN]));
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    for (name, value, column) in [
        ("p", "NaN", floats),
        ("p", "01", ints([1])),
        ("p", "+1", ints([1])),
        ("p", "1.0", ints([1])),
        ("p", "99999999999999999999", ints([1])),
        ("p", "yes", truths),
    ] {
        let error = lake
            .store(
                &partition("t", &[(name, value)]),
                table(vec![("p", column), ("n", ints([1]))]),
            )
            .await;
        let error = error.map(drop).expect_err(value);
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{value}: {error}");
        assert!(error.message().contains(value), "{error}");
    }
    let error = lake
        .store(&partition("t", &[("date", "2024-02-30")]), day(0, &[1]))
        .await
        .expect_err("is no date");
    assert!(error.message().contains("no date"), "{error}");
    assert!(
        !lake.dir.path().join("t.delta/_delta_log").exists(),
        "something was committed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_values_come_back() {
    let lake = Lake::new(|_| {});
    let odd = [
        "a/b",
        "..",
        "50%",
        "a=b",
        "ü 日本",
        "q?x=1&y",
        "#",
        "\"'",
        "a\\b",
        "null",
        " ",
    ];
    for (n, value) in (0..).zip(odd) {
        let stored = table(vec![("n", ints([n]))]);
        lake.store(&partition("t", &[("key", value)]), stored)
            .await
            .expect(value);
    }
    for (n, value) in (0..).zip(odd) {
        let n: i64 = n;
        assert_eq!(
            lake.rows(&partition("t", &[("key", value)])).await,
            [n.to_string()],
            "{value}"
        );
    }
    assert_eq!(lake.all("t").await.len(), odd.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_and_columns_can_be_named() {
    let lake = Lake::new(|config| {
        config.spans.insert("week".to_owned(), Span::Week);
        config.columns.insert("week".to_owned(), "date".to_owned());
    });
    let week = partition("t", &[("week", "2024-01-01")]);
    lake.store(&week, day(6, &[7])).await.expect("stores");
    let error = lake.store(&week, day(7, &[8])).await.expect_err("is the next week");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert_eq!(lake.rows(&week).await, ["7|2024-01-07"]);
    let wrong = Lake::new(|config| drop(config.columns.insert("week".to_owned(), "dat".to_owned())));
    let error = wrong.store(&week, day(0, &[1])).await.expect_err("is no column");
    assert!(error.message().contains("did you mean `date`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_partitions_that_the_rows_are_in() {
    let lake = Lake::new(|config| {
        config.mode = WriteMode::ReplacePartitions;
        config.partition_by = vec!["zone".to_owned()];
    });
    let zones = |zones: &[&str], n: i64| {
        table(vec![
            ("zone", strings(zones.iter().copied())),
            ("n", ints(zones.iter().map(|_| n))),
        ])
    };
    lake.store(&whole("t"), zones(&["eu", "us", "eu"], 1))
        .await
        .expect("stores");
    lake.store(&whole("t"), zones(&["us", "asia"], 2))
        .await
        .expect("stores");
    let mut rows = lake.all("t").await;
    rows.sort();
    assert_eq!(rows, ["asia|2", "eu|1", "eu|1", "us|2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_partition_leaves_the_others() {
    let lake = Lake::new(|_| {});
    let of = |n: i64| partition("t", &[("year", &n.to_string())]);
    for n in [1, 2] {
        lake.store(&of(n), table(vec![("n", ints([n]))])).await.expect("stores");
    }
    let input = |ctx: &OutputContext| ctx.to_input(Form::Table);
    lake.manager.delete(&input(&of(1))).await.expect("deletes");
    assert!(lake.manager.head(&input(&of(1))).await.expect("can tell").is_none());
    assert_eq!(
        lake.manager
            .load_input(&input(&of(1)))
            .await
            .map(drop)
            .expect_err("is gone")
            .kind(),
        ErrorKind::NotFound
    );
    assert_eq!(lake.all("t").await, ["2|2"]);
    let head = lake
        .manager
        .head(&input(&of(2)))
        .await
        .expect("can tell")
        .expect("is there");
    assert_eq!(
        (head.rows, head.content_hash.is_some()),
        (Some(1), true),
        "its receipt is its own"
    );
}

/// A file of three days, of which one is deleted, replaced and restored.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_several_partitions_is_written_again_with_the_others() {
    let lake = Lake::new(|_| {});
    let days = Date32Array::from_iter_values([19723, 19724, 19724, 19725]);
    let stored = table(vec![("n", ints([1, 2, 3, 4])), ("date", Arc::new(days))]);
    lake.store(&whole("t"), stored).await.expect("stores");
    let second = partition("t", &[("date", "2024-01-02")]);
    lake.manager
        .delete(&second.to_input(Form::Table))
        .await
        .expect("deletes");
    assert_eq!(lake.all("t").await, ["1|2024-01-01", "4|2024-01-03"]);
    assert_eq!(
        lake.manager.head(&second.to_input(Form::Table)).await.expect("tells"),
        None
    );
    lake.manager
        .delete(&second.to_input(Form::Table))
        .await
        .expect("is gone already");
    // The first version had it in a file with others.
    let refused = lake
        .manager
        .restore(&second.to_input(Form::Table), &Version::from_text("0"))
        .await;
    let refused = refused.expect_err("is refused");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("rows of others too"), "{refused}");
    let receipt = lake.store(&second, day(1, &[5])).await.expect("stores");
    lake.store(&second, day(1, &[6])).await.expect("stores");
    lake.manager
        .restore(&second.to_input(Form::Table), &receipt.version)
        .await
        .expect("restores");
    let mut all = lake.all("t").await;
    all.sort();
    assert_eq!(all, ["1|2024-01-01", "4|2024-01-03", "5|2024-01-02"]);
    let mut verified = whole("t").to_input(Form::Table);
    verified.verify = true;
    lake.manager
        .load_input(&verified)
        .await
        .expect("what was written again has hashes too");
    let whole_again = lake
        .manager
        .restore(&whole("t").to_input(Form::Table), &Version::from_text("0"))
        .await;
    whole_again.expect("restores");
    assert_eq!(lake.all("t").await.len(), 4);
}

/// Rows whose partitions come mixed wait in memory, no more than is said; none is lost or out of its order on the way.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_mixed_partitions_wait_up_to_a_limit() {
    for (gather_bytes, few) in [(1 << 20, false), (DeltaConfig::default().gather_bytes, true)] {
        let lake = Lake::new(|config| {
            config.partition_by = vec!["p".to_owned()];
            config.gather_bytes = gather_bytes;
        });
        let batch = |from: i64| {
            let numbers = from..from + 50_000;
            let columns = vec![("n", ints(numbers.clone())), ("p", ints(numbers.map(|n| n % 4)))];
            table(columns).to_batch().expect("is one")
        };
        let schema = batch(0).schema();
        let stream = TableStream::from_iter(schema, (0..20).map(move |index| Ok(batch(index * 50_000))));
        let stored = lake.manager.handle_output(&whole("t"), &stream.into_value()).await;
        assert_eq!(stored.expect("stores").rows, Some(1_000_000));
        let entries = std::fs::read_dir(lake.dir.path().join("t.delta")).expect("is there");
        let files = entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()));
        match (few, files.count()) {
            (true, files) => assert_eq!(files, 4, "one for each partition"),
            (false, files) => assert!((8..40).contains(&files), "{files} files"),
        }
        let value = lake.manager.load_input(&whole("t").to_input(Form::Table)).await;
        let loaded = Table::from_value(value.expect("loads")).await.expect("loads");
        let mut next = [0, 1, 2, 3];
        for batch in loaded.batches() {
            let numbers = batch
                .column(0)
                .as_any()
                .downcast_ref::<Int64Array>()
                .expect("are numbers");
            for number in numbers.values() {
                let partition = (number % 4) as usize;
                assert_eq!(*number, next[partition], "a row is out of its order");
                next[partition] += 4;
            }
        }
        assert_eq!(next, [1_000_000, 1_000_001, 1_000_002, 1_000_003], "rows are lost");
    }
}
