use super::*;
use crate::encode;
use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int8Type;
use arrow_array::{Decimal128Array, Float64Array, Int64Array, StringArray, UInt64Array};
use arrow_schema::{Field, Schema};
use proptest::prelude::*;
use std::sync::Arc;

fn stored(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    let mut from = 0;
    while from < batch.num_rows() {
        let room = bytes.len() + 100;
        from = encode::rows(batch, &batch.schema(), from, 0, &mut bytes, room).expect("can be kept");
    }
    bytes.extend_from_slice(&TRAILER);
    bytes
}

fn read(schema: SchemaRef, bytes: &[u8], pieces: usize) -> Result<Vec<RecordBatch>> {
    let mut decoder = Decoder::new(schema)?;
    let mut batches = Vec::new();
    for piece in bytes.chunks(pieces) {
        decoder.push(piece)?;
        batches.extend(std::iter::from_fn(|| decoder.next()));
    }
    decoder.end()?;
    batches.extend(std::iter::from_fn(|| decoder.next()));
    Ok(batches)
}

fn batch(rows: i64) -> RecordBatch {
    let mut words = StringDictionaryBuilder::<Int8Type>::new();
    (0..rows).for_each(|n| words.append_option((n % 3 > 0).then(|| ["a", "b"][n as usize % 2])));
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("n", Arc::new(Int64Array::from_iter_values(0..rows)), false),
        (
            "x",
            Arc::new(Float64Array::from_iter(
                (0..rows).map(|n| (n % 4 > 0).then_some(-(n as f64) / 3.0)),
            )),
            true,
        ),
        (
            "t",
            Arc::new(StringArray::from_iter(
                (0..rows).map(|n| (n % 5 > 0).then(|| "é".repeat(n as usize % 7))),
            )),
            true,
        ),
        ("d", Arc::new(words.finish()), true),
        (
            "u",
            Arc::new(UInt64Array::from_iter_values((0..rows).map(|n| u64::MAX - n as u64))),
            true,
        ),
        (
            "m",
            Arc::new(
                Decimal128Array::from_iter_values((0..rows).map(|n| i128::from(n) * 10_001 - 5))
                    .with_precision_and_scale(20, 3)
                    .expect("fits"),
            ),
            true,
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("fits")
}

#[test]
fn rows_come_back_however_they_are_cut() {
    let whole = batch(1000);
    let bytes = stored(&whole);
    for pieces in [1, 7, 4096, bytes.len()] {
        let found = read(whole.schema(), &bytes, pieces).expect("reads");
        assert!(
            found.iter().all(|batch| batch.num_rows() <= 128),
            "keys of 8 bits have 128 values"
        );
        let found = joined(&found);
        assert_eq!(found, whole, "in pieces of {pieces} bytes");
    }
    assert!(read(whole.schema(), &stored(&batch(0)), 5).expect("reads").is_empty());
}

fn joined(batches: &[RecordBatch]) -> RecordBatch {
    let table = larder_io_core::Table::new(batches[0].schema(), batches.to_vec()).expect("is one table");
    table.to_batch().expect("joins")
}

#[test]
fn what_breaks_off_or_does_not_fit_is_told() {
    let whole = batch(10);
    let bytes = stored(&whole);
    for end in 0..bytes.len() {
        let error = read(whole.schema(), &bytes[..end], 64).expect_err("breaks off");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
    let other = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    assert!(read(other, &bytes, 64).is_err());
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(read(whole.schema(), &longer, 64).is_err());
    let null_where_none_may_be = [&HEADER[..], &[0, 1, 0xff, 0xff, 0xff, 0xff], &TRAILER].concat();
    let strict = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    assert!(read(strict, &null_where_none_may_be, 64).is_err());
}

proptest! {
    #[test]
    fn damage_never_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), pieces in 1_usize..300) {
        let whole = batch(40);
        let mut bytes = stored(&whole);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Err(error) = read(whole.schema(), &bytes, pieces) {
            prop_assert!(matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::Unexpected), "{error:?}");
        }
    }
}
