//! Queries as assets in a cluster, over Delta tables that it reads and writes itself, and over what it does not.

mod common;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use common::pipelines::{columns, failed, lines, made, shown, walk};
use larder_executor::{Asset, Definitions};
use larder_io_core::{ErrorKind, PartitionKey, Table};
use larder_partitions::Partitioning;
use std::path::Path;
use std::sync::Arc;

const NEEDED: &str = "LARDER_TEST_SPARK names a server";

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

fn definitions(dir: &Path) -> Definitions {
    common::pipelines::definitions(dir, &std::env::var("LARDER_TEST_SPARK").expect(NEEDED))
}

mod on_spark {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn the_cluster_reads_and_writes_delta_tables_itself() {
        let dir = tempfile::tempdir().expect("a directory");
        let declared = columns([
            ("customer", DataType::Int32, false),
            ("total", DataType::Decimal128(12, 2), true),
            ("whole", DataType::Int64, true),
        ]);
        let totals = Asset::builder("reports/totals").columns(declared).sql(
            "select sum(amount) / 1.6 as whole, sum(amount) as total, customer from raw.transactions group by customer order by customer -- ends so",
        );
        let best = Asset::builder("reports/best")
            .parameter("least", 10.0)
            .sql("select reports.totals.customer from reports.totals where total > $least order by 1");
        let pipeline = made(definitions(dir.path()).assets([raw(), totals, best])).await;
        assert_eq!(
            shown(&pipeline, "reports/totals").await,
            ["1|15.00|9", "2|120.50|75", "3|1.00|0"]
        );
        assert_eq!(shown(&pipeline, "reports/best").await, ["1", "2"]);
        // Nothing was copied for the queries, and nothing is left of what the cluster wrote first.
        assert!(!dir.path().join("staging").exists());
        let left = walk(dir.path());
        assert!(!left.iter().any(|name| name.contains("_larder_fill_")), "{left:?}");
        let key = pipeline.key("reports/totals").expect("is there");
        let receipt = pipeline.head(&key).await.expect("is told").expect("is stored");
        assert_eq!((receipt.rows, receipt.content_hash.is_none()), (Some(3), true));
        // The rows' bytes are those that are said.
        let plan = pipeline
            .query_plan(&key)
            .await
            .expect("is planned")
            .expect("is a query");
        assert!(plan.contains("Scan parquet"), "{plan}");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn rows_come_and_go_where_the_cluster_does_not_reach() {
        let dir = tempfile::tempdir().expect("a directory");
        let here = Asset::builder("raw/transactions")
            .io_manager("here")
            .function(|_| async { Ok(transactions()) });
        let hostile = "'; drop table x; --";
        let pieces = Partitioning::fixed("piece", ["a", hostile, "b"]).expect("is valid");
        let by_piece = Asset::builder("by_piece")
            .partitions(pieces)
            .sql("select customer, $piece as own, $partition as whole from transactions where note = $piece");
        let back = Asset::builder("back")
            .io_manager("here")
            .sql("select count(*) as n, count(distinct piece) as pieces, min(piece) as least from by_piece");
        let pipeline = made(definitions(dir.path()).assets([here, by_piece, back])).await;
        assert_eq!(shown(&pipeline, "back").await, [format!("4|3|{hostile}")]);
        let of = larder_executor::AssetPartition {
            asset: pipeline.key("by_piece").expect("is there"),
            partition: Some(PartitionKey::single("piece", hostile).expect("is a key")),
        };
        let value = pipeline.load_value(&of, None).await.expect("is stored");
        let table = larder_io_core::AssetValue::from_value(value).await.expect("is a table");
        assert_eq!(lines(&table), [format!("2|{hostile}|{hostile}")]);
        let left = std::fs::read_dir(dir.path().join("staging")).expect("was used").count();
        assert_eq!(left, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn what_is_wrong_is_told_where_it_stands_and_loses_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let sql = |sql: &str| Asset::builder("q").sql(sql);
        let pipeline = made(definitions(dir.path()).assets([raw(), sql("select 1.5D as x")])).await;
        for (text, kind, said) in [
            (
                "select customer,\n  amont from raw.transactions",
                ErrorKind::InvalidDefinition,
                "line 2, column 3",
            ),
            ("select 1 as x, 2 as x", ErrorKind::InvalidDefinition, "`x` comes twice"),
            (
                "select customer / (customer - 1) as x from raw.transactions",
                ErrorKind::InvalidData,
                "DIVIDE_BY_ZERO",
            ),
        ] {
            let (found, message) = failed(definitions(dir.path()).assets([raw(), sql(text)]), "q").await;
            assert_eq!(found, kind, "{text}: {message}");
            assert!(message.contains(said), "{text}: {message}");
        }
        let firm = Asset::builder("firm")
            .columns(columns([("x", DataType::Int64, false)]))
            .sql("select nullif(customer, 3) as x from raw.transactions");
        let (kind, message) = failed(definitions(dir.path()).assets([raw(), firm]), "firm").await;
        assert_eq!(kind, ErrorKind::InvalidData, "{message}");
        assert!(message.contains("column x may not be null"), "{message}");
        assert_eq!(shown(&pipeline, "q").await, ["1.5"]);
        let left = walk(dir.path());
        assert!(!left.iter().any(|name| name.contains("_larder_fill_")), "{left:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_file_that_was_taken_away_is_no_fault_of_the_query() {
        let dir = tempfile::tempdir().expect("a directory");
        let sum = Asset::builder("q").sql("select sum(amount) as x from raw.transactions");
        let pipeline = made(definitions(dir.path()).assets([raw(), sum])).await;
        for name in walk(&dir.path().join("lake/raw")) {
            if name.ends_with(".parquet") {
                std::fs::remove_file(name).expect("is there");
            }
        }
        let report = pipeline.run("q").await.expect("runs");
        let error = report.error("q").expect("a file is gone");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(
            error.message().contains("a file of an input is there no more"),
            "{error}"
        );
        assert_eq!(shown(&pipeline, "q").await, ["136.5"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn long_values_and_what_looks_like_a_variable_are_data() {
        let dir = tempfile::tempdir().expect("a directory");
        let declared = columns([("long", DataType::Utf8, false), ("text", DataType::Utf8, false)]);
        let texts = Asset::builder("texts")
            .columns(declared)
            .sql("select repeat('x', 5000) as long, '${env:HOME} ${spark.app.name} \\n' as text");
        let pipeline = made(definitions(dir.path()).assets([texts])).await;
        let wanted = format!("{}|${{env:HOME}} ${{spark.app.name}} \n", "x".repeat(5000));
        assert_eq!(shown(&pipeline, "texts").await, [wanted]);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_query_over_copies_is_looked_at_before_its_rows() {
        let dir = tempfile::tempdir().expect("a directory");
        let here = || {
            Asset::builder("raw/transactions")
                .io_manager("here")
                .function(|_| async { Ok(transactions()) })
        };
        let wrong = Asset::builder("q").sql("select amont from raw.transactions");
        let (kind, message) = failed(definitions(dir.path()).assets([here(), wrong]), "q").await;
        assert_eq!(kind, ErrorKind::InvalidDefinition, "{message}");
        let right = Asset::builder("q").sql("select sum(amount) as x from raw.transactions");
        let pipeline = made(definitions(dir.path()).assets([here(), right])).await;
        assert_eq!(shown(&pipeline, "q").await, ["136.5"]);
        let left = std::fs::read_dir(dir.path().join("staging")).expect("was used").count();
        assert_eq!(left, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_table_may_stand_in_a_query_and_in_its_subquery() {
        let dir = tempfile::tempdir().expect("a directory");
        let large = Asset::builder("large").parameter("least", 20).sql(
            "select t.customer, sum(t.amount) as total from raw.transactions t where t.customer in (select customer from raw.transactions group by customer having sum(amount) > $least) \
             and exists (select 1 from raw.transactions where raw.transactions.customer = t.customer) group by t.customer",
        );
        let pipeline = made(definitions(dir.path()).assets([raw(), large])).await;
        assert_eq!(shown(&pipeline, "large").await, ["2|120.5"]);
    }
}
