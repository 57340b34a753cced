//! Queries as assets on a server: where the rows stay, what they become, what is refused.

mod common;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use common::{Ground, raw};
use larder_executor::Asset;
use larder_io_core::{ErrorKind, PartitionKey, Table};
use larder_partitions::Partitioning;
use serde_json::json;
use std::sync::Arc;

fn columns(fields: impl IntoIterator<Item = (&'static str, DataType, bool)>) -> Arc<Schema> {
    let field = |(name, data_type, nullable)| Field::new(name, data_type, nullable);
    Arc::new(Schema::new(fields.into_iter().map(field).collect::<Vec<_>>()))
}

const TOTALS: &str = "select customer, sum(amount) as total from raw.transactions group by customer order by customer";

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn no_row_leaves_the_server() {
    let ground = Ground::start();
    // What the server says of its statements.
    ground.server.sql("ALTER SYSTEM SET log_statement = 'all'");
    ground.server.sql("SELECT pg_reload_conf()");
    let totals = Asset::builder("reports/totals").sql(TOTALS);
    let best = Asset::builder("reports/best")
        .parameter("least", 10.0)
        .sql("select customer from reports.totals where total > $least");
    let pipeline = ground.made(ground.of([raw(), totals, best]));
    let rows = |key| ground.shown(&pipeline, key);
    assert_eq!(
        rows("reports/totals"),
        [
            [json!(1), json!("15.0")],
            [json!(2), json!("120.5")],
            [json!(3), json!("1.0")]
        ]
    );
    assert_eq!(rows("reports/best"), [[json!(1)], [json!(2)]]);
    let log = ground.server.log();
    assert_eq!(
        log.matches("CREATE TABLE \"assets\".\"larder_data_").count(),
        3,
        "{log}"
    );
    assert_eq!(log.matches(" USING heap AS SELECT").count(), 2, "{log}");
    // One table came in, and none was copied for a query.
    assert_eq!(log.matches("FROM STDIN").count(), 1, "{log}");
    assert!(!log.contains("larder_input"), "{log}");
    let totals = pipeline.key("reports/totals").expect("is there");
    let receipt = ground
        .run(async { pipeline.head(&totals).await })
        .expect("is told")
        .expect("is stored");
    assert_eq!(receipt.rows, Some(3));
    assert!(receipt.bytes > 0);
    // SQL users read it by its name.
    assert_eq!(ground.server.number("SELECT count(*) FROM assets.reports__totals"), 3);
    let plan = ground.run(pipeline.query_plan(&pipeline.key("reports/best").expect("is there")));
    let plan = plan.expect("is planned").expect("is a query");
    assert!(plan.contains("Seq Scan on assets.larder_data_"), "{plan}");
    let legend = "reports.totals: SELECT \"customer\", \"total\" FROM \"assets\".\"larder_data_";
    assert!(plan.starts_with(legend), "{plan}");
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn rows_come_and_go_where_they_are_kept_elsewhere() {
    let ground = Ground::start();
    let raw = Asset::builder("raw/transactions")
        .io_manager("here")
        .function(|_| async { Ok(common::transactions()) });
    let totals = Asset::builder("reports/totals").sql(TOTALS);
    let back = Asset::builder("reports/back")
        .io_manager("here")
        .sql("select t.total::int8 as total, note from reports.totals t join raw.transactions using (customer) order by 1, 2");
    let pipeline = ground.made(ground.of([raw, totals, back]));
    let plan = ground.run(pipeline.query_plan(&pipeline.key("reports/back").expect("is there")));
    let plan = plan.expect("is planned").expect("is a query");
    let copied = "raw.transactions: elsewhere, and copied into pg_temp.larder_input_2 first";
    assert!(plan.contains(copied), "{plan}");
    let rows = ground.shown(&pipeline, "reports/back");
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0], [json!(1), json!("c")]);
    assert_eq!(rows[3], [json!(120), json!("'; drop table x; --")]);
    // People ask too.
    let asked = ground.run(async {
        let stream = pipeline
            .query("select count(*) as n from \"reports/back\"")
            .await
            .expect("is answered");
        common::rows_of(larder_io_core::AssetValue::into_value(stream)).await
    });
    assert_eq!(asked, [[json!(5)]]);
    assert_eq!(
        ground
            .server
            .number("SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND application_name = 'larder'"),
        0
    );
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn results_are_cast_to_declared_columns() {
    let ground = Ground::start();
    let declared = columns([
        ("customer", DataType::Int32, false),
        ("total", DataType::Decimal128(12, 2), true),
        ("whole", DataType::Int64, true),
        (
            "at",
            DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            true,
        ),
    ]);
    let sql = "select sum(amount) / 1.6 as whole, sum(amount) as total, customer, timestamptz '2024-05-06 07:08:09.123456+02' as at \
               from raw.transactions group by customer order by customer -- ends in a comment";
    let totals = Asset::builder("totals").columns(declared).sql(sql);
    let pipeline = ground.made(ground.of([raw(), totals]));
    let time = "2024-05-06T05:08:09.123456Z";
    let row = |customer: i64, total: &str, whole: i64| vec![json!(customer), json!(total), json!(whole), json!(time)];
    // 1 / 1.6 is 0.625 and cut off: as every engine does it.
    assert_eq!(
        ground.shown(&pipeline, "totals"),
        [row(1, "15.00", 9), row(2, "120.50", 75), row(3, "1.00", 0)]
    );
    for (name, field, sql, said) in [
        ("narrow", DataType::Int16, "select 40000 as x", "smallint out of range"),
        (
            "text",
            DataType::Int64,
            "select note as x from raw.transactions",
            "invalid input syntax",
        ),
        (
            "zero",
            DataType::Int64,
            "select customer / (customer - 1) as x from raw.transactions",
            "line 1, column 8",
        ),
        (
            "null",
            DataType::Int64,
            "select nullif(customer, 3) as x from raw.transactions",
            "column `x` may not be null",
        ),
    ] {
        let asset = Asset::builder(name).columns(columns([("x", field, false)])).sql(sql);
        let (kind, message) = ground.failed(ground.of([raw(), asset]), name);
        assert_eq!(kind, ErrorKind::InvalidData, "{name}: {message}");
        // The server tells no place of what fails while it runs.
        assert!(
            message.contains(said) || name == "zero" && message.contains("division by zero"),
            "{name}: {message}"
        );
    }
    let left = ground
        .server
        .number("SELECT count(*) FROM assets.larder_values WHERE state = 'staged'");
    assert_eq!(left, 0);
}

/// Values and names that PostgreSQL has and larder has not, or that mean another thing there.
#[test]
#[ignore = "needs PostgreSQL's programs"]
fn what_would_be_another_value_is_refused() {
    let ground = Ground::start();
    let whole = Asset::builder("whole")
        .columns(columns([
            ("a", DataType::Int64, true),
            ("b", DataType::Int64, true),
            ("c", DataType::Decimal128(18, 3), true),
        ]))
        .sql("select 1234567::real as a, 9007199254740992::float8 as b, 1234567.5::real as c;");
    let pipeline = ground.made(ground.of([whole]));
    assert_eq!(
        ground.shown(&pipeline, "whole"),
        [[json!(1234567), json!(9007199254740992_i64), json!("1234567.500")]]
    );
    let time = || DataType::Timestamp(TimeUnit::Microsecond, None);
    for (kind, sql) in [
        (time(), "select 'infinity'::timestamp as x"),
        (DataType::Date32, "select '-infinity'::date as x"),
        (DataType::Decimal128(9, 2), "select 'NaN'::numeric as x"),
    ] {
        let asset = Asset::builder("q").columns(columns([("x", kind, true)])).sql(sql);
        let (kind, message) = ground.failed(ground.of([asset]), "q");
        assert_eq!(kind, ErrorKind::InvalidData, "{sql}: {message}");
        assert!(message.contains("infinite date or time"), "{sql}: {message}");
    }
    let fine = Asset::builder("fine").io_manager("here").function(|_| async {
        let at: arrow_array::ArrayRef = Arc::new(arrow_array::TimestampNanosecondArray::from(vec![1]));
        Ok(Table::from(
            arrow_array::RecordBatch::try_from_iter([("at", at)]).expect("fits"),
        ))
    });
    let asset = Asset::builder("q").sql("select at from fine");
    let (kind, message) = ground.failed(ground.of([fine, asset]), "q");
    assert_eq!(kind, ErrorKind::Unsupported, "{message}");
    assert!(message.contains("`at`"), "{message}");
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn parameters_and_partitions_are_data() {
    let ground = Ground::start();
    let hostile = "'; drop table x; --";
    let pieces = Partitioning::fixed("piece", ["a", hostile, "b"]).expect("is valid");
    let by_piece = Asset::builder("by_piece")
        .partitions(pieces)
        .sql("select customer, $piece as \"of\", $partition as whole from transactions where note = $piece");
    let all = Asset::builder("all")
        .sql("select count(*) as n, count(distinct piece) as pieces, min(piece) as least from by_piece");
    let days = Asset::builder("days")
        .partitions(Partitioning::daily("2024-01-01").end("2024-01-03"))
        .parameter("yes", true)
        .parameter("n", 7)
        .parameter("f", 0.5)
        .sql("select $window_start at time zone 'UTC' as start, cast($date as date) as day, $window_end - $window_start as width, $yes as yes, $n + 1 as n, $f * 2 as f");
    let pipeline = ground.made(ground.of([raw(), by_piece, all, days]));
    let of = |key: &str, dimension: &str, value: &str| larder_executor::AssetPartition {
        asset: pipeline.key(key).expect("is there"),
        partition: Some(PartitionKey::single(dimension, value).expect("is a key")),
    };
    let rows =
        |of| ground.run(async { common::rows_of(pipeline.load_value(&of, None).await.expect("is stored")).await });
    assert_eq!(
        rows(of("by_piece", "piece", hostile)),
        [[json!(2), json!(hostile), json!(hostile)]]
    );
    assert_eq!(ground.shown(&pipeline, "all"), [[json!(4), json!(3), json!(hostile)]]);
    let day = rows(of("days", "date", "2024-01-02"));
    assert_eq!(day[0][0], json!("2024-01-02T00:00:00"));
    assert_eq!(day[0][1], json!("2024-01-02"));
    assert_eq!(day[0][3..], [json!("true"), json!(8), json!("1.0")]);
    let nul = Asset::builder("nul").parameter("p", "a\0b").sql("select $p as p");
    let (kind, message) = ground.failed(ground.of([nul]), "nul");
    assert_eq!(kind, ErrorKind::InvalidData, "{message}");
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn what_is_wrong_is_told_where_it_stands() {
    let ground = Ground::start();
    let sql = |sql: &str| Asset::builder("q").sql(sql);
    for (text, kind, said) in [
        (
            "select customer,\n  amont from raw.transactions",
            ErrorKind::InvalidDefinition,
            vec!["line 2, column 3", "amont", "transactions.amount"],
        ),
        (
            "select nope(1) as x from raw.transactions",
            ErrorKind::InvalidDefinition,
            vec!["line 1, column 8", "nope"],
        ),
        (
            "select raw.transactions.amount * note as x from raw.transactions",
            ErrorKind::InvalidDefinition,
            vec!["line 1, column 32"],
        ),
        (
            "select 1 as x, 2 as x",
            ErrorKind::InvalidDefinition,
            vec!["`x` comes twice"],
        ),
        (
            "select sum(1.5) as x from raw.transactions",
            ErrorKind::InvalidDefinition,
            vec!["numeric(38, 6)"],
        ),
        (
            "select point(1, 2) as x",
            ErrorKind::InvalidDefinition,
            vec!["`x` has the type point"],
        ),
    ] {
        let (found, message) = ground.failed(ground.of([raw(), sql(text)]), "q");
        assert_eq!(found, kind, "{text}: {message}");
        for word in said {
            assert!(message.contains(word), "{text}: {word}: {message}");
        }
    }
    for (text, said) in [
        ("select * frm x", "line 1"),
        ("select * from raw.transaction", "raw/transactions"),
        ("delete from raw.transactions", "a query reads"),
        ("select * from pg_catalog.pg_authid", "there is no asset"),
    ] {
        let error = ground.of([raw(), sql(text)]).build().map(drop).expect_err(text);
        assert!(error.message().contains(said), "{text}: {error}");
    }
}

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn a_server_that_does_not_let_us_says_so_and_loses_nothing() {
    let ground = Ground::start();
    let asset = || Asset::builder("q").sql("select count(*) as n from raw.transactions");
    let pipeline = ground.made(ground.of([raw(), asset()]));
    let wrong = ground.server.url_of("postgres", "wr0ng", "postgres");
    let (kind, message) = ground.failed(ground.by(&wrong, [raw(), asset()]), "q");
    assert_eq!(kind, ErrorKind::Unauthenticated, "{message}");
    assert!(!message.contains("wr0ng"), "{message}");
    let nobody = "postgres://postgres@127.0.0.1:1/postgres";
    let (kind, message) = ground.failed(ground.by(nobody, [raw(), asset()]), "q");
    assert_eq!(kind, ErrorKind::Unavailable, "{message}");
    assert!(message.contains("look whether the server runs"), "{message}");
    // A table that the user may not write: the schema is another's.
    ground.server.sql("CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT USAGE ON SCHEMA assets TO reader; GRANT SELECT, INSERT, UPDATE, DELETE ON assets.larder_values TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA assets TO reader");
    let reader = ground.server.url_of("reader", "r", "postgres");
    let external = || Asset::external::<Table>("raw/transactions");
    let (kind, message) = ground.failed(common::kept(&reader, &reader).asset(asset()).asset(external()), "q");
    assert_eq!(kind, ErrorKind::PermissionDenied, "{message}");
    assert!(message.contains("CREATE on the schema"), "{message}");
    assert_eq!(ground.shown(&pipeline, "q"), [[json!(5)]]);
    let unknown = ground
        .of([asset().clone(), raw()])
        .config_text("engine = 'postgrs'")
        .build()
        .map(drop)
        .expect_err("is refused");
    assert!(unknown.message().contains("did you mean `postgres`"), "{unknown}");
    let homeless = ground
        .of([asset(), raw()])
        .config_text("engine = 'postgres'")
        .build()
        .map(drop)
        .expect_err("is refused");
    assert!(homeless.message().contains("[engines.postgres]"), "{homeless}");
}
