//! Files that are none, of others, from the future, locked or full: a clear error, and nothing is lost.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use larder_catalog::{Catalog, CatalogOptions, Entry};
use larder_io_core::{AssetKey, Effect, Error, ErrorKind, PartitionKey, Retry, RunId};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The catalogue's pages.
const PAGE: usize = 8192;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn asset() -> AssetKey {
    "a/b".parse().unwrap()
}

fn entry(number: usize) -> Entry {
    let partition = PartitionKey::single("n", format!("{number:05}")).ok();
    Entry::new(
        asset(),
        partition,
        run(number),
        Timestamp::UNIX_EPOCH,
        "files",
        number.to_string(),
    )
}

/// A run for each, so that what is refused has names that nobody knows.
fn run(number: usize) -> RunId {
    RunId::from_text(format!("r{number}"))
}

fn quick() -> CatalogOptions {
    let mut options = CatalogOptions::default();
    options.busy_timeout = Duration::from_millis(20);
    options
}

/// A catalogue with some entries, closed.
fn written(directory: &Path, count: usize) -> PathBuf {
    let path = directory.join("larder.db");
    let catalog = Catalog::open(&path).unwrap();
    (0..count).for_each(|number| catalog.record(entry(number)));
    block_on(catalog.flush()).unwrap();
    path
}

fn refused(path: &Path, kind: ErrorKind, words: &[&str]) -> Error {
    let error = Catalog::open_with(path, &quick()).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for word in words.iter().chain(&[path.to_str().unwrap()]) {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    error
}

#[test]
fn one_from_the_future_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), 1);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA user_version = 999; UPDATE about SET value = '7.8.9'; PRAGMA journal_mode = DELETE")
        .unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    refused(
        &path,
        ErrorKind::InvalidConfig,
        &["larder 7.8.9", "999", "update larder"],
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    // Even where the future has no such table.
    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP TABLE about")
        .unwrap();
    refused(&path, ErrorKind::InvalidConfig, &["a newer larder", "999"]);
}

#[test]
fn a_database_of_something_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("tables", "CREATE TABLE theirs (x)"),
        ("version", "PRAGMA user_version = 1; CREATE TABLE theirs (x)"),
        ("id", "PRAGMA application_id = 77; CREATE TABLE theirs (x)"),
    ] {
        let path = directory.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        refused(&path, ErrorKind::InvalidConfig, &["something else"]);
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn what_is_no_database_is_told_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.db");
    let garbage = "this is no database, ".repeat(500);
    fs::write(&path, &garbage).unwrap();
    refused(&path, ErrorKind::InvalidData, &["untouched", "-wal", "adopt"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), garbage);

    refused(directory.path(), ErrorKind::InvalidConfig, &["is a directory"]);
    let below = path.join("larder.db");
    refused(&below, ErrorKind::InvalidConfig, &["directory"]);
}

#[test]
fn damage_within_is_an_error_or_harmless_and_never_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), 500);
    let whole = fs::read(&path).unwrap();
    let copy = directory.path().join("copy.db");
    let mut errors = 0;
    for page in 1..whole.len() / PAGE {
        for kind in 0..3 {
            let mut bytes = whole.clone();
            let range = page * PAGE..(page + 1) * PAGE;
            match kind {
                0 => bytes[range].fill(0xff),
                1 => bytes[range].iter_mut().step_by(97).for_each(|byte| *byte ^= 0x55),
                _ => bytes.truncate(range.start + 100),
            }
            fs::write(&copy, &bytes).unwrap();
            let result = Catalog::open_with(&copy, &quick()).and_then(|catalog| {
                block_on(async {
                    catalog.latest(&asset()).await?;
                    catalog.history(&asset(), None, 1000).await?;
                    catalog.all_states().await?;
                    catalog.runs(10).await?;
                    catalog.record(entry(3));
                    catalog.flush().await
                })
            });
            if let Err(error) = result {
                errors += 1;
                assert_eq!(error.kind(), ErrorKind::InvalidData, "page {page}, {kind}: {error}");
            }
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{suffix}", copy.display()));
            }
        }
    }
    assert!(errors > 20, "{errors}");
}

#[test]
fn a_lock_is_told_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), 3);
    let catalog = Catalog::open_with(&path, &quick()).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    block_on(async {
        // Nothing of ours waits: reading does not wait for others.
        assert_eq!(catalog.latest(&asset()).await.unwrap().len(), 3);
        (3..9).for_each(|number| catalog.record(entry(number)));
        let error = catalog.flush().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Unavailable, Effect::None),
            "{error}"
        );
        assert!(
            error.message().contains("locked") && matches!(error.retry(), Retry::After(_)),
            "{error}"
        );
        assert_eq!(
            catalog.latest(&asset()).await.unwrap_err().kind(),
            ErrorKind::Unavailable
        );
        other.execute_batch("COMMIT").unwrap();
        catalog.flush().await.unwrap();
        let latest = catalog.latest(&asset()).await.unwrap();
        assert!(
            latest
                .iter()
                .map(|entry| &*entry.data_version)
                .eq((0..9).map(|number| number.to_string()))
        );
        assert_eq!(catalog.history(&asset(), None, 100).await.unwrap().len(), 9);
    });
}

#[test]
fn a_lock_while_opening_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    refused(&path, ErrorKind::Unavailable, &["locked"]);
    other.execute_batch("COMMIT").unwrap();
    Catalog::open_with(&path, &quick()).unwrap();
}

#[test]
fn a_full_disk_is_told_and_what_waits_is_written_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), 10);
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE ballast (x); INSERT INTO ballast VALUES (zeroblob(2000000))")
        .unwrap();
    let mut options = quick();
    options.max_bytes = Some(2_200_000);
    let catalog = Catalog::open_with(&path, &options).unwrap();
    block_on(async {
        let mut number = 10;
        let error = loop {
            (number..number + 50).for_each(|number| catalog.record(entry(number)));
            number += 50;
            if let Err(error) = catalog.flush().await {
                break error;
            }
            assert!(number < 5_000);
        };
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Unavailable, Effect::None),
            "{error}"
        );
        assert!(error.message().contains("space"), "{error}");
        let before = Catalog::open(&path)
            .unwrap()
            .history(&asset(), None, 10_000)
            .await
            .unwrap();
        // The thread that writes may have taken the last fifty in two transactions, of which the first found room.
        assert!(
            (number - 50..number).contains(&before.len()),
            "{} of {number}",
            before.len()
        );
        other.execute_batch("DROP TABLE ballast").unwrap();
        catalog.flush().await.unwrap();
        let latest = catalog.latest(&asset()).await.unwrap();
        assert!(
            latest
                .iter()
                .map(|entry| &entry.run)
                .eq(&(0..number).map(run).collect::<Vec<RunId>>())
        );
        assert_eq!(catalog.history(&asset(), None, 10_000).await.unwrap().len(), number);
    });
}
