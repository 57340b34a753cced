//! What only a server can do: refuse, lock, go away and come back.
#![allow(clippy::unwrap_used)]

mod common;

use common::block_on;
use common::server::{PASSWORD, Server, free_port};
use jiff::Timestamp;
use larder_catalog::{Catalog, CatalogOptions, Entry};
use larder_io_core::{AssetKey, Effect, Error, ErrorKind, PartitionKey, Retry, RunId};
use std::time::Duration;

fn asset() -> AssetKey {
    "a/b".parse().unwrap()
}

fn entry(number: usize) -> Entry {
    let partition = PartitionKey::single("n", format!("{number:05}")).ok();
    let run = RunId::from_text(format!("r{number}"));
    Entry::new(
        asset(),
        partition,
        run,
        Timestamp::UNIX_EPOCH,
        "files",
        number.to_string(),
    )
}

fn quick() -> CatalogOptions {
    let mut options = CatalogOptions::default();
    options.busy_timeout = Duration::from_millis(50);
    options
}

fn refused(url: &str, kind: ErrorKind, words: &[&str]) -> Error {
    let error = Catalog::connect_with(url, &quick()).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    let all = format!("{error} {error:?}");
    assert!(!all.contains(PASSWORD) && !all.contains("wr0ng"), "{all}");
    error
}

