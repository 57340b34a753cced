//! Commits whose answer gets lost: they landed, or may still, and the files that they name stay (law 5).

mod common;
mod feed;
mod late;

use arrow_array::{ArrayRef, Date32Array};
use common::{Lake, in_run, ints, partition, table, whole};
use feed::{appending, keyed, merging};
use larder_io_core::{
    AssetValue, Effect, ErrorKind, Form, GcOptions, IoManager, Maintenance, OptimizeOptions, OutputContext, Table,
    Version, Versions,
};
use larder_io_delta::{DeltaConfig, DeltaIo, WriteMode};
use late::{Late, Next};
use std::sync::Arc;
use std::time::Duration;

/// 2024-01-01 and the days after it.
const JANUARY: i32 = 19_723;

fn days(days: &[i32]) -> Table {
    let day: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
    table(vec![
        ("n", ints(days.iter().map(|day| i64::from(*day - JANUARY)))),
        ("day", day),
    ])
}

fn month(month: &str) -> OutputContext {
    partition("t", &[("day", month)])
}

fn recording(config: &mut DeltaConfig) {
    config.change_data_feed = true;
}

/// A file of two months, in a table that records its changes.
async fn two_months() -> (Lake, Late) {
    let lake = Lake::new(recording);
    lake.store(&month("2024-01"), days(&[JANUARY])).await.expect("stores");
    lake.store(&whole("t"), days(&[JANUARY, JANUARY + 40]))
        .await
        .expect("stores");
    let late = Late::new(lake.dir.path());
    (lake, late)
}

