//! Assets that are queries: what they make, from what, when they are made again, and what is told when they are wrong.

mod common;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use common::rows_of;
use larder_catalog::Catalog;
use larder_engine_datafusion::DataFusion;
use larder_executor::{Asset, Definitions, Pipeline};
use larder_io_core::{Error, ErrorKind, PartitionKey, Result, Table, Version};
use larder_io_fs::FsConfig;
use larder_io_memory::MemoryIo;
use larder_partitions::Partitioning;
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn transactions() -> Table {
    let customers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 3, 2]));
    let amounts: ArrayRef = Arc::new(Float64Array::from(vec![10.0, 20.5, 5.0, 1.0, 100.0]));
    let notes: ArrayRef = Arc::new(StringArray::from(vec!["a", "'; drop table x; --", "b", "c", "a"]));
    Table::from(
        RecordBatch::try_from_iter([("customer", customers), ("amount", amounts), ("note", notes)]).expect("fits"),
    )
}

fn raw() -> Asset {
    Asset::builder("raw/transactions").function(|_| async { Ok(transactions()) })
}

fn of(assets: impl IntoIterator<Item = Asset>) -> Definitions {
    Definitions::new()
        .assets(assets)
        .engine(Arc::new(DataFusion::new()))
        .with_every_asset_in(Arc::new(MemoryIo::new()))
}

async fn shown(pipeline: &Pipeline, key: &str) -> Vec<Vec<Json>> {
    let key = pipeline.key(key).expect("is there");
    rows_of(pipeline.load_value(&key, None).await.expect("is stored")).await
}

