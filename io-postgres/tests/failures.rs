//! Connections that are killed, servers that stop, and others who change things: the old table stays.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Ground, batch, input, output, rows, seed, told};
use futures_util::{StreamExt, TryStreamExt};
use larder_io_core::{AssetValue, ErrorKind, IoManager, LazyTable, Retry, Table, TableStream, Value, col};
use std::sync::mpsc::channel;
use std::time::Duration;

/// A stream that gives one batch, tells so, waits until it may go on, and gives another.
fn paused() -> (Value, std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>) {
    let (tell, told) = channel();
    let (go, goes) = channel::<()>();
    let batches = (0..40).map(move |n| {
        if n == 20 {
            tell.send(()).unwrap();
            // Goes on as well when the test is over.
            let _ = goes.recv();
        }
        Ok(batch(2, 8192))
    });
    (
        TableStream::from_iter(batch(0, 0).schema(), batches).into_value(),
        told,
        go,
    )
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_connection_killed_in_any_phase_leaves_the_old_table() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    let first = ground.store(&manager, "x", 1).unwrap();
    let unchanged = || {
        assert_eq!(ground.load(&manager, "x").unwrap(), 1);
        let head = ground.run(manager.head(&input("x"))).unwrap().unwrap();
        assert_eq!((head.version, head.write), (first.version.clone(), first.write.clone()));
    };
    // While rows are sent.
    let (value, reached, go) = paused();
    let storing = ground.runtime.spawn({
        let manager = manager.clone();
        async move { manager.handle_output(&output("x"), &value).await }
    });
    reached.recv().unwrap();
    unchanged();
    assert!(ground.kill_all() > 0);
    go.send(()).unwrap();
    let error = ground.run(storing).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.retry(), Retry::After(None));
    unchanged();
    // Between staging and publishing: another connection does it.
    let mut staged = ground.run(manager.stage(&output("y"), &rows(5))).unwrap();
    ground.kill_all();
    ground.wait(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder'",
        0,
    );
    let published = ground.run(staged.publish()).or_else(|error| {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        ground.run(staged.publish())
    });
    published.unwrap();
    assert_eq!(ground.load(&manager, "y").unwrap(), 5);
    // While it publishes.
    let mut staged = ground.run(manager.stage(&output("x"), &rows(3))).unwrap();
    let mut other = ground.server.client();
    other
        .batch_execute("BEGIN; LOCK TABLE assets.larder_values IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    let publishing = ground.runtime.spawn(async move { (staged.publish().await, staged) });
    ground.wait(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder' AND wait_event_type = 'Lock'",
        1,
    );
    ground.kill_all();
    let (killed, mut staged) = ground.run(publishing).unwrap();
    assert_eq!(killed.unwrap_err().kind(), ErrorKind::Unavailable);
    other.batch_execute("COMMIT").unwrap();
    unchanged();
    let again = ground.run(staged.publish()).unwrap();
    assert_eq!(ground.load(&manager, "x").unwrap(), 3);
    assert_eq!(ground.run(staged.publish()).unwrap(), again);
    // While it reads: an error, and no rows that are of something else.
    let large = Table::new(batch(0, 0).schema(), vec![batch(9, 100_000); 20])
        .unwrap()
        .into_value();
    ground.run(manager.handle_output(&output("large"), &large)).unwrap();
    let error = ground.run(async {
        let Value::Table(source) = manager.load_input(&input("large")).await.unwrap() else {
            unreachable!()
        };
        let mut batches = source.scan(larder_io_core::Scan::all()).await.unwrap();
        batches.next().await.unwrap().unwrap();
        let url = ground.server.url();
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder'";
        client.batch_execute(kill).await.unwrap();
        batches.try_collect::<Vec<_>>().await.unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(ground.load(&manager, "large").unwrap(), 9);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_server_that_stops_and_comes_back_is_found_again() {
    let mut ground = Ground::start();
    let manager = ground.manager(|config| config.connect_timeout = Duration::from_secs(5));
    ground.store(&manager, "x", 1).unwrap();
    let lazy = ground.run(async {
        LazyTable::from_value(manager.load_input(&input("x")).await.unwrap())
            .await
            .unwrap()
    });
    let mut staged = ground.run(manager.stage(&output("x"), &rows(2))).unwrap();
    ground.server.stop("QUIT");
    for error in [
        ground.load(&manager, "x").map(|_| ()).unwrap_err(),
        ground.store(&manager, "x", 3).map(|_| ()).unwrap_err(),
        ground.run(staged.publish()).map(|_| ()).unwrap_err(),
        ground.run(lazy.collect()).map(|_| ()).unwrap_err(),
        ground.run(manager.head(&input("x"))).map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert_eq!(error.retry(), Retry::After(None), "{error:?}");
    }
    ground.server.go();
    assert_eq!(ground.load(&manager, "x").unwrap(), 1);
    assert_eq!(ground.run(lazy.collect()).and_then(seed).unwrap(), 1);
    ground.run(staged.publish()).unwrap();
    assert_eq!(ground.load(&manager, "x").unwrap(), 2);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn what_others_change_is_found() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    for at in ["changed", "shorter", "dropped", "booked"] {
        ground.store(&manager, at, 1).unwrap();
    }
    let change = |at: &str, sql: &str| {
        let table =
            format!("SELECT data_table FROM assets.larder_values WHERE location = '{at}' AND state = 'published'");
        ground
            .server
            .sql(&format!("DO $$ BEGIN EXECUTE format('{sql}', ({table})); END $$"));
    };
    change("changed", "UPDATE assets.%I SET seed = 7");
    change("shorter", "DELETE FROM assets.%I WHERE ctid = ''(0,1)''");
    change("dropped", "DROP TABLE assets.%I CASCADE");
    ground
        .server
        .sql("UPDATE assets.larder_values SET receipt = '[]' WHERE location = 'booked'");
    let verified = |at: &str| ground.run(common::load(&manager, &input(at).verified())).unwrap_err();
    for at in ["changed", "shorter", "booked"] {
        assert_eq!(verified(at).kind(), ErrorKind::InvalidData, "{at}");
    }
    let error = ground.load(&manager, "dropped").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:?}");
    assert!(told(&error).contains("dropped its table"), "{error:?}");
    // A type that rows of the schema cannot have.
    ground.store(&manager, "typed", 1).unwrap();
    ground.server.sql("DROP VIEW assets.typed");
    change("typed", "ALTER TABLE assets.%I ALTER seed TYPE text");
    assert_eq!(
        ground.load(&manager, "typed").unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    // An entry that names what is none of larder's: it is not read, and not dropped.
    ground.store(&manager, "renamed", 1).unwrap();
    ground.server.sql(
        "CREATE TABLE assets.precious AS SELECT 1::bigint AS seed;
         UPDATE assets.larder_values SET data_table = 'precious' WHERE location = 'renamed'",
    );
    assert_eq!(
        ground.load(&manager, "renamed").unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    ground.store(&manager, "renamed", 2).unwrap();
    assert_eq!(ground.load(&manager, "renamed").unwrap(), 2);
    assert_eq!(ground.server.number("SELECT seed FROM assets.precious"), 1);
    // A store mends all of them.
    let mut absent = output("booked");
    absent.precondition = larder_io_core::Precondition::Absent;
    let error = ground.run(manager.handle_output(&absent, &rows(2))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "what is damaged is there: {error:?}");
    for at in ["changed", "shorter", "dropped", "typed", "booked"] {
        ground.store(&manager, at, 2).unwrap();
        assert_eq!(ground.load(&manager, at).unwrap(), 2, "{at}");
    }
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn what_is_read_goes_when_nobody_reads_it_any_more() {
    let ground = Ground::start();
    let manager = ground.manager(|config| (config.history, config.grace) = (1, Duration::ZERO));
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'larder_data_%'";
    let large = Table::new(batch(0, 0).schema(), vec![batch(1, 100_000); 20])
        .unwrap()
        .into_value();
    ground.run(manager.handle_output(&output("x"), &large)).unwrap();
    let (first, mut rest) = ground.run(async {
        let Value::Table(source) = manager.load_input(&input("x")).await.unwrap() else {
            unreachable!()
        };
        let mut batches = source.scan(larder_io_core::Scan::all()).await.unwrap();
        (batches.next().await.unwrap().unwrap(), batches)
    });
    // Neither waits for the reader.
    ground.store(&manager, "x", 2).unwrap();
    ground.store(&manager, "x", 3).unwrap();
    assert_eq!(ground.load(&manager, "x").unwrap(), 3);
    assert_eq!(
        ground.server.number(tables),
        2,
        "what is read is still there, what nobody read is gone"
    );
    let mut all = vec![first];
    ground.run(async {
        while let Some(batch) = rest.try_next().await.unwrap() {
            all.push(batch);
        }
    });
    let whole = Table::new(all[0].schema(), all).unwrap();
    assert_eq!(whole.rows(), 2_000_000);
    assert_eq!(seed(whole).unwrap(), 1);
    ground.store(&manager, "x", 4).unwrap();
    assert_eq!(ground.server.number(tables), 1);
    // A stream that is dropped ends its query.
    ground.run(manager.handle_output(&output("y"), &large)).unwrap();
    ground.run(async {
        let lazy = LazyTable::from_value(manager.load_input(&input("y")).await.unwrap())
            .await
            .unwrap();
        let mut stream = lazy.filter(col("seed").eq(1)).unwrap().stream().await.unwrap();
        stream.next().await.unwrap().unwrap();
    });
    ground.wait(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (%' AND state = 'active'",
        0,
    );
    ground.run(manager.delete(&input("y"))).unwrap();
}
