//! What is told when definitions are built, and before a run.

use super::*;
use arrow_schema::{DataType, Field, Schema};
use larder_catalog::Catalog;
use larder_io_core::ErrorKind;
use larder_partitions::Partitioning;

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

#[test]
fn what_would_give_other_rows_than_it_says_is_refused() {
    let given = Asset::builder("report")
        .input::<Table>("other")
        .sql("select customer from transactions");
    let error = refused(of([raw(), given]));
    assert!(error.message().contains("are the tables that it names"), "{error}");
    let columns = Arc::new(Schema::new(vec![Field::new("customer", DataType::Int64, true)]));
    let declared = Asset::builder("declared")
        .columns(columns)
        .function(|_| async { Ok(transactions()) });
    let twice = Asset::builder("report").sql("select a.customer, b.customer from declared a, declared b");
    let error = refused(of([declared, twice]));
    assert!(error.message().contains("`customer` comes twice"), "{error}");
    let days = Partitioning::daily("2024-01-01").end("2024-01-03");
    let shadowed = Asset::builder("report").partitions(days).sql("select $date as day");
    let definitions = Definitions::new()
        .asset(shadowed)
        .engine(Arc::new(DataFusion::new()))
        .default_io_manager(Arc::new(MemoryIo::new()))
        .variables([])
        .config_text("[parameters]\ndate = \"x\"");
    let error = refused(definitions);
    assert!(
        error
            .message()
            .contains("larder.toml:2:1: the partition gives the parameter `date`"),
        "{error}"
    );
}

#[test]
fn a_constant_that_no_cast_takes_is_told_and_a_partition_is_none() {
    let columns = Arc::new(Schema::new(vec![Field::new("day", DataType::Date32, true)]));
    let declared = || {
        let columns = Arc::clone(&columns);
        Asset::builder("declared")
            .columns(columns)
            .function(|_| async { Ok(transactions()) })
    };
    let sql = "select day from declared where day >= cast($since as date)";
    let wrong = Asset::builder("report").parameter("since", "1998-13-01").sql(sql);
    let error = refused(of([declared(), wrong]));
    assert!(error.message().contains("1998-13-01"), "{error}");
    let days = Partitioning::daily("2024-01-01").end("2024-01-03");
    let good = Asset::builder("report")
        .partitions(days)
        .sql("select day from declared where day = cast($date as date)");
    let below = Asset::builder("below").sql("select dya from report");
    let error = refused(of([declared(), good, below]));
    assert!(error.message().contains("did you mean `day`?"), "{error}");
}
