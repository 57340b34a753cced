//! What the writer of Parquet files promises whatever its threads do.

use super::parquet_write::encode;
use super::parts::PartWriter;
use super::write::Written;
use crate::format::{Compression, Settings};
use arrow_array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StringViewArray, UInt32Array,
};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use larder_io_core::Result;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression as Codec, Encoding};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::sync::Arc;
use std::thread;
use tokio::sync::mpsc;

const PART_BYTES: usize = 64 << 10;

/// A number, a word of few, a text that never comes again, and a nested column.
fn batch(from: i64, rows: i64) -> RecordBatch {
    let numbers = from..from + rows;
    let words = ["one", "two", "a word that no view holds"];
    let texts = numbers
        .clone()
        .map(|n| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)));
    let lists = numbers.clone().map(|n| (n % 3 != 0).then(|| vec![Some(n), None]));
    let columns: [(&str, ArrayRef); 4] = [
        ("n", Arc::new(Int64Array::from_iter_values(numbers.clone()))),
        (
            "word",
            Arc::new(StringViewArray::from_iter_values(
                numbers.map(|n| words[n as usize % 3]),
            )),
        ),
        ("text", Arc::new(StringArray::from_iter_values(texts))),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>(
                lists,
            )),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, name == "list")))
        .expect("fits")
}

/// Writes batches as an asset's stream would come, and gives the file; `parts` of it are taken, then nobody listens.
fn written(
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    settings: &Settings,
    parts: usize,
) -> (Result<Written>, Bytes) {
    let (to_encoder, from_producer) = mpsc::channel(1);
    let (to_sink, mut from_encoder) = mpsc::channel(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            batches
                .into_iter()
                .try_for_each(|batch| to_encoder.blocking_send(batch).ok())
        });
        let encoder = scope.spawn(|| {
            let output = PartWriter::new(PART_BYTES, to_sink, None);
            encode(schema, from_producer, output, settings)
        });
        let mut file = Vec::new();
        for _ in 0..parts {
            let Some(part) = from_encoder.blocking_recv() else {
                break;
            };
            file.extend_from_slice(&part);
        }
        drop(from_encoder);
        (encoder.join().expect("does not panic"), file.into())
    })
}

fn file(rows: i64, in_one: i64, settings: &Settings) -> (Written, Bytes) {
    let batches: Vec<RecordBatch> = (0..rows)
        .step_by(in_one as usize)
        .map(|at| batch(at, in_one.min(rows - at)))
        .collect();
    let (done, file) = written(batch(0, 0).schema(), batches, settings, usize::MAX);
    (done.expect("writes"), file)
}

fn groups(file: &Bytes) -> Vec<(i64, Vec<ColumnChunkMetaData>)> {
    let reader = SerializedFileReader::new(file.clone()).expect("is a file");
    let groups = reader.metadata().row_groups().iter();
    groups
        .map(|group| (group.num_rows(), group.columns().to_vec()))
        .collect()
}

#[test]
fn equal_tables_become_equal_files() {
    let mut settings = Settings::default();
    settings.parquet.row_group_bytes = 1 << 20;
    let (first, bytes) = file(1_000_000, 30_000, &settings);
    assert!(groups(&bytes).len() > 3, "{} groups", groups(&bytes).len());
    for _ in 0..3 {
        let (again, other) = file(1_000_000, 30_000, &settings);
        assert!(other == bytes, "the files differ");
        assert_eq!(again.content_hash, first.content_hash);
    }
    // Cut into batches otherwise, the file may differ and the values may not.
    let (other, _) = file(1_000_000, 7_001, &settings);
    assert_eq!((other.rows, other.content_hash), (first.rows, first.content_hash));
}

#[test]
fn groups_are_of_the_size_that_was_asked_for() {
    let mut settings = Settings::default();
    settings.parquet.row_group_bytes = 2 << 20;
    let (_, bytes) = file(1_500_000, 20_000, &settings);
    let found = groups(&bytes);
    let (last, whole) = found.split_last().expect("has groups");
    assert!(whole.len() > 2);
    // The first one ends when something is known of its rows, some chunks later.
    for (rows, columns) in &whole[1..] {
        let bytes: i64 = columns.iter().map(ColumnChunkMetaData::compressed_size).sum();
        assert!((1 << 20..5 << 20).contains(&bytes), "{bytes} bytes in {rows} rows");
    }
    let rows: i64 = whole.iter().map(|(rows, _)| rows).sum();
    assert_eq!(rows + last.0, 1_500_000);
    settings.parquet.row_group_rows = 50_000;
    settings.parquet.row_group_bytes = usize::MAX;
    let (_, bytes) = file(220_000, 30_000, &settings);
    let rows: Vec<i64> = groups(&bytes).iter().map(|(rows, _)| *rows).collect();
    assert_eq!(rows, [50_000, 50_000, 50_000, 50_000, 20_000]);
}

