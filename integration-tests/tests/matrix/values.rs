//! One pipeline of every form, on every backend and format.

use super::{Backend, backends, ndjson};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use larder::prelude::*;
use larder::{Asset, ContentHash, RunReport, assets, col};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    threshold: f64,
    labels: BTreeMap<String, Option<u32>>,
}

#[asset(group = "raw")]
async fn settings() -> Settings {
    let labels = [("ü".to_owned(), Some(1)), ("none".to_owned(), None)];
    Settings {
        threshold: 0.1 + 0.2,
        labels: labels.into(),
    }
}

fn batch(from: i64, rows: i64) -> RecordBatch {
    let words: DictionaryArray<Int32Type> = (from..from + rows)
        .map(|n| (n % 4 != 0).then_some(["a", "b", "ü"][(n % 3) as usize]))
        .collect();
    let floats: Float64Array = (from..from + rows)
        .map(|n| Some([n as f64 / 3.0, f64::NAN, -0.0][(n % 3) as usize]))
        .collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "n",
            Arc::new(
                (from..from + rows)
                    .map(|n| (n % 5 != 0).then_some(n))
                    .collect::<Int64Array>(),
            ),
        ),
        ("x", Arc::new(floats)),
        ("word", Arc::new(words)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns fit")
}

#[asset(group = "raw")]
async fn rows() -> Table {
    batch(0, 100).into()
}

/// Streamed in three batches of different length.
#[asset(group = "clean")]
async fn streamed(rows: TableStream) -> Result<TableStream> {
    let schema = rows.schema().clone();
    let all = rows.collect().await?.to_batch()?;
    let pieces = [all.slice(0, 7), all.slice(7, 0), all.slice(7, 93)];
    Ok(TableStream::from_iter(schema, pieces.into_iter().map(Ok)))
}

/// Narrowed without being read by the asset.
#[asset(group = "clean")]
async fn narrowed(streamed: LazyTable) -> Result<LazyTable> {
    streamed
        .filter(col("n").gt(10).and(col("word").eq("ü")))?
        .select(["n", "x"])
}

#[asset(group = "pages", extension = "html")]
async fn page(settings: Settings) -> Blob {
    Blob::from(format!("<html>{}</html>", settings.threshold))
}

#[asset(group = "pages")]
async fn bytes(page: Blob) -> Result<Vec<u8>> {
    Ok(page.bytes().await?.iter().rev().copied().collect())
}

