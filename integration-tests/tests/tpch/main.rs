//! Ten queries of TPC-H as SQL assets: every engine gives the rows that DuckDB gives for the same text over the same files.
#![allow(clippy::unwrap_used)]

use arrow_array::RecordBatchReader;
use futures_util::stream;
use larder::engines::datafusion::DataFusion;
use larder::engines::postgres::PostgresEngine;
use larder::{Asset, Definitions, IoManager, LazyTable, ManagerUrl, Pipeline, SqlEngine, TableStream, sql_assets};
use larder_integration_tests::python;
use larder_io_fs::FsConfig;
use larder_testkit::postgresql::Shared;
use std::path::Path;
use std::sync::Arc;
use tpchgen::generators::*;
use tpchgen_arrow::*;

const SCALE: f64 = 0.05;

fn table<R: RecordBatchReader + Send + 'static>(name: &str, make: impl Fn() -> R + Send + Sync + 'static) -> Asset {
    Asset::builder(format!("tpch/{name}")).function(move |_| {
        let reader = make();
        async move {
            Ok(TableStream::new(
                reader.schema(),
                stream::iter(reader.map(|batch| Ok(batch?))),
            ))
        }
    })
}

fn tables() -> [Asset; 7] {
    [
        table("region", || RegionArrow::new(RegionGenerator::default())),
        table("nation", || NationArrow::new(NationGenerator::default())),
        table("supplier", || SupplierArrow::new(SupplierGenerator::new(SCALE, 1, 1))),
        table("customer", || CustomerArrow::new(CustomerGenerator::new(SCALE, 1, 1))),
        table("part", || PartArrow::new(PartGenerator::new(SCALE, 1, 1))),
        table("orders", || OrderArrow::new(OrderGenerator::new(SCALE, 1, 1))),
        table("lineitem", || LineItemArrow::new(LineItemGenerator::new(SCALE, 1, 1))),
    ]
}

/// Runs the text of each query over the raw files, casts its columns to the types that the stored result has (those that the asset declares, or it would not
/// have been stored), and holds the
/// rows against each other; then prints how many there were.
const HELD_AGAINST: &str = r#"
import duckdb, glob, os, sys
root, queries = sys.argv[1], sys.argv[2]
for path in glob.glob(f"{root}/tpch/*.parquet"):
    name = os.path.basename(path)[:-8]
    duckdb.sql(f"create view {name} as select * from read_parquet('{path}')")
for path in sorted(glob.glob(f"{queries}/*.sql")):
    name = os.path.basename(path)[:-4]
    text = open(path).read().replace("$quantity", "250")
    stored = f"read_parquet('{root}/{name}.parquet')"
    columns = [(row[0], row[1]) for row in duckdb.sql(f"describe select * from {stored}").fetchall()]
    cast = ", ".join(f"cast({column} as {kind}) as {column}" for column, kind in columns)
    ours = duckdb.sql(f"select * from {stored}").fetchall()
    theirs = duckdb.sql(f"select {cast} from ({text}\n)").fetchall()
    def near(a, b):
        return abs(a - b) <= 1e-9 * abs(b) if isinstance(a, float) else a == b
    same = len(ours) == len(theirs) and all(all(map(near, a, b)) for a, b in zip(ours, theirs))
    assert same and ours, f"{name}: {ours[:3]} and {theirs[:3]}"
    print(name, len(ours))
"#;

/// Makes tables and queries in files, or elsewhere and then brought into files, and holds them against DuckDB.
async fn held_against_duckdb(engine: Arc<dyn SqlEngine>, elsewhere: Option<Arc<dyn IoManager>>) {
    let dir = tempfile::tempdir().unwrap();
    let files = Arc::new(FsConfig::new(dir.path()).open().unwrap());
    let queries = sql_assets!("tests/tpch/queries");
    let count = queries.len();
    assert_eq!(count, 10);
    let pipeline = Definitions::new()
        .assets(tables())
        .assets(queries)
        .engine(engine)
        .with_every_asset_in(elsewhere.clone().unwrap_or_else(|| files.clone()))
        .build()
        .unwrap();
    let report = pipeline.run("*").await.unwrap();
    assert!(report.succeeded(), "{report:?}");
    if elsewhere.is_some() {
        bring(&pipeline, files).await;
    }
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tpch/queries");
    let told = python(HELD_AGAINST, &[dir.path(), &queries], "");
    assert_eq!(told.lines().count(), count, "{told}");
}

/// Stores every value once more, as files.
async fn bring(pipeline: &Pipeline, files: Arc<dyn IoManager>) {
    let mut copies = Vec::new();
    for asset in pipeline.assets() {
        let table: LazyTable = pipeline.load(&asset.key.to_string()).await.unwrap();
        let copy = Asset::builder(asset.key.to_string()).function(move |_| {
            let table = table.clone();
            async move { Ok(table) }
        });
        copies.push(copy);
    }
    let copied = Definitions::new()
        .assets(copies)
        .with_every_asset_in(files)
        .build()
        .unwrap();
    assert!(copied.run("*").await.unwrap().succeeded());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LARDER_PYTHON; run by cargo xtask test"]
async fn datafusion_gives_the_rows_of_duckdb() {
    held_against_duckdb(Arc::new(DataFusion::new()), None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LARDER_PYTHON and PostgreSQL's programs; run by cargo xtask test"]
async fn postgresql_gives_the_rows_of_duckdb() {
    let server = tokio::task::spawn_blocking(Shared::get).await.unwrap();
    let url: ManagerUrl = server.url().parse().unwrap();
    let manager = larder::backends::postgres::backend().open(&url).unwrap();
    let engine = PostgresEngine::open(&url).unwrap();
    held_against_duckdb(Arc::new(engine), Some(manager)).await;
    // Its thread waits for the server's end.
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}

#[cfg(feature = "spark")]
mod on_spark {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs LARDER_PYTHON and a Spark cluster: cargo xtask cluster up"]
    async fn spark_gives_the_rows_of_duckdb() {
        let dir = tempfile::tempdir().unwrap();
        let backends = larder_io_delta::backends(vec![larder_io_fs::ground()]);
        let lake: ManagerUrl = format!("delta+file://{}", dir.path().display()).parse().unwrap();
        let backend = backends
            .iter()
            .find(|backend| backend.schemes().contains(&lake.scheme()));
        let manager = backend.unwrap().open(&lake).unwrap();
        let server =
            std::env::var("LARDER_TEST_SPARK").expect("LARDER_TEST_SPARK names a server: cargo xtask cluster up");
        let url: ManagerUrl = format!("{server}?session.spark\\.sql\\.shuffle\\.partitions=2")
            .parse()
            .unwrap();
        // Without `staging` no row could be brought to the cluster: it reads the tables where they are.
        let engine = larder::engines::spark::backend().open(&url).unwrap();
        held_against_duckdb(engine, Some(manager)).await;
    }
}