fn refused(definitions: Definitions) -> Error {
    definitions.build().map(drop).expect_err("is refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_over_queries_are_made_in_their_order() {
    let pipeline = of([
        Asset::builder("reports/best")
            .sql("select customer from clean.totals where total > $least order by total desc limit 2"),
        Asset::builder("clean/totals").sql("select customer, sum(amount) as total from transactions group by customer"),
        raw(),
    ]);
    let error = refused(pipeline);
    assert!(error.message().contains("nothing gives `$least`"), "{error}");
    let pipeline = of([
        Asset::builder("reports/best")
            .parameter("least", 2)
            .sql("select customer from clean.totals where total > $least order by total desc"),
        Asset::builder("clean/totals").sql("select customer, sum(amount) as total from transactions group by customer"),
        raw(),
    ])
    .build()
    .expect("is valid");
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    assert_eq!(shown(&pipeline, "reports/best").await, [[json!(2)], [json!(1)]]);
    let info = pipeline
        .info(&pipeline.key("reports/best").expect("is there"))
        .expect("is there");
    assert_eq!(
        info.inputs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["clean/totals"]
    );
    let told = pipeline.explain(&info.key).expect("is there").engine;
    assert_eq!(told.as_deref(), Some("datafusion, because it is the only one there is"));
    let plan = pipeline
        .query_plan(&info.key)
        .await
        .expect("is planned")
        .expect("is a query");
    assert!(plan.contains("Sort"), "{plan}");
}

#[test]
fn what_is_wrong_is_told_when_definitions_are_built_with_its_place() {
    let total = "select customer, sum(amount) as total from raw.transactions group by customer";
    let columns = Arc::new(Schema::new(vec![
        Field::new("customer", DataType::Int64, false),
        Field::new("amount", DataType::Float64, true),
    ]));
    let declared = || {
        let columns = Arc::clone(&columns);
        Asset::builder("raw/declared")
            .columns(columns)
            .function(|_| async { Ok(transactions()) })
    };
    let cases: [(&str, &str, &str); 12] = [
        (
            "select\n  custmer from declared",
            "line 2, column 3: there is no column `custmer`",
            "did you mean `customer`?",
        ),
        (
            "select d.amont from declared d",
            "there is no column `d.amont`",
            "did you mean `amount`?",
        ),
        (
            "select customer from raw.declard",
            "line 1, column 22",
            "did you mean `raw/declared`?",
        ),
        (
            "select customer\nfrm declared",
            "failed: line 2, column 5: Expected",
            "found: declared",
        ),
        ("select customer from", "", ""),
        ("insert into declared values (1, 2)", "a query reads", ""),
        (
            "select * from report",
            "need each other in a circle: report -> report",
            "",
        ),
        (
            "select customer + 'x' from declared where customer = $custommer",
            "nothing gives `$custommer`",
            "",
        ),
        (
            "select customer from declared where amount = $partition",
            "the asset has no partitions",
            "",
        ),
        ("select sumb(amount) from declared", "sumb", "sum"),
        ("select amount and customer from declared", "", ""),
        ("select 1; select 2", "", ""),
    ];
    for (sql, told, more) in cases {
        let error = refused(of([declared(), Asset::builder("report").sql(sql)]));
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{sql}: {error}");
        let message = error.message();
        assert!(
            message.contains("report") && message.contains(told) && message.contains(more),
            "{sql}: {message}"
        );
    }
    // Columns of a query over a query are known as well.
    let error = refused(of([
        declared(),
        Asset::builder("one").sql("select customer as c, amount * 2 as double from declared"),
        Asset::builder("two").sql("select customer from one"),
    ]));
    assert!(
        error.message().contains("`two`") && error.message().contains("`customer`"),
        "{error}"
    );
    // Without an engine, and with one that is not there.
    let no_engine = Definitions::new().assets([raw(), Asset::builder("report").sql(total)]);
    assert!(refused(no_engine).message().contains("feature `datafusion`"));
    let other = of([raw(), Asset::builder("report").engine("datafusoin").sql(total)]);
    assert!(refused(other).message().contains("did you mean `datafusion`?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_not_declared_are_held_against_what_is_there() {
    let pipeline = of([raw(), Asset::builder("report").sql("select amout from transactions")]);
    let catalog = Catalog::in_memory().expect("opens");
    let pipeline = pipeline
        .build()
        .expect("nobody knows the columns")
        .with_catalog(catalog);
    let report = pipeline.run("*").await.expect("runs");
    assert!(!report.succeeded());
    let failed = report.error("report").expect("failed");
    assert!(
        failed.message().contains("line 1, column 8") && failed.message().contains("did you mean `amount`?"),
        "{failed}"
    );
    // Once they are known, and their asset is not made in the same run, it is told before anything runs.
    let error = pipeline.run("report").await.map(drop).expect_err("is known before");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{error}");
    assert!(
        error.message().contains("`report`") && error.message().contains("did you mean `amount`?"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_cast_to_declared_columns() {
    let columns = |fields: Vec<Field>| Arc::new(Schema::new(fields));
    let total = Field::new("total", DataType::Decimal128(12, 2), true);
    let customer = Field::new("customer", DataType::Int32, false);
    let sql = "select sum(amount) as total, customer from transactions group by customer order by customer";
    let good = Asset::builder("good")
        .columns(columns(vec![customer.clone(), total.clone()]))
        .sql(sql);
    let pipeline = of([raw(), good]).build().expect("is valid");
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    let first = |number: i64, total: &str| vec![json!(number), json!(total)];
    assert_eq!(
        shown(&pipeline, "good").await,
        [first(1, "15.00"), first(2, "120.50"), first(3, "1.00")]
    );
    // A value that a cast cannot keep is an error, never a null.
    let small = Field::new("total", DataType::Int8, true);
    let big = "select cast(1000 as bigint) as total, customer from transactions";
    let narrow = Asset::builder("narrow")
        .columns(columns(vec![customer.clone(), small]))
        .sql(big);
    let nulls = Asset::builder("nulls")
        .columns(columns(vec![customer.clone(), total]))
        .sql("select cast(null as int) as customer, sum(amount) as total from transactions");
    let pipeline = of([raw(), narrow, nulls]).build().expect("is valid");
    let report = pipeline.run("*").await.expect("runs");
    for key in ["narrow", "nulls"] {
        let error = report.error(key).expect("failed");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
    let missing = Asset::builder("missing")
        .columns(columns(vec![customer]))
        .sql("select customr from raw.declared");
    let declared = Asset::builder("raw/declared")
        .columns(columns(vec![Field::new("customr", DataType::Int64, true)]))
        .function(|_| async { Ok(transactions()) });
    let error = refused(of([declared, missing]));
    assert!(
        error
            .message()
            .contains("`customer` is missing; the query has `customr`"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_come_as_parameters_and_are_data() {
    let hostile = "'; drop table x; --";
    let pieces = Partitioning::fixed("piece", ["a", hostile, "b"]).expect("is valid");
    let by_piece = Asset::builder("by_piece")
        .partitions(pieces)
        .sql("select customer, $piece as piece, $partition as whole from transactions where note = $piece");
    let all = Asset::builder("all").sql("select count(*) as n, count(distinct piece) as pieces from by_piece");
    let pipeline = of([raw(), by_piece, all]).build().expect("is valid");
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    let key = pipeline.key("by_piece").expect("is there");
    let of = larder_executor::AssetPartition {
        asset: key,
        partition: Some(PartitionKey::single("piece", hostile).expect("is a key")),
    };
    let value = pipeline.load_value(&of, None).await.expect("is stored");
    assert_eq!(
        rows_of(value).await,
        [[json!(2), json!(hostile), json!(format!("piece={hostile}"))]]
    );
    assert_eq!(shown(&pipeline, "all").await, [[json!(4), json!(3)]]);
    // Windows of time are timestamps.
    let days = Asset::builder("days")
        .partitions(Partitioning::daily("2024-01-01").end("2024-01-03"))
        .sql("select $window_start as start, $window_end as until, $date as day, $window_end - $window_start as width from transactions limit 1");
    let pipeline = built([raw(), days]);
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded(), "{report:?}");
}

fn built(assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    of(assets).build().expect("is valid")
}

#[test]
fn a_query_that_says_the_same_in_other_words_is_not_stale() {
    let version = |query: &str, least: i64| {
        let asset = Asset::builder("report").parameter("least", least).sql(query);
        let pipeline = built([raw(), asset]);
        pipeline
            .info(&pipeline.key("report").expect("is there"))
            .expect("is there")
            .code_version
    };
    let query = "select customer from transactions where amount > $least";
    let plain = version(query, 1);
    assert!(plain.is_some());
    assert_eq!(
        plain,
        version(
            "-- a comment\nSELECT customer\n  FROM transactions WHERE amount > $least",
            1
        )
    );
    assert_ne!(plain, version(query, 2));
    assert_ne!(
        plain,
        version("select customer from transactions where amount >= $least", 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_chooses_engine_and_parameters() {
    let asset = || {
        Asset::builder("report")
            .parameter("least", 50.0)
            .sql("select customer from transactions where amount > $least")
    };
    // What puts everything into one manager reads no configuration.
    let with = |text: &str| {
        Definitions::new()
            .assets([raw(), asset()])
            .engine(Arc::new(DataFusion::new()))
            .default_io_manager(Arc::new(MemoryIo::new()))
            .variables([])
            .config_text(text)
    };
    let pipeline = with("engine = \"datafusion\"\n[parameters]\nleast = 15.0")
        .build()
        .expect("is valid");
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    assert_eq!(shown(&pipeline, "report").await, [[json!(2)], [json!(2)]]);
    let told = pipeline
        .explain(&pipeline.key("report").expect("is there"))
        .expect("is there")
        .engine;
    assert_eq!(told.as_deref(), Some("datafusion, because larder.toml:1:10 says so"));
    for (text, told) in [
        (
            "engine = \"spark\"",
            "there is no engine `spark` (larder.toml:1:10 says so)",
        ),
        (
            "[parameters]\nleast = \"x\"",
            "the parameter `least` is of kind float, not text",
        ),
        (
            "[parameters]\nleats = 1.0",
            "no query takes the parameter `leats`; did you mean `least`?",
        ),
        ("[parameters]\nleast = [1]", "is a boolean, a number"),
    ] {
        let message = refused(with(text)).message().to_owned();
        assert!(message.contains(told), "{text}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_a_header() {
    let text = "-- What each customer spent.\n-- Counted once.\n-- group: finance\n-- columns: customer bigint not null,\n-- columns: total decimal(12, 2)\n\
        -- parameter: least = 1.5\n-- tag: team = ops\n-- retention: last 3\n\nselect customer, sum(amount) as total from raw.transactions\nwhere amount > $least group by customer";
    let file = Asset::sql_file("reports/spent", "assets/reports/spent.sql", text);
    let pipeline = built([raw(), file]);
    let key = pipeline.key("reports/spent").expect("is there");
    let info = pipeline.info(&key).expect("is there");
    assert_eq!(
        info.description.as_deref(),
        Some("What each customer spent.\nCounted once.")
    );
    assert_eq!(
        (info.group.as_deref(), info.tags["team"].as_str()),
        (Some("finance"), "ops")
    );
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    let mut rows = shown(&pipeline, "reports/spent").await;
    rows.sort_by_key(|row| format!("{row:?}"));
    assert_eq!(rows, [[json!(1), json!("15.00")], [json!(2), json!("120.50")]]);
    for (text, told) in [
        (
            "-- gruop: x\nselect 1 as a",
            "line 1: there is no setting `gruop`; did you mean `group`?",
        ),
        ("-- group: a\n-- group: b\nselect 1 as a", "line 2: `group` comes twice"),
        ("\n-- columns: a bigin\nselect 1 as a", "did you mean `bigint`?"),
        ("-- partitions: dayly from x\nselect 1 as a", "`daily from 2024-01-01`"),
        ("-- parameter: x\nselect 1 as a", "write `parameter: NAME = VALUE`"),
        ("-- group: a\n\nselect a frm b", "line 3"),
    ] {
        let error = refused(of([raw(), Asset::sql_file("x", "assets/x.sql", text)]));
        let message = error.message();
        assert!(
            message.contains("`x` (assets/x.sql)") && message.contains(told),
            "{text}: {message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_larger_than_memory_allows_is_sorted_on_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let numbers = Asset::builder("numbers").function(|_| async {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(
            (0..2_000_000).map(|n| (n * 7_919) % 2_000_003),
        ));
        Ok(Table::from(RecordBatch::try_from_iter([("n", column)]).expect("fits")))
    });
    let sorted = Asset::builder("sorted").sql("select n, cast(n as varchar) as text from numbers order by n");
    let manager = FsConfig::new(dir.path()).open().expect("opens");
    let pipeline = Definitions::new()
        .assets([numbers, sorted])
        // Less than the rows take.
        .engine(Arc::new(DataFusion::new().with_memory(24 << 20)))
        .with_every_asset_in(Arc::new(manager))
        .build()
        .expect("is valid");
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded(), "{report:?}");
    let counted = pipeline
        .query("select count(*) as n, min(n), max(n) from sorted")
        .await
        .expect("is a query");
    let rows = rows_of(larder_io_core::AssetValue::into_value(counted)).await;
    assert_eq!(rows[0][0], json!(2_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_query_leaves_the_old_value() -> Result<()> {
    let dir = tempfile::tempdir().expect("a directory");
    let build = |divisor: i64| {
        let manager = FsConfig::new(dir.path()).open().expect("opens");
        let report = Asset::builder("report")
            .parameter("divisor", divisor)
            .sql("select customer / $divisor as part from transactions");
        Definitions::new()
            .assets([raw(), report])
            .engine(Arc::new(DataFusion::new()))
            .with_every_asset_in(Arc::new(manager))
            .build()
            .expect("is valid")
    };
    let before = build(1);
    assert!(before.run("*").await?.succeeded());
    let key = before.key("report")?;
    let old: Option<Version> = before.visible(&key).await?.map(|receipt| receipt.version);
    let after = build(0);
    let report = after.run("*").await?;
    let error = report.error("report").expect("failed");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert_eq!(after.visible(&key).await?.map(|receipt| receipt.version), old);
    Ok(())
}
