//! Several processes, and some that are killed. The program starts itself as the others.
#![allow(clippy::unwrap_used)]

mod common;

use common::block_on;
#[cfg(feature = "postgres")]
use common::server;
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
            "count" => count(&arguments[0], &arguments[1], number(2), number(3)),
            "open" => println!("{:?}", try_open(&arguments[0]).map_err(|error| error.to_string())),
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
    #[cfg(feature = "postgres")]
    for (name, test) in [
        (
            "postgres_what_was_flushed_survives_a_kill_and_the_rest_is_a_prefix",
            (|| killed_at(&server::Server::start().url(), || {})) as fn(),
        ),
        (
            "postgres_eight_processes_write_at_once_and_nothing_is_lost_or_twice",
            || eight_at(&server::Server::start().url()),
        ),
        ("postgres_a_new_catalogue_is_opened_by_many_at_once", many_at_a_server),
        ("postgres_is_reached_by_tls_if_its_certificate_is_trusted", by_tls),
    ] {
        trials.push(trial(name, test).with_kind("needs PostgreSQL").with_ignored_flag(true));
    }
    #[cfg(unix)]
    trials.push(trial("without_the_right_to_write_it_says_so", denied));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Opens a catalogue by path or URL.
fn try_open(place: &str) -> larder_io_core::Result<Catalog> {
    #[cfg(feature = "postgres")]
    if place.starts_with("postgres:") {
        return Catalog::connect(place);
    }
    Catalog::open(Path::new(place))
}

fn open(place: &str) -> Catalog {
    try_open(place).unwrap()
}

fn asset(name: &str) -> AssetKey {
    name.parse().unwrap()
}

/// Records numbers, and prints those that are surely there.
fn count(place: &str, name: &str, from: u64, to: u64) {
    let catalog = open(place);
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
    killed_at(path.to_str().unwrap(), || whole(&path));
}

fn killed_at(place: &str, whole: impl Fn()) {
    let mut from = 0;
    for round in 0..12_usize {
        let mut child = start("count", &[place, "counted", &from.to_string(), "100000000"]);
        let mut lines = lines(&mut child);
        let acknowledged = lines.nth(round * 5 % 23).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died.
        let acknowledged = lines.last().unwrap_or(acknowledged);

        let catalog = open(place);
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
        whole();
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.db");
    eight_at(path.to_str().unwrap());
    whole(&path);
}

fn eight_at(place: &str) {
    const EACH: u64 = 150;
    let start = |process: usize| start("count", &[place, &format!("by/{process}"), "0", &EACH.to_string()]);
    let mut children: Vec<Child> = (0..8).map(start).collect();
    for child in &mut children {
        assert_eq!(lines(child).last(), Some(EACH));
        assert!(child.wait().unwrap().success());
    }
    let catalog = open(place);
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

/// Each time in a new database.
#[cfg(feature = "postgres")]
fn many_at_a_server() {
    let server = server::Server::start();
    for round in 0..10 {
        server.sql(&format!("CREATE DATABASE d{round}"));
        let url = server.url_of("postgres", server::PASSWORD, &format!("d{round}"));
        let mut children: Vec<Child> = (0..round % 3)
            .map(|process| start("count", &[&url, &format!("by/{process}"), "0", "1"]))
            .collect();
        let together = std::sync::Barrier::new(8);
        let open = || {
            together.wait();
            Catalog::connect(&url)
        };
        let opened: Vec<Catalog> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap().unwrap())
                .collect()
        });
        let assets = if children.is_empty() { 0 } else { children.len() + 1 };
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        for catalog in &opened {
            assert_eq!(block_on(catalog.all_states()).unwrap().len(), assets);
        }
    }
}

/// The variable that names authorities is of a process, so that each try is one.
#[cfg(feature = "postgres")]
fn by_tls() {
    let server = server::Server::with_certificate();
    let try_it = |trusted: &Path, options: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let url = format!("{}?{options}", server.url());
        command
            .env(CHILD, "open")
            .env("SSL_CERT_FILE", trusted)
            .env_remove("SSL_CERT_DIR")
            .arg(url);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (ours, other) = (server.certificate(), server::Server::with_certificate());
    // The server takes nothing else.
    for trusted in ["sslmode=require", "sslmode=verify-full"] {
        let said = try_it(&ours, trusted);
        assert!(said.starts_with("Ok"), "{said}");
    }
    let said = try_it(&other.certificate(), "sslmode=require");
    assert!(said.contains("InvalidConfig") && said.contains("not trusted"), "{said}");
    let said = try_it(Path::new("/dev/null"), "sslmode=require");
    assert!(
        said.contains("InvalidConfig") && said.contains("SSL_CERT_FILE"),
        "{said}"
    );
    let said = try_it(&ours, "sslmode=disable");
    assert!(said.contains("Unauthenticated"), "{said}");
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
