//! Eight processes on one table at once: every acknowledged row is there once.

use super::{context, load, numbers, on_disk, rows};
use larder::{AssetValue, Form, IoManager, Table, Version};
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

/// The mode of a commit, as it tells itself.
fn mode_of(root: &std::path::Path, version: u64) -> Option<String> {
    let log = root.join(format!("t.delta/_delta_log/{version:020}.json"));
    let text = std::fs::read_to_string(log).ok()?;
    let mut actions = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("is JSON"));
    let info = actions
        .find(|action| !action["commitInfo"].is_null())
        .expect("says who made it");
    info["commitInfo"]["larder"]["mode"].as_str().map(str::to_owned)
}

/// Each acknowledged row came with one commit, which did to the rows before it what its mode says.
#[tokio::test(flavor = "multi_thread")]
async fn creating_overwriting_and_appending_an_empty_table() {
    let dir = tempfile::tempdir().expect("a directory");
    let modes = ["create", "append", "overwrite"];
    let writers: Vec<Child> = (0..PROCESSES)
        .map(|process| start(dir.path(), process, modes[(process % 3) as usize]))
        .collect();
    let acked: BTreeSet<i64> = writers.into_iter().flat_map(acknowledged).collect();
    let manager = on_disk(dir.path(), |_| {});
    let (mut before, mut landed) = (Vec::new(), BTreeSet::new());
    for version in 0.. {
        let Some(mode) = mode_of(dir.path(), version) else {
            break;
        };
        let mut input = context("t").to_input(Form::Table);
        input.version = Some(Version::from_text(version.to_string()));
        let value = manager.load_input(&input).await.expect("loads");
        let found = numbers(&Table::from_value(value).await.expect("is a table"));
        let new: Vec<i64> = found
            .iter()
            .copied()
            .filter(|number| !before.contains(number))
            .collect();
        assert!(
            new.len() == 1 && landed.insert(new[0]),
            "{version}, {mode}: {before:?} became {found:?}"
        );
        let expected = match mode.as_str() {
            "append" => before.len() + 1,
            "overwrite" => 1,
            _ => {
                assert_eq!((version, mode.as_str()), (0, "error_if_exists"), "the table was there");
                1
            }
        };
        assert_eq!(found.len(), expected, "{version}, {mode}: {before:?} became {found:?}");
        before = found;
    }
    assert_eq!(landed, acked);
    assert_eq!(numbers(&load(&manager, "t").await.expect("loads")), before);
}
