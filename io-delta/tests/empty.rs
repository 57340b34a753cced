//! A value without rows is there, in whatever way its partition is kept, until it is replaced or deleted (laws 1 and 6).

mod common;

use arrow_array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use common::{Lake, ints, partition, rows, table, whole};
use larder_io_core::{
    AssetValue, ErrorKind, Form, IoManager, OutputContext, Precondition, RunId, Table, Version, Versions, WriteId,
};
use larder_io_delta::WriteMode;
use std::sync::Arc;

/// 2024-01-01 and the days after it.
const JANUARY: i32 = 19_723;

fn days(days: &[i32]) -> Table {
    let day: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
    table(vec![
        ("n", ints(days.iter().map(|day| i64::from(*day - JANUARY)))),
        ("day", day),
    ])
}

fn hours(hours: &[i64]) -> Table {
    let begin = i64::from(JANUARY) * 24;
    let micros = hours.iter().map(|hour| (begin + hour) * 3_600_000_000);
    let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(micros));
    table(vec![("n", ints(hours.iter().copied())), ("at", at)])
}

/// The same place in a new run: what one write says again counts once.
fn anew(ctx: &OutputContext) -> OutputContext {
    let mut ctx = ctx.clone();
    (ctx.run, ctx.write) = (RunId::random(), WriteId::random());
    ctx
}

/// How many data files the newest version has.
async fn files(lake: &Lake, ctx: &OutputContext) -> usize {
    let mut active = std::collections::BTreeSet::new();
    let log = lake.dir.path().join("t.delta/_delta_log");
    let mut commits: Vec<_> = std::fs::read_dir(log)
        .expect("is there")
        .map(|entry| entry.expect("is one").path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "json"))
        .collect();
    commits.sort();
    for commit in commits {
        for line in std::fs::read_to_string(commit).expect("is read").lines() {
            let action: serde_json::Value = serde_json::from_str(line).expect("is JSON");
            if let Some(path) = action["remove"]["path"].as_str() {
                active.remove(path);
            }
            if let Some(path) = action["add"]["path"].as_str() {
                let of = action["add"]["tags"]["larder.stem"] == ctx.location.as_str();
                of.then(|| active.insert(path.to_owned()));
            }
        }
    }
    active.len()
}

/// An empty value of `ctx` beside others' rows, through all that can be done with one.
async fn lives(lake: &Lake, ctx: &OutputContext, one: impl Fn() -> Table, none: impl Fn() -> Table, others: usize) {
    let input = ctx.to_input(Form::Table);
    let stored = lake.store(&anew(ctx), none()).await.expect("stores");
    assert_eq!(lake.rows(ctx).await, [""; 0]);
    let head = lake.manager.head(&input).await.expect("can tell").expect("is there");
    assert_eq!((head.rows, &head.version), (Some(0), &stored.version));
    assert_eq!(head.write, stored.write);
    assert_eq!(lake.all("t").await.len(), others);
    let mut unchanged = ctx.clone();
    unchanged.precondition = Precondition::Unchanged(stored.version.clone());
    let again = lake.store(&anew(&unchanged), none()).await.expect("is what it was");
    assert_eq!(files(lake, ctx).await, 1, "the replaced one is still there");
    let history = lake.manager.history(&input).await.expect("has some");
    assert_eq!(history.len(), 2);
    lake.store(&anew(ctx), one()).await.expect("stores");
    assert_eq!((files(lake, ctx).await, lake.rows(ctx).await.len()), (1, 1));
    lake.manager.restore(&input, &again.version).await.expect("restores");
    assert_eq!(lake.rows(ctx).await, [""; 0]);
    assert_eq!(lake.all("t").await.len(), others);
    lake.manager.delete(&input).await.expect("deletes");
    assert_eq!((files(lake, ctx).await, lake.all("t").await.len()), (0, others));
    assert_eq!(lake.manager.head(&input).await.expect("can tell"), None);
    let gone = lake.manager.load_input(&input).await.map(drop).expect_err("is gone");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    lake.store(&anew(ctx), none()).await.expect("stores");
    let mut absent = ctx.clone();
    absent.precondition = Precondition::Absent;
    let taken = lake
        .store(&anew(&absent), none())
        .await
        .map(drop)
        .expect_err("is there");
    assert_eq!(taken.kind(), ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_the_table_without_rows() {
    let lake = Lake::new(|_| {});
    let day = |day: &str| partition("t", &[("day", day)]);
    lake.store(&day("2024-01-02"), days(&[JANUARY + 1]))
        .await
        .expect("stores");
    let (one, none) = (|| days(&[JANUARY]), || days(&[]));
    lives(&lake, &day("2024-01-01"), one, none, 1).await;
    // What others do leaves it alone.
    lake.store(&day("2024-01-02"), days(&[])).await.expect("stores");
    lake.manager
        .delete(&day("2024-01-02").to_input(Form::Table))
        .await
        .expect("deletes");
    assert_eq!(lake.rows(&day("2024-01-01")).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_without_rows() {
    let lake = Lake::new(|_| {});
    let hour = |hour: &str| partition("t", &[("at", hour)]);
    lake.store(&hour("2024-01-01-02:00"), hours(&[2]))
        .await
        .expect("stores");
    lives(&lake, &hour("2024-01-01-01:00"), || hours(&[1]), || hours(&[]), 1).await;
    lake.store(&hour("2024-01-01-02:00"), hours(&[])).await.expect("stores");
    lake.store(&hour("2024-01-01-03:00"), hours(&[3]))
        .await
        .expect("stores");
    lake.manager
        .delete(&hour("2024-01-01-02:00").to_input(Form::Table))
        .await
        .expect("deletes");
    assert_eq!(lake.rows(&hour("2024-01-01-01:00")).await, [""; 0]);
    assert_eq!(lake.all("t").await.len(), 1);
}

/// The table is not partitioned by the column: it was stored whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_only_rows_without_rows() {
    let lake = Lake::new(|_| {});
    let day = |day: &str| partition("t", &[("day", day)]);
    lake.store(&whole("t"), days(&[JANUARY + 1, JANUARY + 2]))
        .await
        .expect("stores");
    let (one, none) = (|| days(&[JANUARY]), || days(&[]));
    lives(&lake, &day("2024-01-01"), one, none, 2).await;
    // Without a row nobody can say which partition it is in, and the column takes no nulls.
    let lake = Lake::new(|config| config.partition_by = vec!["day".to_owned()]);
    let refused = lake
        .store(&whole("t"), days(&[]))
        .await
        .map(drop)
        .expect_err("is in none");
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    assert!(refused.message().contains("`day`"), "{refused}");
    let input = whole("t").to_input(Form::Table);
    assert_eq!(lake.manager.head(&input).await.expect("can tell"), None);
}

/// Statistics of files without rows leave no other one out.
#[tokio::test(flavor = "multi_thread")]
async fn old_versions_of_it_load() {
    let lake = Lake::new(|config| config.mode = WriteMode::Overwrite);
    let day = partition("t", &[("day", "2024-01-01")]);
    let empty = lake.store(&anew(&day), days(&[])).await.expect("stores");
    lake.store(&anew(&day), days(&[JANUARY])).await.expect("stores");
    let mut input = day.to_input(Form::Table);
    input.version = Some(Version::from_text(empty.version.as_str()));
    assert_eq!(rows(&lake.manager, &input).await, [""; 0]);
    assert_eq!(lake.rows(&day).await, ["0|2024-01-01"]);
    let value = lake.manager.load_input(&input).await.expect("loads");
    assert_eq!(Table::from_value(value).await.expect("loads").rows(), 0);
}
