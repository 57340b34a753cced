//! One small column of every Arrow type.

use arrow_array::builder::{
    FixedSizeListBuilder, Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder,
};
use arrow_array::types::{Int8Type, Int32Type, IntervalMonthDayNano};
use arrow_array::*;
use arrow_schema::{DataType, Field};
use std::sync::Arc;

/// Names and columns; all of three rows or more, with a null where the type allows one.
pub(super) fn arrays() -> Vec<(String, ArrayRef)> {
    let mut arrays: Vec<(String, ArrayRef)> = Vec::new();
    let mut add = |array: ArrayRef| {
        let position = arrays.len();
        let name: String = array
            .data_type()
            .to_string()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        arrays.push((format!("{position}-{name}").chars().take(40).collect(), array));
    };
    macro_rules! numbers {
        ($($array:ident),*) => {$(
            add(Arc::new($array::from(vec![Some(0), None, Some(100)])));
        )*};
    }
    numbers!(
        Int8Array,
        Int16Array,
        Int32Array,
        Int64Array,
        UInt8Array,
        UInt16Array,
        UInt32Array
    );
    numbers!(
        Date32Array,
        Time32SecondArray,
        Time32MillisecondArray,
        Time64MicrosecondArray,
        Time64NanosecondArray
    );
    numbers!(
        DurationSecondArray,
        DurationMillisecondArray,
        DurationMicrosecondArray,
        DurationNanosecondArray
    );
    add(Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)])));
    add(Arc::new(Date64Array::from(vec![Some(0), None, Some(86_400_000)])));
    add(Arc::new(Float32Array::from(vec![Some(0.1), None, Some(-0.0)])));
    for zone in [None, Some("UTC"), Some("+02:00"), Some("America/New_York")] {
        let stamps = || vec![Some(1_357_020_000), None, Some(-1)];
        let zone = || zone.map(Arc::<str>::from);
        add(Arc::new(TimestampSecondArray::from(stamps()).with_timezone_opt(zone())));
        add(Arc::new(
            TimestampMillisecondArray::from(stamps()).with_timezone_opt(zone()),
        ));
        add(Arc::new(
            TimestampMicrosecondArray::from(stamps()).with_timezone_opt(zone()),
        ));
        add(Arc::new(
            TimestampNanosecondArray::from(stamps()).with_timezone_opt(zone()),
        ));
    }
    let decimals = Decimal128Array::from(vec![Some(12345), None, Some(-1)]);
    add(Arc::new(decimals.with_precision_and_scale(10, 2).expect("fits")));
    add(Arc::new(LargeStringArray::from(vec![Some("a"), None, Some("")])));
    add(Arc::new(StringViewArray::from(vec![
        Some("a text that is not inlined"),
        None,
        Some(""),
    ])));
    add(Arc::new(BinaryArray::from(vec![Some(&b"\0\xff"[..]), None, Some(b"")])));
    add(Arc::new(LargeBinaryArray::from(vec![
        Some(&b"\0\xff"[..]),
        None,
        Some(b""),
    ])));
    add(Arc::new(BinaryViewArray::from(vec![
        Some(&b"\0\xff"[..]),
        None,
        Some(b""),
    ])));
    let fixed = vec![Some([1_u8, 2]), None, Some([0, 255])];
    add(Arc::new(
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed.into_iter(), 2).expect("fits"),
    ));
    add(Arc::new(NullArray::new(3)));
    add(Arc::new(IntervalMonthDayNanoArray::from(vec![
        Some(IntervalMonthDayNano::new(1, 2, 3)),
        None,
    ])));
    add(dictionary());
    let keys = Int32Array::from(vec![Some(1), None, Some(0)]);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![10, 20]));
    add(Arc::new(
        DictionaryArray::<Int32Type>::try_new(keys, numbers).expect("fits"),
    ));
    nested().into_iter().for_each(add);
    arrays
}

fn dictionary() -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int8Type>::new();
    builder.append_value("b");
    builder.append_null();
    builder.append_value("a");
    builder.append_value("b");
    Arc::new(builder.finish())
}

fn nested() -> Vec<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), None]);
    lists.append_null();
    lists.append_value(Vec::<Option<&str>>::new());
    let mut pairs = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    for row in [Some((1, 2)), None, Some((3, 4))] {
        let (left, right) = row.unwrap_or((0, 0));
        pairs.values().append_value(left);
        pairs.values().append_value(right);
        pairs.append(row.is_some());
    }
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    maps.keys().append_value("k");
    maps.values().append_value(1);
    maps.append(true).expect("keys and values are as many");
    maps.append(false).expect("keys and values are as many");
    maps.append(true).expect("keys and values are as many");
    let lists: ArrayRef = Arc::new(lists.finish());
    let inner: Vec<(Arc<Field>, ArrayRef)> = vec![
        (
            Arc::new(Field::new("list", lists.data_type().clone(), true)),
            lists.clone(),
        ),
        (
            Arc::new(Field::new("n", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
        ),
    ];
    vec![
        lists,
        Arc::new(pairs.finish()),
        Arc::new(maps.finish()),
        Arc::new(StructArray::from(inner)),
    ]
}
