//! A second witness: what larder writes the vendors' own clients read byte for byte, and what they write larder loads.
//!
//! Each witness is given the same values under the same names, among them names that have to be encoded on their way. Bytes
//! that a witness reads are held against the value, and against the hash in larder's receipt.

mod aws_sdk;
mod azure;
mod boto3;
mod changes;
mod python;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use futures_util::TryStreamExt;
use larder::{
    AssetKey, AssetValue, Blob, ContentHash, ErrorKind, Form, InputContext, IoManager, Location, OutputContext,
    Receipt, Table,
};
use larder_integration_tests::{ODD, bytes_of};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Bytes of the large blobs: three parts, the last of them odd.
const LARGE: usize = (17 << 20) + 13;

/// What every witness sees of one value.
#[derive(Debug, Deserialize)]
struct Seen {
    /// As the service tells it, with quotes.
    etag: String,
    /// The vendor's id of the version, where there is one.
    version: Option<String>,
    /// By names in lower case.
    metadata: BTreeMap<String, String>,
    /// The file with the bytes, of a witness in Python.
    #[serde(default)]
    file: String,
    #[serde(skip)]
    bytes: Vec<u8>,
    /// A table's rows, as pyarrow reads them; `null` where it was not asked.
    #[serde(default)]
    rows: Json,
}

type Values = BTreeMap<String, Seen>;

/// The blobs: where they are, their suffix included, and what is in them.
fn blobs() -> BTreeMap<String, Vec<u8>> {
    let odd = ODD
        .iter()
        .zip(1..)
        .map(|(name, number)| (format!("{name}.bin"), bytes_of(number, 1000)));
    let others = [
        ("plain/small.bin".to_owned(), bytes_of(100, 10)),
        ("plain/empty.bin".to_owned(), Vec::new()),
        ("plain/large.bin".to_owned(), bytes_of(101, LARGE)),
        ("odd/lärge +1%.bin".to_owned(), bytes_of(102, LARGE)),
    ];
    odd.chain(others).collect()
}

fn numbers() -> Json {
    json!({ "a": [1, 2, null], "b": "é\u{1}\"", "c": { "d": 0.1, "e": i64::MIN } })
}

