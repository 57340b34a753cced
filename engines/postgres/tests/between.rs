//! What others see of a query, and what it sees of them: tables that go meanwhile, sessions that others had, columns as the manager makes them.

mod common;

use common::{Ground, raw, until};
use larder_executor::Asset;
use larder_io_core::{ErrorKind, Table};
use serde_json::json;

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn a_table_that_went_before_it_was_read_is_no_mistake_of_the_query() {
    let ground = Ground::start();
    let url = ground.server.url();
    let external = || Asset::external::<Table>("raw/transactions");
    ground.made(ground.of([raw()]));
    // As `gc` does it, where the grace is short and a query comes late.
    ground
        .server
        .sql("DO $$ DECLARE gone text; BEGIN SELECT data_table INTO gone FROM assets.larder_values; EXECUTE 'DROP TABLE assets.' || gone || ' CASCADE'; END $$");
    for manager in ["warehouse", "here"] {
        let asset = Asset::builder("q")
            .io_manager(manager)
            .sql("select count(*) as n\nfrom raw.transactions");
        let (kind, message) = ground.failed(common::kept(&url, &url).asset(external()).asset(asset), "q");
        assert_eq!(kind, ErrorKind::Conflict, "{message}");
        assert!(message.contains("`raw.transactions`"), "{message}");
        assert!(message.contains("line 2, column 6"), "{message}");
    }
    // What the query itself names and is not there, stays its own mistake.
    let asset = Asset::builder("q").sql("select 'no.such_table'::regclass::text as x");
    let (kind, message) = ground.failed(ground.of([asset]), "q");
    assert_eq!(kind, ErrorKind::InvalidDefinition, "{message}");
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn a_session_keeps_nothing_of_a_query() {
    let ground = Ground::start();
    ground.server.sql("CREATE TABLE public.larder_own (n int8)");
    for manager in ["warehouse", "here"] {
        let asset = |name: &str, sql: &str| Asset::builder(name).io_manager(manager).sql(sql);
        let sets = asset(
            "a",
            "select set_config('TimeZone', 'Asia/Tokyo', false) as z, set_config('search_path', 'public', false) as s, \
             set_config('application_name', 'mine', false) as n, pg_advisory_lock(77)::text as l, nextval('public.numbers') as v",
        );
        ground.server.sql("CREATE SEQUENCE IF NOT EXISTS public.numbers");
        let sees = asset(
            "b",
            "select (select count(*) from a) as n, current_setting('TimeZone') as z, current_setting('search_path') as s, current_setting('application_name') as a, \
             (select count(*) from pg_lock_status() where locktype = 'advisory' and pid = pg_backend_pid()) as l",
        );
        let pipeline = ground.made(ground.of([sets, sees]));
        assert_eq!(
            ground.shown(&pipeline, "b"),
            [[json!(1), json!("UTC"), json!("pg_catalog"), json!("larder"), json!(0)]],
            "{manager}"
        );
        until("an advisory lock stays with a session that is idle", || {
            ground
                .server
                .number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77")
                == 0
        });
    }
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn texts_are_collated_as_the_manager_has_them() {
    let ground = Ground::start();
    let names = Asset::builder("names").sql(
        "select note collate \"POSIX\" as a, (note || '') collate \"C\" as b, (note::varchar(9)) collate \"C\" as c, customer, \
         array_to_string(array[note, 'x' collate \"C\"], '') as d from raw.transactions order by note collate \"C\"",
    );
    // Two collations that nobody chose between.
    let mixed = Asset::builder("mixed").sql(
        "select l || r as x from (select note collate \"C\" as l, note collate \"POSIX\" as r from raw.transactions) as t",
    );
    let pipeline = ground.made(ground.of([raw(), names, mixed]));
    assert_eq!(ground.shown(&pipeline, "names").len(), 5);
    let odd = "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
               WHERE nspname = 'assets' AND (relname LIKE 'larder\\_data\\_%' OR relkind = 'v') AND attnum > 0
                   AND attcollation NOT IN (0, 'pg_catalog.\"default\"'::regcollation)";
    assert_eq!(ground.server.number(odd), 0);
    let own = "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
               WHERE nspname = 'assets' AND relkind = 'v' AND attnum > 0 AND attcollation <> 0";
    // One of `raw/transactions`, four of `names`, one of `mixed`.
    assert_eq!(ground.server.number(own), 6);
}
