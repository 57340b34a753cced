//! Tests of the hash of tables.

use super::table::*;
use crate::receipt::ContentHash;
use arrow_array::builder::{ListBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{Array, ArrayRef};
use arrow_array::{BooleanArray, Int32Array, StringArray, StructArray};
use arrow_schema::{DataType, Field};
use std::sync::Arc;

fn digest(column: &ArrayRef, chunk: usize) -> ContentHash {
    let mut digest = ColumnDigest::new(column.data_type());
    let mut at = 0;
    while at < column.len() {
        let length = chunk.min(column.len() - at);
        digest.update(&column.slice(at, length));
        at += length;
    }
    digest.finish()
}

fn columns() -> Vec<ArrayRef> {
    let integers = Int32Array::from_iter((0..1000).map(|n| (n % 7 != 0).then_some(n)));
    let texts = StringArray::from_iter((0..1000).map(|n| (n % 5 != 0).then(|| "x".repeat(n % 11))));
    let flags = BooleanArray::from_iter((0..1000).map(|n| (n % 3 != 0).then_some(n % 2 == 0)));
    let mut lists = ListBuilder::new(StringBuilder::new());
    for n in 0..1000 {
        (0..n % 4).for_each(|item| lists.values().append_value(format!("{item}")));
        lists.append(n % 6 != 0);
    }
    let fields = vec![(
        Arc::new(Field::new("a", DataType::Int32, true)),
        Arc::new(integers.clone()) as ArrayRef,
    )];
    vec![
        Arc::new(integers),
        Arc::new(texts),
        Arc::new(flags),
        Arc::new(lists.finish()),
        Arc::new(StructArray::from(fields)),
    ]
}

#[test]
fn chunks_do_not_matter() {
    for column in columns() {
        assert_eq!(digest(&column, 1000), digest(&column, 13), "{}", column.data_type());
        assert_ne!(digest(&column, 1000), digest(&column.slice(0, 999), 1000));
    }
}

#[test]
fn a_dictionary_hashes_as_its_values() {
    let mut encoded = StringDictionaryBuilder::<Int8Type>::new();
    ["b", "a", "b"].iter().for_each(|text| encoded.append_value(text));
    let encoded: ArrayRef = Arc::new(encoded.finish());
    let plain: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b"]));
    assert_eq!(digest(&encoded, 2), digest(&plain, 3));
}

#[test]
fn bytes_under_nulls_do_not_matter() {
    let nulls = arrow_buffer::NullBuffer::from(vec![true, false]);
    let left: ArrayRef = Arc::new(Int32Array::new(vec![1, 2].into(), Some(nulls.clone())));
    let right: ArrayRef = Arc::new(Int32Array::new(vec![1, 9].into(), Some(nulls)));
    assert_eq!(digest(&left, 2), digest(&right, 1));
}

/// As with objects: the hash of a table is stored and must stay what it is.
#[test]
fn the_hash_of_a_table_is_fixed() {
    let fields: Vec<Field> = columns()
        .iter()
        .map(|column| Field::new("c", column.data_type().clone(), true))
        .collect();
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    let mut digest = TableDigest::new(Arc::clone(&schema));
    digest.update(&arrow_array::RecordBatch::try_new(schema, columns()).expect("fits"));
    assert_eq!(
        digest.finish().map(|hash| hash.to_string()).as_deref(),
        Some("4751f7e15172c7c0635e9f42c2811ff8a2eb16d953ed1058150e904bd881d406")
    );
}