#[asset]
async fn pointer() -> DataRef {
    let mut pointer = DataRef::new(concat!("file://", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    pointer.rows = Some(7);
    pointer
}

/// Stores nothing.
#[asset]
async fn touched(page: Blob) -> Result<()> {
    assert!(page.text().await?.starts_with("<html>"));
    Ok(())
}

#[asset]
async fn waited(touched: ()) -> String {
    let () = touched;
    "after it".to_owned()
}

#[asset(outputs(even, odd_sum(key = "parts/odd_sum")))]
async fn split(rows: Table) -> Result<(Table, i64)> {
    let all = rows.to_batch()?;
    let numbers = all
        .column(0)
        .as_any()
        .downcast_ref::<Int64Array>()
        .expect("the schema says so");
    let odd = numbers.iter().flatten().filter(|n| n % 2 == 1).sum();
    Ok((all.slice(0, 50).into(), odd))
}

#[asset]
async fn nothing() -> Option<u8> {
    None
}

/// Takes one of everything.
#[asset(group = "reports")]
#[allow(clippy::too_many_arguments)]
async fn total(
    settings: Shared<Settings>,
    narrowed: Table,
    streamed: LazyTable,
    bytes: Vec<u8>,
    pointer: DataRef,
    waited: String,
    even: TableStream,
    odd_sum: i64,
    nothing: Option<u8>,
    #[from("outside/prices")] prices: Table,
    #[from("outside/absent")] absent: Maybe<Table>,
    #[from("raw/settings")] again: Maybe<Settings>,
) -> Result<Vec<String>> {
    let again = again.into_option().expect("it is there");
    Ok(vec![
        format!("{settings:?} {}", *settings == again),
        format!("{} of {}", narrowed.rows(), streamed.count().await?),
        String::from_utf8(bytes)?,
        format!("{pointer:?} {waited} {odd_sum} {nothing:?}"),
        format!("{} {}", even.collect().await?.rows(), prices.rows()),
        format!("{}", matches!(absent, Maybe::Missing)),
    ])
}

const KEYS: [&str; 12] = [
    "raw/settings",
    "raw/rows",
    "clean/streamed",
    "clean/narrowed",
    "pages/page",
    "pages/bytes",
    "pointer",
    "waited",
    "even",
    "parts/odd_sum",
    "nothing",
    "reports/total",
];

fn definitions() -> Definitions {
    Definitions::new()
        .backend(larder_io_fs::backend())
        .assets(assets![
            settings, rows, streamed, narrowed, page, bytes, pointer, touched, waited, split, nothing, total
        ])
        .asset(Asset::external::<Table>("outside/prices"))
        .asset(Asset::external::<Table>("outside/absent"))
}

fn prices() -> Table {
    RecordBatch::try_from_iter([("price", Arc::new(StringArray::from(vec!["1.00", "2.50"])) as ArrayRef)])
        .expect("fits")
        .into()
}

/// What a run gave, in a shape that can be compared.
#[derive(Debug, PartialEq)]
struct Given {
    total: Vec<String>,
    hashes: Vec<(String, Option<ContentHash>, Option<u64>)>,
    streamed: Vec<String>,
}

fn hashes(report: &RunReport) -> Vec<(String, Option<ContentHash>, Option<u64>)> {
    let receipt = |key: &str| {
        let made = report
            .materialization(key)
            .unwrap_or_else(|| panic!("{key} was not made: {:?}", report.error(key)));
        let receipt = made.receipt.as_ref().expect("it is stored");
        (key.to_owned(), receipt.content_hash, receipt.rows)
    };
    KEYS.into_iter().map(receipt).collect()
}

/// A column's values, which do not say in which order a dictionary has its words.
fn texts(column: &ArrayRef) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let column = ArrayFormatter::try_new(column, &options).expect("can be shown");
    (0..100).map(|row| column.value(row).to_string()).collect()
}

async fn give(backend: &Backend) -> Given {
    let pipeline = backend.build(definitions());
    pipeline.store("outside/prices", prices()).await.expect("is stored");
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded(), "{}: {:?}", backend.name, report.steps);
    assert!(
        report.materialization("outside/prices").is_none(),
        "{}: an external asset is never made",
        backend.name
    );
    assert!(
        report
            .materialization("touched")
            .is_some_and(|made| made.receipt.is_none()),
        "{}",
        backend.name
    );
    let streamed: Table = pipeline.load("clean/streamed").await.expect("loads");
    let streamed = streamed.to_batch().expect("joins");
    assert_eq!(
        streamed.schema(),
        batch(0, 1).schema(),
        "{}: the schema is kept",
        backend.name
    );
    Given {
        total: pipeline.load("reports/total").await.expect("loads"),
        hashes: hashes(&report),
        streamed: streamed.columns().iter().flat_map(texts).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_backend_and_format_gives_the_same() {
    let backends = backends();
    let mut first: Option<Given> = None;
    for backend in &backends {
        let given = give(backend).await;
        assert!(
            given.hashes.iter().all(|(_, hash, _)| hash.is_some()),
            "{}: {:?}",
            backend.name,
            given.hashes
        );
        match &first {
            Some(first) => assert_eq!(first, &given, "{} gives something else than memory", backend.name),
            None => first = Some(given),
        }
    }
    let first = first.expect("there are backends");
    assert_eq!(first.total[1], "19 of 100");
    println!(
        "{} assets on {} backends and formats: equal values, equal hashes",
        KEYS.len(),
        backends.len()
    );
}

/// A second run in a new process's place finds what the first one stored, and makes the same again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_again_gives_the_same_hashes() {
    for backend in backends() {
        let before = give(&backend).await;
        let again = give(&backend).await;
        assert_eq!(before, again, "{}", backend.name);
    }
}

/// A format that has no word for a value refuses the table by column, before anything is published; without that value
/// the table is the same as everywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ndjson_keeps_what_json_has_a_word_for() {
    let (ndjson, memory) = (
        ndjson(),
        Backend::other("memory", Arc::new(larder_io_memory::MemoryIo::new())),
    );
    let pipeline = ndjson.build(definitions());
    let report = pipeline.run("*").await.expect("runs");
    let error = report.error("raw/rows").expect("NaN is refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("column `x` (Float64)"), "{error}");
    let absent = pipeline.load::<Table>("raw/rows").await.expect_err("nothing is stored");
    assert_eq!(absent.kind(), ErrorKind::NotFound);

    let without_nan = batch(0, 100).project(&[0, 2]).expect("has both");
    let mut stored = Vec::new();
    for backend in [ndjson, memory] {
        let pipeline = backend.build(definitions());
        let receipt = pipeline
            .store("outside/prices", Table::from(without_nan.clone()))
            .await
            .expect("is stored");
        let loaded: Table = pipeline.load("outside/prices").await.expect("loads");
        let loaded = loaded.to_batch().expect("joins");
        assert_eq!(loaded, without_nan, "{}", backend.name);
        stored.push(receipt.content_hash.expect("is hashed"));
    }
    assert_eq!(stored[0], stored[1]);
}

/// The values of one backend are the inputs of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_of_one_pipeline_live_on_different_backends() {
    let (memory, parquet) = (
        Backend::other("memory", Arc::new(larder_io_memory::MemoryIo::new())),
        super::disk(),
    );
    let definitions = definitions()
        .default_io_manager(Arc::clone(&parquet.manager))
        .io_manager("memory", Arc::clone(&memory.manager))
        .bind_group("raw", "memory")
        .bind_group("outside", "memory")
        .variables([]);
    let pipeline = definitions.build().expect("the definitions fit");
    pipeline.store("outside/prices", prices()).await.expect("is stored");
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded(), "{:?}", report.steps);
    let scheme = |key: &str| {
        report
            .materialization(key)
            .and_then(|made| made.uri.clone())
            .unwrap_or_default()
    };
    assert!(
        scheme("raw/rows").starts_with("memory:") && scheme("clean/streamed").starts_with("file:"),
        "{}",
        scheme("raw/rows")
    );
}
