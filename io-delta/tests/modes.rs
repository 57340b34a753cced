//! Write modes: what counts once, what is replaced, and what writers at once may do to each other.

mod common;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, TimestampNanosecondArray};
use common::{Lake, in_run, ints, open, partition, rows, strings, table, texts, whole};
use larder_io_core::{AssetValue, ErrorKind, Form, IoManager, LazyTable, Precondition, Table, TableStream, col};
use larder_io_delta::{Evolution, WriteMode};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

fn row(n: i64) -> Table {
    table(vec![("n", ints([n]))])
}

fn keyed(pairs: &[(i64, &str)]) -> Table {
    table(vec![
        ("id", ints(pairs.iter().map(|(id, _)| *id))),
        ("v", strings(pairs.iter().map(|(_, v)| *v))),
    ])
}

/// Who adds to a table says so: what was stored is not what a load gives.
#[tokio::test]
async fn a_table_that_is_added_to_is_no_value_to_hand_over() {
    for (mode, evolution, accumulates) in [
        (WriteMode::Overwrite, Evolution::Strict, false),
        (WriteMode::ErrorIfExists, Evolution::Strict, false),
        (WriteMode::Overwrite, Evolution::Widen, true),
        (WriteMode::Append, Evolution::Strict, true),
        (WriteMode::ReplacePartitions, Evolution::Strict, true),
    ] {
        let lake = Lake::new(|config| (config.mode, config.evolution) = (mode, evolution));
        assert_eq!(
            lake.manager.info().capabilities.accumulates,
            accumulates,
            "{mode:?} {evolution:?}"
        );
        // As an asset's own settings say.
        let own = [("mode".to_owned(), "append".to_owned())].into();
        let own = lake.manager.with_settings(&own).expect("is one");
        assert!(own.info().capabilities.accumulates);
    }
}

/// The peer appended again with every materialization of a run that was tried again.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_of_one_run_counts_once() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    for run in ["one", "two", "one", "one", "three"] {
        // Another process with the same run: nothing is remembered but what the table holds.
        let again = lake.with(|config| config.mode = WriteMode::Append);
        let receipt = again
            .handle_output(&in_run(whole("t"), run), &row(run.len() as i64).into_value())
            .await
            .expect("stores");
        assert_eq!(receipt.rows, Some(1));
    }
    assert_eq!(lake.all("t").await, ["3", "3", "5"]);
    let files = std::fs::read_dir(lake.dir.path().join("t.delta")).expect("is there");
    let parts = files.filter(|entry| {
        entry
            .as_ref()
            .is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("part-"))
    });
    assert_eq!(parts.count(), 3, "what did not count was left behind");
    let head = lake
        .manager
        .head(&whole("t").to_input(Form::Table))
        .await
        .expect("can tell")
        .expect("is there");
    assert_eq!(
        (head.rows, head.content_hash),
        (Some(3), None),
        "the receipt of one append is not the table's"
    );
}

