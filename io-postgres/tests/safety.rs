//! What must never happen to data: a reader whose table is taken away, a write that goes over a newer one, space that never comes back.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Ground, input, output, partition, rows, seed, told};
use larder_io_core::{AssetValue, ErrorKind, Form, GcOptions, IoManager, LazyTable};
use std::time::Duration;

const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'larder_data_%'";
const VIEWS: &str = "SELECT count(*) FROM pg_views WHERE schemaname = 'assets'";

/// As if so much time had passed since anything was replaced.
fn later(ground: &Ground, time: &str) {
    ground.server.sql(&format!(
        "UPDATE assets.larder_values SET replaced_at = replaced_at - interval '{time}'"
    ));
}

fn at_once() -> GcOptions {
    let mut options = GcOptions::default();
    options.older_than = Duration::ZERO;
    options
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_reader_of_a_version_that_was_just_replaced_finishes() {
    let ground = Ground::start();
    let manager = ground.manager(|config| config.history = 1);
    ground.store(&manager, "x", 1).unwrap();
    let lazy = ground.run(async {
        LazyTable::from_value(manager.load_input(&input("x")).await.unwrap())
            .await
            .unwrap()
    });
    for next in [2, 3] {
        ground.store(&manager, "x", next).unwrap();
    }
    ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
    assert_eq!(ground.run(lazy.collect()).and_then(seed).unwrap(), 1);
    // Whoever is later than that is told so, and the space is free: by the next write, also of something else, ..
    later(&ground, "1 hour");
    ground.store(&manager, "y", 1).unwrap();
    assert_eq!(ground.server.number(TABLES), 2);
    assert_eq!(ground.run(lazy.collect()).unwrap_err().kind(), ErrorKind::Conflict);
    // .. or by `gc`.
    ground.store(&manager, "x", 4).unwrap();
    assert_eq!(ground.server.number(TABLES), 3);
    later(&ground, "1 hour");
    let gone = ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
    assert_eq!((gone.len(), ground.server.number(TABLES)), (1, 2), "{gone:?}");
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn what_was_deleted_frees_its_space_where_no_history_is_kept() {
    let ground = Ground::start();
    let (one, three) = (
        ground.manager(|config| config.history = 1),
        ground.manager(|config| config.history = 3),
    );
    for manager in [&one, &three] {
        ground.store(manager, "x", 1).unwrap();
        ground.run(manager.delete(&input("x"))).unwrap();
        let gone = ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
        assert_eq!(
            (gone.len(), ground.server.number(TABLES)),
            (0, 1),
            "a reader may need it"
        );
        later(&ground, "1 hour");
        ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
        let kept = i64::from(manager.versions().is_some());
        assert_eq!(ground.server.number(TABLES), kept, "what has a history keeps it");
    }
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_write_that_was_replaced_meanwhile_is_never_published_again() {
    let ground = Ground::start();
    let manager = ground.manager(|config| config.history = 1);
    let old = output("x");
    let first = ground.run(manager.handle_output(&old, &rows(1))).unwrap();
    ground.store(&manager, "x", 2).unwrap();
    // Let go, then without its table.
    for swept in [false, true] {
        if swept {
            later(&ground, "1 hour");
            ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
        }
        let again = ground.run(manager.handle_output(&old, &rows(1))).unwrap();
        assert_eq!(
            (again.version, again.write),
            (first.version.clone(), first.write.clone())
        );
        assert_eq!(ground.load(&manager, "x").unwrap(), 2);
    }
    // Not for ever.
    later(&ground, "3 days");
    ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
    assert_eq!(ground.server.number("SELECT count(*) FROM assets.larder_values"), 1);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn what_is_collected_while_it_is_published_is_told() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    ground.store(&manager, "x", 1).unwrap();
    let mut staged = ground.run(manager.stage(&output("x"), &rows(2))).unwrap();
    // As `gc` does it, at the worst moment.
    let mut other = ground.server.client();
    other
        .batch_execute("BEGIN; SELECT FROM assets.larder_values WHERE state = 'staged' FOR UPDATE")
        .unwrap();
    let publishing = ground.runtime.spawn(async move { staged.publish().await });
    ground.wait(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder' AND wait_event_type = 'Lock'",
        1,
    );
    other
        .batch_execute("DELETE FROM assets.larder_values WHERE state = 'staged'; COMMIT")
        .unwrap();
    let error = ground.run(publishing).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert_eq!(ground.load(&manager, "x").unwrap(), 1);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn collecting_waits_for_no_publish() {
    let ground = Ground::start();
    let manager = ground.manager(|config| config.lock_timeout = Duration::from_millis(200));
    let staged = ground.run(manager.stage(&output("x"), &rows(1))).unwrap();
    let mut other = ground.server.client();
    other
        .batch_execute("BEGIN; UPDATE assets.larder_values SET version = 'v'")
        .unwrap();
    let gone = ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
    assert!(gone.is_empty(), "{gone:?}");
    other.batch_execute("ROLLBACK").unwrap();
    drop(staged);
    assert_eq!(
        ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap().len(),
        1
    );
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn partitions_whose_tables_are_lost_hold_up_nobody() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    let store = |day: &str, seed| ground.run(manager.handle_output(&partition("sales", day), &rows(seed)));
    for (day, seed) in [("1", 1), ("2", 2), ("3", 3)] {
        store(day, seed).unwrap();
    }
    for day in ["1", "2"] {
        let named = format!("SELECT data_table FROM assets.larder_values WHERE location = 'sales/day={day}'");
        ground.server.sql(&format!(
            "DO $$ BEGIN EXECUTE format('DROP TABLE assets.%I CASCADE', ({named})); END $$"
        ));
    }
    store("4", 4).unwrap();
    assert_eq!(ground.server.number("SELECT count(*) FROM assets.sales"), 200);
    let lost = partition("sales", "1").to_input(Form::Table);
    let error = ground.run(common::load(&manager, &lost)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:?}");
    let words = told(&error);
    assert!(
        words.contains("sales/day=1") && words.contains("larder_data_") && words.contains("lost"),
        "{words}"
    );
    store("1", 1).unwrap();
    assert_eq!(ground.run(common::load(&manager, &lost)).unwrap(), 1);
    assert_eq!(ground.server.number("SELECT count(*) FROM assets.sales"), 300);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_view_from_before_goes_where_views_are_off() {
    let ground = Ground::start();
    let (with, without) = (
        ground.manager(|config| config.history = 1),
        ground.manager(|config| (config.history, config.views) = (1, false)),
    );
    ground.store(&with, "x", 1).unwrap();
    ground.store(&with, "y", 1).unwrap();
    ground.server.sql("CREATE VIEW assets.z AS SELECT 1 AS mine");
    for at in ["x", "z"] {
        ground.store(&without, at, 2).unwrap();
    }
    assert_eq!(ground.server.number(VIEWS), 2, "those of `y` and of somebody else");
    later(&ground, "1 hour");
    ground.run(without.maintenance().unwrap().gc(&at_once())).unwrap();
    assert_eq!(ground.server.number(TABLES), 3);
    ground.run(without.delete(&input("y"))).unwrap();
    assert_eq!(ground.server.number(VIEWS), 1);
    // Where something of others is built on it, nobody is left with rows that are old.
    ground.store(&with, "x", 3).unwrap();
    ground.server.sql("CREATE VIEW public.mine AS SELECT * FROM assets.x");
    let error = ground.store(&without, "x", 4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{error:?}");
    assert!(told(&error).contains("views=false"), "{error:?}");
    assert_eq!(ground.load(&without, "x").unwrap(), 3);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn one_table_that_cannot_go_holds_up_no_other() {
    let ground = Ground::start();
    let manager = ground.manager(|config| config.history = 1);
    for at in ["needed", "x", "y"] {
        ground.store(&manager, at, 1).unwrap();
    }
    let named = "SELECT data_table FROM assets.larder_values WHERE location = 'needed'";
    ground.server.sql(&format!(
        "DO $$ BEGIN EXECUTE format('CREATE VIEW public.mine AS SELECT * FROM assets.%I', ({named})); END $$"
    ));
    for at in ["needed", "x", "y"] {
        ground.store(&manager, at, 2).unwrap();
    }
    later(&ground, "1 hour");
    let swept = ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
    assert_eq!(ground.server.number(TABLES), 4, "{swept:?}");
    assert_eq!(ground.server.number("SELECT count(*) FROM public.mine"), 100);
    let stays: Vec<_> = swept.iter().filter(|one| one.stays.is_some()).collect();
    assert_eq!((stays.len(), swept.len()), (1, 3), "{swept:?}");
    let why = stays[0].stays.as_deref().unwrap();
    assert!(
        why.contains("2BP01") && why.contains("mine") && why.contains(&stays[0].name),
        "{why}"
    );
    ground.server.sql("DROP VIEW public.mine");
    ground.run(manager.maintenance().unwrap().gc(&at_once())).unwrap();
    assert_eq!(ground.server.number(TABLES), 3);
}
