//! What serde types become.

use super::{is_object, is_table, kept_in};
use crate::TableFormat;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plain {
    id: u64,
    small: i8,
    name: String,
    score: Option<f64>,
    initial: char,
    tags: Vec<String>,
    place: Option<Place>,
    day: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    lat: f32,
    lon: f32,
    names: BTreeMap<String, u16>,
}

impl Plain {
    pub(super) fn of(n: u64) -> Self {
        Self {
            id: u64::MAX - n,
            small: (n % 200) as i8,
            name: format!("name {n} ü"),
            score: (!n.is_multiple_of(3)).then_some(n as f64 / 7.0),
            initial: ['a', 'ß', '😀'][n as usize % 3],
            tags: (0..n % 4).map(|tag| format!("t{tag}")).collect(),
            place: (!n.is_multiple_of(5)).then(|| Place {
                lat: n as f32 / 3.0,
                lon: -0.0,
                names: (0..n % 3).map(|n| (format!("k{n}"), n as u16)).collect(),
            }),
            day: "2024-02-29".to_owned(),
        }
    }
}

#[tokio::test]
async fn structs_become_columns() {
    let receipt = is_table((0..3_000).map(Plain::of).collect::<Vec<_>>()).await;
    assert_eq!(receipt.rows, Some(3_000));
    assert!(receipt.location.as_str().ends_with("rows.parquet"));
}