/// Eight creators, overwriters and appenders of a table that is not there yet. Two overwrites of an empty table both stay in
/// deltalake itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn writers_at_once_on_an_empty_table() {
    for mode in [WriteMode::Append, WriteMode::Overwrite, WriteMode::ErrorIfExists] {
        let lake = Lake::new(|_| {});
        let writers = (0..8).map(|n| {
            let manager = open(lake.dir.path(), |config| config.mode = mode);
            tokio::spawn(async move { (n, manager.handle_output(&whole("t"), &row(n).into_value()).await) })
        });
        let mut stored = BTreeSet::new();
        for writer in writers.collect::<Vec<_>>() {
            let (n, result) = writer.await.expect("ends");
            match result {
                Ok(_) => drop(stored.insert(n.to_string())),
                Err(error) => assert_eq!(
                    (mode, error.kind()),
                    (WriteMode::ErrorIfExists, ErrorKind::AlreadyExists),
                    "{error}"
                ),
            }
        }
        let found = lake.all("t").await;
        let unique: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(found.len(), unique.len(), "{mode:?}: a row is there twice");
        match mode {
            WriteMode::Append => assert_eq!(unique, stored, "every acknowledged row is there"),
            _ => assert!(
                found.len() == 1 && unique.is_subset(&stored),
                "{mode:?}: {found:?} of {stored:?}"
            ),
        }
        if mode == WriteMode::ErrorIfExists {
            assert_eq!(stored.len(), 1, "one of them is the first");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn appends_and_merges_at_once() {
    let lake = Lake::new(|_| {});
    lake.store(&whole("t"), keyed(&[(-1, "first")])).await.expect("stores");
    let mut writers = Vec::new();
    for writer in 0..8_i64 {
        let root = lake.dir.path().to_owned();
        writers.push(tokio::spawn(async move {
            for round in 0..4 {
                let merges = writer % 2 == 0;
                let manager = open(&root, |config| match merges {
                    true => (config.mode, config.merge_on) = (WriteMode::Merge, vec!["id".to_owned()]),
                    false => config.mode = WriteMode::Append,
                });
                // Merges of all writers meet in the key 1000.
                let id = writer * 10 + round;
                let rows = match merges {
                    true => keyed(&[(id, "merged"), (1000, "shared")]),
                    false => keyed(&[(id, "appended")]),
                };
                manager
                    .handle_output(&whole("t"), &rows.into_value())
                    .await
                    .expect("stores");
            }
        }));
    }
    for writer in writers {
        writer.await.expect("ends");
    }
    let found = lake.all("t").await;
    let expected: BTreeSet<String> = (0..8_i64)
        .flat_map(|writer| {
            (0..4).map(move |round| (writer * 10 + round, if writer % 2 == 0 { "merged" } else { "appended" }))
        })
        .map(|(id, v)| format!("{id}|{v}"))
        .chain(["-1|first".to_owned(), "1000|shared".to_owned()])
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_replaces_inserts_and_deletes() {
    let lake = Lake::new(|_| {});
    lake.store(&whole("t"), keyed(&[(1, "a"), (2, "b"), (3, "c")]))
        .await
        .expect("stores");
    let manager = lake.with(|config| {
        config.mode = WriteMode::Merge;
        config.merge_on = vec!["id".to_owned()];
        config.delete_when = Some("gone".to_owned());
    });
    let gone: ArrayRef = Arc::new(BooleanArray::from(vec![Some(false), Some(true), None]));
    let changes = table(vec![
        ("id", ints([2, 3, 4])),
        ("v", strings(["B", "C", "D"])),
        ("gone", gone),
    ]);
    let ctx = in_run(whole("t"), "one");
    for _ in 0..2 {
        // The same run again changes nothing.
        manager
            .handle_output(&ctx, &changes.clone().into_value())
            .await
            .expect("merges");
        assert_eq!(lake.all("t").await, ["1|a", "2|B", "4|D"]);
    }
    let nulls: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1)]));
    let unmarked: ArrayRef = Arc::new(BooleanArray::from(vec![false, false]));
    let rows = table(vec![
        ("id", nulls),
        ("v", strings(["null equals nothing", "A"])),
        ("gone", unmarked),
    ]);
    let error = manager
        .handle_output(&whole("t"), &rows.into_value())
        .await
        .map(drop)
        .expect_err("may not be null");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{error}");
    let twice = keyed(&[(1, "x"), (1, "y")]);
    let unmarked: ArrayRef = Arc::new(BooleanArray::from(vec![false, false]));
    let batch = twice.to_batch().expect("is one");
    let twice = table(vec![
        ("id", Arc::clone(batch.column(0))),
        ("v", Arc::clone(batch.column(1))),
        ("gone", unmarked),
    ]);
    let error = manager
        .handle_output(&whole("t"), &twice.into_value())
        .await
        .map(drop)
        .expect_err("is twice");
    assert!(error.message().contains("two rows have the same `id`"), "{error}");
    assert_eq!(lake.all("t").await, ["1|a", "2|B", "4|D"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_stays_in_its_partition() {
    let lake = Lake::new(|config| {
        config.mode = WriteMode::Merge;
        config.merge_on = vec!["id".to_owned()];
    });
    for (zone, v) in [("eu", "a"), ("us", "b"), ("eu", "c")] {
        lake.store(&partition("t", &[("zone", zone)]), keyed(&[(1, v)]))
            .await
            .expect("merges");
    }
    let mut found = lake.all("t").await;
    found.sort();
    assert_eq!(found, ["1|b|us", "1|c|eu"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn preconditions_look_at_one_partition() {
    let lake = Lake::new(|_| {});
    let (first, second) = (partition("t", &[("p", "1")]), partition("t", &[("p", "2")]));
    let receipt = lake.store(&first, row(1)).await.expect("stores");
    lake.store(&second, row(2)).await.expect("stores");
    let mut unchanged = partition("t", &[("p", "1")]);
    unchanged.precondition = Precondition::Unchanged(receipt.version.clone());
    lake.store(&unchanged, row(3))
        .await
        .expect("another partition's commit is no change of this one");
    unchanged.write = larder_io_core::WriteId::random();
    let late = lake.store(&unchanged, row(4)).await.map(drop).expect_err("is late");
    assert_eq!(late.kind(), ErrorKind::Conflict);
    assert_eq!(lake.rows(&first).await, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_changed_is_refused_or_followed() {
    let lake = Lake::new(|_| {});
    lake.store(&whole("t"), row(1)).await.expect("stores");
    let wider = || table(vec![("n", ints([2])), ("v", strings(["new"]))]);
    let error = lake
        .store(&whole("t"), wider())
        .await
        .map(drop)
        .expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    assert!(error.message().contains("`v` Utf8 not null is new"), "{error}");
    assert_eq!(lake.all("t").await, ["1"], "the old value stays");
    let widening = lake.with(|config| (config.mode, config.evolution) = (WriteMode::Append, Evolution::Widen));
    let nullable: ArrayRef = Arc::new(arrow_array::StringArray::from(vec![Some("new")]));
    let batch = arrow_array::RecordBatch::try_from_iter_with_nullable([("n", ints([2]), false), ("v", nullable, true)])
        .expect("is one");
    widening
        .handle_output(&whole("t"), &Table::from(batch).into_value())
        .await
        .expect("widens");
    assert_eq!(lake.all("t").await, ["1|null", "2|new"]);
    let merging = lake.with(|config| config.evolution = Evolution::Merge);
    merging
        .handle_output(&whole("t"), &row(3).into_value())
        .await
        .expect("takes a column away");
    assert_eq!(lake.all("t").await, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_by_number_and_by_time() {
    let lake = Lake::new(|_| {});
    let first = lake.store(&whole("t"), row(1)).await.expect("stores");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let between = jiff::Timestamp::now();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    lake.store(&whole("t"), row(2)).await.expect("stores");
    let input = whole("t").to_input(Form::Table);
    let at = |version: String| input.clone().with_version(larder_io_core::Version::from_text(version));
    assert_eq!(rows(&lake.manager, &at(first.version.to_string())).await, ["1"]);
    assert_eq!(rows(&lake.manager, &at(between.to_string())).await, ["1"]);
    let early = at("1999-12-31T00:00:00Z".to_owned());
    assert_eq!(
        lake.manager
            .load_input(&early)
            .await
            .map(drop)
            .expect_err("is too early")
            .kind(),
        ErrorKind::NotFound
    );
    let versions = lake.manager.versions().expect("has some");
    let history = versions.history(&input).await.expect("tells");
    assert_eq!(
        history
            .iter()
            .map(|receipt| receipt.version.to_string())
            .collect::<Vec<_>>(),
        ["1", "0"]
    );
    versions.restore(&input, &first.version).await.expect("restores");
    assert_eq!(lake.all("t").await, ["1"]);
}

/// Streams go to several files without being held.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_becomes_files_in_its_order() {
    let lake = Lake::new(|config| config.file_bytes = 1 << 20);
    let batches = (0..40_i64).map(|batch| row_batch(batch * 10_000, 10_000));
    let schema = row_batch(0, 1).schema();
    let stream = TableStream::from_iter(schema, batches.map(Ok));
    let receipt = lake
        .manager
        .handle_output(&whole("t"), &stream.into_value())
        .await
        .expect("stores");
    assert_eq!(receipt.rows, Some(400_000));
    let value = lake
        .manager
        .load_input(&whole("t").to_input(Form::Table))
        .await
        .expect("loads");
    let loaded = Table::from_value(value).await.expect("loads");
    let found = texts(&loaded);
    assert!(
        found.iter().enumerate().all(|(at, text)| *text == at.to_string()),
        "the order is another one"
    );
    let files = std::fs::read_dir(lake.dir.path().join("t.delta"))
        .expect("is there")
        .count();
    assert!(files > 3, "{files} files");
}

/// What the allocator keeps of freed rows it keeps by thread (decision 0030).
#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_all_files_are_made_on_one_thread() {
    let lake = Lake::new(|config| config.file_bytes = 1 << 20);
    let threads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&threads);
    let batches = (0..40_i64).map(move |batch| {
        let here = std::thread::current();
        seen.lock()
            .expect("no panic")
            .push((here.id(), here.name().map(str::to_owned)));
        Ok(row_batch(batch * 10_000, 10_000))
    });
    let stream = TableStream::from_iter(row_batch(0, 1).schema(), batches);
    let stored = lake.manager.handle_output(&whole("t"), &stream.into_value()).await;
    stored.expect("stores");
    let threads = threads.lock().expect("no panic");
    assert_eq!((threads.len(), threads[1].1.as_deref()), (40, Some("larder rows")));
    assert!(threads[1..].iter().all(|thread| thread == &threads[1]), "{threads:?}");
}

fn row_batch(from: i64, rows: i64) -> arrow_array::RecordBatch {
    row_table(from, rows).to_batch().expect("is one")
}

fn row_table(from: i64, rows: i64) -> Table {
    table(vec![("n", ints(from..from + rows))])
}

/// Files keep microseconds, and what is asked counts nanoseconds: filters mean the asset's own types.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_about_the_stored_types() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    for n in 0..4_i64 {
        let moments = TimestampNanosecondArray::from_iter_values([n * 1_000_000, n * 1_000_000 + 1000]);
        let stored = table(vec![("n", ints([n, n])), ("at", Arc::new(moments))]);
        lake.store(&whole("t"), stored).await.expect("stores");
    }
    let value = lake
        .manager
        .load_input(&whole("t").to_input(Form::Table))
        .await
        .expect("loads");
    let lazy = LazyTable::from_value(value).await.expect("is a table");
    for (predicate, rows) in [
        (col("at").gt_eq(2_000_000), 4),
        (col("at").eq(1_001_000), 1),
        (col("at").gt(1_000_000).and(col("n").lt(3)), 3),
        (col("n").eq(2), 2),
        (col("n").gt(3), 0),
    ] {
        let found = lazy.clone().filter(predicate.clone()).expect("fits").count().await;
        assert_eq!(found.expect("counts"), rows, "{predicate:?}");
    }
}
