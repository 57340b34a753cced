//! Backfills that are killed, that run twice at once, and that are asked for again.

use larder::{AssetPartition, AssetValue, PartitionKey, Pipeline};
use larder_integration_tests::Random;
use larder_integration_tests::backfill::{CALLS, definitions, value_of};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    fn calls_file(&self) -> PathBuf {
        self.dir.path().join("calls")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backfill"));
        command
            .args(arguments)
            .env_clear()
            .env("LARDER_HOME", self.dir.path())
            .env(CALLS, self.calls_file())
            .current_dir(self.dir.path());
        command
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("runs")
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(output.status.success(), "{told}");
        told
    }

    /// How often each asset and partition was computed.
    fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for line in std::fs::read_to_string(self.calls_file()).unwrap_or_default().lines() {
            *calls.entry(line.to_owned()).or_default() += 1;
        }
        calls
    }

    fn pipeline(&self) -> Pipeline {
        let home = self.dir.path().display().to_string();
        let definitions = definitions()
            .without_config()
            .variables([("LARDER_HOME".to_owned(), home)]);
        definitions.build().expect("is valid")
    }
}

fn key(pipeline: &Pipeline, asset: &str) -> larder::AssetKey {
    pipeline.key(asset).expect("is there")
}

async fn value(pipeline: &Pipeline, asset: &str, partition: &PartitionKey) -> u64 {
    let of = AssetPartition::from((&key(pipeline, asset), partition));
    let value = pipeline.load_value(&of, None).await.expect("is stored");
    u64::from_value(value).await.expect("is a number")
}

async fn all_right(pipeline: &Pipeline) {
    let days: Vec<PartitionKey> = pipeline
        .keyspace(&key(pipeline, "numbers"))
        .await
        .expect("is known")
        .expect("has days")
        .iter()
        .collect();
    assert_eq!(days.len(), 365);
    let (mut total, mut months) = (0, BTreeMap::<String, u64>::new());
    for day in &days {
        let number = value(pipeline, "numbers", day).await;
        assert_eq!(number, value_of(day), "{day}");
        total += number;
        *months
            .entry(day.get("date").expect("has a date")[..7].to_owned())
            .or_default() += number;
        assert_eq!(value(pipeline, "running", day).await, total, "{day}");
    }
    for (month, sum) in months {
        let month = PartitionKey::single("date", format!("{month}-01")).expect("is a key");
        assert_eq!(value(pipeline, "monthly", &month).await, sum, "{month}");
    }
}

/// What is stored, as the calls are written down.
async fn stored(pipeline: &Pipeline) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for asset in ["numbers", "monthly", "running"] {
        let set = pipeline.stored_partitions(&key(pipeline, asset)).await.expect("tells");
        all.extend(set.iter().map(|partition| format!("{asset} {partition}")));
    }
    all
}

/// What is done is not done again, however often and wherever the process is killed.
#[tokio::test]
async fn a_killed_backfill_goes_on_where_it_was() {
    let (home, mut random) = (Home::new(), Random::printed("backfill"));
    let pipeline = home.pipeline();
    let mut kills = 0;
    loop {
        let before = (stored(&pipeline).await, home.calls());
        let mut child = home.start(&["materialize", "--stale"]);
        std::thread::sleep(Duration::from_millis(80 + random.below(250) as u64));
        let ended = child.try_wait().expect("can be asked");
        if ended.is_none() {
            child.kill().expect("is killed");
            kills += 1;
        }
        child.wait().expect("ends");
        let again: Vec<String> = before
            .0
            .iter()
            .filter(|line| home.calls().get(*line) != before.1.get(*line))
            .cloned()
            .collect();
        assert!(again.is_empty(), "computed again after {kills} kills: {again:?}");
        if ended.is_some() {
            break;
        }
        assert!(kills < 200, "it gets nowhere");
    }
    assert!(kills >= 2, "only {kills} kills hit");
    println!("{kills} kills");
    home.done(&["materialize", "--stale"]);
    all_right(&pipeline).await;
    let told = home.done(&["materialize", "--stale"]);
    assert!(told.contains("0 done, 742 fresh"), "{told}");
    assert!(home.run(&["plan", "--stale"]).stdout.starts_with(b"nothing to compute"));
}

