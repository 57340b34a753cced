//! Queries over the assets of a pipeline, in code and by the command `show --sql`.

mod common;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder_engine_datafusion::DataFusion;
use larder_executor::{Asset, Definitions, Pipeline};
use larder_io_core::{AssetValue, ErrorKind, IoManager, Result, Table, TableStream};
use larder_io_fs::{FsConfig, TableFormat};
use larder_io_memory::MemoryIo;
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn flights() -> Table {
    let carriers: ArrayRef = Arc::new(StringArray::from(vec![Some("UA"), Some("AA"), None, Some("UA")]));
    let delays: ArrayRef = Arc::new(Int64Array::from(vec![Some(10), Some(-3), Some(7), None]));
    Table::from(RecordBatch::try_from_iter([("carrier", carriers), ("delay", delays)]).expect("fits"))
}

fn airlines() -> Table {
    let codes: ArrayRef = Arc::new(StringArray::from(vec!["UA", "AA"]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["United", "American"]));
    Table::from(RecordBatch::try_from_iter([("code", codes), ("name", names)]).expect("fits"))
}

fn definitions(manager: Arc<dyn IoManager>) -> Definitions {
    let assets = [
        Asset::builder("raw/flights").function(|_| async { Ok(flights()) }),
        Asset::builder("raw/airlines").function(|_| async { Ok(airlines()) }),
        Asset::builder("other/airlines").function(|_| async { Ok(airlines()) }),
        Asset::builder("reports/total").function(|_| async { Ok(14_i64) }),
        Asset::builder("late/never").function(|_| async { Ok(flights()) }),
    ];
    Definitions::new()
        .assets(assets)
        .engine(Arc::new(DataFusion::new()))
        .with_every_asset_in(manager)
}

/// Everything is materialized but `late/never`.
async fn pipeline(manager: Arc<dyn IoManager>) -> Pipeline {
    let pipeline = definitions(manager).build().expect("is valid");
    let report = pipeline.run("raw/* other/* reports/*").await.expect("runs");
    assert!(report.succeeded());
    pipeline
}

async fn rows(pipeline: &Pipeline, sql: &str) -> Result<Vec<Vec<Json>>> {
    let stream: TableStream = pipeline.query(sql).await?;
    Ok(common::rows_of(Table::from_value(stream.into_value()).await?.into_value()).await)
}

const JOIN: &str = "select name, sum(delay) as total from \"raw/flights\" \
     left join raw.airlines on code = carrier group by name order by total";

