//! What larder writes reads back equal in pyarrow, Polars and DuckDB, and objects in Python's json and msgpack.
//!
//! larder's own load says what must be there (a manifest of checksums over every column), Python compares it with what
//! each library reads, and the libraries with each other, value by value. `cargo xtask test` sets `LARDER_PYTHON`, an
//! interpreter with the libraries, and `LARDER_FLIGHTS_HOME`, where the example `flights` ran.

mod columns;
mod usual;

use arrow_array::{Array, ArrayRef, Int8Array, Int64Array, RecordBatch};
use columns::Column;
use futures_util::TryStreamExt;
use larder::{
    AssetValue, Blob, Form, HiveLayout, InputContext, IoManager, Layout, OutputContext, PartitionKey, Table, Value,
};
use larder_integration_tests::{context, key, published};
use larder_io_fs::FsConfig;
use larder_io_object::{Compression, ObjectFormat, TableFormat};
use parquet::basic::Encoding;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use usual::{Described, NUMBERS, numbers, usual_columns};

/// What a tree holds, by larder's own load.
#[derive(Default, Serialize)]
struct Manifest {
    root: PathBuf,
    tables: BTreeMap<String, Expected>,
    objects: BTreeMap<String, Json>,
    blobs: BTreeMap<String, u32>,
    hive: Vec<Hive>,
}

#[derive(Serialize)]
struct Expected {
    rows: usize,
    names: Vec<String>,
    columns: Vec<Column>,
}

/// A partitioned tree: where it is, its dimensions, and for each row its number and partition.
#[derive(Serialize)]
struct Hive {
    path: String,
    dimensions: Vec<String>,
    rows: BTreeMap<i64, Vec<String>>,
}

fn expected(table: &Table) -> Expected {
    let batch = table.to_batch().expect("joins");
    let names: Vec<String> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let mut columns = Vec::new();
    for (name, array) in names.iter().zip(batch.columns()) {
        columns::columns(name, array, &mut columns);
    }
    Expected {
        rows: batch.num_rows(),
        names,
        columns,
    }
}

/// Loads everything below a root, verified, as larder finds it.
async fn manifest(root: &Path) -> Manifest {
    let manager = FsConfig::new(root).open().expect("opens");
    let mut manifest = Manifest {
        root: root.to_owned(),
        ..Manifest::default()
    };
    let stems: Vec<larder::Location> = manager.list(None).try_collect().await.expect("lists");
    for stem in stems {
        let (asset, partition) = HiveLayout.parse(&stem).expect("the layout made it");
        let mut input = InputContext::new(asset, partition, stem.clone()).verified();
        let blobs = published(root)
            .into_iter()
            .find(|file| file.with_extension("") == Path::new(stem.as_str()));
        input.extension = blobs.and_then(|file| Some(file.extension()?.to_str()?.to_owned()));
        let receipt = manager
            .head(&input)
            .await
            .expect("can tell")
            .unwrap_or_else(|| panic!("{stem} is listed"));
        let value = manager
            .load_input(&input)
            .await
            .unwrap_or_else(|error| panic!("{stem}: {error:?}"));
        let name = receipt.location.to_string();
        match receipt.form {
            Form::Table => drop(
                manifest
                    .tables
                    .insert(name, expected(&Table::from_value(value).await.expect("reads"))),
            ),
            Form::Blob => {
                let mut crc = flate2::Crc::new();
                crc.update(
                    &Blob::from_value(value)
                        .await
                        .expect("reads")
                        .bytes()
                        .await
                        .expect("reads"),
                );
                manifest.blobs.insert(name, crc.sum());
            }
            _ => drop(
                manifest
                    .objects
                    .insert(name, Json::from_value(value).await.expect("reads")),
            ),
        }
    }
    manifest
}

