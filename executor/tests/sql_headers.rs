//! What the header of a query's file says, and what is found of it only once all assets are known.
#![cfg(feature = "arrow")]

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use larder_executor::{Asset, Definitions};
use larder_io_core::{Error, ErrorKind, LazyTable, Prepared, Query, Result, SqlEngine, Table, TableName, TableSource};
use larder_io_memory::MemoryIo;
use larder_partitions::Partitioning;
use std::sync::Arc;

/// An engine that knows `from TABLE` and `$parameter`, and runs nothing.
#[derive(Debug)]
struct Reads;

#[async_trait]
impl SqlEngine for Reads {
    fn name(&self) -> &str {
        "reads"
    }

    fn prepare(&self, sql: &str) -> Result<Prepared> {
        let query: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--")).collect();
        let words: Vec<&str> = query.iter().flat_map(|line| line.split_whitespace()).collect();
        let tables = words.windows(2).filter(|pair| pair[0] == "from");
        let tables = tables.map(|pair| TableName {
            parts: pair[1].split('.').map(str::to_owned).collect(),
            at: None,
        });
        let parameters = words.iter().filter_map(|word| word.strip_prefix('$'));
        Ok(Prepared {
            sql: sql.to_owned(),
            normal: query.join(" "),
            tables: tables.collect(),
            parameters: parameters.map(str::to_owned).collect(),
            explains: false,
        })
    }

    fn schema(&self, _: Query<'_>, _: &[SchemaRef]) -> Result<Option<SchemaRef>> {
        Ok(None)
    }

    async fn explain(&self, _: Query<'_>, _: &[LazyTable]) -> Result<String> {
        Ok(String::new())
    }

    async fn execute(&self, _: Query<'_>, _: &[LazyTable]) -> Result<Arc<dyn TableSource>> {
        Err(Error::new(ErrorKind::Unsupported, "it only reads"))
    }
}

fn of(assets: impl IntoIterator<Item = Asset>) -> Definitions {
    Definitions::new()
        .assets(assets)
        .engine(Arc::new(Reads))
        .default_io_manager(Arc::new(MemoryIo::new()))
        .variables([])
        .without_config()
}

fn days() -> Asset {
    Asset::builder("days")
        .partitions(Partitioning::daily("2024-01-01"))
        .function(|_| async { Err::<Table, _>(Error::new(ErrorKind::Unexpected, "is never made")) })
}

#[test]
fn what_is_found_late_has_its_line() {
    let other = || Asset::builder("other").function(|_| async { Ok(1_u64) });
    for (header, line, told) in [
        ("-- engine: spark", 2, "there is no engine `spark`"),
        ("-- io_manager: warehose", 2, "there is no I/O manager `warehose`"),
        ("-- retention: last x", 2, "last x"),
        ("-- memory: much", 2, "the memory of `x`"),
        ("-- timeout: 0s", 2, "`timeout` is 0"),
        (
            "-- tag: a = b\n-- setting: mode = append",
            3,
            "do not fit the I/O manager",
        ),
        ("-- group: a\n-- key: other", 3, "two assets have the key"),
        ("-- key: a//b", 2, "a//b"),
        ("-- parameter: leats = 1", 2, "the query has no `$leats`"),
        ("-- partitions: static region: de, fr", 2, "takes `days"),
    ] {
        let text = format!("-- What it is.\n{header}\nselect 1 as a from days");
        let file = Asset::sql_file("x", "assets/x.sql", &text);
        let error = of([other(), days(), file]).build().map(drop).expect_err(header);
        let message = error.message();
        let places = [
            format!("(assets/x.sql:{line})"),
            format!("(assets/x.sql): line {line}: "),
        ];
        assert!(
            message.contains(told) && places.iter().any(|place| message.contains(place)),
            "{header}: {message}"
        );
    }
}

/// What code says has no line.
#[test]
fn what_is_no_file_has_no_place() {
    let asset = Asset::builder("x").io_manager("warehose").sql("select 1 as a");
    let error = of([asset]).build().map(drop).expect_err("there is none");
    assert!(error.message().starts_with("`x`: there is no I/O manager"), "{error}");
}

#[test]
fn the_configuration_tells_engines_and_parameters() {
    let text = "-- parameter: least = 1.5\nselect a from days where a > $least";
    let assets = [
        days(),
        Asset::sql_file("spent", "assets/spent.sql", text),
        Asset::builder("one").sql("select 1 as a"),
    ];
    let definitions = of(assets).config_text("engine = \"reads\"\n[parameters]\nleast = 15.0");
    let report = definitions.check_config().expect("is valid");
    let told = report.queries.iter().map(|query| {
        assert_eq!(query.because, "larder.toml:1:10 says so");
        let parameters = query.parameters.join(", ");
        (
            query.asset.as_str(),
            query.engine.as_str(),
            parameters,
            query.file.as_deref(),
        )
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("spent", "reads", "least = 15.0".to_owned(), Some("assets/spent.sql")),
            ("one", "reads", String::new(), None),
        ]
    );
}

/// As for unknown keys: it is refused, with the nearest that there is.
#[test]
fn a_parameter_that_no_query_takes_is_refused() {
    let asset = Asset::builder("x").parameter("least", 1.5).sql("select $least as a");
    let definitions = of([asset]).config_text("[parameters]\nleats = 1.0");
    let error = definitions.check_config().expect_err("is unknown");
    let told = "no query takes the parameter `leats`; did you mean `least`?";
    assert!(
        error.message().contains("larder.toml:2:") && error.message().contains(told),
        "{error}"
    );
}
