//! What a server refuses, and what an error says then.
#![allow(clippy::unwrap_used)]

mod common;

use arrow_array::types::IntervalMonthDayNano;
use arrow_array::{
    ArrayRef, Date32Array, IntervalMonthDayNanoArray, RecordBatch, StringArray, Time32SecondArray, TimestampSecondArray,
};
use common::{Ground, input, output, rows, told};
use larder_io_core::{AssetValue, ErrorKind, IoManager, Table};
use larder_io_postgres::PostgresConfig;
use larder_testkit::postgresql::{PASSWORD, Server, free_port};
use std::sync::Arc;

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
