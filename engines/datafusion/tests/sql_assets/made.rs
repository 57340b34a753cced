//! What queries make, and from what.

use super::*;
use arrow_schema::{DataType, Field, Schema};
use larder_io_core::{ErrorKind, PartitionKey, Result, Version};
use larder_io_fs::FsConfig;
use larder_partitions::Partitioning;
use serde_json::json;

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
    assert_eq!(rows_of(value).await, [[json!(2), json!(hostile), json!(hostile)]]);
    assert_eq!(shown(&pipeline, "all").await, [[json!(4), json!(3)]]);
    // Windows of time are timestamps.
    let days = Asset::builder("days")
        .partitions(Partitioning::daily("2024-01-01").end("2024-01-03"))
        .sql("select $window_start as start, $window_end as until, $date as day, $window_end - $window_start as width from transactions limit 1");
    let pipeline = built([raw(), days]);
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded(), "{report:?}");
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

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_engine_are_names_of_assets() {
    let one = |key: &str, number: i64| {
        Asset::builder(key).function(move |_| async move {
            let column: ArrayRef = Arc::new(Int64Array::from(vec![number]));
            Ok(Table::from(RecordBatch::try_from_iter([("n", column)]).expect("fits")))
        })
    };
    let sum = "with orders as (select n from public.orders) \
        select o.n * 100 + p.n * 10 + g.value as n from orders o, \"orders\" p, generate_series(3, 3) g";
    let plain = "select o.n * 10 + p.n as n from orders o join public.orders p on true";
    let pipeline = built([
        one("orders", 1),
        one("public/orders", 2),
        Asset::builder("plain").sql(plain),
        Asset::builder("sum").sql(sum),
    ]);
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded(), "{report:?}");
    assert_eq!(shown(&pipeline, "plain").await, [[json!(12)]]);
    assert_eq!(shown(&pipeline, "sum").await, [[json!(223)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_partition_would_be_made_is_shown() {
    let days = Asset::builder("days")
        .partitions(Partitioning::daily("2024-01-01").end("2024-01-03"))
        .sql("select customer from transactions where cast(note as date) = cast($date as date)");
    let pipeline = built([raw(), days]);
    assert!(pipeline.run("raw/transactions").await.expect("runs").succeeded());
    let key = pipeline.key("days").expect("is there");
    let plan = pipeline
        .query_plan(&key)
        .await
        .expect("is planned")
        .expect("is a query");
    assert!(plan.contains("2024-01-01"), "{plan}");
}
