//! Rows that nobody thought of: typed structs, and trees of JSON of any kind.

use super::kept_in;
use crate::TableFormat;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Nothing,
    One(i32),
    Two(String, u16),
    Named { x: f32, y: Option<i8> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u64,
    signed: Option<i64>,
    wide: i128,
    number: f64,
    text: String,
    letter: Option<char>,
    list: Vec<Option<i16>>,
    map: BTreeMap<String, Vec<bool>>,
    choice: Choice,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<u8>,
    pair: (u8, u8),
}

fn number() -> impl Strategy<Value = f64> {
    // JSON refuses what is not finite, which is what a value that is no table meets.
    any::<f64>().prop_filter("is finite", |number| number.is_finite())
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        4 => any::<i32>().prop_map(Choice::One),
        2 => (any::<String>(), any::<u16>()).prop_map(|(text, n)| Choice::Two(text, n)),
        2 => (-1e9_f32..1e9, any::<Option<i8>>()).prop_map(|(x, y)| Choice::Named { x, y }),
        1 => Just(Choice::Nothing),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let one = (
        any::<u64>(),
        any::<Option<i64>>(),
        prop_oneof![9 => any::<i64>().prop_map(i128::from), 1 => any::<i128>()],
    );
    let two = (
        number(),
        any::<String>(),
        any::<Option<char>>(),
        vec(any::<Option<i16>>(), 0..4),
    );
    let three = (
        btree_map(any::<String>(), vec(any::<bool>(), 0..3), 0..3),
        choice(),
        vec(any::<u8>(), 0..2),
        any::<(u8, u8)>(),
    );
    (one, two, three).prop_map(
        |((id, signed, wide), (number, text, letter, list), (map, choice, left_out, pair))| Row {
            id,
            signed,
            wide,
            number,
            text,
            letter,
            list,
            map,
            choice,
            left_out,
            pair,
        },
    )
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        number().prop_map(Json::from),
        "[a-c]{0,2}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            btree_map("[a-c]", inner, 0..3).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("starts")
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn typed_rows_come_back(rows in vec(row(), 1..12)) {
        run(kept_in(TableFormat::Parquet, &rows));
    }

    #[test]
    fn rows_of_one_choice_come_back_as_a_table(rows in vec((any::<u64>(), option::of(any::<String>()), any::<i32>()), 1..30)) {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct Small { id: u64, text: Option<String>, choice: Choice }
        let rows: Vec<Small> =
            rows.into_iter().map(|(id, text, n)| Small { id, text, choice: Choice::One(n) }).collect();
        let receipt = run(kept_in(TableFormat::Arrow, &rows));
        prop_assert_eq!(receipt.format, "arrow");
    }

    #[test]
    fn any_json_comes_back(rows in vec(btree_map("[a-c]", json(), 1..4), 1..6)) {
        run(kept_in(TableFormat::Parquet, &rows));
    }
}
