//! Several processes, and some that are killed. The program starts itself as the others.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use larder_catalog::{Catalog, Entry, Happening};
use larder_io_core::{AssetKey, PartitionKey, RunId};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

const CHILD: &str = "LARDER_CATALOG_CHILD";

fn main() -> ExitCode {
    if let Ok(work) = std::env::var(CHILD) {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let number = |index: usize| arguments[index].parse::<u64>().unwrap();
        match work.as_str() {
            "count" => count(Path::new(&arguments[0]), &arguments[1], number(2), number(3)),
            "open" => println!(
                "{:?}",
                Catalog::open(Path::new(&arguments[0])).map_err(|error| error.to_string())
            ),
            other => panic!("no such work: {other}"),
        }
        return ExitCode::SUCCESS;
    }
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            std::panic::catch_unwind(test).map_err(|_| Failed::from("see above"))
        })
    };
    let mut trials = vec![
        trial(
            "what_was_flushed_survives_a_kill_and_the_rest_is_a_prefix",
            killed_while_writing,
        ),
        trial(
            "a_kill_while_a_new_file_is_opened_leaves_one_that_opens",
            killed_while_opening,
        ),
        trial(
            "eight_processes_write_at_once_and_nothing_is_lost_or_twice",
            eight_at_once,
        ),
        trial("a_new_file_is_opened_by_many_at_once", many_openers),
    ];
    #[cfg(unix)]
    trials.push(trial("without_the_right_to_write_it_says_so", denied));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn asset(name: &str) -> AssetKey {
    name.parse().unwrap()
}

/// Records numbers, and prints those that are surely there.
fn count(path: &Path, name: &str, from: u64, to: u64) {
    let catalog = Catalog::open(path).unwrap();
    let run = RunId::random();
    let mut out = std::io::stdout().lock();
    for number in from..to {
        let partition = PartitionKey::single("n", format!("{number:08}")).ok();
        let entry = |asset| {
            Entry::new(
                asset,
                partition.clone(),
                run.clone(),
                Timestamp::now(),
                "files",
                number.to_string(),
            )
        };
        catalog.record(entry(asset(name)));
        catalog.record(Entry {
            partition: PartitionKey::single("n", (number % 5).to_string()).ok(),
            ..entry(asset("shared"))
        });
        // Batches of many sizes.
        if number % 7 == number / 7 % 7 || number + 1 == to {
            block_on(catalog.flush()).unwrap();
            writeln!(out, "{}", number + 1).unwrap();
            out.flush().unwrap();
        }
    }
}

fn start(work: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env(CHILD, work)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = u64> + use<> {
    let out: ChildStdout = child.stdout.take().unwrap();
    BufReader::new(out)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.parse().ok())
}

/// All numbers of an asset, the oldest first.
fn numbers(catalog: &Catalog, name: &str) -> Vec<u64> {
    let history = block_on(catalog.history(&asset(name), None, usize::MAX)).unwrap();
    let number = |it: &Happening| match it {
        Happening::Materialized(entry) => entry.data_version.parse().unwrap(),
        other => panic!("{other:?}"),
    };
    history.iter().rev().map(number).collect()
}

fn whole(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let said: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
}

fn killed_while_writing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.db");
    let mut from = 0;
    for round in 0..12_usize {
        let mut child = start(
            "count",
            &[path.to_str().unwrap(), "counted", &from.to_string(), "100000000"],
        );
        let mut lines = lines(&mut child);
        let acknowledged = lines.nth(round * 5 % 23).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died.
        let acknowledged = lines.last().unwrap_or(acknowledged);

        let catalog = Catalog::open(&path).unwrap();
        let found = numbers(&catalog, "counted");
        assert!(found.len() as u64 >= acknowledged, "{} of {acknowledged}", found.len());
        assert_eq!(found, (0..found.len() as u64).collect::<Vec<u64>>());
        let states = block_on(catalog.states(&asset("counted"))).unwrap();
        assert_eq!(states.len(), found.len());
        for (number, state) in states.iter().enumerate() {
            assert_eq!(state.data_version().unwrap(), number.to_string());
        }
        from = found.len() as u64;
        drop(catalog);
        whole(&path);
    }
}

