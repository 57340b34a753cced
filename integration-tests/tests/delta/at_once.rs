//! Eight processes on one table at once: every acknowledged row is there once.

use super::{context, load, numbers, on_disk, rows};
use larder::{AssetValue, IoManager};
use larder_io_delta::WriteMode;
use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

const PROCESSES: i64 = 8;
const ROUNDS: i64 = 5;

fn start(root: &std::path::Path, process: i64, mode: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_delta"))
        .arg(root)
        .args([mode, &(process * 100).to_string(), &ROUNDS.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// The numbers that a process was told are stored.
fn acknowledged(child: Child) -> BTreeSet<i64> {
    let ran = child.wait_with_output().expect("ends");
    assert!(ran.status.success(), "a writer failed");
    let said = String::from_utf8(ran.stdout).expect("is text");
    let acked = said.lines().filter_map(|line| line.strip_prefix("acked "));
    acked.map(|number| number.parse().expect("is a number")).collect()
}

async fn check(modes: [&str; 2], begun: bool) {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = on_disk(dir.path(), |_| {});
    let mut expected = BTreeSet::new();
    if begun {
        let stored = manager.handle_output(&context("t"), &rows([-1]).into_value()).await;
        stored.expect("stores");
        expected.insert(-1);
    }
    let writers: Vec<Child> = (0..PROCESSES)
        .map(|process| start(dir.path(), process, modes[(process % 2) as usize]))
        .collect();
    for writer in writers {
        expected.extend(acknowledged(writer));
    }
    assert_eq!(expected.len() as i64, PROCESSES * ROUNDS + i64::from(begun));
    let found = numbers(&load(&manager, "t").await.expect("loads"));
    let unique: BTreeSet<i64> = found.iter().copied().collect();
    assert_eq!(found.len(), unique.len(), "a row is there twice: {found:?}");
    assert_eq!(unique, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_and_merges() {
    check(["append", "merge"], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_appending_and_merging_an_empty_table() {
    check(["append", "merge"], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_an_empty_table_leaves_one_whole_value() {
    let dir = tempfile::tempdir().expect("a directory");
    let writers: Vec<Child> = (0..PROCESSES)
        .map(|process| start(dir.path(), process, "overwrite"))
        .collect();
    let acked: BTreeSet<i64> = writers.into_iter().flat_map(acknowledged).collect();
    let manager = on_disk(dir.path(), |config| config.mode = WriteMode::Overwrite);
    let found = numbers(&load(&manager, "t").await.expect("loads"));
    assert!(found.len() == 1 && acked.contains(&found[0]), "{found:?}");
}
