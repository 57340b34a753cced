//! What is refused, and how.
#![allow(clippy::unwrap_used)]

use super::*;
use arrow_array::{BinaryArray, Decimal128Array, DictionaryArray, Int8Array, Int64Array, LargeBinaryArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn encoded(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut from = 0;
    while from < batch.num_rows() {
        from = rows(batch, &batch.schema(), from, 100, &mut out, usize::MAX)?;
    }
    Ok(out)
}

#[test]
fn what_is_too_large_is_refused_with_its_row_before_it_is_copied() {
    // Nobody touches this memory, so that the system need not give it.
    let large = Buffer::from(vec![0_u8; LARGEST + 1]);
    let whole = |lengths: Vec<usize>| -> ArrayRef {
        Arc::new(LargeBinaryArray::new(
            OffsetBuffer::from_lengths(lengths),
            large.clone(),
            None,
        ))
    };
    let mut out = Vec::new();
    let one = batch(vec![("blob", whole(vec![0, LARGEST + 1]))]);
    let error = rows(&one, &one.schema(), 0, 100, &mut out, usize::MAX).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unsupported, larder_io_core::Retry::Never)
    );
    assert!(
        error.message().contains("row 102") && error.message().contains("`blob`"),
        "{error}"
    );
    assert!(error.message().contains("1 GiB"), "{error}");
    let half = LARGEST / 2 + 1;
    let together = batch(vec![("a", whole(vec![half])), ("b", whole(vec![half]))]);
    let error = rows(&together, &together.schema(), 0, 0, &mut out, usize::MAX).unwrap_err();
    assert!(
        error.message().contains("row 1 ") && error.message().contains("together"),
        "{error}"
    );
    let values: ArrayRef = whole(vec![LARGEST + 1]);
    let keys = Int8Array::from(vec![None, Some(0)]);
    let coded: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
    let coded = batch(vec![("coded", coded)]);
    let error = rows(&coded, &coded.schema(), 0, 0, &mut out, usize::MAX).unwrap_err();
    assert!(error.message().contains("row 2 "), "{error}");
    assert!(out.capacity() < 1 << 20, "{}", out.capacity());
}

#[test]
fn dictionaries_are_written_as_their_values() {
    let values = BinaryArray::from_vec(vec![b"a", b"", b"long enough"]);
    let keys = Int64Array::from(vec![Some(2), None, Some(0), Some(1), Some(2)]);
    let plain = BinaryArray::from_opt_vec(vec![
        Some(b"long enough"),
        None,
        Some(b"a"),
        Some(b""),
        Some(b"long enough"),
    ]);
    let coded: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(values)));
    let (coded, plain) = (
        batch(vec![("c", coded)]),
        batch(vec![("c", Arc::new(plain) as ArrayRef)]),
    );
    assert_eq!(encoded(&coded).unwrap(), encoded(&plain).unwrap());
    assert_eq!(
        encoded(&coded.slice(1, 3)).unwrap(),
        encoded(&plain.slice(1, 3)).unwrap()
    );
}

#[test]
fn a_few_values_that_stand_for_many_rows_are_not_unpacked() {
    // Unpacked, the rows of one call would have 64 GiB.
    let value = Buffer::from(vec![0_u8; 64 << 20]);
    let values = LargeBinaryArray::new(OffsetBuffer::from_lengths([64 << 20]), value, None);
    let coded: ArrayRef = Arc::new(DictionaryArray::new(Int8Array::from(vec![0; ROWS]), Arc::new(values)));
    let mut out = Vec::new();
    let coded = batch(vec![("c", coded)]);
    assert_eq!(rows(&coded, &coded.schema(), 0, 0, &mut out, 1).unwrap(), 1);
}

#[test]
fn numbers_beyond_their_type_and_nulls_that_may_not_be_are_told() {
    let numbers = Decimal128Array::from(vec![12_345, -123_456]).with_data_type(DataType::Decimal128(5, 2));
    let error = encoded(&batch(vec![("n", Arc::new(numbers) as ArrayRef)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.message().contains("`n`") && error.message().contains("row 102"),
        "{error}"
    );
    let nulls = batch(vec![("n", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef)]);
    // As a source has it whose batches are not what its schema says.
    let strict = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    let error = rows(&nulls, &strict, 0, 100, &mut Vec::new(), usize::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(
        error.message().contains("`n`") && error.message().contains("row 102"),
        "{error}"
    );
}