/// Two at once: every partition is whole, and who comes second is told.
#[tokio::test]
async fn two_backfills_at_once_lose_nothing() {
    let home = Home::new();
    let children: Vec<Child> = (0..2)
        .map(|_| {
            let mut command = home.command(&["materialize", "numbers"]);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("ends");
        let told = String::from_utf8_lossy(&output.stderr);
        let conflict = told.contains("somebody else") || told.contains("is stored already");
        assert!(output.status.success() || conflict, "{told}");
    }
    let pipeline = home.pipeline();
    let key = key(&pipeline, "numbers");
    assert_eq!(pipeline.stored_partitions(&key).await.expect("tells").len(), 365);
    for day in pipeline
        .keyspace(&key)
        .await
        .expect("is known")
        .expect("has days")
        .iter()
    {
        assert_eq!(value(&pipeline, "numbers", &day).await, value_of(&day), "{day}");
    }
}

/// Chosen partitions, what follows from them, and what the commands tell.
#[test]
fn chosen_partitions_and_what_is_told() {
    let home = Home::new();
    home.done(&["materialize", "numbers", "--partitions", "2023-01-01..2023-02-28"]);
    assert_eq!(home.calls().len(), 59);
    home.done(&["materialize", "monthly", "--partitions", "2023-01-01"]);
    let output = home.run(&["materialize", "monthly", "--partitions", "2023-03-01"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for wanted in [
        "31 of 31 partitions of `numbers`: date=2023-03-01; date=2023-03-02;",
        "try again: materialize monthly --partitions '2023-03-01'",
    ] {
        assert!(told.contains(wanted), "{told} lacks {wanted}");
    }
    let plan = home.run(&[
        "plan",
        "--stale",
        "--json",
        "monthly",
        "--partitions",
        "2023-01-01..2023-03-01",
    ]);
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).expect("is JSON");
    assert_eq!(
        (plan[0]["partitions"].as_str(), plan[0]["reason"].as_str()),
        (Some("2023-02-01..2023-03-01"), Some("missing"))
    );
    let status = home.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("is JSON");
    let of = |asset: &str| {
        status
            .as_array()
            .expect("is a list")
            .iter()
            .find(|of| of["asset"] == asset)
            .expect("is there")
            .clone()
    };
    assert_eq!(of("numbers")["materialized"], "2023-01-01..2023-02-28");
    assert_eq!(of("monthly")["failed"], "2023-03-01");
    let grid = home.run(&["status", "monthly"]);
    assert!(
        String::from_utf8_lossy(&grid.stdout).contains("#.x........."),
        "{}",
        String::from_utf8_lossy(&grid.stdout)
    );
    let runs = home.run(&["runs", "--json"]);
    let runs: serde_json::Value = serde_json::from_slice(&runs.stdout).expect("is JSON");
    assert_eq!(runs.as_array().map(Vec::len), Some(3));
    assert_eq!(runs[2]["finished"]["materialized"], 59);
    wrong(
        &home,
        &["materialize", "numbers", "--partitions", "2023-02-30"],
        "there is no partition with date `2023-02-30`",
    );
    wrong(
        &home,
        &["show", "numbers", "--partition", "2022-01-01"],
        "there is no partition",
    );
}

fn wrong(home: &Home, arguments: &[&str], message: &str) {
    let output = home.run(arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && told.contains(message),
        "{arguments:?}: {told}"
    );
}

/// A catalogue that is none, or of the future: told, and neither it nor the values are touched.
#[test]
fn a_catalogue_that_cannot_be_used() {
    let home = Home::new();
    home.done(&["materialize", "numbers", "--partitions", "2023-01-01"]);
    let file: &Path = &home.dir.path().join("larder.db");
    assert!(file.is_file());
    for extra in ["larder.db-wal", "larder.db-shm"] {
        let _ = std::fs::remove_file(home.dir.path().join(extra));
    }
    std::fs::write(
        file,
        b"not a database, but long enough to look like the beginning of one",
    )
    .expect("writes");
    let before = std::fs::read(file).expect("reads");
    wrong(
        &home,
        &["materialize", "numbers", "--partitions", "2023-01-02"],
        "larder.db",
    );
    assert_eq!(std::fs::read(file).expect("reads"), before);
    assert_eq!(home.calls().len(), 1, "nothing was computed");
    home.done(&["materialize", "numbers", "--partitions", "2023-01-02", "--no-catalog"]);
    home.done(&["show", "numbers", "--partition", "2023-01-01"]);
}
