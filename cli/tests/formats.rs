//! `explain` tells which format the next value gets, and why, where the manager chooses it.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use larder_executor::{Asset, Definitions};
use larder_io_core::Table;
use larder_io_fs::{FsConfig, TableFormat};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

fn definitions(root: &Path, table: TableFormat) -> Definitions {
    let mut config = FsConfig::new(root);
    config.table = table;
    config.auto.least_bytes = 1;
    let assets = [
        Asset::builder("clean/flights").function(|_| async {
            let delays: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
            Ok(Table::from(RecordBatch::try_from_iter([("delay", delays)])?))
        }),
        Asset::builder("clean/rows").function(|_| async { Ok(BTreeMap::from([("rows".to_owned(), 1_u64)])) }),
    ];
    Definitions::new()
        .assets(assets)
        .with_every_asset_in(Arc::new(config.open().expect("opens")))
}

fn run(root: &Path, table: TableFormat, args: &str) -> String {
    let args = ["flights"]
        .into_iter()
        .chain(args.split_whitespace())
        .map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = larder_cli::run(definitions(root, table), args, &mut out, &mut err, false);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&err));
    String::from_utf8(out).expect("is UTF-8")
}

/// The value of a line of `explain`.
fn line(explained: &str, name: &str) -> Option<String> {
    let line = explained
        .lines()
        .find_map(|line| line.strip_prefix(&format!("  {name:<13} ")))?;
    Some(line.to_owned())
}

#[test]
fn explain_tells_the_next_format_and_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let auto = |args: &str| run(dir.path(), TableFormat::Auto, args);
    let explained = auto("explain clean/flights");
    assert_eq!(line(&explained, "format").as_deref(), Some("auto"));
    assert_eq!(
        line(&explained, "next format").as_deref(),
        Some("parquet: nothing is stored yet")
    );
    auto("materialize --quiet");
    auto("show clean/flights");
    let explained = auto("explain clean/flights");
    assert_eq!(
        line(&explained, "next format").as_deref(),
        Some("parquet: loaded once since it was stored")
    );
    (0..2).for_each(|_| drop(auto("show clean/flights")));
    let explained = line(&auto("explain clean/flights"), "next format").expect("is told");
    assert!(
        explained.starts_with("arrow: loaded 3 times since it was stored, "),
        "{explained}"
    );
    let document: Json = serde_json::from_str(&auto("explain clean/flights --json")).expect("is one document");
    assert_eq!(document["next_format"]["format"], "arrow");
    assert!(document["next_format"]["because"].is_string());
    auto("materialize --quiet");
    assert!(dir.path().join("clean/flights.arrow").try_exists().expect("looks"));
    // An object: what becomes of rows.
    let explained = line(&auto("explain clean/rows"), "next format").expect("is told");
    assert!(
        explained.starts_with("json: a sequence of 10000 structs or more is stored as parquet ("),
        "{explained}"
    );
    // Where the settings say all, nothing is added.
    let other = tempfile::tempdir().expect("a directory");
    let plain = |args: &str| run(other.path(), TableFormat::Arrow, args);
    assert_eq!(line(&plain("explain clean/flights"), "next format"), None);
    let document: Json = serde_json::from_str(&plain("explain clean/flights --json")).expect("is one document");
    assert_eq!(document["next_format"], json!(null));
}
