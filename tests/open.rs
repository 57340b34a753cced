//! Values from outside of a pipeline.
#![cfg(feature = "fs")]

use larder::prelude::*;
use larder::{Larder, RunOptions};

#[asset(group = "reports")]
async fn total() -> u64 {
    41
}

#[asset(partitions = Partitioning::daily("2024-01-01").end("2024-01-03"))]
async fn days(ctx: &AssetContext) -> Result<String> {
    Ok(ctx.partition().map(ToString::to_string).unwrap_or_default())
}

fn definitions(home: &std::path::Path) -> Definitions {
    let variables = [("LARDER_HOME".to_owned(), home.display().to_string())];
    larder::definitions().without_config().variables(variables)
}

#[tokio::test]
async fn loads_and_stores_without_the_code() {
    let home = tempfile::tempdir().expect("a directory");
    let pipeline = definitions(home.path())
        .assets(assets![total, days])
        .build()
        .expect("is valid");
    let report = pipeline.run_with("*", RunOptions::default()).await.expect("runs");
    assert!(report.succeeded(), "{report:?}");
    let larder = Larder::with(definitions(home.path()));
    assert_eq!(larder.load::<u64>("reports/total").await.expect("loads"), 41);
    let day = PartitionKey::single("date", "2024-01-02").expect("is a key");
    let loaded: String = larder.load("days").partition(day.clone()).await.expect("loads");
    assert_eq!(loaded, "date=2024-01-02");
    let first = report
        .materialization("reports/total")
        .and_then(|made| made.receipt.clone())
        .expect("is stored");
    larder.store("reports/total", None, 42_u64).await.expect("stores");
    assert_eq!(larder.load::<u64>("reports/total").await.expect("loads"), 42);
    assert_eq!(
        larder
            .load::<u64>("reports/total")
            .version(first.version)
            .await
            .expect("loads"),
        41
    );
    larder
        .store("days", Some(&day), "other".to_owned())
        .await
        .expect("stores");
    let key = pipeline.key("days").expect("is there");
    let stored = pipeline.load_value((&key, &day), None).await.expect("loads");
    assert_eq!(String::from_value(stored).await.expect("is text"), "other");
    let missing = larder.load::<u64>("reports/none").await.expect_err("is not there");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