fn killed_while_opening() {
    for pause in 0..25_u64 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a").join("larder.db");
        let mut child = start("open", &[path.to_str().unwrap()]);
        // Nothing depends on when it is killed: only other moments are tried.
        std::thread::sleep(std::time::Duration::from_micros(pause * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        let catalog = Catalog::open(&path).unwrap();
        assert!(block_on(catalog.runs(1)).unwrap().is_empty());
        drop(catalog);
        whole(&path);
    }
}

fn eight_at_once() {
    const EACH: u64 = 150;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.db");
    let start = |process: usize| {
        start(
            "count",
            &[path.to_str().unwrap(), &format!("by/{process}"), "0", &EACH.to_string()],
        )
    };
    let mut children: Vec<Child> = (0..8).map(start).collect();
    for child in &mut children {
        assert_eq!(lines(child).last(), Some(EACH));
        assert!(child.wait().unwrap().success());
    }
    let catalog = Catalog::open(&path).unwrap();
    for process in 0..8 {
        assert_eq!(
            numbers(&catalog, &format!("by/{process}")),
            (0..EACH).collect::<Vec<u64>>()
        );
    }
    assert_eq!(numbers(&catalog, "shared").len() as u64, 8 * EACH);
    // What all of them wrote is as the last one left it.
    let history = block_on(catalog.history(&asset("shared"), None, usize::MAX)).unwrap();
    let mut last = BTreeMap::new();
    for happening in &history {
        last.entry(happening.partition().cloned()).or_insert(happening);
    }
    let latest = block_on(catalog.latest(&asset("shared"))).unwrap();
    assert_eq!((latest.len(), last.len()), (5, 5));
    for entry in latest {
        assert_eq!(
            last[&entry.partition],
            &Happening::Materialized(Box::new(entry.clone()))
        );
    }
    drop(catalog);
    whole(&path);
}

fn many_openers() {
    for round in 0..40 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep").join("er").join("larder.db");
        let start = |process: usize| start("count", &[path.to_str().unwrap(), &format!("by/{process}"), "0", "1"]);
        let mut children: Vec<Child> = (0..round % 10 / 8 * 2).map(start).collect();
        let together = std::sync::Barrier::new(8);
        let open = || {
            together.wait();
            Catalog::open(&path)
        };
        let opened = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            let catalogs = threads.into_iter().map(|thread| thread.join().unwrap().unwrap());
            catalogs.collect::<Vec<Catalog>>()
        });
        let assets = if children.is_empty() { 0 } else { 3 };
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        for catalog in &opened {
            assert_eq!(block_on(catalog.all_states()).unwrap().len(), assets);
        }
    }
}

/// Root may write everything, so that somebody else has to try.
#[cfg(unix)]
fn denied() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &Path, mode: u32| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let program = directory.path().join("program");
    // By a process of its own: a file that this one has open for writing could not be run by another thread's child.
    let copied = Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&program)
        .status()
        .unwrap();
    assert!(copied.success());
    let home = directory.path().join("home");
    let path = home.join("larder.db");
    drop(Catalog::open(&path).unwrap());
    let try_it = |path: &Path| {
        let mut command = Command::new(&program);
        let output = command
            .env(CHILD, "open")
            .arg(path)
            .uid(NOBODY)
            .gid(NOBODY)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    mode(directory.path(), 0o755);
    mode(&home, 0o777);
    mode(&path, 0o444);
    let said = try_it(&path);
    assert!(
        said.contains("PermissionDenied") && said.contains("larder.db"),
        "{said}"
    );
    mode(&path, 0o000);
    let said = try_it(&path);
    assert!(
        said.contains("PermissionDenied") && said.contains("must be writable"),
        "{said}"
    );
    mode(&home, 0o555);
    for new in [home.join("new.db"), home.join("sub").join("new.db")] {
        let said = try_it(&new);
        assert!(said.contains("PermissionDenied"), "{said}");
    }
    mode(&home, 0o777);
    mode(&path, 0o666);
    let said = try_it(&path);
    assert!(said.starts_with("Ok"), "{said}");
}