#[tokio::test(flavor = "multi_thread")]
async fn a_query_joins_assets_of_every_format() {
    let dir = tempfile::tempdir().expect("a directory");
    let expected = [
        vec![json!("American"), json!(-3)],
        vec![Json::Null, json!(7)],
        vec![json!("United"), json!(10)],
    ];
    let mut managers: Vec<Arc<dyn IoManager>> = vec![Arc::new(MemoryIo::new())];
    for (number, format) in [TableFormat::Parquet, TableFormat::Arrow, TableFormat::Csv]
        .into_iter()
        .enumerate()
    {
        let mut config = FsConfig::new(dir.path().join(number.to_string()));
        config.table = format;
        managers.push(Arc::new(config.open().expect("opens")));
    }
    for manager in managers {
        let pipeline = pipeline(manager).await;
        assert_eq!(rows(&pipeline, JOIN).await.expect("is a query"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_named_in_every_way() {
    let pipeline = pipeline(Arc::new(MemoryIo::new())).await;
    for name in [
        "\"raw/flights\"",
        "raw.flights",
        "flights",
        "RAW.Flights",
        "\"raw\".\"flights\"",
    ] {
        let found = rows(&pipeline, &format!("select count(*) from {name}")).await;
        assert_eq!(found.expect(name), [[json!(4)]], "{name}");
    }
    // The same table under two names.
    let both = "select count(*) from flights a, \"raw/flights\" b where a.carrier = b.carrier";
    assert_eq!(rows(&pipeline, both).await.expect("is a query"), [[json!(5)]]);
    let with = "with late as (select * from flights where delay > 0) select count(*) from late";
    assert_eq!(rows(&pipeline, with).await.expect("is a query"), [[json!(2)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_query_is_refused() {
    let pipeline = pipeline(Arc::new(MemoryIo::new())).await;
    let cases = [
        (
            "select * from raw.flihts",
            ErrorKind::InvalidDefinition,
            "did you mean `raw/flights`?",
        ),
        (
            "select * from airlines",
            ErrorKind::InvalidDefinition,
            "may be `other/airlines` or `raw/airlines`",
        ),
        (
            "select * from total",
            ErrorKind::InvalidDefinition,
            "`reports/total` is stored as object",
        ),
        ("select * from never", ErrorKind::NotFound, "materialize"),
        ("select carier from flights", ErrorKind::InvalidDefinition, "carier"),
        ("selct 1", ErrorKind::InvalidDefinition, "selct"),
        ("", ErrorKind::InvalidDefinition, ""),
        ("select 1; select 2", ErrorKind::Unsupported, ""),
        ("drop table flights", ErrorKind::Unsupported, "a query reads"),
        (
            "create table x as select * from flights",
            ErrorKind::Unsupported,
            "a query reads",
        ),
        (
            "insert into flights values ('a', 1)",
            ErrorKind::Unsupported,
            "a query reads",
        ),
        (
            "copy flights to '/tmp/larder-x.csv'",
            ErrorKind::Unsupported,
            "a query reads",
        ),
        (
            "set datafusion.execution.batch_size = 1",
            ErrorKind::Unsupported,
            "a query reads",
        ),
        (
            "select * from '/etc/passwd'",
            ErrorKind::InvalidDefinition,
            "/etc/passwd",
        ),
        ("select 1 / 0", ErrorKind::InvalidData, "ivide"),
    ];
    for (sql, kind, part) in cases {
        let error = rows(&pipeline, sql).await.map(drop).expect_err(sql);
        let told = format!("{error} {}", error.message());
        assert_eq!(error.kind(), kind, "{sql}: {told}");
        assert!(told.contains(part), "{sql}: {told}");
    }
    // Nothing of that changed a table.
    assert_eq!(
        rows(&pipeline, "select count(*) from flights")
            .await
            .expect("is a query"),
        [[json!(4)]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_it_says_how_to_get_one() {
    let asset = Asset::builder("a").function(|_| async { Ok(flights()) });
    let definitions = Definitions::new()
        .asset(asset)
        .with_every_asset_in(Arc::new(MemoryIo::new()));
    let pipeline = definitions.build().expect("is valid");
    let error = pipeline.query("select 1").await.map(drop).expect_err("has no engine");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("feature `datafusion`"), "{error}");
}

/// Exit code and what was printed.
fn command(definitions: &Definitions, arguments: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = std::iter::once("pipeline")
        .chain(arguments.iter().copied())
        .map(Into::into);
    let code = larder_cli::run(definitions.clone(), arguments, &mut out, &mut err, false);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("is text");
    (code, text(out), text(err))
}

#[test]
fn show_prints_the_rows_of_a_query() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = FsConfig::new(dir.path()).open().expect("opens");
    let definitions = definitions(Arc::new(manager));
    assert_eq!(command(&definitions, &["materialize"]).0, 0);
    let sql = "select carrier, delay from flights order by delay desc nulls last";
    let (code, out, err) = command(&definitions, &["show", "--sql", sql, "--head", "2", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let shown: Json = serde_json::from_str(&out).expect("is JSON");
    assert_eq!(shown["more_rows"], json!(true));
    assert_eq!(shown["rows"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown["columns"][1]["name"], json!("delay"));
    let (code, out, err) = command(&definitions, &["show", "--sql", "select count(*) as n from flights"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains('4') && out.contains('n'), "{out}");
    let (code, _, err) = command(&definitions, &["show", "--sql", "select delaay from flights"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("delaay"), "{err}");
    let (code, _, err) = command(&definitions, &["show", "raw/flights", "--sql", "select 1"]);
    assert_eq!(code, 2, "{err}");
}