#[tokio::test]
async fn every_table_format_keeps_them() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        id: u64,
        text: Option<String>,
        number: f64,
        flag: bool,
    }
    let rows: Vec<Flat> = (0..500)
        .map(|n| Flat {
            id: u64::MAX - n,
            text: (n % 3 != 0).then(|| format!("\"{n}\", \n")),
            number: n as f64 / 3.0,
            flag: n % 2 == 0,
        })
        .collect();
    for (format, name) in [
        (TableFormat::Csv, "csv"),
        (TableFormat::Ndjson, "ndjson"),
        (TableFormat::Avro, "avro"),
        (TableFormat::Auto, "parquet"),
    ] {
        assert_eq!(kept_in(format, &rows).await.format, name);
    }
    // A format that cannot keep the columns leaves the object as it is.
    let nested: Vec<Plain> = (0..10).map(Plain::of).collect();
    assert_eq!(kept_in(TableFormat::Csv, &nested).await.format, "json");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Other,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Data {
    Number(i64),
    Pair(u8, u8),
    Named { text: String, n: u8 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Point { x: i64 },
    Name { text: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct One<T> {
    value: T,
}

fn all<T: Clone>(values: &[T]) -> Vec<One<T>> {
    values.iter().map(|value| One { value: value.clone() }).collect()
}

#[tokio::test]
async fn enums_come_back() {
    is_table(all(&[Shape::Unit, Shape::Other])).await;
    let named = Data::Named {
        text: "a".to_owned(),
        n: 1,
    };
    is_table(all(&[Data::Number(-1), Data::Pair(1, 2), named.clone()])).await;
    is_table(all(&[Some(named), None])).await;
    is_table(vec![Data::Number(1), Data::Pair(3, 4)]).await;
    is_table(vec![Tagged::Point { x: 1 }, Tagged::Name { text: "x".to_owned() }]).await;
}

#[tokio::test]
async fn numbers_come_back_by_value() {
    is_table(all(&[u64::MAX, 0])).await;
    is_table(all(&[i64::MIN, i64::MAX])).await;
    is_table(all(&[-0.0_f64, 0.0, f64::MIN_POSITIVE])).await;
    is_table(all(&[f32::MAX, 0.1])).await;
    is_table(all(&[i128::from(i64::MIN), 1])).await;
    is_table(all(&[u128::from(u64::MAX), 1])).await;
    is_object(all(&[i128::from(u64::MAX), -1])).await;
    is_object(all(&[u128::MAX])).await;
}

#[tokio::test]
async fn nan_and_infinities_are_kept() {
    use larder_io_core::{AssetValue, Form, IoManager};
    let manager = super::manager(TableFormat::Parquet);
    let values = all(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0]);
    let receipt = manager
        .handle_output(&super::context(), &values.into_value())
        .await
        .expect("is stored");
    assert_eq!(receipt.format, "parquet", "JSON would have refused it");
    let loaded = manager
        .load_input(&super::context().to_input(Form::Object))
        .await
        .expect("loads");
    let loaded = Vec::<One<f64>>::from_value(loaded).await.expect("reads");
    assert!(loaded[0].value.is_nan());
    assert_eq!(loaded[1..], all(&[f64::INFINITY, f64::NEG_INFINITY, 1.0]));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Skipped {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    count: u32,
    last: Option<u8>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[tokio::test]
async fn fields_that_are_left_out_stay_left_out() {
    let of = |first: Option<&str>, count, last| Skipped {
        first: first.map(str::to_owned),
        count,
        last,
    };
    is_table(vec![of(None, 0, None), of(Some("a"), 7, Some(1)), of(None, 3, None)]).await;
    // Null in one row and left out in another: a column has only one of the two.
    let row = |fields: &[(&str, Option<u8>)]| -> BTreeMap<String, Option<u8>> {
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect()
    };
    is_object(vec![row(&[("a", None), ("b", Some(1))]), row(&[("b", Some(1))])]).await;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    id: u64,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
}

#[tokio::test]
async fn maps_are_rows_by_their_keys() {
    is_table(vec![
        HashMap::from([("a".to_owned(), 1_i32), ("b".to_owned(), 2)]),
        HashMap::from([("b".to_owned(), 3), ("c".to_owned(), 4)]),
    ])
    .await;
    is_table(vec![
        Flattened {
            id: 1,
            rest: BTreeMap::from([("x".to_owned(), 1)]),
        },
        Flattened {
            id: 2,
            rest: BTreeMap::from([("y".to_owned(), 2)]),
        },
    ])
    .await;
    is_table(all(&[BTreeMap::from([(1_u32, "one".to_owned())]), BTreeMap::new()])).await;
    is_object(vec![BTreeMap::from([(1_u32, 1.5)])]).await;
    let wide = |n: u32| BTreeMap::from([(format!("key {n}"), 1_u8)]);
    is_object((0..1_001).map(wide).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn what_is_no_table_stays_an_object() {
    is_object(vec![1_u16, 2]).await;
    is_object(vec!["a".to_owned()]).await;
    is_object(BTreeMap::from([("a".to_owned(), 1)])).await;
    is_object(Vec::<Plain>::new()).await;
    is_object(vec![Some(Plain::of(1)), None]).await;
    is_object(all(&[(1_u8, "a".to_owned())])).await;
    is_object(all(&[serde_json::json!(1), serde_json::json!("a")])).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Empty {}
    is_object(vec![Empty {}, Empty {}]).await;
    is_object(all(&[Empty {}])).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Tree {
        below: Vec<Self>,
    }
    let deep = (0..40).fold(Tree { below: Vec::new() }, |below, _| Tree { below: vec![below] });
    is_object(vec![deep]).await;
    // Data and no data in one enum: text in one row, a struct in another.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Mixed {
        Unit,
        Data(u8),
    }
    is_object(all(&[Mixed::Unit, Mixed::Data(1)])).await;
}

#[tokio::test]
async fn odd_columns_come_back() {
    is_table(all(&[(), ()])).await;
    is_table(all(&[None::<u8>, None])).await;
    is_table(all(&[Vec::<u8>::new(), Vec::new()])).await;
    is_table(all(&[vec![None, Some(vec![1_u8])], vec![]])).await;
    is_table(all(&[[1.5_f64, 2.5]])).await;
    is_table(all(&["".to_owned(), "\0".to_owned(), "ü😀".repeat(1_000)])).await;
    is_table(all(&[serde_json::json!({"a": [1, 2]}), serde_json::json!({"a": []})])).await;
    is_table(Some(all(&[1_u8]))).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Bytes {
        #[serde(with = "bytes_of")]
        value: Vec<u8>,
    }
    is_table(vec![Bytes { value: vec![0, 255] }, Bytes { value: Vec::new() }]).await;
}

/// Bytes as bytes, without a crate for it.
mod bytes_of {
    use serde::de::{Deserializer, Error, SeqAccess, Visitor};
    use std::fmt;

    pub(super) fn serialize<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_owned())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// Keys that are a text within a type, or the name of a variant.
#[tokio::test]
async fn rows_that_are_maps_have_keys_of_other_types() {
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Id(String);
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Side {
        Left,
        Right,
    }
    let of = |n: u32| BTreeMap::from([(Id("a".to_owned()), n), (Id("b".to_owned()), n + 1)]);
    is_table((0..100).map(of).collect::<Vec<_>>()).await;
    let of = |n: u32| BTreeMap::from([(Side::Left, n), (Side::Right, n + 1)]);
    is_table((0..100).map(of).collect::<Vec<_>>()).await;
}
