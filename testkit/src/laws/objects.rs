//! Law 1 for objects: what comes back is what went in, or it was refused.

use super::support::output;
use crate::Fixture;
use larder_io_core::{AssetValue, Form};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

/// What a check stores.
pub(crate) trait Plain: Serialize + DeserializeOwned + Debug + PartialEq + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Debug + PartialEq + Send + Sync + 'static> Plain for T {}

/// Must come back equal.
async fn keeps<T: Plain>(fixture: &Fixture, at: &str, make: impl Fn() -> T) {
    let ctx = output(at);
    fixture.store(&ctx, &make().into_value()).await;
    same(fixture.load(&ctx.to_input(Form::Object)).await, at, make()).await;
}

/// Must come back equal or be refused.
async fn keeps_or_refuses<T: Plain>(fixture: &Fixture, at: &str, make: impl Fn() -> T) {
    let value = make().into_value();
    if let Some(loaded) = fixture.keep_or_refuse(1, at, &output(at), &value).await {
        same(loaded, at, make()).await;
    }
}

async fn same<T: Plain>(loaded: larder_io_core::Value, at: &str, wanted: T) {
    let read = T::from_value(loaded).await;
    let read = read.unwrap_or_else(|error| panic!("law 1: {at} was stored but cannot be read: {error:?}"));
    // NaN differs from itself, so texts are compared; they show the sign of zero as well.
    let (read, wanted) = (format!("{read:?}"), format!("{wanted:?}"));
    check_eq!(read, wanted, "law 1: {at} came back changed");
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Flight {
    carrier: String,
    number: i64,
    unsigned: u64,
    delayed: bool,
    gate: Option<char>,
    stops: Vec<(String, i32)>,
    empty: Vec<u8>,
    pair: (u8, i16),
    note: Option<String>,
}

/// Ordinary structs, sequences, tuples, options and 64-bit integers come back as they were.
pub async fn law_01_round_trip_objects(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    keeps(fixture, "flight", || Flight {
        carrier: "UA \"United\"\n".into(),
        number: i64::MIN,
        unsigned: u64::MAX,
        delayed: true,
        gate: Some('é'),
        stops: vec![("ORD".into(), -1), (String::new(), i32::MAX)],
        empty: Vec::new(),
        pair: (255, -32_768),
        note: None,
    })
    .await;
    keeps(fixture, "number", || 7_u8).await;
    keeps(fixture, "text", || "plain".to_owned()).await;
    keeps(fixture, "list", || (0..1000).collect::<Vec<i64>>()).await;
    keeps(fixture, "none", || None::<u32>).await;
    keeps(fixture, "some", || Some(5_u32)).await;
}

/// Integers beyond 64 bits come back as they were or are refused.
pub async fn law_01_wide_integers(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    keeps_or_refuses(fixture, "i128", || vec![i128::MIN, -1, i128::MAX]).await;
    keeps_or_refuses(fixture, "u128", || u128::MAX).await;
    keeps_or_refuses(fixture, "beyond-u64", || {
        (u128::from(u64::MAX) + 1, i128::from(i64::MIN) - 1)
    })
    .await;
}

/// An option in an option comes back as it was or is refused.
pub async fn law_01_nested_options(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    keeps_or_refuses(fixture, "some-none", || Some(None::<u8>)).await;
    keeps_or_refuses(fixture, "some-unit", || vec![Some(()), None]).await;
    keeps_or_refuses(fixture, "in-map", || {
        BTreeMap::from([("a".to_owned(), Some(None::<String>))])
    })
    .await;
    keeps_or_refuses(fixture, "outer-none", || None::<Option<u8>>).await;
    keeps_or_refuses(fixture, "some-some", || Some(Some(3))).await;
}

/// Finite floats come back bit by bit; NaN and infinities do, or are refused.
pub async fn law_01_floats_in_objects(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    let finite = || vec![0.1 + 0.2, -0.0, 5e-324, f64::MAX, 1e23, 9_007_199_254_740_993.0];
    keeps(fixture, "finite", finite).await;
    keeps(fixture, "single", || vec![0.1_f32, f32::MIN_POSITIVE, 16_777_216.0]).await;
    keeps_or_refuses(fixture, "nan", || vec![1.0, f64::NAN]).await;
    keeps_or_refuses(fixture, "infinite", || (f64::INFINITY, f64::NEG_INFINITY)).await;
    keeps_or_refuses(fixture, "single-nan", || Some(f32::NAN)).await;
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Shape {
    Dot,
    Circle(f64),
    Line(i32, i32),
    Box { width: u32, label: Option<String> },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Unit;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Wrapped(u64);

/// Maps with text keys and enums come back; maps with other keys do, or are refused.
pub async fn law_01_maps_and_enums(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    let shapes = || {
        let label = Some("x".to_owned());
        vec![
            Shape::Dot,
            Shape::Circle(0.5),
            Shape::Line(-1, 1),
            Shape::Box { width: 3, label },
        ]
    };
    keeps(fixture, "enums", shapes).await;
    keeps(fixture, "map", || {
        BTreeMap::from([(String::new(), 1), ("a.b/c".to_owned(), 2)])
    })
    .await;
    keeps(fixture, "empty-map", BTreeMap::<String, u8>::new).await;
    keeps(fixture, "hash-map", || HashMap::from([("only".to_owned(), vec![1_u8])])).await;
    keeps_or_refuses(fixture, "number-keys", || BTreeMap::from([(-5_i64, 'a'), (7, 'b')])).await;
    keeps_or_refuses(fixture, "bool-keys", || BTreeMap::from([(true, 1)])).await;
    keeps_or_refuses(fixture, "tuple-keys", || BTreeMap::from([((1_u8, 2_u8), 3)])).await;
    keeps_or_refuses(fixture, "option-keys", || {
        BTreeMap::from([(None, 1), (Some("a".to_owned()), 2)])
    })
    .await;
    keeps_or_refuses(fixture, "unit-struct", || Unit).await;
    keeps_or_refuses(fixture, "newtype", || Wrapped(u64::MAX)).await;
}

/// Any text comes back as it was, also as a key.
pub async fn law_01_unicode_text(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    let texts = [
        "",
        "\0",
        "\u{7f}\u{80}",
        "e\u{301} é",
        "\u{feff}bom",
        "👩‍👩‍👧 🇩🇪",
        "\u{202e}rtl",
        "\u{10ffff}",
        "\r\n\t\u{2028}",
    ];
    keeps(fixture, "texts", || texts.map(str::to_owned).to_vec()).await;
    keeps(fixture, "keys", || {
        texts
            .iter()
            .map(|text| ((*text).to_owned(), 1))
            .collect::<BTreeMap<_, u8>>()
    })
    .await;
    keeps(fixture, "chars", || vec!['\0', '"', '\u{2028}', '\u{10ffff}']).await;
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Text(String),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    Point { x: i64 },
    Name { text: String },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Flattened {
    id: u64,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Skipped {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    last: u8,
}

/// Types that ask the format what it holds come back as they were or are refused.
pub async fn law_01_self_describing_types(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    keeps_or_refuses(fixture, "untagged", || {
        vec![Either::Number(-1), Either::Text("1".into())]
    })
    .await;
    keeps_or_refuses(fixture, "tagged", || {
        vec![Tagged::Point { x: 1 }, Tagged::Name { text: "p".into() }]
    })
    .await;
    keeps_or_refuses(fixture, "flattened", || Flattened {
        id: 1,
        rest: BTreeMap::from([("a".into(), 2)]),
    })
    .await;
    keeps_or_refuses(fixture, "skipped", || Skipped { first: None, last: 9 }).await;
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Nested(Vec<Self>);

fn nested(depth: usize) -> Nested {
    (1..depth).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]))
}

/// Deeply nested values come back as they were or are refused when they are stored, not when they are loaded.
pub async fn law_01_deep_objects(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    keeps(fixture, "deep-60", || nested(60)).await;
    for depth in [120, 127, 128, 129, 200] {
        keeps_or_refuses(fixture, &format!("deep-{depth}"), || nested(depth)).await;
    }
}
