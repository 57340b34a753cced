//! Tests of the hash of tables.

use super::table::*;
use crate::receipt::ContentHash;
use arrow_array::builder::{ListBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int8Type;
use arrow_array::{Array, ArrayRef};
use arrow_array::{BooleanArray, Int32Array, StringArray, StringViewArray, StructArray, UInt32Array};
use arrow_schema::{DataType, Field};
use arrow_select::take::take;
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

/// Wherever their bytes lie.
#[test]
fn views_hash_as_texts() {
    // Up to what a view holds itself, longer, and more than is gathered at once.
    let lengths = [0, 1, 12, 13, 40, 700, 13, 13, 200_000, 5, 70_000, 14];
    let texts: Vec<String> = (0..600)
        .map(|n| {
            char::from(b'a' + (n % 26) as u8)
                .to_string()
                .repeat(lengths[n % lengths.len()])
        })
        .collect();
    let plain: ArrayRef = Arc::new(StringArray::from(texts.clone()));
    let views = StringViewArray::from_iter_values(&texts);
    let expected = digest(&plain, 600);
    let backwards: Vec<u32> = (0..600).rev().collect();
    let scattered = take(
        &StringViewArray::from_iter_values(texts.iter().rev()),
        &UInt32Array::from(backwards),
        None,
    );
    let in_order: ArrayRef = Arc::new(views);
    for column in [in_order, scattered.expect("takes")] {
        for chunk in [600, 599, 64, 7, 1] {
            assert_eq!(digest(&column, chunk), expected, "{chunk}");
        }
    }
    // A gap between two values in a buffer, and an overlap, are no run.
    let buffer = arrow_buffer::Buffer::from(b"abcdefghijklmnopqrstuvwxyz0123456789".to_vec());
    let view = |from: u32, length: u32| {
        let prefix = u32::from_le_bytes(buffer[from as usize..][..4].try_into().expect("four bytes"));
        arrow_data::ByteView::new(length, &prefix.to_le_bytes())
            .with_buffer_index(0)
            .with_offset(from)
            .as_u128()
    };
    let views = vec![view(0, 13), view(14, 13), view(20, 13), view(0, 20), view(20, 16)];
    let odd: ArrayRef = Arc::new(StringViewArray::new(views.into(), vec![buffer], None));
    let texts: Vec<String> = odd.as_string_view().iter().flatten().map(str::to_owned).collect();
    let plain: ArrayRef = Arc::new(StringArray::from(texts));
    assert_eq!(digest(&odd, 5), digest(&plain, 5));
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

#[test]
fn the_way_of_hashing_is_kept() {
    // Part of what is stored: of a hash that changes, values that are equal look different.
    let hashes: Vec<String> = columns()
        .iter()
        .map(|column| digest(column, 1000).to_string()[..16].to_owned())
        .collect();
    let kept = [
        "a3ede1229df03538",
        "205ea1c7478e6f59",
        "cd21e13b9481ae42",
        "b8bf0987adf94d92",
        "e3991748d8ccd85f",
    ];
    assert_eq!(hashes, kept);
}
