//! Rows of structs come back exactly, or the value is stored as an object.

mod generated;
mod types;

use super::as_rows;
use super::source::StoredRows;
use crate::{ObjectIo, Settings, TableFormat};
use larder_io_core::hash::digest_object;
use larder_io_core::{AssetKey, AssetValue, Form, IoManager, OutputContext, Receipt, Value};
use object_store::memory::InMemory;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;

fn manager(table: TableFormat) -> ObjectIo {
    let settings = Settings {
        table,
        rows_as_table: Some(1),
        ..Settings::default()
    };
    let store = crate::BucketStore::new(Arc::new(InMemory::new()), "memory");
    ObjectIo::new("memory", "memory", Arc::new(store), settings).expect("is valid")
}

fn context() -> OutputContext {
    let key: AssetKey = "rows".parse().expect("is a key");
    OutputContext::new(key, None, "rows".parse().expect("is a location"))
}

/// Stores a value, loads it, and compares it and its hash; gives the receipt.
async fn kept_in<T>(table: TableFormat, value: &T) -> Receipt
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let manager = manager(table);
    let stored = value.clone().into_value();
    let receipt = manager.handle_output(&context(), &stored).await.expect("is stored");
    let loaded = manager
        .load_input(&context().to_input(Form::Object))
        .await
        .expect("loads");
    let loaded = T::from_value(loaded).await.expect("is of the type");
    assert_eq!(loaded, *value);
    let hash = |value: &Value| digest_object(value).expect("hashes").hash;
    assert_eq!(hash(&loaded.into_value()), hash(&stored), "hashes differ");
    assert_eq!(receipt.content_hash, Some(hash(&stored)));
    assert_eq!(receipt.form, Form::Object);
    receipt
}

/// Stores a value that must become a table.
async fn is_table<T>(value: T) -> Receipt
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let receipt = kept_in(TableFormat::Parquet, &value).await;
    assert_eq!(receipt.format, "parquet");
    let arrow = kept_in(TableFormat::Arrow, &value).await;
    assert_eq!((arrow.format.as_str(), arrow.rows), ("arrow", receipt.rows));
    assert_eq!(arrow.content_hash, receipt.content_hash);
    receipt
}

/// Stores a value that must stay an object.
async fn is_object<T>(value: T)
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static,
{
    assert!(as_rows(&value.clone().into_value(), 1).await.is_none(), "fits a table");
    assert_eq!(kept_in(TableFormat::Parquet, &value).await.format, "json");
}

#[tokio::test]
async fn a_file_of_rows_is_read_batch_by_batch_and_damage_is_told() {
    let rows: Vec<types::Plain> = (0..20_000).map(types::Plain::of).collect();
    let source = as_rows(&rows.clone().into_value(), 1).await.expect("fits a table");
    let table = larder_io_core::table::collect(&source).await.expect("builds");
    assert_eq!(
        table.batches().iter().map(|batch| batch.num_rows()).max(),
        Some(8 << 10)
    );
    let stored = StoredRows::batches(0, &table, None).await.expect("is in memory");
    let loaded = Vec::<types::Plain>::from_value(Value::Object(Arc::new(stored)))
        .await
        .expect("reads");
    assert_eq!(loaded, rows);
    // Another type of row is told, not guessed.
    let stored = StoredRows::batches(0, &table, None).await.expect("is in memory");
    let error = Vec::<(u8, u8)>::from_value(Value::Object(Arc::new(stored)))
        .await
        .expect_err("are no pairs");
    assert_eq!(error.kind(), larder_io_core::ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_value_that_changes_while_it_is_read_is_not_stored_as_a_table() {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Serializes another number each time.
    #[derive(Debug)]
    struct Fickle(AtomicU64);

    impl Serialize for Fickle {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let name = if number < 2 { "a" } else { "b" };
            serializer.collect_seq([std::collections::BTreeMap::from([(name, number)])])
        }
    }
    let value = larder_io_core::object::native(Fickle(AtomicU64::new(0)));
    let receipt = manager(TableFormat::Parquet)
        .handle_output(&context(), &value)
        .await
        .expect("is stored");
    assert_eq!(receipt.format, "json");
}

/// The rows of a value as cells, and as a batch.
async fn cells_and_batch<T: AssetValue>(rows: T) -> (Vec<super::cell::Cell>, arrow_array::RecordBatch) {
    let value = rows.into_value();
    let mut cells = Vec::new();
    let visit = &mut |cell| {
        cells.push(cell);
        Ok(())
    };
    larder_io_core::object::serialize_object(&value, super::rows::Rows { least: 0, visit }).expect("are rows");
    let table = larder_io_core::table::collect(&as_rows(&value, 1).await.expect("fits"))
        .await
        .expect("builds");
    (cells, table.to_batch().expect("joins"))
}

#[tokio::test]
async fn rows_that_come_back_otherwise_are_refused() {
    use serde_json::json;
    let rows = [
        json!([{"a": 1, "b": "x", "c": [1, 2], "d": {"k": 1.5}}]),
        json!([{"a": 2, "b": "x", "c": [1, 2], "d": {"k": 1.5}}]),
        json!([{"a": 1, "b": "y", "c": [1, 2], "d": {"k": 1.5}}]),
        json!([{"a": 1, "b": "x", "c": [1], "d": {"k": 1.5}}]),
        json!([{"a": 1, "b": "x", "c": [1, 2, 3], "d": {"k": 1.5}}]),
        json!([{"a": 1, "b": "x", "c": [1, 2], "d": {"k": -1.5}}]),
        json!([{"a": 1, "b": "x", "c": [1, 2], "d": {"l": 1.5}}]),
        json!([{"a": 1, "b": "x", "c": [1, 2], "d": {"k": 1.5, "l": 1.5}}]),
        json!([{"a": 1.0, "b": "x", "c": [1, 2], "d": {"k": 1.5}}]),
        json!([{"a": null, "b": "x", "c": [1, 2], "d": {"k": 1.5}}]),
        json!([{"b": "x", "c": [1, 2], "d": {"k": 1.5}}]),
        json!([{"a": 1, "b": "x", "c": [1, 2], "d": {"k": 1.5}, "e": 1}]),
        json!([{"a": 1, "b": "x", "c": [1, 2], "d": {"k": 1.5}}, {"a": 1, "b": "x", "c": [1, 2], "d": {"k": 1.5}}]),
    ];
    let mut made = Vec::new();
    for row in rows {
        made.push(cells_and_batch(row).await);
    }
    for (n, (cells, _)) in made.iter().enumerate() {
        for (m, (_, batch)) in made.iter().enumerate() {
            assert_eq!(super::compare::rows(cells, batch).is_ok(), n == m, "rows {n} as {m}");
        }
    }
    let signed = |zero: f64| json!([{ "z": zero }]);
    let (cells, _) = cells_and_batch(signed(0.0)).await;
    let (_, batch) = cells_and_batch(signed(-0.0)).await;
    assert!(super::compare::rows(&cells, &batch).is_err(), "-0.0 is another number");
}