fn columns() -> [(&'static str, ArrayRef); 3] {
    let rows = 0..1000_i64;
    let text = |n: i64| (n % 5 != 0).then(|| format!("{n} ü"));
    [
        ("n", std::sync::Arc::new(rows.clone().map(Some).collect::<Int64Array>())),
        (
            "half",
            std::sync::Arc::new(
                rows.clone()
                    .map(|n| (n % 3 != 0).then_some(n as f64 / 2.0))
                    .collect::<Float64Array>(),
            ),
        ),
        ("text", std::sync::Arc::new(rows.map(text).collect::<StringArray>())),
    ]
}

/// The same rows, as pyarrow would print them.
fn rows() -> Json {
    let row = |n: i64| {
        json!({
            "n": n,
            "half": (n % 3 != 0).then_some(n as f64 / 2.0),
            "text": (n % 5 != 0).then(|| format!("{n} ü")),
        })
    };
    (0..1000).map(row).collect()
}

fn output(stem: &str) -> OutputContext {
    let asset = AssetKey::new(stem.split('/')).expect("is a key");
    OutputContext::new(asset, None, stem.parse().expect("is a location"))
}

fn input(stem: &str, form: Form) -> InputContext {
    output(stem).to_input(form)
}

/// Stores every value with larder; gives the receipts by location.
async fn write(manager: &dyn IoManager) -> BTreeMap<String, Receipt> {
    let table = RecordBatch::try_from_iter(columns()).expect("columns fit");
    let mut values = vec![
        ("made/numbers".to_owned(), numbers().into_value()),
        ("made/table".to_owned(), Table::from(table).into_value()),
    ];
    for (name, bytes) in blobs() {
        let stem = name.strip_suffix(".bin").expect("has a suffix");
        values.push((stem.to_owned(), Blob::from(bytes).into_value()));
    }
    let mut receipts = BTreeMap::new();
    for (stem, value) in values {
        let receipt = manager.handle_output(&output(&stem), &value).await;
        let receipt = receipt.unwrap_or_else(|error| panic!("{stem}: {error:?}"));
        receipts.insert(receipt.location.to_string(), receipt);
    }
    receipts
}

/// What a witness read is what larder wrote, and there is nothing else.
fn same(receipts: &BTreeMap<String, Receipt>, seen: &Values, version: fn(&Seen) -> String) {
    assert_eq!(receipts.keys().collect::<Vec<_>>(), seen.keys().collect::<Vec<_>>());
    for (name, receipt) in receipts {
        let found = &seen[name];
        assert_eq!(found.bytes.len() as u64, receipt.bytes, "{name}");
        assert_eq!(Some(ContentHash::of(&found.bytes)), receipt.stored_hash, "{name}");
        assert_eq!(version(found), receipt.version.as_str(), "{name}");
        // Of a large value the receipt is kept beside it, and the value says where.
        match found.metadata.get("larderreceipt") {
            Some(carried) => {
                let carried: Json = serde_json::from_str(carried).expect("is JSON");
                assert_eq!(carried["bytes"], receipt.bytes, "{name}");
            }
            None => assert_eq!(found.metadata["larderwrite"], receipt.write.as_str(), "{name}"),
        }
        assert_eq!(found.metadata["owner"], "data team", "{name}");
    }
    for (name, bytes) in blobs() {
        assert!(seen[&name].bytes == bytes, "{name}");
    }
    let object: Json = serde_json::from_slice(&seen["made/numbers.json"].bytes).expect("is JSON");
    assert_eq!(object, numbers());
}

/// What larder lists, loads and tells is what a witness wrote.
async fn loads(manager: &dyn IoManager, wrote: &Values, version: fn(&Seen) -> String) {
    let listed: Vec<Location> = manager.list(None).try_collect().await.expect("lists");
    let mut listed: Vec<String> = listed.into_iter().map(Into::into).collect();
    listed.sort();
    let stem = |name: &String| name.rsplit_once('.').expect("has a suffix").0.to_owned();
    let mut stems: Vec<String> = wrote.keys().map(stem).collect();
    stems.sort();
    assert_eq!(listed, stems);
    let below: Vec<Location> = manager
        .list(Some(&"made".parse().expect("is a location")))
        .try_collect()
        .await
        .expect("lists");
    assert_eq!(below.len(), 2, "{below:?}");
    for (name, seen) in wrote {
        let input = InputContext::new(
            output(&stem(name)).asset,
            None,
            stem(name).parse().expect("is a location"),
        );
        let head = manager.head(&input).await.expect("can tell");
        let head = head.unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(
            (head.location.as_str(), head.bytes),
            (name.as_str(), seen.bytes.len() as u64)
        );
        assert_eq!(head.version.as_str(), version(seen), "{name}");
        assert!(head.uri.ends_with(&format!("/{name}")), "{}", head.uri);
        assert!(head.stored_hash.is_none(), "{name}: nobody told a hash");
    }
    for (name, bytes) in blobs() {
        assert!(blob(manager, &stem(&name)).await == bytes, "{name}");
    }
    let loaded = manager
        .load_input(&input("made/numbers", Form::Object))
        .await
        .expect("loads");
    assert_eq!(Json::from_value(loaded).await.expect("is an object"), numbers());
    let loaded = manager
        .load_input(&input("made/table", Form::Table))
        .await
        .expect("loads");
    let table = Table::from_value(loaded)
        .await
        .expect("is a table")
        .to_batch()
        .expect("joins");
    for (name, column) in columns() {
        let found = table.column_by_name(name).expect("is there");
        assert!(*found == column, "{name}: {found:?}");
    }
}

async fn blob(manager: &dyn IoManager, stem: &str) -> Vec<u8> {
    let loaded = manager.load_input(&input(stem, Form::Blob)).await;
    let loaded = loaded.unwrap_or_else(|error| panic!("{stem}: {error:?}"));
    Vec::<u8>::from_value(loaded).await.expect("is bytes")
}

async fn is_gone(manager: &dyn IoManager, stem: &str) {
    let input = input(stem, Form::Blob);
    assert!(manager.head(&input).await.expect("can tell").is_none(), "{stem}");
    let missing = manager.load_input(&input).await.map(drop).expect_err("is gone");
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing:?}");
}
