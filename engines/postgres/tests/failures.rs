//! What goes wrong while the server makes a table: in every phase the old value stays, and nothing is left once `gc` was there.

mod common;

use common::{Ground, raw, until};
use larder_executor::{Asset, Definitions, Pipeline};
use larder_io_core::{ErrorKind, GcOptions};
use postgres::Client;
use serde_json::{Value as Json, json};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The address of the server, for a process that is to be ended.
const CHILD: &str = "LARDER_TEST_ENGINE_CHILD";
/// What that process asks, where it is another query than usual.
const QUERY: &str = "LARDER_TEST_ENGINE_QUERY";
/// What the query waits for, where a test wants it to.
const GATE: i64 = 4_711;

/// The asset: first 1, then what waits at the gate and gives 2.
fn number(second: bool) -> Asset {
    let sql = match second {
        false => "select 1::int8 as n".to_owned(),
        true => format!(
            "select 2::int8 as n from (select pg_advisory_xact_lock_shared({GATE}) as gate offset 0) as waited where gate::text is not null"
        ),
    };
    Asset::builder("number").sql(sql)
}

fn definitions(url: &str, second: bool) -> Definitions {
    common::kept(url, url).asset(number(second))
}

/// Makes the second value, in a process that others end.
#[test]
#[ignore = "needs a test that starts it"]
fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let asset = match std::env::var(QUERY) {
        Ok(sql) => Asset::builder("number").sql(sql),
        Err(_) => number(true),
    };
    let pipeline = common::kept(&url, &url).asset(asset).build().expect("is valid");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let report = runtime.block_on(pipeline.run("*")).expect("runs");
    assert!(report.succeeded(), "{report:?}");
}

fn start_child(ground: &Ground, query: Option<&str>) -> Child {
    Command::new(std::env::current_exe().expect("is known"))
        .args(["--exact", "child", "--ignored"])
        .env(CHILD, ground.server.url())
        .envs(query.map(|query| (QUERY, query)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Waits until a statement that begins so waits for a lock.
fn until_waits(ground: &Ground, begins: &str) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder' AND wait_event_type = 'Lock' AND query LIKE '{begins}%'"
    );
    until(begins, || ground.server.number(&sql) > 0);
}

/// Where a store is when it is stopped.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The manager notes the table that is to be made.
    Announced,
    /// The server makes it.
    Made,
    /// The manager notes what was made.
    Confirmed,
    /// The manager publishes it.
    Published,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Announced, Self::Made, Self::Confirmed, Self::Published];

    /// Brings the store there; the client holds it up.
    fn reach(self, ground: &Ground, client: &mut Client, store: impl FnOnce() -> Child) -> Child {
        let lock = |client: &mut Client, sql: &str| client.batch_execute(sql).expect("is locked");
        let values = "LOCK TABLE assets.larder_values IN SHARE MODE";
        lock(client, "BEGIN");
        match self {
            Self::Announced => {
                lock(client, values);
                let store = store();
                until_waits(ground, "INSERT INTO \"assets\".larder_values");
                store
            }
            Self::Made | Self::Confirmed => {
                lock(client, &format!("SELECT pg_advisory_lock({GATE})"));
                let store = store();
                until_waits(ground, "CREATE TABLE");
                if matches!(self, Self::Confirmed) {
                    lock(client, values);
                    lock(client, &format!("SELECT pg_advisory_unlock({GATE})"));
                    until_waits(ground, "UPDATE \"assets\".larder_values SET receipt");
                }
                store
            }
            Self::Published => {
                lock(
                    client,
                    "SELECT 1 FROM assets.larder_values WHERE state = 'published' FOR UPDATE",
                );
                let store = store();
                // Nothing before it needs the old value's row.
                until_waits(ground, "");
                store
            }
        }
    }
}

fn shown(ground: &Ground, pipeline: &Pipeline) -> Vec<Vec<Json>> {
    ground.shown(pipeline, "number")
}

fn cleaned(ground: &Ground, pipeline: &Pipeline) {
    let mut options = GcOptions::default();
    options.older_than = Duration::ZERO;
    ground.run(pipeline.gc(&options)).expect("is cleaned");
}

/// After a failure: the old value, nothing that works on, nothing left after `gc`; and the next run makes the new one.
fn recovers(ground: &Ground, pipeline: &Pipeline, what: &str) {
    assert_eq!(shown(ground, pipeline), [[json!(1)]], "{what}");
    let active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder' AND state <> 'idle'";
    until("the server goes on with what nobody waits for", || {
        ground.server.number(active) == 0
    });
    cleaned(ground, pipeline);
    assert_eq!(
        ground
            .server
            .number("SELECT count(*) FROM assets.larder_values WHERE state NOT IN ('published', 'kept')"),
        0,
        "{what}"
    );
    let booked = ground.server.number("SELECT count(*) FROM assets.larder_values");
    assert_eq!(ground.tables(), booked, "{what}");
    assert_eq!(shown(ground, pipeline), [[json!(1)]], "{what}");
}

