//! Laws 2, 3, 6 and 7 for values that have several places: rows and json of an object, Parquet and Arrow of `auto`.

use larder_io_core::{AssetKey, AssetValue, ErrorKind, Form, IoManager, OutputContext, Precondition, Version};
use larder_io_fs::{FsConfig, TableFormat};
use larder_io_object::ObjectIo;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

const WRITERS: u64 = 8;
const WRITES: u64 = 25;
/// From so many rows on an object is a table.
const LEAST_ROWS: u64 = 10;

#[derive(Serialize, Deserialize)]
struct Entry {
    writer: u64,
    number: u64,
}

fn manager(root: &Path) -> ObjectIo {
    let mut config = FsConfig::new(root);
    config.table = TableFormat::Auto;
    config.rows_as_table = Some(LEAST_ROWS as usize);
    config.open().expect("opens")
}

fn context(precondition: Precondition) -> OutputContext {
    let key: AssetKey = "log".parse().expect("is a key");
    let mut ctx = OutputContext::new(key, None, "log".parse().expect("is a location"));
    ctx.precondition = precondition;
    ctx
}

/// The published list and its version.
async fn read(manager: &ObjectIo) -> Option<(Vec<Entry>, Version)> {
    let input = context(Precondition::None).to_input(Form::Object);
    let receipt = manager.head(&input).await.expect("can tell")?;
    let value = match manager
        .load_input(&input.clone().with_version(receipt.version.clone()))
        .await
    {
        Ok(value) => value,
        // It was replaced and went from the history since.
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    Some((Vec::from_value(value).await.expect("are entries"), receipt.version))
}

/// Adds one to the number that is published, so many times, and gives how often that was acknowledged. Even numbers are kept in
/// a short list, odd ones in a long one: every update changes the format.
async fn count(root: std::path::PathBuf) -> u64 {
    let manager = manager(&root);
    for _ in 0..WRITES {
        loop {
            let (number, asked) = match read(&manager).await {
                Some((list, version)) => (list[0].number + 1, Precondition::Unchanged(version)),
                None => (1, Precondition::Absent),
            };
            let rows = if number % 2 == 0 { 2 } else { LEAST_ROWS + 2 };
            let list: Vec<Entry> = (0..rows).map(|writer| Entry { writer, number }).collect();
            match manager.handle_output(&context(asked), &list.into_value()).await {
                Ok(_) => break,
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists),
                    "{error}"
                ),
            }
        }
    }
    WRITES
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_is_lost_between_the_formats() {
    let dir = tempfile::tempdir().expect("a directory");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| tokio::spawn(count(dir.path().to_owned())))
        .collect();
    let mut acknowledged = 0;
    for writer in writers {
        acknowledged += writer.await.expect("ends");
    }
    let (list, _) = read(&manager(dir.path())).await.expect("is there");
    assert_eq!((list[0].number, acknowledged), (WRITERS * WRITES, WRITERS * WRITES));
}

/// First values of either format under `Absent`, time and again: one is acknowledged, and it is the one that loads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_values_one_is_published() {
    let dir = tempfile::tempdir().expect("a directory");
    for round in 0..30 {
        let first = |rows: u64| {
            let manager = Arc::new(manager(dir.path()));
            let list: Vec<Entry> = (0..rows).map(|number| Entry { writer: rows, number }).collect();
            tokio::spawn(async move {
                manager
                    .handle_output(&context(Precondition::Absent), &list.into_value())
                    .await
            })
        };
        let sizes = [1, LEAST_ROWS + 1, 2, LEAST_ROWS + 2];
        let mut won = Vec::new();
        for (writer, rows) in sizes.map(first).into_iter().zip(sizes) {
            match writer.await.expect("ends") {
                Ok(_) => won.push(rows),
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists),
                    "{error}"
                ),
            }
        }
        let (list, _) = read(&manager(dir.path())).await.expect("is there");
        assert_eq!(won, [list.len() as u64], "round {round}");
        let input = context(Precondition::None).to_input(Form::Object);
        manager(dir.path()).delete(&input).await.expect("is removed");
        assert!(read(&manager(dir.path())).await.is_none());
    }
}

/// A value that counts is removed last: what a killed delete leaves is the newest value or nothing.
#[tokio::test]
async fn a_delete_brings_nothing_older_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    let store = async |rows: u64| {
        let list: Vec<Entry> = (0..rows).map(|number| Entry { writer: 0, number }).collect();
        manager
            .handle_output(&context(Precondition::None), &list.into_value())
            .await
            .expect("stores")
    };
    store(20).await;
    let (table, aside) = (dir.path().join("log.parquet"), dir.path().join("aside"));
    std::fs::hard_link(&table, &aside).expect("links");
    store(3).await;
    std::fs::rename(&aside, &table).expect("comes back, as if its removal had been cut off");
    let input = context(Precondition::None).to_input(Form::Object);
    manager.delete(&input).await.expect("is removed");
    assert!(!table.exists() && !dir.path().join("log.json").exists());
    assert!(manager.head(&input).await.expect("can tell").is_none());
}
