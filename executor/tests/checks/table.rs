//! The ready-made checks, each on a value that passes and on one that does not.

use super::{definitions, recorded};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::{DataType, Field, Schema};
use jiff::{SignedDuration, Timestamp};
use larder_executor::check::table;
use larder_executor::{Asset, Check, Checked, Definitions};
use larder_io_core::Table;
use larder_io_core::table::col;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Rows that are right, or with one of everything that can be wrong.
fn rows(wrong: bool) -> Table {
    let now = Timestamp::now();
    let old = now - SignedDuration::from_hours(if wrong { 48 } else { 1 });
    let time = old.as_millisecond();
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from(vec![1, 2, if wrong { 1 } else { 3 }]))),
        (
            "carrier",
            Arc::new(StringArray::from(vec![
                Some("AA"),
                Some("B6"),
                if wrong { None } else { Some("UA") },
            ])),
        ),
        (
            "delay",
            Arc::new(Float64Array::from(vec![
                -3.0,
                20.5,
                if wrong { f64::NAN } else { 100.0 },
            ])),
        ),
        (
            "at",
            Arc::new(TimestampMillisecondArray::from(vec![time - 5000, time, time - 10]).with_timezone("UTC")),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("is one");
    Table::new(batch.schema(), vec![batch]).expect("is one")
}

async fn made(check: Check, wrong: bool) -> Arc<Checked> {
    let asset = Asset::builder("t").function(move |_| async move { Ok(rows(wrong)) });
    let (pipeline, _) = recorded(definitions([asset], [check]));
    let report = pipeline.run("t").await.expect("runs");
    let made = report.checks().next();
    Arc::clone(made.expect("was made"))
}

#[tokio::test]
async fn each_tells_a_right_table_from_a_wrong_one() {
    for (check, found) in [
        (table::not_null("t", ["id", "carrier"]), "nulls: 1 in `carrier`"),
        (
            table::unique("t", ["id"]),
            "1 of 3 rows repeat another in `id`; the first of them is row 2, counted from 0",
        ),
        (
            table::in_range("t", "delay", -60.0, 100.0),
            "1 of 3 rows have `delay` outside of -60 to 100",
        ),
        (
            table::rows_match("t", col("carrier").is_not_null()),
            "1 of 3 rows do not match",
        ),
        (
            table::fresh("t", "at", Duration::from_secs(7200)),
            "no `at` is newer than 2h, that is since ",
        ),
    ] {
        let name = check.name().to_owned();
        let right = made(check.clone(), false).await;
        assert!(right.passed, "{name}: {:?}", right.message);
        let wrong = made(check, true).await;
        let message = wrong.message.clone().unwrap_or_default();
        assert!(!wrong.passed && message.starts_with(found), "{name}: {message}");
    }
}

#[tokio::test]
async fn columns_are_compared_with_their_nulls() {
    let schema = |nullable| {
        let field = |name: &str, of| Field::new(name, of, nullable);
        Arc::new(Schema::new(vec![
            field("id", DataType::Int64),
            field("carrier", DataType::Utf8),
            field("delay", DataType::Float64),
            rows(false).schema().field(3).clone().with_nullable(nullable),
        ]))
    };
    assert!(made(table::schema("t", schema(true)), true).await.passed);
    assert!(made(table::schema("t", schema(false)), false).await.passed);
    let nulls = made(table::schema("t", schema(false)), true).await;
    assert!(
        !nulls.passed && nulls.message.as_deref().is_some_and(|found| found.contains("carrier")),
        "{nulls:?}"
    );
    let fewer = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true)]));
    let types = made(table::schema("t", fewer), false).await;
    assert!(
        types.message.as_deref().is_some_and(|found| found.contains("`id`")),
        "{types:?}"
    );
}

#[tokio::test]
async fn a_column_that_is_not_there_cannot_be_judged() {
    for check in [
        table::not_null("t", ["carier"]),
        table::unique("t", ["carier"]),
        table::in_range("t", "carier", 1, 2),
        table::fresh("t", "carier", Duration::from_secs(1)),
    ] {
        let made = made(check, false).await;
        let message = made.message.clone().unwrap_or_default();
        assert!(!made.passed && message.contains("did you mean `carrier`?"), "{message}");
    }
    let of_text = made(table::fresh("t", "carrier", Duration::from_secs(1)), false).await;
    assert!(
        of_text
            .message
            .as_deref()
            .is_some_and(|found| found.contains("of type Utf8")),
        "{of_text:?}"
    );
    let bounds = made(table::in_range("t", "carrier", 1, 2), false).await;
    assert!(
        !bounds.passed
            && bounds
                .message
                .as_deref()
                .is_some_and(|found| found.starts_with("it could not be made"))
    );
}

/// An asset with as many rows as the list says next.
fn counted(counts: &[usize]) -> Asset {
    let left = Arc::new(Mutex::new(counts.to_vec()));
    Asset::builder("t").function(move |_| {
        let rows = left.lock().expect("no panic").remove(0);
        async move {
            let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
            let batch = RecordBatch::try_from_iter([("id", ids)]).expect("is one");
            Table::new(batch.schema(), vec![batch])
        }
    })
}

async fn passes(definitions: Definitions, times: usize) -> Vec<bool> {
    let (pipeline, _) = recorded(definitions);
    let mut passed = Vec::new();
    for _ in 0..times {
        let report = pipeline.run("t").await.expect("runs");
        passed.extend(report.checks().map(|made| made.passed));
    }
    passed
}

#[tokio::test]
async fn rows_are_counted_against_bounds_and_against_history() {
    let bounds = definitions([counted(&[0, 1, 9, 10])], [table::row_count("t", 1..10)]);
    assert_eq!(passes(bounds, 4).await, [false, true, true, false]);
    // The median of the three values before: -, 100, 110, 100, 100, 110. What is blocked is none of them.
    let near = table::row_count_near("t", 3, 0.2).blocking();
    let near = definitions([counted(&[100, 110, 130, 121, 79, 110])], [near]);
    assert_eq!(passes(near, 6).await, [true, true, true, true, false, true]);
}
