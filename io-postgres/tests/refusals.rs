//! What a server refuses, and what an error says then.
#![allow(clippy::unwrap_used)]

mod common;

use arrow_array::types::IntervalMonthDayNano;
use arrow_array::{
    ArrayRef, Date32Array, IntervalMonthDayNanoArray, RecordBatch, StringArray, Time32SecondArray, TimestampSecondArray,
};
use common::{Ground, batch, input, output, rows, told};
use larder_io_core::{AssetValue, ErrorKind, IoManager, Table, TableStream};
use larder_io_postgres::PostgresConfig;
use larder_testkit::postgresql::{PASSWORD, Server, client_of, free_port};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Both a store and a load are refused, in these words.
fn refused(ground: &Ground, config: &PostgresConfig, kind: ErrorKind, words: &[&str]) {
    let manager = config.open().unwrap();
    let stored = ground.run(manager.handle_output(&output("x"), &rows(1))).map(|_| ());
    let loaded = ground.run(manager.load_input(&input("x"))).map(|_| ());
    for error in [stored.unwrap_err(), loaded.unwrap_err()] {
        assert_eq!(error.kind(), kind, "{error:?}");
        let told = told(&error);
        assert!(words.iter().all(|word| told.contains(word)), "{told}");
        assert!(!told.contains(PASSWORD) && !told.contains("wr0ng"), "{told}");
    }
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn who_may_not_in_is_told_what_to_do() {
    let ground = Ground::start();
    let of = |user, password, database| ground.config_of(user, password, database);
    refused(
        &ground,
        &of("postgres", "wr0ng", "postgres"),
        ErrorKind::Unauthenticated,
        &["PGPASSWORD", "28P01"],
    );
    refused(
        &ground,
        &of("nobody", "wr0ng", "postgres"),
        ErrorKind::Unauthenticated,
        &["nobody"],
    );
    refused(
        &ground,
        &of("postgres", PASSWORD, "nowhere"),
        ErrorKind::InvalidConfig,
        &["create it", "nowhere"],
    );
    let mut nobody_there = of("postgres", PASSWORD, "postgres");
    nobody_there.address =
        larder_io_core::Secret::new(format!("postgres:{PASSWORD}@127.0.0.1:{}/postgres", free_port()));
    refused(
        &ground,
        &nobody_there,
        ErrorKind::Unavailable,
        &["look whether the server runs"],
    );
    let mut with_tls = of("postgres", PASSWORD, "postgres");
    with_tls.sslmode = larder_io_postgres::Tls::Require;
    refused(&ground, &with_tls, ErrorKind::InvalidConfig, &["TLS"]);
    ground
        .server
        .sql("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0");
    refused(
        &ground,
        &of("postgres", PASSWORD, "bytes"),
        ErrorKind::InvalidConfig,
        &["SQL_ASCII", "UTF8"],
    );
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let ground = Ground::new(Server::with_certificate());
    let mut config = ground.config();
    config.sslmode = larder_io_postgres::Tls::VerifyFull;
    refused(&ground, &config, ErrorKind::InvalidConfig, &["certificate"]);
    config.sslmode = larder_io_postgres::Tls::Disable;
    refused(&ground, &config, ErrorKind::Unauthenticated, &["28000"]);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn rights_that_are_missing_are_named_and_nothing_changes() {
    let ground = Ground::start();
    let owner = ground.manager(|_| {});
    let sql = |sql: &str| ground.server.sql(sql);
    sql(&format!("CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}'"));
    let clerk = ground.config_of("clerk", PASSWORD, "postgres").open().unwrap();
    // Without a schema, and without the right to make one.
    let error = ground.store(&clerk, "x", 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(told(&error).contains("CREATE on the database"), "{error:?}");
    ground.store(&owner, "x", 1).unwrap();
    // What may not be seen is not missing (law 6).
    let error = ground.load(&clerk, "x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    sql("GRANT USAGE ON SCHEMA assets TO clerk; GRANT SELECT ON ALL TABLES IN SCHEMA assets TO clerk");
    assert_eq!(ground.load(&clerk, "x").unwrap(), 1);
    let error = ground.store(&clerk, "x", 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(
        told(&error).contains("assets") && told(&error).contains("storing `x`"),
        "{error:?}"
    );
    assert_eq!(ground.load(&owner, "x").unwrap(), 1);
    sql("ALTER ROLE postgres SET default_transaction_read_only = on");
    let error = ground.store(&ground.manager(|_| {}), "x", 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(told(&error).contains("takes no writes"), "{error:?}");
    assert_eq!(ground.load(&owner, "x").unwrap(), 1);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_value_that_cannot_be_kept_is_refused_with_its_column_and_leaves_nothing() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    let months = IntervalMonthDayNano::new(0, 0, 1);
    let odd: Vec<(ArrayRef, &str)> = vec![
        (Arc::new(StringArray::from(vec!["fine", "a\0b"])), "NUL"),
        (Arc::new(Date32Array::from(vec![0, i32::MAX])), "4714 BC"),
        (Arc::new(TimestampSecondArray::from(vec![0, i64::MAX])), "294276"),
        (Arc::new(Time32SecondArray::from(vec![0, 86_401])), "of a day"),
        (Arc::new(IntervalMonthDayNanoArray::from(vec![months])), "microseconds"),
    ];
    for (array, word) in odd {
        let table = Table::from(RecordBatch::try_from_iter([("odd one", array)]).unwrap());
        let error = ground
            .run(manager.handle_output(&output("x"), &table.into_value()))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(
            error.message().contains("`odd one`") && error.message().contains(word),
            "{error}"
        );
    }
    ground.wait("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'larder_data_%'", 0);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn what_has_the_name_of_a_view_is_left_alone() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    ground.store(&manager, "other", 1).unwrap();
    ground
        .server
        .sql("CREATE TABLE assets.clean__flights (mine int); INSERT INTO assets.clean__flights VALUES (7)");
    let error = ground.store(&manager, "clean/flights", 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error:?}");
    assert!(
        told(&error).contains("views=false") && told(&error).contains("clean__flights"),
        "{error:?}"
    );
    assert_eq!(
        ground.load(&manager, "clean/flights").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        ground.server.number("SELECT mine::bigint FROM assets.clean__flights"),
        7
    );
    let without = ground.manager(|config| config.views = false);
    ground.store(&without, "clean/flights", 2).unwrap();
    assert_eq!(ground.load(&manager, "clean/flights").unwrap(), 2);
    assert_eq!(
        ground.server.number("SELECT mine::bigint FROM assets.clean__flights"),
        7
    );
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_second_role_stores_with_the_rights_that_the_guide_names() {
    let ground = Ground::start();
    let sql = |sql: &str| ground.server.sql(sql);
    let of = |user: &str| ground.config_of(user, PASSWORD, "postgres").open().unwrap();
    sql(&format!(
        "CREATE ROLE owner LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE second LOGIN PASSWORD '{PASSWORD}';
         GRANT CREATE ON DATABASE postgres TO owner"
    ));
    ground.store(&of("owner"), "first", 1).unwrap();
    // Assets of its own.
    sql("GRANT USAGE, CREATE ON SCHEMA assets TO second;
         GRANT SELECT, INSERT, UPDATE, DELETE ON assets.larder_values TO second");
    let second = of("second");
    for seed in [1, 2] {
        ground.store(&second, "own", seed).unwrap();
    }
    assert_eq!(ground.load(&second, "own").unwrap(), 2);
    assert_eq!(ground.server.number("SELECT DISTINCT seed FROM assets.own"), 2);
    assert_eq!(
        ground.load(&second, "first").unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    sql("SET ROLE owner; ALTER DEFAULT PRIVILEGES IN SCHEMA assets GRANT SELECT ON TABLES TO second");
    ground.store(&of("owner"), "first", 2).unwrap();
    assert_eq!(ground.load(&second, "first").unwrap(), 2);
    // Not what is the other's: the old value stays.
    let error = ground.store(&second, "first", 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(told(&error).contains("a role that both have"), "{error:?}");
    assert_eq!(ground.load(&second, "first").unwrap(), 2);
    // The same assets, as one role.
    sql(&format!(
        "CREATE ROLE loaders; CREATE ROLE third LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE fourth LOGIN PASSWORD '{PASSWORD}';
         GRANT loaders TO third, fourth; ALTER ROLE third SET role = 'loaders'; ALTER ROLE fourth SET role = 'loaders';
         CREATE SCHEMA shared AUTHORIZATION loaders"
    ));
    let shared = |user: &str| {
        let mut config = ground.config_of(user, PASSWORD, "postgres");
        config.schema = "shared".to_owned();
        config.open().unwrap()
    };
    for (user, seed) in [("third", 1), ("fourth", 2), ("third", 3)] {
        ground.store(&shared(user), "x", seed).unwrap();
        assert_eq!(ground.server.number("SELECT DISTINCT seed FROM shared.x"), seed);
    }
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_refusal_in_the_middle_of_a_stream_is_heard_soon() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    // A rule that rows break, made by somebody who may.
    ground.server.sql(
        "CREATE FUNCTION public.rule() RETURNS event_trigger LANGUAGE plpgsql AS $$
         DECLARE made text;
         BEGIN
             FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands()
                 WHERE object_identity LIKE 'assets.larder_data_%' AND object_type = 'table' LOOP
                 EXECUTE 'ALTER TABLE ' || made || ' ADD CHECK (seed < 5)';
             END LOOP;
         END $$;
         CREATE EVENT TRIGGER rule ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.rule()",
    );
    ground.store(&manager, "x", 1).unwrap();
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    // More than a GiB, were it all sent.
    let batches = (0..10_000).map(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(batch(7, 4096))
    });
    let value = TableStream::from_iter(batch(0, 0).schema(), batches).into_value();
    let error = ground.run(manager.handle_output(&output("x"), &value)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:?}");
    assert!(told(&error).contains("23514"), "{error:?}");
    let pulled = pulled.load(Ordering::SeqCst);
    assert!(pulled < 300, "{pulled} batches of 10000 were sent");
    assert_eq!(ground.load(&manager, "x").unwrap(), 1);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_stream_that_is_long_in_coming_holds_no_transaction_open() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    ground.store(&manager, "x", 1).unwrap();
    let url = ground.server.url();
    let batches = (0..2).map(move |_| {
        let url = url.clone();
        // Asked from another thread: this one has a runtime.
        let open = std::thread::spawn(move || {
            let mut client = client_of(&url);
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder' AND state = 'idle in transaction'";
            client.query_one(sql, &[]).unwrap().get::<_, i64>(0)
        });
        assert_eq!(open.join().unwrap(), 0);
        Ok(batch(2, 10))
    });
    let value = TableStream::from_iter(batch(0, 0).schema(), batches).into_value();
    ground.run(manager.handle_output(&output("x"), &value)).unwrap();
    assert_eq!(ground.load(&manager, "x").unwrap(), 2);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn bookkeeping_of_another_format_is_brought_along_or_left_alone() {
    let ground = Ground::start();
    ground.store(&ground.manager(|_| {}), "x", 1).unwrap();
    // As the first format was.
    ground.server.sql(
        "ALTER TABLE assets.larder_values DROP CONSTRAINT larder_values_state_check;
         ALTER TABLE assets.larder_values ADD CONSTRAINT larder_values_state_check
             CHECK (state IN ('staged', 'published', 'kept', 'dropped'));
         DROP INDEX assets.larder_let_go;
         COMMENT ON TABLE assets.larder_values IS 'larder: which table has which version, format 1; change nothing by hand'",
    );
    let manager = ground.manager(|config| (config.history, config.grace) = (1, std::time::Duration::ZERO));
    for seed in [2, 3] {
        ground.store(&manager, "x", seed).unwrap();
    }
    assert_eq!(
        ground
            .server
            .number("SELECT count(*) FROM assets.larder_values WHERE state = 'gone'"),
        2
    );
    ground
        .server
        .sql("COMMENT ON TABLE assets.larder_values IS 'larder: which table has which version, format 9; change nothing by hand'");
    let error = ground.store(&manager, "x", 4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
    assert!(
        told(&error).contains("format 9") && told(&error).contains("update larder"),
        "{error:?}"
    );
}