/// Of rows that do not compress the first row group ends by its size, too, as soon as one chunk tells it.
#[test]
fn the_first_group_is_not_much_larger_than_was_asked_for() {
    let (rows, row_bytes) = (120_000_u64, 512);
    let noise = |n: u64| {
        (0..row_bytes / 8).flat_map(move |at| ((n << 8) + at).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
    };
    let values = BinaryArray::from_iter_values((0..rows).map(|n| noise(n).collect::<Vec<u8>>()));
    let batch = RecordBatch::try_from_iter([("noise", Arc::new(values) as ArrayRef)]).expect("fits");
    let mut settings = Settings::default();
    settings.parquet.row_group_bytes = 6 << 20;
    settings.compression = Compression::None;
    let (_, bytes) = written(batch.schema(), vec![batch], &settings, usize::MAX);
    let found = groups(&bytes);
    let size = |group: usize| found[group].1[0].compressed_size() >> 20;
    assert!(found.len() > 5, "{} groups", found.len());
    assert!((6..=17).contains(&size(0)), "{} MiB", size(0));
    assert!((6..=10).contains(&size(1)), "{} MiB", size(1));
}

#[test]
fn a_dictionary_that_was_outgrown_is_not_begun_again_at_once() {
    let mut settings = Settings::default();
    settings.parquet.row_group_rows = 100_000;
    let (_, bytes) = file(1_800_000, 100_000, &settings);
    let found = groups(&bytes);
    let begun = |column: usize| -> Vec<bool> {
        let column =
            |(_, columns): &(i64, Vec<ColumnChunkMetaData>)| columns[column].dictionary_page_offset().is_some();
        found.iter().map(column).collect()
    };
    let (words, texts) = (begun(1), begun(2));
    assert_eq!(words, [true; 18], "few words fit their dictionary in each group");
    let tried: Vec<usize> = (0..18).filter(|group| texts[*group]).collect();
    assert_eq!(tried, [0, 16], "texts are tried again after fifteen groups");
    settings.parquet.dictionary = false;
    let (_, bytes) = file(200_000, 100_000, &settings);
    let any = groups(&bytes)
        .iter()
        .any(|(_, columns)| columns.iter().any(|column| column.dictionary_page_offset().is_some()));
    assert!(!any, "nobody asked for dictionaries");
}

/// The threads end when nobody takes the file any more.
#[test]
fn a_write_that_is_stopped_ends() {
    let batches: Vec<RecordBatch> = (0..40).map(|at| batch(at * 20_000, 20_000)).collect();
    let mut settings = Settings::default();
    settings.parquet.row_group_bytes = 1 << 20;
    let (stopped, file) = written(batches[0].schema(), batches, &settings, 2);
    assert_eq!(file.len(), 2 * PART_BYTES);
    let error = stopped.map(|written| written.rows).expect_err("was stopped");
    assert!(error.message().contains("the write was stopped"), "{error}");
}

#[test]
fn small_and_empty_tables_are_written_too() {
    for rows in [0, 1, 3] {
        let (done, bytes) = file(rows, 1_000, &Settings::default());
        assert_eq!(done.rows, rows as u64);
        let found: i64 = groups(&bytes).iter().map(|(rows, _)| rows).sum();
        assert_eq!(found, rows);
    }
}

/// Rows of `from..`: a key that rises, of four rows each; numbers that say nothing of each other, of four rows each; the same of one row each.
fn keys(from: i64, rows: i64) -> RecordBatch {
    let mixed = |n: i64| {
        let n = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as i64
    };
    let column =
        |of: &dyn Fn(i64) -> i64| Arc::new(Int64Array::from_iter_values((from..from + rows).map(of))) as ArrayRef;
    let columns = [
        ("rising", column(&|n| n / 4)),
        ("coded", column(&|n| mixed(n % 20_000))),
        ("unique", column(&mixed)),
    ];
    RecordBatch::try_from_iter(columns).expect("fits")
}

#[test]
fn what_does_not_pay_is_left_out() {
    let mut settings = Settings::default();
    settings.parquet.row_group_rows = 64 << 10;
    let batches = (0..20).map(|group| keys(group * (64 << 10), 64 << 10)).collect();
    let (done, bytes) = written(keys(0, 0).schema(), batches, &settings, usize::MAX);
    done.expect("writes");
    let found = groups(&bytes);
    assert_eq!(found.len(), 20);
    let told = |column: usize| {
        let chunks = found.iter().map(|(_, columns)| &columns[column]);
        chunks
            .map(|chunk| {
                let coded = chunk.dictionary_page_offset().is_some();
                (coded, chunk.compression() == Codec::UNCOMPRESSED)
            })
            .collect::<Vec<_>>()
    };
    // A dictionary of a quarter of the values leaves half of the bytes, and the keys themselves compress better. It is tried again.
    let rising = told(0);
    assert_eq!(rising[0], (true, false));
    assert!(rising[1..17].iter().all(|group| *group == (false, false)), "{rising:?}");
    assert_eq!(rising[17], (true, false), "{rising:?}");
    // These do not: with the dictionary they are less.
    let coded = told(1);
    let with: Vec<bool> = coded.iter().map(|(coded, _)| *coded).collect();
    assert_eq!(with[..4], [true, false, true, true], "{coded:?}");
    // Nothing compresses these.
    let unique = told(2);
    assert!(unique[2..15].iter().all(|group| *group == (false, true)), "{unique:?}");
}

/// Integers that outgrew their dictionary: a key that rises; the widest jumps there are, of both widths and signs; numbers that
/// come three times, which compress well, and their steps, cut at odd bits, do not.
fn outgrowing(from: u64, rows: u64) -> RecordBatch {
    let mixed = |n: u64| {
        let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    let all = from..from + rows;
    let jump = |n: u64| {
        if n.is_multiple_of(2) {
            i64::MAX - n as i64
        } else {
            i64::MIN + n as i64
        }
    };
    let narrow = move |n: u64| (jump(n) >> 32) as i32 ^ n as i32;
    let columns: [(&str, ArrayRef); 5] = [
        (
            "rising",
            Arc::new(Int64Array::from_iter_values(all.clone().map(|n| n as i64))),
        ),
        ("jump", Arc::new(Int64Array::from_iter_values(all.clone().map(jump)))),
        (
            "narrow",
            Arc::new(Int32Array::from_iter_values(all.clone().map(narrow))),
        ),
        (
            "unsigned",
            Arc::new(UInt32Array::from_iter_values(all.clone().map(|n| narrow(n) as u32))),
        ),
        (
            "cycle",
            Arc::new(Int64Array::from_iter_values(
                all.map(|n| (mixed(n / 900 * 300 + n % 300) >> 20) as i64),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns).expect("fits")
}

#[test]
fn integers_that_outgrow_a_dictionary_are_kept_by_their_steps() {
    let mut settings = Settings::default();
    settings.parquet.row_group_rows = 500_000;
    let batches: Vec<RecordBatch> = (0..4).map(|group| outgrowing(group * 500_000, 500_000)).collect();
    let (done, bytes) = written(batches[0].schema(), batches.clone(), &settings, usize::MAX);
    assert_eq!(done.expect("writes").rows, 2_000_000);
    let found = groups(&bytes);
    let stepped = |column: usize| -> Vec<bool> {
        let of = |(_, columns): &(i64, Vec<ColumnChunkMetaData>)| {
            columns[column].encodings().any(|e| e == Encoding::DELTA_BINARY_PACKED)
        };
        found.iter().map(of).collect()
    };
    for column in 0..4 {
        assert_eq!(stepped(column), [false, true, true, true], "column {column}");
    }
    let stored = |group: usize| found[group].1[0].compressed_size();
    assert!(
        stored(1) * 50 < stored(0),
        "{} bytes of steps beside {}",
        stored(1),
        stored(0)
    );
    // Steps were tried and took more: not again for a while.
    assert_eq!(stepped(4), [false, true, false, false]);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .expect("is a file")
        .with_batch_size(500_000)
        .build();
    let read: Vec<RecordBatch> = reader.expect("is a file").map(|batch| batch.expect("reads")).collect();
    assert!(read == batches, "other values came back");
}