fn stopped(how: &str, stop: impl Fn(&Ground, &mut Child)) {
    let ground = Ground::start();
    let url = ground.server.url();
    for phase in Phase::ALL {
        let what = format!("{how} while {phase:?}");
        let pipeline = ground.made(definitions(&url, false));
        assert_eq!(shown(&ground, &pipeline), [[json!(1)]], "{what}");
        let mut client = ground.server.client();
        let mut child = phase.reach(&ground, &mut client, || start_child(&ground, None));
        stop(&ground, &mut child);
        // The locks go with the connection.
        drop(client);
        let status = child.wait().expect("ends");
        assert!(!status.success(), "{what}");
        recovers(&ground, &pipeline, &what);
    }
    let pipeline = ground.made(definitions(&url, true));
    assert_eq!(shown(&ground, &pipeline), [[json!(2)]]);
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn a_client_that_is_killed_in_any_phase_leaves_the_old_table() {
    stopped("the client was killed", |_, child| {
        // SIGKILL.
        child.kill().expect("is killed");
        child.wait().expect("ends");
    });
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn connections_that_are_lost_in_any_phase_leave_the_old_table() {
    stopped("connections were lost", |ground, _| {
        let killed = ground
            .server
            .number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'larder'");
        assert!(killed > 0);
    });
}

/// A commit that the server has heard of and not done yet, while nobody waits for it any more and `gc` cleans up.
#[test]
#[ignore = "needs PostgreSQL's programs"]
fn a_commit_that_lands_after_gc_leaves_no_table_that_nobody_knows() {
    let ground = Ground::start();
    let url = ground.server.url();
    // What the query writes beside it is looked at when it commits, and that waits at the gate.
    ground.server.sql(&format!(
        "CREATE TABLE public.asked (n int8);
         CREATE FUNCTION public.at_the_gate() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON public.asked DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION public.at_the_gate();
         CREATE FUNCTION public.ask() RETURNS int8 LANGUAGE sql VOLATILE AS $$ INSERT INTO public.asked VALUES (2) RETURNING n $$"
    ));
    let pipeline = ground.made(definitions(&url, false));
    let mut client = ground.server.client();
    let gate = |client: &mut Client, what: &str| {
        client
            .batch_execute(&format!("SELECT pg_advisory_{what}({GATE})"))
            .expect("is done");
    };
    gate(&mut client, "lock");
    let mut child = start_child(&ground, Some("select public.ask() as n"));
    until_waits(&ground, "COMMIT");
    child.kill().expect("is killed");
    child.wait().expect("ends");
    cleaned(&ground, &pipeline);
    gate(&mut client, "unlock");
    until("the commit", || {
        ground.server.number("SELECT count(*) FROM public.asked") == 1
    });
    recovers(&ground, &pipeline, "the commit landed after gc");
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn gc_leaves_alone_what_is_being_made() {
    let ground = Ground::start();
    let url = ground.server.url();
    let pipeline = ground.made(definitions(&url, false));
    let mut client = ground.server.client();
    let mut child = Phase::Made.reach(&ground, &mut client, || start_child(&ground, None));
    cleaned(&ground, &pipeline);
    drop(client);
    assert!(child.wait().expect("ends").success());
    assert_eq!(shown(&ground, &pipeline), [[json!(2)]]);
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn a_query_that_fails_leaves_the_old_table() {
    let ground = Ground::start();
    let asset = |sql: &str| Asset::builder("share").sql(sql);
    let good = asset("select customer, amount / 2 as half from raw.transactions");
    let pipeline = ground.made(ground.of([raw(), good]));
    let before = ground.shown(&pipeline, "share");
    let tables = ground.tables();
    let bad = asset("select customer, customer / (customer - 3) as half from raw.transactions");
    let (kind, message) = ground.failed(ground.of([raw(), bad]), "share");
    assert_eq!(kind, ErrorKind::InvalidData, "{message}");
    assert!(message.contains("division by zero"), "{message}");
    assert_eq!(ground.shown(&pipeline, "share"), before);
    // One more of what it reads, which was made again.
    assert_eq!(ground.tables(), tables + 1);
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn two_runs_at_once_leave_one_value_whole() {
    let ground = Ground::start();
    let url = ground.server.url();
    let of = |seed: i64| {
        let asset = Asset::builder("number")
            .parameter("seed", seed)
            .sql("select $seed as n from generate_series(1, 1000)");
        common::kept(&url, &url).asset(asset).build().expect("is valid")
    };
    let pipelines: Vec<Pipeline> = (1..=4).map(of).collect();
    for _ in 0..5 {
        let reports = ground.run(async {
            let runs = pipelines.iter().map(|pipeline| pipeline.run("*"));
            futures_util::future::join_all(runs).await
        });
        for report in reports {
            let report = report.expect("runs");
            let conflict = report
                .error("number")
                .is_none_or(|error| error.kind() == ErrorKind::Conflict);
            assert!(conflict, "{report:?}");
        }
        let rows = shown(&ground, &pipelines[0]);
        assert_eq!(rows.len(), 1000);
        assert!(rows.iter().all(|row| *row == rows[0]), "a mixture");
    }
    assert_eq!(
        ground
            .server
            .number("SELECT count(*) FROM assets.larder_values WHERE state = 'staged'"),
        0
    );
}
