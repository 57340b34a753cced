//! The change data feed: what a reader of the protocol makes of a table's log is what became of its rows.

mod common;
mod feed;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use common::{Lake, in_run, ints, open, partition, rows, strings, table, whole};
use feed::{actions, appending, changes, follows, keyed, merging, newest, recorded};
use larder_io_core::{AssetValue, Form, Garbage, GcOptions, IoManager, OptimizeOptions, Table, VacuumOptions, Version};
use larder_io_delta::{Evolution, WriteMode};
use std::sync::Arc;
use std::time::Duration;

fn marked(rows: &[(i64, &str, bool)]) -> Table {
    let gone: ArrayRef = Arc::new(BooleanArray::from_iter(rows.iter().map(|(_, _, gone)| Some(*gone))));
    table(vec![
        ("id", ints(rows.iter().map(|(id, _, _)| *id))),
        ("t", strings(rows.iter().map(|(_, t, _)| *t))),
        ("gone", gone),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_tells_what_became_of_each_row() {
    let lake = Lake::new(appending);
    lake.store(&whole("t"), keyed(&[(1, "a"), (2, "b"), (3, "c")]))
        .await
        .expect("stores");
    // A second row of a key that is there already, and a file that the merge leaves alone.
    lake.store(&whole("t"), keyed(&[(2, "b again"), (5, "e")]))
        .await
        .expect("stores");
    lake.store(&whole("t"), keyed(&[(6, "f")])).await.expect("stores");
    assert_eq!(
        recorded(&lake, "t", 0) + recorded(&lake, "t", 2),
        0,
        "what is added needs no change files"
    );
    assert_eq!(changes(&lake, "t", 2), ["insert|6|f"]);
    let manager = lake.with(|config| {
        merging(config);
        config.delete_when = Some("gone".to_owned());
    });
    let rows = marked(&[(2, "B", false), (3, "", true), (4, "D", false), (9, "", true)]);
    let ctx = in_run(whole("t"), "one");
    for _ in 0..2 {
        manager
            .handle_output(&ctx, &rows.clone().into_value())
            .await
            .expect("merges");
    }
    assert_eq!(newest(&lake, "t"), 3, "the run counts once");
    let expected = [
        "delete|2|b again",
        "delete|3|c",
        "insert|4|D",
        "update_postimage|2|B",
        "update_preimage|2|b",
    ];
    assert_eq!(changes(&lake, "t", 3), expected);
    assert_eq!(recorded(&lake, "t", 3), 1);
    // Nothing that is there is met: the new file tells it all.
    let manager = lake.with(merging);
    manager
        .handle_output(&whole("t"), &keyed(&[(7, "g")]).into_value())
        .await
        .expect("merges");
    assert_eq!(
        (recorded(&lake, "t", 4), changes(&lake, "t", 4)),
        (0, vec!["insert|7|g".to_owned()])
    );
    follows(&lake, "t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_tells_the_changes_of_each_partition() {
    let lake = Lake::new(|config| {
        merging(config);
        config.partition_by = vec!["p".to_owned()];
    });
    let rows = |values: &[(i64, Option<&str>, &str)]| {
        let p: ArrayRef = Arc::new(StringArray::from_iter(values.iter().map(|(_, p, _)| *p)));
        let columns = [
            ("id", ints(values.iter().map(|(id, _, _)| *id)), false),
            ("p", p, true),
            ("v", strings(values.iter().map(|(_, _, v)| *v)), false),
        ];
        Table::from(RecordBatch::try_from_iter_with_nullable(columns).expect("is a table"))
    };
    let first = [
        (1, Some("a/b"), "x"),
        (2, None, "y"),
        (3, Some("ü"), "z"),
        (4, None, "stays"),
    ];
    lake.store(&whole("t"), rows(&first)).await.expect("stores");
    // A row goes from one partition to another, one into none, one stays where it is.
    let second = [
        (1, Some("ü"), "X"),
        (2, None, "Y"),
        (3, None, "Z"),
        (5, Some("new"), "W"),
    ];
    lake.store(&whole("t"), rows(&second)).await.expect("merges");
    let expected = [
        "insert|5|new|W",
        "update_postimage|1|ü|X",
        "update_postimage|2|null|Y",
        "update_postimage|3|null|Z",
        "update_preimage|1|a/b|x",
        "update_preimage|2|null|y",
        "update_preimage|3|ü|z",
    ];
    assert_eq!(changes(&lake, "t", 1), expected);
    follows(&lake, "t").await;
    // Rows of an asset's other partitions are not those that a merge of one changes.
    let lake = Lake::new(merging);
    for (zone, v) in [("eu", "a"), ("us", "b"), ("eu", "c")] {
        lake.store(&partition("t", &[("zone", zone)]), keyed(&[(1, v)]))
            .await
            .expect("merges");
    }
    assert_eq!(
        changes(&lake, "t", 2),
        ["update_postimage|1|c|eu", "update_preimage|1|a|eu"]
    );
    follows(&lake, "t").await;
}

fn days(days: &[i32], n: i64) -> Table {
    let day: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
    table(vec![("n", ints(days.iter().map(|_| n))), ("day", day)])
}

/// 2024-01-01 and the days after it.
const JANUARY: i32 = 19_723;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_again_is_told_by_its_changes() {
    let lake = Lake::new(|config| config.change_data_feed = true);
    let month = |month: &str| partition("t", &[("day", month)]);
    // One file with days of two months, which own their rows.
    lake.store(&whole("t"), days(&[JANUARY, JANUARY + 1, JANUARY + 40], 1))
        .await
        .expect("stores");
    lake.store(&month("2024-01"), days(&[JANUARY + 2], 2))
        .await
        .expect("replaces");
    let expected = ["delete|1|2024-01-01", "delete|1|2024-01-02", "insert|2|2024-01-03"];
    assert_eq!(changes(&lake, "t", 1), expected);
    // Now the month has a file of its own: it comes and goes whole.
    lake.store(&month("2024-01"), days(&[JANUARY + 3], 3))
        .await
        .expect("replaces");
    assert_eq!(recorded(&lake, "t", 2), 0);
    assert_eq!(changes(&lake, "t", 2), ["delete|2|2024-01-03", "insert|3|2024-01-04"]);
    let deleted = lake.manager.delete(&month("2024-02").to_input(Form::Table)).await;
    deleted.expect("deletes");
    assert_eq!(changes(&lake, "t", 3), ["delete|1|2024-02-10"]);
    assert_eq!(recorded(&lake, "t", 3), 0);
    lake.store(&whole("t"), days(&[JANUARY], 5)).await.expect("replaces");
    assert_eq!(recorded(&lake, "t", 4), 0, "files that go whole are the change");
    // A partition that nothing is in, of rows that are not there: readers must not take the file for what changed.
    lake.store(&whole("t"), days(&[JANUARY, JANUARY + 60], 6))
        .await
        .expect("replaces");
    lake.store(&month("2024-02"), days(&[], 7))
        .await
        .expect("stores no rows");
    assert_eq!(changes(&lake, "t", 6), Vec::<String>::new());
    // One of the two leaves the file of both.
    let deleted = lake.manager.delete(&month("2024-03").to_input(Form::Table)).await;
    deleted.expect("deletes");
    assert_eq!(changes(&lake, "t", 7), ["delete|6|2024-03-01"]);
    assert_eq!(recorded(&lake, "t", 7), 1);
    follows(&lake, "t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_in_other_files_are_no_changes() {
    let lake = Lake::new(appending);
    for row in [(1, "a"), (2, "b"), (3, "c")] {
        lake.store(&whole("t"), keyed(&[row])).await.expect("stores");
    }
    assert_eq!(optimized(&lake, "t").await, 1);
    assert_eq!((newest(&lake, "t"), recorded(&lake, "t", 3)), (3, 0));
    assert_eq!(changes(&lake, "t", 3), Vec::<String>::new());
    follows(&lake, "t").await;
}

/// The files that came of it.
async fn optimized(lake: &Lake, asset: &str) -> u64 {
    let maintenance = lake.manager.maintenance().expect("has it");
    let (input, options) = (whole(asset).to_input(Form::Table), OptimizeOptions::default());
    let optimized = maintenance.optimize(&input, &options).await;
    optimized.expect("optimizes").files_after
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_is_told_and_the_feed_goes_on() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    lake.store(&whole("t"), keyed(&[(1, "a")])).await.expect("stores");
    let recording = lake.with(appending);
    for row in [(2, "b"), (3, "c")] {
        recording
            .handle_output(&whole("t"), &keyed(&[row]).into_value())
            .await
            .expect("stores");
    }
    let versions = lake.manager.versions().expect("has some");
    let input = whole("t").to_input(Form::Table);
    // The version's file never went: it did not come back either.
    versions
        .restore(&input, &Version::from_text("0"))
        .await
        .expect("restores");
    assert_eq!(lake.all("t").await, ["1|a"]);
    assert_eq!(changes(&lake, "t", 3), ["delete|2|b", "delete|3|c"]);
    versions
        .restore(&input, &Version::from_text("2"))
        .await
        .expect("restores");
    assert_eq!(changes(&lake, "t", 4), ["insert|2|b", "insert|3|c"]);
    lake.with(merging)
        .handle_output(&whole("t"), &keyed(&[(1, "A")]).into_value())
        .await
        .expect("merges");
    follows(&lake, "t").await;
    // A partition, out of a file that has others too.
    let lake = Lake::new(|config| config.change_data_feed = true);
    let month = partition("t", &[("day", "2024-01")]);
    lake.store(&month, days(&[JANUARY], 1)).await.expect("stores");
    lake.with(appending)
        .handle_output(&whole("t"), &days(&[JANUARY + 1, JANUARY + 50], 2).into_value())
        .await
        .expect("stores");
    let versions = lake.manager.versions().expect("has some");
    versions
        .restore(&month.to_input(Form::Table), &Version::from_text("0"))
        .await
        .expect("restores");
    assert_eq!(changes(&lake, "t", 2), ["delete|2|2024-01-02"]);
    follows(&lake, "t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_begins_to_record_with_the_next_commit() {
    for (zoneless, before, after) in [(false, (1, 2), (1, 4)), (true, (3, 7), (3, 7))] {
        let lake = Lake::new(|_| {});
        let row = |id: i64, v: &str| {
            let mut columns = vec![("id", ints([id])), ("v", strings([v]))];
            let at: ArrayRef = Arc::new(arrow_array::TimestampMicrosecondArray::from(vec![id]));
            columns.extend(zoneless.then_some(("at", at)));
            table(columns)
        };
        lake.store(&whole("t"), row(1, "a")).await.expect("stores");
        assert_eq!(feed::protocol(&lake, "t"), before);
        let manager = lake.with(merging);
        manager
            .handle_output(&whole("t"), &row(1, "b").into_value())
            .await
            .expect("merges");
        assert_eq!(feed::protocol(&lake, "t"), after);
        let listed = actions(&lake, "t", 1).iter().any(|action| {
            let features = action["protocol"]["writerFeatures"].as_array();
            features.is_some_and(|all| all.iter().any(|name| name == "changeDataFeed"))
        });
        assert_eq!(listed, zoneless, "only the newest protocol lists its features");
        assert_eq!(recorded(&lake, "t", 1), 1, "the commit with which it begins is told");
        // Without the setting it goes on, and nothing is said anew.
        let manager = lake.with(|config| {
            merging(config);
            config.change_data_feed = false;
        });
        manager
            .handle_output(&whole("t"), &row(1, "c").into_value())
            .await
            .expect("merges");
        assert_eq!(recorded(&lake, "t", 2), 1);
        let quiet = |action: &serde_json::Value| action["metaData"].is_null() && action["protocol"].is_null();
        assert!(actions(&lake, "t", 2).iter().all(quiet));
        follows(&lake, "t").await;
    }
    // The property by its own name.
    let lake = Lake::new(|config| {
        merging(config);
        config.change_data_feed = false;
        config
            .properties
            .insert("delta.enableChangeDataFeed".to_owned(), "true".to_owned());
    });
    for v in ["a", "b"] {
        lake.store(&whole("t"), keyed(&[(1, v)])).await.expect("merges");
    }
    assert_eq!(changes(&lake, "t", 1), ["update_postimage|1|b", "update_preimage|1|a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_are_in_what_changed() {
    let lake = Lake::new(merging);
    lake.store(&whole("t"), keyed(&[(1, "a"), (2, "b")]))
        .await
        .expect("stores");
    let more = RecordBatch::try_from_iter_with_nullable([
        ("id", ints([2]), false),
        ("t", strings(["B"]), false),
        ("more", Arc::new(Int64Array::from(vec![7])) as ArrayRef, true),
    ]);
    let manager = lake.with(|config| {
        merging(config);
        config.evolution = Evolution::Widen;
    });
    let more = Table::from(more.expect("is a table"));
    manager
        .handle_output(&whole("t"), &more.into_value())
        .await
        .expect("widens");
    assert_eq!(
        changes(&lake, "t", 1),
        ["update_postimage|2|B|7", "update_preimage|2|b|null"]
    );
}

/// Commits that come too late leave nothing behind, and all that landed can be followed.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn mergers_at_once_can_be_followed() {
    let lake = Lake::new(appending);
    lake.store(&whole("t"), keyed(&[(0, "first"), (1000, "shared")]))
        .await
        .expect("stores");
    let writers = (0..8_i64).map(|writer| {
        let root = lake.dir.path().to_owned();
        tokio::spawn(async move {
            for round in 0..3 {
                let manager = open(&root, merging);
                let rows = keyed(&[(writer * 10 + round + 1, "new"), (1000, "again")]);
                manager
                    .handle_output(&whole("t"), &rows.into_value())
                    .await
                    .expect("merges");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("ends");
    }
    assert_eq!(newest(&lake, "t"), 24);
    assert!((1..=24).all(|version| changes(&lake, "t", version).len() == 3));
    follows(&lake, "t").await;
    assert_eq!(feed::files(&lake, "t").len(), 24, "what came too late was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_is_found_and_the_feed_stays() {
    let lake = Lake::new(merging);
    for v in ["a", "b"] {
        lake.store(&whole("t"), keyed(&[(1, v), (2, v)])).await.expect("merges");
    }
    let before = feed::files(&lake, "t");
    assert_eq!(before.len(), 1);
    let directory = lake.dir.path().join("t.delta/_change_data");
    let left = "cdc-0194e1d2a3b4c5d6e7f8091a2b3c4d5e.zstd.parquet";
    std::fs::write(directory.join(left), "left behind").expect("is written");
    // As Spark and delta-rs call theirs, which may be of a commit that is under way.
    let others = [
        "others.parquet",
        "cdc-00000-6b4c1a3e-0d8f-4f7e-9d0e-2f6d1f7c5a11.c000.snappy.parquet",
        "cdc-left.zstd.parquet",
        "cdc-0194e1d2a3b4c5d6e7f8091a2b3c4d5e.c000.parquet",
        "cdc-0194E1D2A3B4C5D6E7F8091A2B3C4D5E.zstd.parquet",
    ];
    for name in others {
        std::fs::write(directory.join(name), "not ours").expect("is written");
    }
    let mut options = GcOptions::default();
    options.older_than = Duration::ZERO;
    let maintenance = lake.manager.maintenance().expect("has it");
    let garbage = maintenance.gc(&options).await.expect("collects");
    let names: Vec<&str> = garbage.iter().map(|garbage| garbage.name.as_str()).collect();
    assert_eq!(names, [format!("t.delta/_change_data/{left}")]);
    for name in others {
        std::fs::remove_file(directory.join(name)).expect("stayed");
    }
    assert_eq!(feed::files(&lake, "t"), before);
    assert_eq!(changes(&lake, "t", 1).len(), 4);
    // It goes with what is older than the retention.
    let input = whole("t").to_input(Form::Table);
    let mut options = VacuumOptions::default();
    assert_eq!(maintenance.vacuum(&input, &options).await.expect("vacuums"), []);
    (options.retention, options.force) = (Some(Duration::ZERO), true);
    let taken = maintenance.vacuum(&input, &options).await.expect("vacuums");
    let changed = |garbage: &&Garbage| garbage.name.contains("_change_data/") && garbage.what == "old";
    assert_eq!((taken.len(), taken.iter().filter(changed).count()), (2, 1), "{taken:?}");
    // A file of changes is none of rows.
    assert_eq!(
        rows(&lake.manager, &whole("t").to_input(Form::Table)).await,
        ["1|b", "2|b"]
    );
}
