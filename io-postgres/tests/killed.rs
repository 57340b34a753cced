//! A client that is killed in each phase of a store, as the system kills what takes too much memory: the old table stays, or the new
//! one is there whole, and nothing is left for ever.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Ground, batch, input, output, rows};
use larder_io_core::{AssetValue, GcOptions, IoManager, TableStream};
use larder_io_postgres::PostgresConfig;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the child is to do: the address, and the phase in which it waits to be killed.
const ADDRESS: &str = "LARDER_TEST_KILLED_ADDRESS";
const PHASE: &str = "LARDER_TEST_KILLED_PHASE";
/// What the child says once it is there.
const THERE: &str = "the phase is reached";
const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'larder_data_%'";

/// Waits to be killed.
fn wait() -> ! {
    println!("\n{THERE}");
    loop {
        std::thread::park();
    }
}

/// Not a test: it is what is killed, run by [`killed`] as a process of its own.
#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn the_child() {
    let (Ok(address), Ok(phase)) = (std::env::var(ADDRESS), std::env::var(PHASE)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let manager = PostgresConfig::new(address).open().unwrap();
        if phase == "staging" {
            // Enough to be on the way to the server.
            let batches = (0..200).map(|n| if n < 100 { Ok(batch(2, 8192)) } else { wait() });
            let value = TableStream::from_iter(batch(0, 0).schema(), batches).into_value();
            manager.stage(&output("x"), &value).await.unwrap();
        }
        let mut staged = manager.stage(&output("x"), &rows(2)).await.unwrap();
        match phase.as_str() {
            "staged" => wait(),
            // Somebody else holds what it waits for.
            "publishing" => println!("\n{THERE}"),
            _ => {}
        }
        staged.publish().await.unwrap();
        wait()
    });
}

/// This program as a child, in the phase.
fn child(ground: &Ground, phase: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_child", "--exact", "--include-ignored", "--nocapture"])
        .env(ADDRESS, ground.config().address.expose())
        .env(PHASE, phase)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap() == THERE),
        "the child ends before `{phase}`"
    );
    child
}

/// Kills the child with the signal that no program hears, and waits until the server has done so too.
fn killed(ground: &Ground, mut child: Child, publishes: bool) {
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder'";
    if publishes {
        ground.wait(&format!("{sessions} AND wait_event_type = 'Lock'"), 1);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    if !publishes {
        ground.wait(sessions, 0);
    }
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_client_killed_in_any_phase_leaves_the_old_table_or_the_new_one() {
    let ground = Ground::start();
    let manager = ground.manager(|config| config.idle_connections = 0);
    let first = ground.store(&manager, "x", 1).unwrap();
    let unchanged = || {
        assert_eq!(ground.load(&manager, "x").unwrap(), 1);
        let head = ground.run(manager.head(&input("x"))).unwrap().unwrap();
        assert_eq!((head.version, head.write), (first.version.clone(), first.write.clone()));
    };
    // While rows are sent, the server takes back all of it.
    killed(&ground, child(&ground, "staging"), false);
    unchanged();
    assert_eq!(ground.server.number(TABLES), 1);
    // What was staged waits for `gc`.
    killed(&ground, child(&ground, "staged"), false);
    unchanged();
    assert_eq!(ground.server.number(TABLES), 2);
    // While it publishes: it waits for the view, which is the last of what it changes.
    let mut reader = ground.server.client();
    reader.batch_execute("BEGIN; SELECT FROM assets.x").unwrap();
    killed(&ground, child(&ground, "publishing"), true);
    unchanged();
    reader.batch_execute("COMMIT").unwrap();
    ground.wait(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder'",
        0,
    );
    // The commit was never sent.
    unchanged();
    // Once it is published it stays, whether anybody heard of it or not.
    killed(&ground, child(&ground, "published"), false);
    assert_eq!(ground.load(&manager, "x").unwrap(), 2);
    assert_eq!(ground.server.number("SELECT sum(seed)::bigint FROM assets.x"), 200);
    let mut options = GcOptions::default();
    options.older_than = Duration::ZERO;
    ground.run(manager.maintenance().unwrap().gc(&options)).unwrap();
    let versions = ground.run(manager.versions().unwrap().history(&input("x"))).unwrap();
    assert_eq!(
        ground.server.number(TABLES),
        versions.len() as i64,
        "leftovers are gone"
    );
}
