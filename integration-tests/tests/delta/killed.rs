//! A process that stores is killed again and again: the table opens, has whole commits only, and `gc` removes what is left.

use super::{column, context, load, numbers, on_disk};
use larder::{Form, GcOptions, IoManager, Table};
use larder_integration_tests::Random;
use larder_io_delta::WriteMode;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Rows of one store of the writer.
const ROWS: i64 = 20_000;

/// The data files in a table's directory.
fn files(root: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(root).expect("is there").map(|entry| {
        let name = entry.expect("is one").file_name();
        name.into_string().expect("is text")
    });
    names.filter(|name| name != "_delta_log").collect()
}

/// Those that the log of a table that was never vacuumed names.
fn named(root: &Path) -> BTreeSet<String> {
    let commits = std::fs::read_dir(root.join("_delta_log"))
        .expect("is there")
        .filter_map(|entry| {
            let path = entry.expect("is one").path();
            let is_commit = path.extension().is_some_and(|suffix| suffix == "json");
            is_commit.then(|| std::fs::read_to_string(path).expect("is read"))
        });
    let mut found = BTreeSet::new();
    for line in commits.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()) {
        let action: serde_json::Value = serde_json::from_str(&line).expect("is JSON");
        found.extend(action["add"]["path"].as_str().map(str::to_owned));
    }
    found
}

/// Whole blocks are there, each of a number in all its places, and those that this mode leaves there.
fn check(mode: &str, table: &Table, began: &BTreeSet<i64>, acked: &BTreeSet<i64>) {
    let mut rows: Vec<(i64, i64)> = numbers(table).into_iter().zip(column(table, "place")).collect();
    rows.sort_unstable();
    let blocks: BTreeSet<i64> = rows.iter().map(|row| row.0).collect();
    let whole = blocks
        .iter()
        .flat_map(|number| (0..ROWS).map(move |place| (*number, place)));
    assert!(rows.into_iter().eq(whole), "a commit is not whole");
    assert!(blocks.is_subset(began), "nobody stored this");
    match mode {
        "append" => assert!(acked.is_subset(&blocks), "an acknowledged commit is lost"),
        // Each store is all that there is afterwards; the numbers grow.
        _ => assert!(
            blocks.len() == 1 && blocks.last() >= acked.last(),
            "{blocks:?} is there after {:?} was acknowledged",
            acked.last()
        ),
    }
}

async fn kill(mode: &str, times: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut random = Random::new(7);
    let (mut began, mut acked) = (BTreeSet::new(), BTreeSet::new());
    let mut middle = 0;
    for round in 0..times {
        let mut writer = Command::new(env!("CARGO_BIN_EXE_delta"))
            .arg(dir.path())
            .args([mode, "blocks", &(round * 1000).to_string(), "1000"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(writer.stdout.take().expect("is piped")).lines();
        let mut said = Vec::new();
        // Some are killed early, while they make the table; others have stored something, however slow the machine is.
        if round % 2 == 1 {
            said.extend(lines.by_ref().take(2));
        }
        std::thread::sleep(Duration::from_millis(random.below(150) as u64));
        writer.kill().expect("is killed");
        let mut last = None;
        for line in said.into_iter().chain(lines).map_while(Result::ok) {
            let (what, number) = line.split_once(' ').expect("says what and which");
            let number: i64 = number.parse().expect("is a number");
            let set = if what == "began" { &mut began } else { &mut acked };
            set.insert(number);
            last = Some(what.to_owned());
        }
        writer.wait().expect("ended");
        middle += u64::from(last.as_deref() == Some("began"));
        let manager = on_disk(dir.path(), |config| config.mode = WriteMode::Append);
        if acked.is_empty() {
            continue;
        }
        let table = load(&manager, "t").await.expect("opens after a kill");
        check(mode, &table, &began, &acked);
    }
    assert!(
        !acked.is_empty() && middle > 0,
        "{} acknowledged, {middle} kills in a store",
        acked.len()
    );
    let manager = on_disk(dir.path(), |_| {});
    let before = numbers(&load(&manager, "t").await.expect("loads")).len();
    let mut options = GcOptions::default();
    options.older_than = Duration::ZERO;
    let maintenance = manager.maintenance().expect("cleans up");
    let removed = maintenance.gc(&options).await.expect("cleans up");
    println!(
        "{mode}: {times} kills, {middle} in a store, {} leftovers removed",
        removed.len()
    );
    assert_eq!(numbers(&load(&manager, "t").await.expect("loads")).len(), before);
    assert!(
        maintenance.gc(&options).await.expect("cleans up").is_empty(),
        "something is left"
    );
    let root = dir.path().join("t.delta");
    assert_eq!(
        files(&root),
        named(&root),
        "the table's directory has what its log names, and no more"
    );
    let history = manager.versions().expect("are kept");
    assert!(
        !history
            .history(&context("t").to_input(Form::Table))
            .await
            .expect("tells")
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times() {
    kill("append", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_while_replacing() {
    kill("overwrite", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_while_merging() {
    kill("merge", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a minute: cargo xtask test"]
async fn two_hundred_times() {
    kill("append", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs half a minute: cargo xtask test"]
async fn a_hundred_times_while_replacing() {
    kill("overwrite", 100).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs half a minute: cargo xtask test"]
async fn a_hundred_times_while_merging() {
    kill("merge", 100).await;
}
