//! Tables that become frames and tables again: which type each type of Arrow has then, and that every value is the same.

mod common;

use arrow_array::builder::{
    FixedSizeListBuilder, Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder,
};
use arrow_array::types::{Int8Type, Int32Type, UInt16Type};
use arrow_array::*;
use arrow_buffer::{NullBuffer, i256};
use arrow_schema::{DataType as T, Field, Schema};
use larder_frames_polars::polars_core::prelude::{AnyValue, DataFrame, DataType};
use larder_frames_polars::{Frame, IntoTable};
use larder_io_core::Table;
use std::sync::Arc;

/// A column as a frame, and as the table of that frame.
fn through(array: ArrayRef) -> (DataFrame, ArrayRef) {
    let field = Field::new("x", array.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).expect("fits");
    // Whole, and in two batches the second of which is a slice.
    let halves = vec![batch.slice(0, 1), batch.slice(1, batch.num_rows() - 1)];
    let sliced = Frame::try_from(Table::new(batch.schema(), halves).expect("fits")).expect("has a type of Polars");
    let whole = Frame::try_from(batch).expect("has a type of Polars");
    common::same(&sliced, &whole, "sliced");
    let table = sliced.0.into_table().expect("has a type of Arrow");
    (whole.into(), Arc::clone(table.to_batch().expect("joins").column(0)))
}

#[track_caller]
fn becomes(array: impl Array + 'static, wanted: impl Array + 'static) {
    let (_, found) = through(Arc::new(array));
    assert_eq!(found.data_type(), wanted.data_type());
    assert_eq!(found.as_ref(), &wanted as &dyn Array);
}

/// Comes back in its own type.
#[track_caller]
fn stays(array: impl Array + Clone + 'static) {
    becomes(array.clone(), array);
}

#[test]
fn numbers_and_moments() {
    macro_rules! stay {
        ($($array:ident: $least:expr, $greatest:expr;)*) => {$( stays($array::from(vec![Some($least), None, Some($greatest)])); )*};
    }
    stay! {
        Int8Array: i8::MIN, i8::MAX;
        Int16Array: i16::MIN, i16::MAX;
        Int32Array: i32::MIN, i32::MAX;
        Int64Array: i64::MIN, i64::MAX;
        UInt8Array: 0, u8::MAX;
        UInt16Array: 0, u16::MAX;
        UInt32Array: 0, u32::MAX;
        UInt64Array: 0, u64::MAX;
        Date32Array: -1, 20_000;
        Time64NanosecondArray: 0, 86_399_999_999_999;
        DurationMillisecondArray: i64::MIN, i64::MAX;
        DurationMicrosecondArray: i64::MIN, i64::MAX;
        DurationNanosecondArray: i64::MIN, i64::MAX;
        TimestampMillisecondArray: i64::MIN, i64::MAX;
        TimestampMicrosecondArray: -1, 1_357_020_000;
        TimestampNanosecondArray: -1, 1_357_020_000;
        BooleanArray: true, false;
    }
    stays(NullArray::new(3));
    stays(TimestampMicrosecondArray::from(vec![Some(-1), None]).with_timezone("America/New_York"));
    stays(
        Decimal128Array::from(vec![Some(-1), None, Some(12_345)])
            .with_precision_and_scale(10, 2)
            .expect("fits"),
    );
    let (frame, _) = through(Arc::new(Float64Array::from(vec![Some(f64::NAN), None, Some(-0.0)])));
    let floats = frame.column("x").and_then(|column| column.f64()).expect("are floats");
    let bits: Vec<_> = floats.iter().map(|x| x.map(f64::to_bits)).collect();
    assert_eq!(bits, [Some(f64::NAN.to_bits()), None, Some((-0.0_f64).to_bits())]);
}

#[test]
fn units_that_polars_does_not_have() {
    becomes(
        TimestampSecondArray::from(vec![Some(-1), None, Some(7)]),
        TimestampMillisecondArray::from(vec![Some(-1000), None, Some(7000)]),
    );
    becomes(
        DurationSecondArray::from(vec![Some(-1), None]),
        DurationMillisecondArray::from(vec![Some(-1000), None]),
    );
    becomes(
        Date64Array::from(vec![Some(-86_400_000), None]),
        TimestampMillisecondArray::from(vec![Some(-86_400_000), None]),
    );
    becomes(
        Time32SecondArray::from(vec![Some(1), None]),
        Time64NanosecondArray::from(vec![Some(1_000_000_000), None]),
    );
    becomes(
        Time32MillisecondArray::from(vec![Some(1), None]),
        Time64NanosecondArray::from(vec![Some(1_000_000), None]),
    );
    becomes(
        Time64MicrosecondArray::from(vec![Some(1), None]),
        Time64NanosecondArray::from(vec![Some(1_000), None]),
    );
    let decimals = || {
        Decimal128Array::from(vec![Some(-7), None, Some(99_999)])
            .with_precision_and_scale(5, 2)
            .expect("fits")
    };
    becomes(
        Decimal32Array::from(vec![Some(-7), None, Some(99_999)])
            .with_precision_and_scale(5, 2)
            .expect("fits"),
        decimals(),
    );
    becomes(
        Decimal64Array::from(vec![Some(-7), None, Some(99_999)])
            .with_precision_and_scale(5, 2)
            .expect("fits"),
        decimals(),
    );
    let wide = vec![Some(i256::from_i128(-7)), None, Some(i256::from_i128(99_999))];
    becomes(
        Decimal256Array::from(wide)
            .with_precision_and_scale(5, 2)
            .expect("fits"),
        decimals(),
    );
}

