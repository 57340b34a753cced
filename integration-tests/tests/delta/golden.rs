//! Tables that the Python package `deltalake` made, and some that it reads and cannot make: larder's rows are those of the package and of
//! DuckDB, value for value, at every version. So are theirs of tables that larder made: `witnesses.rs`.

use super::{context, load, on_disk};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_ipc::writer::FileWriter;
use larder::{AssetValue, ErrorKind, Form, IoManager, Table};
use larder_integration_tests::python_file;
use larder_io_core::Version;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// What a reader found in each version: `table@version`, its schema and its rows.
pub(super) type Found = BTreeMap<String, Json>;

fn golden(command: &str, directory: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/delta_golden.py");
    let directory = directory.display().to_string();
    let variable = if command == "duckdb" {
        "LARDER_DUCKDB"
    } else {
        "LARDER_PYTHON"
    };
    python_file(variable, &script, &[command, &directory], "")
}

/// What a reader finds in each version of the tables below a directory.
pub(super) fn found(command: &str, directory: &Path) -> Found {
    serde_json::from_str(&golden(command, directory)).expect("is JSON")
}

/// What larder finds in these versions.
pub(super) async fn found_by(manager: &dyn IoManager, versions: impl Iterator<Item = &String>) -> Found {
    let arrow = tempfile::tempdir().expect("a directory");
    for name in versions {
        let (table, version) = name.split_once('@').expect("has a version");
        let mut input = context(table).to_input(Form::Table);
        input.version = Some(Version::from_text(version));
        let value = manager
            .load_input(&input)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let loaded = Table::from_value(value)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        write(&arrow.path().join(format!("{name}.arrow")), &loaded);
    }
    found("arrow", arrow.path())
}

/// Holds what two found against each other: rows, and columns where both know which may be null.
pub(super) fn same(ours: &Found, theirs: &Found, columns: bool) {
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>(),
        "they found other versions"
    );
    for (name, theirs) in theirs {
        if columns {
            assert_eq!(ours[name]["schema"], theirs["schema"], "{name}");
        }
        let (ours, theirs) = (rows(&ours[name]), rows(theirs));
        let differs = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
        assert_eq!((ours.len(), differs), (theirs.len(), None), "{name}");
    }
}

fn write(path: &Path, table: &Table) {
    let file = File::create(path).expect("is made");
    let mut writer = FileWriter::try_new(file, table.schema()).expect("begins");
    for batch in table.batches() {
        writer.write(batch).expect("is written");
    }
    writer.finish().expect("ends");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LARDER_PYTHON and LARDER_DUCKDB: cargo xtask test"]
async fn larder_reads_every_version_as_others_do() {
    let root = tempfile::tempdir().expect("a directory");
    golden("make", root.path());
    let expected = found("show", root.path());
    assert!(expected.len() >= 55, "{} versions", expected.len());
    let manager = on_disk(root.path(), |_| {});
    let ours = found_by(&manager, expected.keys()).await;
    same(&ours, &expected, true);
    // It takes every column for one that may be null.
    same(&ours, &found("duckdb", root.path()), false);
    // So that none of them agree on nothing.
    let counts = |name: &str| rows(&expected[name]).len();
    assert_eq!(
        ["types@0", "history@8", "many@3", "many@4", "vectors@6"].map(counts),
        [3, 8, 104_997, 44_000, 7]
    );
    what_the_package_writes_and_does_not_read(&manager).await;
}

pub(super) fn rows(found: &Json) -> &Vec<Json> {
    found["rows"].as_array().expect("is a list")
}

async fn what_the_package_writes_and_does_not_read(manager: &dyn IoManager) {
    let error = load(manager, "refused_decimal")
        .await
        .map(drop)
        .expect_err("is no decimal");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.message().contains("'0.-1' as 'decimal(5,2)'"), "{error}");
    let loaded = load(manager, "refused_binary")
        .await
        .expect("loads")
        .to_batch()
        .expect("is one");
    let value = |n: i64| bytes(&loaded, n);
    assert_eq!(
        [value(0), value(1), value(2)],
        [Some(b"ab".to_vec()), None, Some(b"\xff\x00".to_vec())]
    );
}

/// The binary value in the row of a number.
fn bytes(batch: &RecordBatch, n: i64) -> Option<Vec<u8>> {
    let numbers = batch
        .column_by_name("n")
        .expect("is there")
        .as_primitive::<arrow_array::types::Int64Type>();
    let values = batch.column_by_name("p").expect("is there").as_binary::<i32>();
    let row = (0..batch.num_rows())
        .find(|row| numbers.value(*row) == n)
        .expect("is there");
    values.is_valid(row).then(|| values.value(row).to_vec())
}
