//! References from one store into another: what is stored lies on local disk, what it points to on S3 as LocalStack and moto play it.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder_executor::{Asset, Definitions, Pipeline};
use larder_integration_tests::cloud::s3::config;
use larder_io_core::{AssetValue, DataRef, ErrorKind, IoManager, LazyTable, OutputContext, Table};
use larder_io_s3::S3Config;
use std::sync::Arc;

fn rows(count: i64) -> Table {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(|n| format!("word {n}"))));
    RecordBatch::try_from_iter([("n", numbers), ("word", words)])
        .expect("fits")
        .into()
}

async fn write(lake: &S3Config, stem: &str, table: Table) {
    let key = stem.replace('/', "_").parse().expect("is a key");
    let ctx = OutputContext::new(key, None, stem.parse().expect("is a place"));
    let manager = lake.open().expect("opens");
    manager.handle_output(&ctx, &table.into_value()).await.expect("stores");
}

/// Two references, one to a file and one to a folder, and what counts their rows. The credentials are those of a manager that no asset is kept in.
fn pipeline(home: &std::path::Path, lake: &S3Config) -> Pipeline {
    let root = format!("s3://{}/{}", lake.bucket, lake.prefix);
    let manager = format!(
        "{root}?endpoint={}&access_key_id=test&secret_access_key=a-secret-of-the-test",
        lake.endpoint.as_deref().unwrap_or_default()
    );
    let mut definitions = Definitions::new()
        .without_config()
        .variables([])
        .backend(larder_io_fs::backend())
        .backend(larder_io_s3::backend())
        .io_manager_url("lake", manager)
        .default_io_manager_url(format!("file://{}", home.display()));
    for (name, below) in [("file", "raw.parquet"), ("folder", "year/")] {
        let uri = format!("{root}/{below}");
        let reference = Asset::builder(name).function(move |_| {
            let uri = uri.clone();
            async move { Ok(DataRef::new(uri)) }
        });
        let count = Asset::builder(format!("count_{name}"))
            .input_from::<LazyTable>("table", name)
            .function(|mut args| async move {
                let table: LazyTable = args.input().await?;
                Ok(table.select(["n"])?.collect().await?.rows() as u64)
            });
        definitions = definitions.asset(reference).asset(count);
    }
    definitions.build().expect("is valid")
}

async fn a_lake_in_the_cloud(variable: &str, versioned: bool) {
    let home = tempfile::tempdir().expect("a directory");
    let lake = config(variable, versioned).await;
    for (stem, count) in [("raw", 50_000), ("year/a", 2), ("year/deep/b", 3)] {
        write(&lake, stem, rows(count)).await;
    }
    let pipeline = pipeline(home.path(), &lake);
    let report = pipeline.run("*").await.expect("is planned");
    assert!(report.succeeded(), "{report:?}");
    assert_eq!(pipeline.load::<u64>("count_file").await.expect("loads"), 50_000);
    assert_eq!(pipeline.load::<u64>("count_folder").await.expect("loads"), 5);
    let stored: DataRef = pipeline.load("file").await.expect("loads");
    assert_eq!(stored.rows, Some(50_000));
    let text = std::fs::read_to_string(home.path().join("file.json")).expect("is stored");
    assert!(
        !text.contains("a-secret-of-the-test") && !text.contains("endpoint"),
        "{text}"
    );

    write(&lake, "raw", rows(10)).await;
    write(&lake, "year/c", rows(1)).await;
    for (asset, said) in [
        ("count_file", "was replaced"),
        ("count_folder", "it had 2 files and has 3"),
    ] {
        let report = pipeline.run(asset).await.expect("is planned");
        let error = report.error(asset).expect("the lake changed");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:?}");
        assert!(error.message().contains(said), "{error}");
    }
    assert_eq!(pipeline.load::<u64>("count_file").await.expect("stays"), 50_000);
    let report = pipeline.run("*").await.expect("is planned");
    assert!(report.succeeded(), "{report:?}");
    assert_eq!(pipeline.load::<u64>("count_file").await.expect("loads"), 10);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs emulators: cargo xtask test"]
async fn localstack() {
    a_lake_in_the_cloud("LARDER_TEST_LOCALSTACK", false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs emulators: cargo xtask test"]
async fn localstack_versioned() {
    a_lake_in_the_cloud("LARDER_TEST_LOCALSTACK", true).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs emulators: cargo xtask test"]
async fn moto() {
    a_lake_in_the_cloud("LARDER_TEST_MOTO", false).await;
}