#[test]
fn texts_and_bytes() {
    let texts = || vec![Some("a text that is longer than a view"), None, Some(""), Some("ü")];
    stays(StringViewArray::from(texts()));
    becomes(StringArray::from(texts()), StringViewArray::from(texts()));
    becomes(LargeStringArray::from(texts()), StringViewArray::from(texts()));
    let bytes = || vec![Some(&b"\0\xff and more than twelve"[..]), None, Some(b"")];
    stays(BinaryViewArray::from(bytes()));
    becomes(BinaryArray::from(bytes()), BinaryViewArray::from(bytes()));
    becomes(LargeBinaryArray::from(bytes()), BinaryViewArray::from(bytes()));
    let fixed =
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([1_u8, 2]), None, Some([0, 255])].into_iter(), 2);
    becomes(
        fixed.expect("fits"),
        BinaryViewArray::from(vec![Some(&[1_u8, 2][..]), None, Some(&[0, 255])]),
    );
}

#[test]
fn dictionaries() {
    let mut words = StringDictionaryBuilder::<Int8Type>::new();
    ["b", "a", "b"].iter().for_each(|word| words.append_value(word));
    words.append_null();
    let (frame, table) = through(Arc::new(words.finish()));
    assert!(matches!(frame.columns()[0].dtype(), DataType::Categorical(..)));
    assert_eq!(frame.columns()[0].get(2).expect("is there").get_str(), Some("b"));
    assert_eq!(
        table.data_type(),
        &T::Dictionary(Box::new(T::UInt32), Box::new(T::Utf8))
    );
    // Other values than texts are taken apart; a null among them is a null.
    let keys = UInt16Array::from(vec![Some(1), None, Some(0), Some(2)]);
    let numbers = Int64Array::from(vec![Some(10), Some(20), None]);
    becomes(
        DictionaryArray::<UInt16Type>::new(keys, Arc::new(numbers)),
        Int64Array::from(vec![Some(20), None, Some(10), None]),
    );
    // A null among the words is a null; without words there are only nulls.
    let null = DictionaryArray::<Int32Type>::new(
        Int32Array::from(vec![0, 1]),
        Arc::new(StringArray::from(vec![None, Some("x")])),
    );
    assert_eq!(through(Arc::new(null.clone())).0.columns()[0].null_count(), 1);
    // Not even one that the Enum does not have.
    let field = Field::new("x", null.data_type().clone(), true);
    let field = field.with_metadata([("_PL_ENUM_VALUES2".to_owned(), "1;x".to_owned())].into());
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(null)]).expect("fits");
    let frame = Frame::try_from(batch).expect("has a type of Polars");
    assert_eq!(frame.columns()[0].null_count(), 1);
    let empty = DictionaryArray::<Int32Type>::new(
        Int32Array::from(vec![None, None]),
        Arc::new(StringArray::from(Vec::<&str>::new())),
    );
    assert_eq!(through(Arc::new(empty)).0.columns()[0].null_count(), 2);
}

#[test]
fn nested() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    let mut large = builder::LargeListBuilder::new(builder::StringViewBuilder::new());
    for row in [Some(vec![Some("a"), None]), None, Some(vec![]), Some(vec![Some("b")])] {
        match row {
            Some(row) => {
                lists.append_value(row.clone());
                large.append_value(row);
            }
            None => {
                lists.append_null();
                large.append_null();
            }
        }
    }
    let (lists, large) = (lists.finish(), large.finish());
    becomes(lists, large.clone());
    stays(large.clone());
    // A list of nothing but a slice's rest.
    becomes(large.slice(2, 2), large.slice(2, 2));
    let mut pairs = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    for row in [Some(1), None, Some(3)] {
        pairs.values().append_option(row);
        pairs.values().append_option(row);
        pairs.append(row.is_some());
    }
    stays(pairs.finish());
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    maps.keys().append_value("k");
    maps.values().append_value(1);
    maps.append(true).expect("are as many");
    maps.append(false).expect("are as many");
    let (frame, _) = through(Arc::new(maps.finish()));
    let AnyValue::List(entries) = frame.columns()[0].get(0).expect("is there") else {
        panic!("is a list")
    };
    let entry = entries.struct_().expect("are structs");
    let (key, value) = (entry.field_by_name("keys"), entry.field_by_name("values"));
    assert_eq!(key.expect("is there").str().expect("is text").get(0), Some("k"));
    assert_eq!(value.expect("is there").i32().expect("is a number").get(0), Some(1));
    assert_eq!(frame.columns()[0].null_count(), 1);
    let rows = StructArray::try_new(
        vec![
            Field::new("n", T::Int64, true),
            Field::new("list", large.data_type().clone(), true),
        ]
        .into(),
        vec![Arc::new(Int64Array::from(vec![1, 2, 3, 4])), Arc::new(large)],
        Some(NullBuffer::from(vec![true, true, false, true])),
    );
    let (_, found) = through(Arc::new(rows.expect("fits")));
    let found = cast::AsArray::as_struct(found.as_ref());
    assert_eq!(found.nulls().map(|nulls| nulls.null_count()), Some(1));
    // What is within a row that is null, nobody can see.
    assert_eq!(
        found.column(0).as_ref(),
        &Int64Array::from(vec![Some(1), Some(2), None, Some(4)]) as &dyn Array
    );
}

#[test]
fn nothing_within() {
    let field = Arc::new(Field::new("item", T::Int32, true));
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let narrow = FixedSizeListArray::try_new_with_length(field, 0, new_empty_array(&T::Int32), nulls(), 3);
    stays(narrow.expect("fits"));
    stays(StructArray::new_empty_fields(3, nulls()));
    let field = Arc::new(Field::new("item", T::Null, true));
    let lists = LargeListArray::new(
        field,
        arrow_buffer::OffsetBuffer::from_lengths([2, 0, 1]),
        Arc::new(NullArray::new(3)),
        nulls(),
    );
    stays(lists);
}
