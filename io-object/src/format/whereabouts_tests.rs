//! Where in an object the trouble is.

use super::whereabouts::{Trouble, find};
use larder_io_core::object::native;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

#[derive(Serialize)]
struct Order {
    lines: Vec<Line>,
    note: Option<Option<u8>>,
    by_place: HashMap<(u8, u8), u8>,
    names: BTreeMap<String, Sum>,
}

#[derive(Clone, Serialize)]
struct Line {
    price: f64,
    rate: Option<f32>,
}

#[derive(Serialize)]
enum Sum {
    Of(Stubborn),
    Nothing,
}

struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

fn order() -> Order {
    let line = Line {
        price: 1.0,
        rate: Some(0.5),
    };
    Order {
        lines: vec![line.clone(), line],
        note: Some(Some(1)),
        by_place: HashMap::new(),
        names: BTreeMap::from([("plain".to_owned(), Sum::Nothing)]),
    }
}

fn place(order: Order, trouble: Trouble) -> Option<String> {
    find(&native(order), trouble)
}

#[test]
fn a_trouble_is_found_where_it_is() {
    for trouble in [Trouble::NonFinite, Trouble::NestedNull, Trouble::Key] {
        assert_eq!(place(order(), trouble), None);
    }
    let mut nan = order();
    nan.lines[1].price = f64::NAN;
    assert_eq!(
        place(nan, Trouble::NonFinite).as_deref(),
        Some("`lines[1].price` (f64 NaN, in Line)")
    );
    let mut infinite = order();
    infinite.lines[0].rate = Some(f32::INFINITY);
    assert_eq!(
        place(infinite, Trouble::NonFinite).as_deref(),
        Some("`lines[0].rate` (f32 inf, in Line)")
    );
    let mut nested = order();
    nested.note = Some(None);
    let told = place(nested, Trouble::NestedNull);
    assert_eq!(told.as_deref(), Some("`note` (an option that holds nothing, in Order)"));
    let mut keys = order();
    keys.by_place.insert((1, 2), 3);
    let told = place(keys, Trouble::Key);
    assert_eq!(
        told.as_deref(),
        Some("`by_place` (a map whose keys are lists or tuples, in Order)")
    );
    let mut stubborn = order();
    stubborn.names.insert("a\"b".to_owned(), Sum::Of(Stubborn));
    assert_eq!(
        place(stubborn, Trouble::Key).as_deref(),
        Some("`names[\"a\\\"b\"].Of` (in Sum)")
    );
    let nan = native(f64::NAN);
    assert_eq!(
        find(&nan, Trouble::NonFinite).as_deref(),
        Some("the value itself (f64 NaN)")
    );
}

#[test]
fn a_bottomless_value_ends_the_search() {
    struct Bottomless;
    impl Serialize for Bottomless {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            [Self].serialize(to)
        }
    }
    let told = find(&native(Bottomless), Trouble::Key).unwrap_or_default();
    assert!(told.starts_with("`[0][0]") && told.ends_with("…`"), "{told}");
}