/// All numbers, each once and in order, in history and states.
fn whole(catalog: &Catalog, count: usize) {
    block_on(async {
        let history = catalog.history(&asset(), None, usize::MAX).await.unwrap();
        let wanted = (0..count).map(|number| Some(RunId::from_text(format!("r{number}"))));
        assert!(
            history.iter().rev().map(|it| it.run().cloned()).eq(wanted),
            "{history:?}"
        );
        let states = catalog.states(&asset()).await.unwrap();
        let versions = states.iter().map(|state| state.data_version().unwrap().into_owned());
        assert!(versions.eq((0..count).map(|number| number.to_string())));
    });
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn who_may_not_come_in_is_told_without_the_password() {
    let server = Server::with_password();
    refused(
        &server.url_of("postgres", "wr0ng", "postgres"),
        ErrorKind::Unauthenticated,
        &["28P01", "postgres@127.0.0.1"],
    );
    refused(
        &server.url_of("nobody", "wr0ng", "postgres"),
        ErrorKind::Unauthenticated,
        &["nobody"],
    );
    let bare = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port);
    refused(&bare, ErrorKind::Unauthenticated, &["password"]);
    refused(
        &server.url_of("postgres", PASSWORD, "nowhere"),
        ErrorKind::InvalidConfig,
        &["does not exist", "/nowhere"],
    );
    let error = refused(
        &format!("postgres://me:{PASSWORD}@127.0.0.1:{}/d", free_port()),
        ErrorKind::Unavailable,
        &["not reached", "me@127.0.0.1"],
    );
    assert!(matches!(error.retry(), Retry::After(_)));
    // It has no certificate.
    refused(
        &format!("{}?sslmode=require", server.url()),
        ErrorKind::InvalidConfig,
        &["no TLS"],
    );
    server.sql("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0");
    refused(
        &server.url_of("postgres", PASSWORD, "bytes"),
        ErrorKind::InvalidConfig,
        &["SQL_ASCII", "UTF8"],
    );

    let catalog = Catalog::connect(&server.url()).unwrap();
    let shown = format!("{catalog:?} {}", catalog.location());
    assert!(
        shown.contains("postgres@127.0.0.1") && shown.contains("larder"),
        "{shown}"
    );
    assert!(!shown.contains(PASSWORD) && catalog.path().is_none(), "{shown}");
    // By the socket, too.
    Catalog::connect(&server.socket_url()).unwrap();
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn who_may_only_read_is_told_at_once() {
    let server = Server::start();
    server.sql("CREATE ROLE reader LOGIN; CREATE ROLE other LOGIN");
    let url = |user: &str| server.url_of(user, PASSWORD, "postgres");
    refused(&url("reader"), ErrorKind::PermissionDenied, &["CREATE"]);
    let owner = Catalog::connect(&server.url()).unwrap();
    owner.record(entry(0));
    block_on(owner.flush()).unwrap();
    refused(&url("reader"), ErrorKind::PermissionDenied, &["USAGE"]);
    server.sql(
        "GRANT USAGE ON SCHEMA larder TO reader, other; GRANT SELECT ON ALL TABLES IN SCHEMA larder TO reader, other",
    );
    refused(&url("reader"), ErrorKind::PermissionDenied, &["INSERT"]);
    // Not only where the first statement is refused.
    server.sql("GRANT DELETE ON larder.writer TO reader");
    refused(&url("reader"), ErrorKind::PermissionDenied, &["INSERT"]);
    server.sql("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA larder TO other");
    let other = Catalog::connect(&url("other")).unwrap();
    other.record(entry(1));
    block_on(other.flush()).unwrap();
    // Taken away while it is open.
    server.sql("REVOKE INSERT ON larder.event FROM other");
    other.record(entry(2));
    let error = block_on(other.flush()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    server.sql("GRANT INSERT ON larder.event TO other");
    block_on(other.flush()).unwrap();
    whole(&owner, 3);
    server.sql("ALTER ROLE other SET default_transaction_read_only = on");
    refused(&url("other"), ErrorKind::PermissionDenied, &["primary"]);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn what_is_from_the_future_or_of_others_is_left_alone() {
    let server = Server::start();
    drop(Catalog::connect(&server.url()).unwrap());
    let tables = "SELECT sum(hashtext(relname::text || coalesce(relfilenode, 0)))::bigint FROM pg_class";
    server.sql("UPDATE larder.about SET value = '999' WHERE name = 'version'; UPDATE larder.about SET value = '7.8.9' WHERE name = 'larder'");
    let before = server.number(tables);
    refused(
        &server.url(),
        ErrorKind::InvalidConfig,
        &["larder 7.8.9", "999", "update larder"],
    );
    server.sql("DELETE FROM larder.about WHERE name = 'larder'");
    refused(&server.url(), ErrorKind::InvalidConfig, &["a newer larder", "999"]);
    assert_eq!(server.number(tables), before);
    for about in [
        "",
        "CREATE TABLE larder.about (x int)",
        "CREATE TABLE larder.about (name text, value text)",
        "CREATE TABLE larder.about AS SELECT 'version' AS name, '1' AS value",
    ] {
        server.sql(&format!(
            "DROP SCHEMA larder CASCADE; CREATE SCHEMA larder; CREATE TABLE larder.theirs (x int); {about}"
        ));
        let before = server.number(tables);
        refused(&server.url(), ErrorKind::InvalidConfig, &["something else"]);
        assert_eq!(server.number(tables), before);
    }
    server.sql("DROP SCHEMA larder CASCADE");
    let before = server.number(tables);
    assert!(Catalog::connect_existing(&server.url(), &quick()).unwrap().is_none());
    assert_eq!(server.number(tables), before);
    server.sql("CREATE SCHEMA larder");
    assert!(Catalog::connect_existing(&server.url(), &quick()).unwrap().is_none());
    // An empty schema that somebody made for us is as good as none.
    let catalog = Catalog::connect(&server.url()).unwrap();
    catalog.record(entry(0));
    whole(&catalog, 1);
    whole(&Catalog::connect_existing(&server.url(), &quick()).unwrap().unwrap(), 1);
    // Schemas do not mix.
    let mut options = quick();
    options.schema = Some("Larder \"of\" prod".to_owned());
    let other = Catalog::connect_with(&server.url(), &options).unwrap();
    assert!(block_on(other.all_states()).unwrap().is_empty());
    // One that becomes newer while it is open is not written to after the connection was lost.
    server.sql("UPDATE larder.about SET value = '999' WHERE name = 'version'");
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder'");
    catalog.record(entry(1));
    while block_on(catalog.flush()).unwrap_err().kind() != ErrorKind::InvalidConfig {}
    server.sql("UPDATE larder.about SET value = '1' WHERE name = 'version'");
    block_on(catalog.flush()).unwrap();
    whole(&catalog, 2);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_lock_is_told_and_nothing_is_lost() {
    let server = Server::start();
    let catalog = Catalog::connect_with(&server.url(), &quick()).unwrap();
    catalog.record(entry(0));
    whole(&catalog, 1);
    let mut other = server.client();
    other
        .batch_execute("BEGIN; LOCK TABLE larder.event IN SHARE MODE")
        .unwrap();
    // Reading does not wait for others.
    whole(&catalog, 1);
    (1..9).for_each(|number| catalog.record(entry(number)));
    let error = block_on(catalog.flush()).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Unavailable, Effect::None),
        "{error}"
    );
    assert!(
        error.message().contains("locked") && matches!(error.retry(), Retry::After(_)),
        "{error}"
    );
    other.batch_execute("COMMIT").unwrap();
    block_on(catalog.flush()).unwrap();
    whole(&catalog, 9);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_server_that_goes_and_comes_back_has_everything_once() {
    let mut server = Server::start();
    let catalog = Catalog::connect(&server.url()).unwrap();
    let mut number = 0;
    for signal in ["INT", "QUIT", "INT", "QUIT"] {
        // It goes in the middle of some batch.
        for _ in 0..300 {
            catalog.record(entry(number));
            number += 1;
        }
        server.stop(signal);
        (number..number + 100).for_each(|number| catalog.record(entry(number)));
        number += 100;
        let error = block_on(catalog.flush()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(block_on(catalog.runs(1)).unwrap_err().kind(), ErrorKind::Unavailable);
        server.go();
        // The first may still hear of the old connection.
        let flushed = block_on(catalog.flush()).or_else(|_| block_on(catalog.flush()));
        flushed.unwrap();
        whole(&catalog, number);
    }
    // Nothing waits: a question finds a server that was away.
    server.stop("INT");
    server.go();
    whole(&catalog, number);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn connections_that_are_ended_at_any_moment_lose_and_double_nothing() {
    let server = Server::start();
    let catalog = Catalog::connect(&server.url()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let count = 3_000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder'");
            }
        });
        for number in 0..count {
            catalog.record(entry(number));
            if number % 20 == 0 {
                // Refused or not.
                let _ = block_on(catalog.flush());
            }
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    while block_on(catalog.flush()).is_err() {}
    whole(&catalog, count);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn what_can_never_be_written_is_given_up_and_told() {
    let server = Server::start();
    let catalog = Catalog::connect(&server.url()).unwrap();
    catalog.record(entry(0));
    // No index holds it.
    let random: Vec<String> = (0..400).map(|_| RunId::random().to_string()).collect();
    catalog.record(Entry {
        run: RunId::from_text(random.concat()),
        ..entry(1)
    });
    catalog.record(entry(1));
    catalog.record(Entry {
        inline: Some(vec![0; (256 << 20) + 1]),
        ..entry(2)
    });
    catalog.record(entry(2));
    let error = block_on(catalog.flush()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.message().contains("2 records are missing"), "{error}");
    whole(&catalog, 3);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn it_is_opened_used_and_dropped_within_a_runtime() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let catalog = Catalog::connect(&server.url()).unwrap();
        catalog.record(entry(0));
        catalog.flush().await.unwrap();
        assert_eq!(catalog.latest(&asset()).await.unwrap().len(), 1);
        drop(catalog);
        // A refusal ends the connections that were made.
        assert!(Catalog::connect(&server.url_of("nobody", "wr0ng", "nowhere")).is_err());
        std::thread::scope(|scope| {
            scope.spawn(|| server.sql("UPDATE larder.about SET value = '999' WHERE name = 'version'"));
        });
        assert!(Catalog::connect(&server.url()).is_err());
    });
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn every_commit_is_synced() {
    let server = Server::start();
    server.sql("ALTER ROLE postgres SET synchronous_commit = off");
    let catalog = Catalog::connect(&server.url()).unwrap();
    // What it is in the transaction that writes.
    server.sql(
        "CREATE TABLE public.seen (value text);
         CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.seen VALUES (current_setting(''synchronous_commit'')); RETURN NULL; END';
         CREATE TRIGGER see AFTER INSERT ON larder.event EXECUTE FUNCTION public.see()",
    );
    catalog.record(entry(0));
    block_on(catalog.flush()).unwrap();
    assert_eq!(server.number("SELECT count(*) FROM public.seen WHERE value = 'on'"), 1);
}
