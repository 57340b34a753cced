//! What a client needs of memory for what a cluster computes; alone in its process.

mod common;

mod on_spark {
    use crate::common::pipelines::{definitions, made, shown};
    use larder_engine_spark::{Files, Sql, Target};
    use larder_executor::Asset;

    const LIMIT_MIB: u64 = 128;

    /// The most memory that this process ever had, in MiB.
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("is Linux");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .expect("is there");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|text| text.parse().ok())
            .expect("is a number");
        kib / 1024
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn sixty_million_rows_stay_in_the_cluster() {
        let dir = tempfile::tempdir().expect("a folder");
        let session = crate::common::session().await;
        let directory = dir.path().join("out");
        let sql = Sql::new("select id, id % 1000 as k, cast(id as double) / 7 as x from range(0, 60000000, 1, 12)");
        let written = session
            .write_parquet(&sql, &Target::new(&directory))
            .await
            .expect("writes");
        assert_eq!(written.rows, 60_000_000);
        session
            .view("t", &Files::parquet([directory.to_str().expect("is text")]))
            .await
            .expect("is a view");
        let sums = Sql::new("select count(*), count(distinct k), sum(id) from t");
        let batches = crate::common::all(session.rows(&sums).await).await.expect("runs");
        assert_eq!(
            crate::common::triples(&batches),
            [(60_000_000, 1_000, 1_799_999_970_000_000)]
        );
        let peak = peak();
        println!(
            "the most memory: {peak} MiB, for {} bytes in {} files",
            written.files.iter().map(|file| file.bytes).sum::<u64>(),
            written.files.len()
        );
        assert!(peak < LIMIT_MIB, "{peak} MiB");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn an_asset_of_sixty_million_rows_is_made_by_the_cluster() {
        let dir = tempfile::tempdir().expect("a folder");
        let server = std::env::var("LARDER_TEST_SPARK").expect("LARDER_TEST_SPARK names a server");
        let large = Asset::builder("large")
            .sql("select id, id % 1000 as k, cast(id as double) / 7 as x from range(0, 60000000, 1, 12)");
        let sums = Asset::builder("sums").sql("select count(*) as n, count(distinct k) as k, sum(id) as s from large");
        let pipeline = made(definitions(dir.path(), &server).assets([large, sums])).await;
        assert_eq!(shown(&pipeline, "sums").await, ["60000000|1000|1799999970000000"]);
        let key = pipeline.key("large").expect("is there");
        let receipt = pipeline.head(&key).await.expect("is told").expect("is stored");
        assert_eq!(receipt.rows, Some(60_000_000));
        let peak = peak();
        println!("the most memory: {peak} MiB, for {} bytes", receipt.bytes);
        assert!(peak < LIMIT_MIB, "{peak} MiB");
    }
}
