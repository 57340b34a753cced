//! Values of all usual types.

use arrow_array::builder::{ListBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_schema::{DataType, Field};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Described {
    text: String,
    large: u64,
    small: i64,
    float: f64,
    none: Option<u8>,
    flags: Vec<bool>,
    by_name: BTreeMap<String, Vec<f64>>,
}

impl Described {
    /// One with everything that is hard to write.
    pub(crate) fn example() -> Self {
        let by_name = [
            ("ü \"quoted\" \\ \u{1}".to_owned(), vec![0.1 + 0.2, -1e-300, 1e300]),
            (String::new(), vec![]),
        ];
        Self {
            text: "😀\n\t\u{7f}".to_owned(),
            large: u64::MAX,
            small: i64::MIN,
            float: 1.0 / 3.0,
            none: None,
            flags: vec![true, false],
            by_name: by_name.into(),
        }
    }
}

/// Columns of all usual types, with nulls and values at the edges.
pub(crate) fn usual_columns() -> Vec<(&'static str, ArrayRef)> {
    const ROWS: i64 = 1_000;
    let some = |row: i64| (row % 7 != 0).then_some(row * 1_000_003 - 400_000_000);
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..ROWS {
        words.append_option(some(row).map(|n| ["a", "ü", "", "long word"][(n.unsigned_abs() % 4) as usize]));
        (0..row % 4).for_each(|item| {
            lists
                .values()
                .append_option((item != 2).then(|| format!("{row}/{item}")))
        });
        lists.append(row % 4 != 0 || row % 3 == 0);
    }
    let floats = [0.1, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300];
    let float = move |row: i64| some(row).map(|_| floats[(row % 6) as usize]);
    let text = |row: i64| some(row).map(|n| format!("{n} ü€😀\n\"'\0").repeat((row % 3) as usize));
    macro_rules! column {
        ($array:ty, |$n:ident| $value:expr) => {
            Arc::new(
                (0..ROWS)
                    .map(|row| some(row).map(|$n| $value))
                    .collect::<$array>(),
            ) as ArrayRef
        };
    }
    let decimals = column!(Decimal128Array, |n| i128::from(n) * 1_000_000_007);
    let decimals = decimals
        .as_any()
        .downcast_ref::<Decimal128Array>()
        .expect("is one")
        .clone();
    let inner: Vec<(Arc<Field>, ArrayRef)> = vec![
        (
            Arc::new(Field::new("x", DataType::Float64, true)),
            Arc::new((0..ROWS).map(float).collect::<Float64Array>()),
        ),
        (
            Arc::new(Field::new("label", DataType::Utf8, true)),
            Arc::new((0..ROWS).map(text).collect::<StringArray>()),
        ),
    ];
    let stamps = || (0..ROWS).map(some);
    vec![
        ("bool", column!(BooleanArray, |n| n % 2 == 0)),
        ("int8", column!(Int8Array, |n| n as i8)),
        ("int16", column!(Int16Array, |n| n as i16)),
        ("int32", column!(Int32Array, |n| n as i32)),
        ("int64", column!(Int64Array, |n| n * 4_000_000_007)),
        ("uint8", column!(UInt8Array, |n| n as u8)),
        ("uint16", column!(UInt16Array, |n| n as u16)),
        ("uint32", column!(UInt32Array, |n| n as u32)),
        ("uint64", column!(UInt64Array, |n| u64::MAX - n.unsigned_abs())),
        (
            "float32",
            Arc::new(
                (0..ROWS)
                    .map(|row| float(row).map(|x| x as f32))
                    .collect::<Float32Array>(),
            ),
        ),
        ("float64", Arc::new((0..ROWS).map(float).collect::<Float64Array>())),
        ("text", Arc::new((0..ROWS).map(text).collect::<StringArray>())),
        (
            "large text",
            Arc::new((0..ROWS).map(text).collect::<LargeStringArray>()),
        ),
        ("Größe in %", Arc::new((0..ROWS).map(text).collect::<StringViewArray>())),
        ("bytes", column!(BinaryArray, |n| n.to_be_bytes())),
        ("date", column!(Date32Array, |n| (n / 40_000) as i32)),
        (
            "time",
            column!(Time64MicrosecondArray, |n| n.rem_euclid(86_400_000_000)),
        ),
        (
            "milliseconds",
            Arc::new(stamps().collect::<TimestampMillisecondArray>()),
        ),
        (
            "microseconds",
            Arc::new(stamps().collect::<TimestampMicrosecondArray>()),
        ),
        (
            "utc",
            Arc::new(stamps().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        ),
        (
            "new york",
            Arc::new(
                stamps()
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("America/New_York"),
            ),
        ),
        ("nanoseconds", Arc::new(stamps().collect::<TimestampNanosecondArray>())),
        (
            "decimal",
            Arc::new(decimals.with_precision_and_scale(30, 4).expect("fits")),
        ),
        ("category", Arc::new(words.finish())),
        ("list", Arc::new(lists.finish())),
        ("struct", Arc::new(StructArray::from(inner))),
    ]
}

/// Rows of [`numbers`].
pub(crate) const NUMBERS: usize = 840_000;

/// Integers of which a third of the rows outgrows a dictionary; `int16` fits one that is worth little, being as wide as its values.
pub(crate) fn numbers() -> Vec<(&'static str, ArrayRef)> {
    let rows = || 0..NUMBERS as i64;
    let mixed = |n: i64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    let narrow = move |n: i64| (mixed(n) >> 32) as i32;
    let small = Decimal128Array::from_iter_values(rows().map(|n| i128::from(n) - 300_000));
    let large = Decimal128Array::from_iter_values(rows().map(|n| i128::from(n) * 1_000_003 - 999_999_999_999));
    let decimal = |numbers: Decimal128Array, precision| -> ArrayRef {
        Arc::new(numbers.with_precision_and_scale(precision, 2).expect("fits"))
    };
    let moments = TimestampNanosecondArray::from_iter_values(rows().map(|n| n * 1_000_003));
    vec![
        ("rising", Arc::new(Int64Array::from_iter_values(rows()))),
        (
            "jump",
            Arc::new(rows().map(|n| (n % 7 > 0).then(|| mixed(n))).collect::<Int64Array>()),
        ),
        (
            "unsigned",
            Arc::new(UInt64Array::from_iter_values(rows().map(|n| mixed(n) as u64))),
        ),
        ("int32", Arc::new(Int32Array::from_iter_values(rows().map(narrow)))),
        (
            "uint32",
            Arc::new(UInt32Array::from_iter_values(rows().map(|n| narrow(n) as u32))),
        ),
        (
            "int16",
            Arc::new(Int16Array::from_iter_values(rows().map(|n| narrow(n) as i16))),
        ),
        (
            "date",
            Arc::new(Date32Array::from_iter_values(rows().map(|n| n as i32))),
        ),
        ("nanoseconds", Arc::new(moments)),
        (
            "milliseconds",
            Arc::new(TimestampMillisecondArray::from_iter_values(
                rows().map(|n| n * 1_003 - 77_777),
            )),
        ),
        (
            "time",
            Arc::new(Time64MicrosecondArray::from_iter_values(rows().map(|n| n * 100_003))),
        ),
        ("decimal", decimal(small, 9)),
        ("large decimal", decimal(large, 18)),
    ]
}