/// Runs the script; what it says is the answer, or the error.
fn compared(manifest: &Manifest) -> Result<String, String> {
    let python = std::env::var("LARDER_PYTHON").expect("LARDER_PYTHON is set to an interpreter with the libraries");
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let file = dir.path().join("manifest.json");
    std::fs::write(&file, serde_json::to_vec(manifest).expect("is JSON")).expect("is written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/cross_read.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&file)
        .output()
        .expect("the interpreter starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(said + &String::from_utf8_lossy(&output.stderr)),
    }
}

fn compare(manifest: &Manifest) {
    match compared(manifest) {
        Ok(said) => print!("{said}"),
        Err(said) => panic!("{said}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_PYTHON and LARDER_FLIGHTS_HOME; run by cargo xtask test"]
async fn the_flights_example() {
    let home = PathBuf::from(
        std::env::var("LARDER_FLIGHTS_HOME").expect("LARDER_FLIGHTS_HOME is set to where the example ran"),
    );
    let manifest = manifest(&home.join("storage")).await;
    assert!(
        manifest.tables.len() >= 8,
        "the example's tables: {:?}",
        manifest.tables.keys()
    );
    assert_eq!(manifest.tables["raw/flights.parquet"].rows, 336_776);
    assert_eq!(manifest.tables["reports/daily_delays.parquet"].rows, 365);
    assert!(
        manifest.objects.contains_key("quality/flights.json") && manifest.blobs.contains_key("reports/summary.html")
    );
    let files = manifest.tables.len() + manifest.objects.len() + manifest.blobs.len();
    assert_eq!(files, published(&home.join("storage")).len(), "every file is looked at");
    compare(&manifest);
}

/// Tables of all usual types, in both formats and every codec.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_PYTHON and LARDER_FLIGHTS_HOME; run by cargo xtask test"]
async fn all_usual_types() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let usual = table(usual_columns());
    let empty = Table::from(usual.to_batch().expect("joins").slice(0, 0));
    for codec in [
        Compression::Zstd,
        Compression::Snappy,
        Compression::Lz4,
        Compression::None,
    ] {
        let name = format!("parquet/{codec:?}").to_lowercase();
        store(
            root.path(),
            |config| config.compression = codec,
            &name,
            usual.clone().into_value(),
        )
        .await;
    }
    store(root.path(), |_| {}, "parquet/empty", empty.clone().into_value()).await;
    store(
        root.path(),
        |config| config.table = TableFormat::Arrow,
        "ipc/usual",
        usual.into_value(),
    )
    .await;
    store(
        root.path(),
        |config| config.table = TableFormat::Arrow,
        "ipc/empty",
        empty.into_value(),
    )
    .await;
    let object = Described::example();
    store(root.path(), |_| {}, "objects/text", object.clone().into_value()).await;
    store(
        root.path(),
        |config| config.object = ObjectFormat::Msgpack,
        "objects/binary",
        object.into_value(),
    )
    .await;
    let manifest = manifest(root.path()).await;
    assert_eq!((manifest.tables.len(), manifest.objects.len()), (7, 2));
    assert_eq!(
        manifest.objects["objects/text.json"],
        manifest.objects["objects/binary.msgpack"]
    );
    compare(&manifest);
}

fn table(columns: Vec<(&'static str, ArrayRef)>) -> Table {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns)
        .expect("columns fit")
        .into()
}

async fn store(root: &Path, change: impl FnOnce(&mut FsConfig), key: &str, value: Value) {
    let mut config = FsConfig::new(root);
    change(&mut config);
    config
        .open()
        .expect("opens")
        .handle_output(&context(key), &value)
        .await
        .expect("is stored");
}

/// Tables of several row groups whose integers, dates, times and decimals are kept by their steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_PYTHON and LARDER_FLIGHTS_HOME; run by cargo xtask test"]
async fn integers_by_their_steps() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let set = |config: &mut FsConfig| {
        config.parquet.row_group_rows = NUMBERS / 3;
        config.parquet.row_group_bytes = 1 << 30;
    };
    store(root.path(), set, "numbers", table(numbers()).into_value()).await;
    let file = std::fs::File::open(root.path().join("numbers.parquet")).expect("is there");
    let file = SerializedFileReader::new(file).expect("opens");
    let groups = file.metadata().row_groups();
    assert_eq!(groups.len(), 3);
    for group in &groups[1..] {
        for column in group.columns() {
            let steps = column
                .encodings()
                .any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED);
            assert!(steps, "{:?}", column.column_path());
        }
    }
    compare(&manifest(root.path()).await);
}

/// A tree as the hive layout makes it, read as one partitioned table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_PYTHON and LARDER_FLIGHTS_HOME; run by cargo xtask test"]
async fn a_partitioned_tree() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let manager = FsConfig::new(root.path()).open().expect("opens");
    let values = [
        "2024-01-01",
        "a b",
        " leading",
        "München",
        "100%",
        "%41",
        "a=b",
        "a.b",
        "..",
        "x/y",
        "x\\y",
        "😀",
        "e\u{301}",
        "+1",
        "A",
        "a",
        "#?&",
        "'\"",
        "a\tb",
        "01",
    ];
    let mut rows = BTreeMap::new();
    for (index, value) in values.iter().enumerate() {
        for (zone, city) in ["Köln", "a=b %"].into_iter().enumerate() {
            let partition = PartitionKey::new([("slice", *value), ("city", city)]).expect("is a key");
            let location = HiveLayout.locate(&key("trees/parts"), Some(&partition)).expect("fits");
            let context = OutputContext::new(key("trees/parts"), Some(partition), location);
            let number = (index * 2 + zone) as i64;
            let table = RecordBatch::try_from_iter([("number", Arc::new(Int64Array::from(vec![number])) as ArrayRef)])
                .expect("fits");
            manager
                .handle_output(&context, &Table::from(table).into_value())
                .await
                .expect("is stored");
            rows.insert(number, vec![(*value).to_owned(), city.to_owned()]);
        }
    }
    let mut manifest = manifest(root.path()).await;
    assert_eq!(
        manifest.tables.len(),
        values.len() * 2,
        "each partition has a file of its own"
    );
    manifest.hive.push(Hive {
        path: "trees/parts".to_owned(),
        dimensions: vec!["slice".to_owned(), "city".to_owned()],
        rows,
    });
    compare(&manifest);
}