/// Change files that commits name and that are not there.
fn lost_changes(lake: &Lake) -> Vec<String> {
    let there = feed::files(lake, "t");
    let mut lost = Vec::new();
    for version in 0..=feed::newest(lake, "t") {
        for action in feed::actions(lake, "t", version) {
            let Some(path) = action["cdc"]["path"].as_str() else {
                continue;
            };
            let name = path.trim_start_matches("_change_data/");
            if !there.iter().any(|known| known == name) {
                lost.push(path.to_owned());
            }
        }
    }
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_was_sent_twice_keeps_the_other_rows() {
    let (lake, late) = two_months().await;
    let manager = late.open(lake.dir.path(), recording);
    late.next_commit(Next::SentTwice);
    let deleted = manager.delete(&month("2024-01").to_input(Form::Table)).await;
    deleted.expect("deletes");
    assert_eq!(lake.all("t").await, ["40|2024-02-10"]);
    assert_eq!(feed::newest(&lake, "t"), 2, "it landed once");
    assert_eq!((feed::recorded(&lake, "t", 2), lost_changes(&lake)), (1, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_sent_twice_keeps_the_other_rows() {
    let (lake, late) = two_months().await;
    let manager = late.open(lake.dir.path(), recording);
    late.next_commit(Next::SentTwice);
    let restored = manager
        .restore(&month("2024-01").to_input(Form::Table), &Version::from_text("0"))
        .await;
    restored.expect("restores");
    let mut all = lake.all("t").await;
    all.sort();
    assert_eq!(all, ["0|2024-01-01", "40|2024-02-10"]);
    assert_eq!(feed::newest(&lake, "t"), 2, "it landed once");
    assert_eq!(lost_changes(&lake), [""; 0]);
}

/// Nobody can tell whether it lands: the files are left for `gc`, and the caller is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_lands_late_is_whole() {
    let (lake, late) = two_months().await;
    let manager = late.open(lake.dir.path(), recording);
    late.next_commit(Next::OnItsWay);
    let deleted = manager.delete(&month("2024-01").to_input(Form::Table)).await;
    assert_eq!(deleted.expect_err("no answer came").effect(), Effect::Unknown);
    late.land().await;
    assert_eq!(lake.all("t").await, ["40|2024-02-10"]);
    assert_eq!(lost_changes(&lake), [""; 0]);

    let (lake, late) = two_months().await;
    let manager = late.open(lake.dir.path(), recording);
    late.next_commit(Next::OnItsWay);
    let restored = manager
        .restore(&month("2024-01").to_input(Form::Table), &Version::from_text("0"))
        .await;
    assert_eq!(restored.expect_err("no answer came").effect(), Effect::Unknown);
    late.land().await;
    assert_eq!(lake.all("t").await.len(), 2);

    // A store that writes the rows which stay again, and the new ones.
    let (lake, late) = two_months().await;
    let manager = late.open(lake.dir.path(), recording);
    late.next_commit(Next::OnItsWay);
    let stored = manager
        .handle_output(&month("2024-01"), &days(&[JANUARY + 5]).into_value())
        .await;
    assert_eq!(stored.expect_err("no answer came").effect(), Effect::Unknown);
    late.land().await;
    let mut all = lake.all("t").await;
    all.sort();
    assert_eq!(all, ["40|2024-02-10", "5|2024-01-06"]);
    assert_eq!(lost_changes(&lake), [""; 0]);

    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    for row in [(1, "a"), (2, "b")] {
        lake.store(&whole("t"), keyed(&[row])).await.expect("stores");
    }
    let late = Late::new(lake.dir.path());
    let manager = late.open(lake.dir.path(), |_| {});
    late.next_commit(Next::OnItsWay);
    let optimized = manager
        .optimize(&whole("t").to_input(Form::Table), &OptimizeOptions::default())
        .await;
    assert_eq!(optimized.expect_err("no answer came").effect(), Effect::Unknown);
    late.land().await;
    assert_eq!(lake.all("t").await, ["1|a", "2|b"]);
}

/// Somebody else's commit is none of ours: what was written for the one that came too late goes.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_too_late_leaves_nothing_behind() {
    let (lake, late) = two_months().await;
    let manager = late.open(lake.dir.path(), recording);
    late.next_commit(Next::Overtaken);
    let deleted = manager.delete(&month("2024-01").to_input(Form::Table)).await;
    deleted.expect("deletes");
    assert_eq!(lake.all("t").await, ["40|2024-02-10"]);
    assert_eq!(feed::newest(&lake, "t"), 3);
    let mut all = GcOptions::default();
    all.older_than = Duration::ZERO;
    assert_eq!(manager.gc(&all).await.expect("collects"), []);
    assert_eq!(feed::files(&lake, "t").len(), 1);
}

/// A table of one row, and a manager on a storage that may lose answers.
async fn one_row(change: impl Fn(&mut DeltaConfig)) -> (Lake, Late, DeltaIo) {
    let lake = Lake::new(&change);
    lake.store(&whole("t"), keyed(&[(0, "z")])).await.expect("stores");
    let late = Late::new(lake.dir.path());
    let manager = late.open(lake.dir.path(), change);
    (lake, late, manager)
}

/// A run that stores again because no answer came: its rows count once, whenever the first commit lands.
#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_answer_was_lost_count_once() {
    let ctx = || in_run(whole("t"), "one");
    let rows = || keyed(&[(1, "a")]).into_value();
    for change in [appending, merging] {
        let (lake, late, manager) = one_row(change).await;
        late.next_commit(Next::SentTwice);
        let receipt = manager.handle_output(&ctx(), &rows()).await.expect("stores");
        assert_eq!(receipt.version.as_str(), "1");
        manager.handle_output(&ctx(), &rows()).await.expect("stores");
        assert_eq!(lake.all("t").await, ["0|z", "1|a"]);

        for lands_first in [true, false] {
            let (lake, late, manager) = one_row(change).await;
            late.next_commit(Next::OnItsWay);
            let lost = manager.handle_output(&ctx(), &rows()).await.map(drop);
            assert_eq!(lost.expect_err("no answer came").effect(), Effect::Unknown);
            if lands_first {
                late.land().await;
            }
            manager.handle_output(&ctx(), &rows()).await.expect("stores");
            if !lands_first {
                late.arrive().await.map(drop).expect_err("its version is taken");
            }
            assert_eq!(lake.all("t").await, ["0|z", "1|a"], "lands first: {lands_first}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_always_overtaken_gives_up_and_leaves_nothing() {
    let (lake, late, manager) = one_row(|config| {
        appending(config);
        config.commit_attempts = 3;
    })
    .await;
    late.next_commit(Next::AlwaysOvertaken);
    let stored = manager
        .handle_output(&whole("t"), &keyed(&[(1, "a")]).into_value())
        .await;
    let error = stored.map(drop).expect_err("others were always first");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.message().contains("3 attempts"), "{error}");
    assert_eq!(feed::newest(&lake, "t"), 3, "three of others");
    assert_eq!(lake.all("t").await, ["0|z"]);
    let parts = std::fs::read_dir(lake.dir.path().join("t.delta")).expect("is there");
    let parts = parts.filter(|part| {
        let part = part.as_ref().expect("is one").file_name();
        part.to_string_lossy().starts_with("part-")
    });
    assert_eq!(parts.count(), 1, "what was written for it is gone");
}
