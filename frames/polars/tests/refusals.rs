//! What the other side does not have, and metadata that lies, is refused with the column's name.

use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_buffer::i256;
use arrow_schema::{DataType as T, Field, Schema};
use larder_frames_polars::polars_core::prelude::{DataFrame, IntoColumn, NamedFrom, Series, StructChunked};
use larder_frames_polars::{Frame, IntoTable};
use std::sync::Arc;

#[track_caller]
fn refused(array: ArrayRef, words: &[&str]) {
    let batch =
        RecordBatch::try_from_iter([("fine", Arc::clone(&array)), ("flight", array)]).map(|batch| batch.project(&[1]));
    let error = Frame::try_from(batch.and_then(|batch| batch).expect("fits")).expect_err("is refused");
    for word in words {
        assert!(error.message().contains(word), "{error}");
    }
}

#[test]
fn what_polars_does_not_have_is_refused_by_name() {
    let interval = IntervalYearMonthArray::from(vec![1]);
    refused(
        Arc::new(interval.clone()),
        &[
            "Polars has no type for the column `flight` of type Interval(YearMonth)",
            "LazyTable::select",
        ],
    );
    let field = Field::new("inner", interval.data_type().clone(), true);
    let row = StructArray::try_new(vec![field].into(), vec![Arc::new(interval)], None).expect("fits");
    let list = ListArray::new(
        Arc::new(Field::new("item", row.data_type().clone(), true)),
        arrow_buffer::OffsetBuffer::from_lengths([1]),
        Arc::new(row),
        None,
    );
    refused(Arc::new(list), &["`flight[].inner`"]);
    refused(new_empty_array(&T::Float16), &["`flight`", "Float16"]);
    refused(
        Arc::new(
            Decimal256Array::from(vec![i256::ONE])
                .with_precision_and_scale(39, 0)
                .expect("fits"),
        ),
        &["`flight`", "Decimal256(39, 0)"],
    );
    refused(
        Arc::new(
            Decimal128Array::from(vec![1])
                .with_precision_and_scale(10, -2)
                .expect("fits"),
        ),
        &["`flight`", "Decimal128(10, -2)"],
    );
    let keys = PrimitiveArray::<Int32Type>::from(vec![1]);
    refused(
        Arc::new(RunArray::try_new(&keys, &Int64Array::from(vec![1])).expect("fits")),
        &["`flight`", "RunEndEncoded"],
    );
    // A value that does not fit.
    refused(
        Arc::new(TimestampSecondArray::from(vec![0, i64::MAX])),
        &[
            "column `flight` of type Timestamp(s) has a value in row 1",
            "cannot hold",
        ],
    );
    let fields = vec![Field::new("twin", T::Int64, true), Field::new("twin", T::Int64, true)];
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))];
    let twins = StructArray::try_new(fields.clone().into(), columns.clone(), None).expect("fits");
    refused(Arc::new(twins), &["two fields are called `flight.twin`"]);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("fits");
    let error = Frame::try_from(batch).expect_err("is refused");
    assert!(error.message().contains("two columns are called `twin`"), "{error}");
}

#[test]
fn metadata_of_polars_that_lies_is_refused() {
    let words = DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0]), Arc::new(StringArray::from(vec!["a"])));
    for (key, text, part) in [
        ("_PL_ENUM_VALUES2", "9;a", "cannot be read"),
        ("_PL_ENUM_VALUES2", "1;a1;a", "cannot be read"),
        ("_PL_ENUM_VALUES2", "1;b", "has the word \"a\", which the Enum has not"),
        ("_PL_CATEGORICAL2", "1;x", "cannot be read"),
    ] {
        let field =
            Field::new("w", words.data_type().clone(), true).with_metadata([(key.to_owned(), text.to_owned())].into());
        let batch =
            RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(words.clone())]).expect("fits");
        let error = Frame::try_from(batch).expect_err("is refused");
        assert!(
            error.message().contains("`w`") && error.message().contains(part),
            "{error}"
        );
    }
    // A width that the words do not fit in.
    let many: Vec<String> = (0..256).map(|n| n.to_string()).collect();
    let words: DictionaryArray<Int32Type> = many.iter().map(String::as_str).collect();
    let metadata = [("_PL_CATEGORICAL2".to_owned(), "6;narrow0;u8;".to_owned())];
    let field = Field::new("w", words.data_type().clone(), true).with_metadata(metadata.into());
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(words)]).expect("fits");
    let error = Frame::try_from(batch).expect_err("is refused");
    assert!(error.message().contains("more words than its Categorical"), "{error}");
}

#[test]
fn what_arrow_does_not_have_is_refused_by_name() {
    let wide = Series::new("wide".into(), [1_i128]);
    let row = StructChunked::from_series("row".into(), 1, [&wide].into_iter());
    for (frame, place) in [
        (DataFrame::new(1, vec![wide.clone().into()]), "`wide`"),
        (DataFrame::new(1, vec![row.expect("fits").into_column()]), "`row.wide`"),
    ] {
        let error = frame.expect("is a frame").into_table().expect_err("is refused");
        let message = error.message();
        assert!(
            message.contains(&format!(
                "Arrow has no type for the column {place} of Polars' type i128"
            )),
            "{error}"
        );
    }
}