/// The comparison has teeth: a manifest that promises something else is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_PYTHON and LARDER_FLIGHTS_HOME; run by cargo xtask test"]
async fn a_difference_is_found_out() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let usual = |change: bool| {
        let mut columns = usual_columns();
        if change {
            // One value of one row.
            let mut numbers: Vec<Option<i8>> = columns[1]
                .1
                .as_any()
                .downcast_ref::<Int8Array>()
                .expect("is one")
                .iter()
                .collect();
            numbers[500] = numbers[500].map(|n| n.wrapping_add(1));
            columns[1].1 = Arc::new(Int8Array::from(numbers));
        }
        table(columns)
    };
    store(root.path(), |_| {}, "usual", usual(false).into_value()).await;
    store(root.path(), |_| {}, "object", json!({"a": 1}).into_value()).await;
    let right = manifest(root.path()).await;
    compare(&right);
    for wrong in ["value", "object", "missing"] {
        let mut manifest = manifest(root.path()).await;
        match wrong {
            "value" => drop(
                manifest
                    .tables
                    .insert("usual.parquet".to_owned(), expected(&usual(true))),
            ),
            "object" => drop(manifest.objects.insert("object.json".to_owned(), json!({"a": 1.5}))),
            _ => drop(manifest.tables.remove("usual.parquet")),
        }
        let found = compared(&manifest).expect_err(wrong);
        assert!(found.contains("PROBLEM"), "the script itself failed: {found}");
    }
}
