//! Random values, there and back.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use larder_io_core::python::{Date, DateTime, FrozenSet, Offset, Set, Time, TimeDelta};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Key {
    Nothing,
    Other,
}

type Pair = (Option<i64>, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Plain {
    Nothing,
    Bool(bool),
    Small(i32),
    Int(i128),
    Unsigned(u128),
    Float(f64),
    Single(f32),
    Char(char),
    Text(String),
    List(Vec<Plain>),
    Both(Box<Plain>, Box<Plain>),
    Maybe(Option<Box<Plain>>),
    Record { name: String, inner: Vec<Plain> },
    ByText(BTreeMap<String, Plain>),
    ByPair(BTreeMap<Pair, Plain>),
    Set(Set<BTreeSet<Pair>>),
    Frozen(BTreeMap<FrozenSet<BTreeSet<i64>>, Key>),
    At(DateTime),
    Days(BTreeMap<Date, Time>),
    Span(TimeDelta),
}

fn date() -> impl Strategy<Value = Date> {
    (1_u16..10_000, 1_u8..13, 1_u8..32).prop_filter_map("no such date", |(y, m, d)| Date::new(y, m, d).ok())
}

fn time() -> impl Strategy<Value = Time> {
    let offset = proptest::option::of(-86_399_999_999_i64..86_400_000_000);
    (0_u8..24, 0_u8..60, 0_u8..60, 0_u32..1_000_000, any::<bool>(), offset).prop_map(|(h, m, s, us, fold, offset)| {
        let offset = offset.map(|micros| Offset::from_micros(micros).unwrap());
        Time::new(h, m, s, us).unwrap().with_fold(fold).with_offset(offset)
    })
}

fn span() -> impl Strategy<Value = TimeDelta> {
    (-999_999_999_i64..999_999_999, 0_i64..86_400, 0_i64..1_000_000)
        .prop_map(|(days, seconds, micros)| TimeDelta::new(days, seconds, micros).unwrap())
}

fn plain() -> impl Strategy<Value = Plain> {
    let number = || any::<f64>().prop_filter("a NaN equals nothing", |float| !float.is_nan());
    let pair = || (any::<Option<i64>>(), ".{0,5}");
    let leaf = prop_oneof![
        Just(Plain::Nothing),
        any::<bool>().prop_map(Plain::Bool),
        any::<i32>().prop_map(Plain::Small),
        any::<i128>().prop_map(Plain::Int),
        (any::<i128>(), 0..128_u32).prop_map(|(int, shift)| Plain::Int(int >> shift)),
        (any::<u128>(), 0..128_u32).prop_map(|(int, shift)| Plain::Unsigned(int >> shift)),
        number().prop_map(Plain::Float),
        number().prop_map(|float| Plain::Single(float as f32)),
        any::<char>().prop_map(Plain::Char),
        any::<String>().prop_map(Plain::Text),
        proptest::collection::btree_set(pair(), 0..5).prop_map(|set| Plain::Set(Set(set))),
        proptest::collection::btree_set(any::<i64>(), 0..5)
            .prop_map(|set| Plain::Frozen(BTreeMap::from([(FrozenSet(set), Key::Other)]))),
        (date(), time()).prop_map(|(date, time)| Plain::At(DateTime::new(date, time))),
        proptest::collection::btree_map(date(), time(), 0..3).prop_map(Plain::Days),
        span().prop_map(Plain::Span),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Plain::List),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Plain::Both(Box::new(a), Box::new(b))),
            proptest::option::of(inner.clone()).prop_map(|inner| Plain::Maybe(inner.map(Box::new))),
            (".{0,9}", proptest::collection::vec(inner.clone(), 0..3))
                .prop_map(|(name, inner)| Plain::Record { name, inner }),
            proptest::collection::btree_map(".{0,5}", inner.clone(), 0..4).prop_map(Plain::ByText),
            proptest::collection::btree_map(pair(), inner, 0..4).prop_map(Plain::ByPair),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn what_is_written_reads_the_same(value in plain()) {
        let data = to_vec(&value).unwrap();
        prop_assert_eq!(&Plain::deserialize(&parse(&data).unwrap()).unwrap(), &value);
        prop_assert!(parse(&data[..data.len() - 1]).is_err());
    }

    #[test]
    fn dates_and_times_are_their_text(date in date(), time in time(), span in span()) {
        let at = DateTime::new(date, time);
        prop_assert_eq!(at.to_string().parse::<DateTime>().unwrap(), at);
        prop_assert_eq!(span.to_string().parse::<TimeDelta>().unwrap(), span);
    }
}
