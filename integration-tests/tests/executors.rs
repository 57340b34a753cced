//! The same graphs on every executor, with every failure that it outlives.

use larder::{ErrorKind, Executor, Pipeline};
use larder_integration_tests::executors::{CALLS, End, FATAL, ONCE, SEED, asset, graph, name, values};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// One run of a graph.
struct Ran {
    output: Output,
    stored: Vec<Option<u64>>,
    calls: BTreeMap<String, usize>,
}

impl Ran {
    fn told(&self) -> String {
        String::from_utf8_lossy(&[&self.output.stdout[..], &self.output.stderr].concat()).into_owned()
    }
}

fn command(home: &Path, seed: u64, fatal: bool, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_executors"));
    command
        .args(arguments)
        .env_clear()
        // The test of `kill` needs to find it.
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LARDER_HOME", home)
        .env(CALLS, home.join("calls"))
        .env(SEED, seed.to_string())
        .current_dir(home);
    if fatal {
        command.env(FATAL, "1");
    }
    command
}

fn pipeline(home: &Path, seed: u64, fatal: bool) -> Pipeline {
    let assets = graph(seed, fatal).into_iter().enumerate();
    larder::definitions()
        .assets(assets.map(|(number, node)| asset(number, &node)))
        .without_config()
        .variables([("LARDER_HOME".to_owned(), home.display().to_string())])
        .build()
        .expect("is valid")
}

async fn stored(home: &Path, seed: u64, fatal: bool) -> Vec<Option<u64>> {
    let pipeline = pipeline(home, seed, fatal);
    let mut stored = Vec::new();
    for number in 0..graph(seed, fatal).len() {
        stored.push(match pipeline.load::<u64>(&name(number)).await {
            Ok(value) => Some(value),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("{error}"),
        });
    }
    stored
}

async fn run(executor: Executor, seed: u64, fatal: bool) -> Ran {
    run_with(executor, seed, fatal, &[]).await
}

/// With more arguments, assets fail only the first time.
async fn run_with(executor: Executor, seed: u64, fatal: bool, more: &[&str]) -> Ran {
    let dir = tempfile::tempdir().expect("a directory");
    let arguments = ["materialize", "--executor", executor.name(), "--max-concurrent", "4"];
    let mut command = command(dir.path(), seed, fatal, &[&arguments, more].concat());
    if !more.is_empty() {
        command.env(ONCE, "1");
    }
    let output = command.output().expect("runs");
    let mut calls = BTreeMap::new();
    for line in std::fs::read_to_string(dir.path().join("calls"))
        .unwrap_or_default()
        .lines()
    {
        *calls.entry(line.to_owned()).or_default() += 1;
    }
    let stored = stored(dir.path(), seed, fatal).await;
    Ran { output, stored, calls }
}

#[tokio::test]
async fn every_executor_makes_what_does_not_fail_and_nothing_else() {
    for seed in [1, 2] {
        let expected = values(&graph(seed, false));
        let made = expected.iter().flatten().count();
        assert!(
            made > 20 && made < expected.len(),
            "{made} of {} end well",
            expected.len()
        );
        let mut calls = Vec::new();
        for (_, executor) in Executor::ALL {
            let ran = run(executor, seed, false).await;
            assert_eq!(ran.output.status.code(), Some(1), "{executor}: {}", ran.told());
            assert_eq!(ran.stored, expected, "{executor}, seed {seed}: {}", ran.told());
            assert!(ran.calls.values().all(|calls| *calls == 1), "{executor}");
            calls.push(ran.calls);
        }
        assert!(calls.iter().all(|of| *of == calls[0]), "not all called the same");
    }
}

#[tokio::test]
async fn in_processes_a_step_that_aborts_or_is_killed_fails_alone() {
    let mut seen = Vec::new();
    for seed in [3, 4] {
        let nodes = graph(seed, true);
        let expected = values(&nodes);
        let ran = run(Executor::Processes, seed, true).await;
        let told = ran.told();
        assert_eq!(ran.output.status.code(), Some(1), "{told}");
        assert_eq!(ran.stored, expected, "{told}");
        assert!(ran.calls.values().all(|calls| *calls == 1));
        for (number, node) in nodes.iter().enumerate() {
            let called = node.inputs.iter().all(|input| expected[*input].is_some());
            let wanted = match node.end {
                _ if !called => continue,
                End::Value => continue,
                End::Error => format!("{} fails", name(number)),
                End::Panic => format!("{} panics", name(number)),
                End::Abort => "aborted (signal 6)".to_owned(),
                End::Kill => "was killed (signal 9)".to_owned(),
            };
            assert!(told.contains(&wanted), "{wanted} is not in {told}");
            seen.push(node.end);
        }
    }
    for end in [End::Error, End::Panic, End::Abort, End::Kill] {
        assert!(seen.contains(&end), "no call ended with {end:?}");
    }
}

#[tokio::test]
async fn what_fails_once_is_made_by_a_second_attempt_on_every_executor() {
    let seed = 5;
    for (_, executor) in Executor::ALL {
        let fatal = executor == Executor::Processes;
        let nodes = graph(seed, fatal);
        let all: Vec<_> = nodes
            .iter()
            .map(|node| larder_integration_tests::executors::Node {
                end: End::Value,
                ..node.clone()
            })
            .collect();
        let ran = run_with(executor, seed, fatal, &["--retries", "1"]).await;
        assert_eq!(ran.output.status.code(), Some(0), "{executor}: {}", ran.told());
        assert_eq!(ran.stored, values(&all), "{executor}");
        for (number, node) in nodes.iter().enumerate() {
            let wanted = if node.end == End::Value { 1 } else { 2 };
            assert_eq!(
                ran.calls.get(&name(number)),
                Some(&wanted),
                "{executor}: {} ends with {:?}",
                name(number),
                node.end
            );
        }
    }
}

/// The process of a step whose run was killed before it heard of it.
#[test]
fn a_process_whose_run_is_gone_makes_nothing() {
    use std::os::unix::process::CommandExt;
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = command(dir.path(), 1, false, &["materialize"]);
    let output = command
        .env(larder::STEP_VARIABLE, "1:/nowhere")
        .process_group(0)
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(143));
    assert!(!dir.path().join("calls").exists(), "it ran everything");
    // What a step starts itself is no step.
    let mut command = self::command(dir.path(), 1, false, &["list"]);
    let output = command.env(larder::STEP_VARIABLE, "1:/nowhere").output().expect("runs");
    assert_eq!(output.status.code(), Some(0));
}
