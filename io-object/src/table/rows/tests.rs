//! Rows come back as they were, or are refused; what others wrote is read by rows that fit.

use super::feed::Feed;
use super::{RowFormat, RowSource};
use crate::table::counted::Counted;
use arrow_array::builder::{ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_io_core::{ErrorKind, Result, Scan, Table, TableSource};
use proptest::prelude::*;
use std::sync::Arc;

const FORMATS: [RowFormat; 3] = [RowFormat::Csv, RowFormat::Ndjson, RowFormat::Avro];

/// Encodes as a store does, without the store.
fn encoded(format: RowFormat, batch: &RecordBatch) -> Result<Vec<u8>, String> {
    let mut encoder = format.encoder(batch.schema_ref()).map_err(|error| error.to_string())?;
    let rows = encoder.encode(batch).map_err(|error| error.to_string())?;
    super::write::verify(format, encoder.as_ref(), batch, &rows).map_err(|error| error.to_string())?;
    Ok([encoder.header(), &rows].concat())
}

async fn read(format: RowFormat, bytes: &[u8], schema: Option<&SchemaRef>) -> Result<RecordBatch> {
    let (reader, _) = Counted::reader(&Bytes::copy_from_slice(bytes));
    let schema = schema.map(|schema| serde_json::to_string(schema.as_ref()).expect("is written"));
    let source = RowSource::open(reader, format, schema.as_deref(), None).await?;
    let batches = source.scan(Scan::all()).await?.try_collect().await?;
    Table::new(source.schema(), batches)?.to_batch()
}

fn shown(batch: &RecordBatch) -> String {
    format!("{:?} {:?}", batch.schema(), batch.columns())
}

/// A table of every type that all three formats keep.
fn every_type() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i8", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(7)]))),
        ("i16", Arc::new(Int16Array::from(vec![Some(i16::MAX), None, Some(-7)]))),
        ("i32", Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(0)]))),
        (
            "i64",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None])),
        ),
        ("u8", Arc::new(UInt8Array::from(vec![Some(u8::MAX), None, Some(0)]))),
        ("u32", Arc::new(UInt32Array::from(vec![Some(u32::MAX), None, Some(1)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(1)]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(-0.0)]))),
        (
            "f64",
            Arc::new(Float64Array::from(vec![Some(1e300), None, Some(5e-324)])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![Some(""), None, Some("a,\"b\"\r\nü 😀 ")])),
        ),
        (
            "large",
            Arc::new(LargeStringArray::from(vec![Some("null"), None, Some("\t")])),
        ),
        (
            "view",
            Arc::new(StringViewArray::from(vec![
                Some("a text of more than twelve bytes"),
                None,
                Some("NaN"),
            ])),
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None, Some(b"")])),
        ),
        ("day", Arc::new(Date32Array::from(vec![Some(19_000), None, Some(-1)]))),
        (
            "time",
            Arc::new(Time64MicrosecondArray::from(vec![Some(1), None, Some(86_399_999_999)])),
        ),
        (
            "naive",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(1_700_000_000_123_456),
                None,
                Some(-1),
            ])),
        ),
        (
            "zoned",
            Arc::new(
                TimestampMillisecondArray::from(vec![Some(1_700_000_000_123), None, Some(0)])
                    .with_timezone("Europe/Berlin"),
            ),
        ),
        (
            "took",
            Arc::new(DurationMillisecondArray::from(vec![Some(1_500), None, Some(-1)])),
        ),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![Some(-12_345), None, Some(5)])
                    .with_precision_and_scale(10, 2)
                    .expect("fits"),
            ),
        ),
    ];
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    ["x", "", "x"].iter().for_each(|word| words.append_value(word));
    let mut columns: Vec<(&str, ArrayRef, bool)> =
        columns.into_iter().map(|(name, array)| (name, array, true)).collect();
    columns.push(("words", Arc::new(words.finish()), true));
    columns.push(("sure", Arc::new(Int64Array::from(vec![1, 2, 3])), false));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns fit")
}

#[tokio::test]
async fn keeps_every_type() {
    let batch = every_type();
    for format in FORMATS {
        let bytes = encoded(format, &batch).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        let back = read(format, &bytes, Some(&batch.schema())).await.expect("reads");
        assert_eq!(shown(&back), shown(&batch), "{format:?}");
    }
}

#[tokio::test]
async fn keeps_nested_values() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), None, Some("")]);
    lists.append_null();
    lists.append_value([None::<&str>; 0]);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), arrow_array::builder::Int64Builder::new());
    for row in 0..3_i64 {
        maps.keys().append_value(format!("key {row}"));
        maps.values().append_option((row != 1).then_some(row));
        maps.append(true).expect("as many keys as values");
    }
    let inner: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), None, None]));
    let field = Arc::new(Field::new("x", DataType::Float64, true));
    let structs =
        StructArray::try_new([field].into(), vec![inner], Some(vec![true, false, true].into())).expect("fits");
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("lists", Arc::new(lists.finish()), true),
        ("maps", Arc::new(maps.finish()), true),
        ("structs", Arc::new(structs), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns fit");
    for format in [RowFormat::Ndjson, RowFormat::Avro] {
        let bytes = encoded(format, &batch).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        let back = read(format, &bytes, Some(&batch.schema())).await.expect("reads");
        assert_eq!(shown(&back), shown(&batch), "{format:?}");
    }
    let error = encoded(RowFormat::Csv, &batch).expect_err("has no notation");
    assert!(
        error.contains("column `lists`") && error.contains("use ndjson"),
        "{error}"
    );
}

#[test]
fn refuses_what_would_be_lost() {
    let refused = |format, array: ArrayRef| {
        let batch = RecordBatch::try_from_iter_with_nullable([("x", array, true)]).expect("columns fit");
        encoded(format, &batch).err()
    };
    let nan = || Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY])) as ArrayRef;
    let error = refused(RowFormat::Ndjson, nan()).expect("JSON has no NaN");
    assert!(error.contains("column `x` (Float64)"), "{error}");
    assert_eq!(refused(RowFormat::Csv, nan()), None);
    assert_eq!(refused(RowFormat::Avro, nan()), None);
    let odd: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let odd = RecordBatch::try_from_iter([("dep delay", odd)]).expect("fits");
    let error = encoded(RowFormat::Avro, &odd).expect_err("is no name of Avro");
    assert!(error.contains("`dep delay`"), "{error}");
    // Nanoseconds, where a format stops at microseconds, and years that ISO 8601 has no digits for.
    let late: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX / 2]));
    for format in [RowFormat::Csv, RowFormat::Ndjson] {
        refused(format, Arc::clone(&late)).expect("no such year");
    }
}

#[test]
fn csv_is_what_others_read() {
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("a b", Arc::new(Int64Array::from(vec![Some(1), None])), true),
        ("text, quoted", Arc::new(StringArray::from(vec![Some(""), None])), true),
        (
            "plain",
            Arc::new(StringArray::from(vec![Some("say \"hi\""), Some("x")])),
            true,
        ),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns fit");
    let bytes = encoded(RowFormat::Csv, &batch).expect("is kept");
    let wanted = "a b,\"text, quoted\",plain\n1,\"\",\"say \"\"hi\"\"\"\n,,x\n";
    assert_eq!(String::from_utf8(bytes).expect("is text"), wanted);
}

#[tokio::test]
async fn infers_types_that_every_row_fits() {
    let text = "\u{feff}id,zip,price,flag,day,at,zoned,mixed,none\r\n\
                1,00501,1.5,true,2024-02-29,2024-01-02T03:04:05.5,2024-01-02 03:04:05+02:00,1,\r\n\
                \r\n\
                -2,10001,2,False,2023-01-01,2024-01-02 03:04:05,2024-01-02T03:04:05Z,x,";
    let table = read(RowFormat::Csv, text.as_bytes(), None).await.expect("reads");
    let types: Vec<DataType> = table
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect();
    let moment = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let text = DataType::Utf8;
    let wanted = [
        DataType::Int64,
        text.clone(),
        DataType::Float64,
        DataType::Boolean,
        DataType::Date32,
        moment(None),
        moment(Some("+00:00")),
        text.clone(),
        text,
    ];
    assert_eq!(types, wanted);
    assert_eq!(table.num_rows(), 2);
    let digits = read(RowFormat::Csv, b"n,m\n12345678901234567890,1\n1,2.5\n", None)
        .await
        .expect("reads");
    assert_eq!(
        digits.schema().field(0).data_type(),
        &DataType::Utf8,
        "a float would lose digits"
    );
    let mixed = read(RowFormat::Ndjson, b"{\"a\": 1}\n{\"a\": \"x\"}\n", None)
        .await
        .expect("reads");
    assert_eq!(mixed.schema().field(0).data_type(), &DataType::Utf8);
    let lines = b"{\"a\": 1, \"b\": [\"x\"]}\n{\"a\": 2.5, \"c\": {\"d\": true}}\n";
    let table = read(RowFormat::Ndjson, lines, None).await.expect("reads");
    assert_eq!(table.schema().field(0).data_type(), &DataType::Float64);
    assert_eq!(table.num_columns(), 3);
    let table = read(RowFormat::Ndjson, b"{\"z\": 1}\n{\"a\": 2, \"z\": 3}\n", None)
        .await
        .expect("reads");
    let names: Vec<String> = table
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["z", "a"], "in the order of the file");
}

#[tokio::test]
async fn says_where_a_file_is_wrong() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("s", DataType::Utf8, false),
    ]));
    let cases = [
        (
            RowFormat::Csv,
            "n,s\n1,a\nx,b\n",
            "row 2, column `n`: \"x\" is no Int64",
        ),
        (RowFormat::Csv, "n,s\n1,a\n2,\n", "s"),
        (RowFormat::Csv, "n,s\n1,a,b\n", "line 2: 3 fields instead of 2"),
        (RowFormat::Csv, "n,t\n1,a\n", "header"),
        (RowFormat::Csv, "", "it has no header"),
        (RowFormat::Csv, "n,s\n1,\"a\n", "never ends"),
        (RowFormat::Csv, "n,s\n1,\"a\"b\n", "closing quote"),
        (
            RowFormat::Ndjson,
            "{\"n\": 1, \"s\": \"a\"}\n{\"n\": \"x\", \"s\": \"\"}\n",
            "x",
        ),
        (RowFormat::Ndjson, "{\"n\": 1, \"s\": \"a\", \"z\": 1}\n", "z"),
        (RowFormat::Ndjson, "{\"n\": 1", "json"),
        (RowFormat::Avro, "Obj\u{1}", "avro"),
    ];
    for (format, text, wanted) in cases {
        let error = read(format, text.as_bytes(), Some(&schema)).await.expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{text}: {error}");
        assert!(
            error.message().to_lowercase().contains(&wanted.to_lowercase()),
            "{text}: {error}"
        );
    }
}

/// Every bit of a file, among them counts of rows that leave bytes over and lengths that nobody has memory for.
#[test]
fn avro_ends_whatever_is_flipped() {
    let batch = every_type();
    let bytes = encoded(RowFormat::Avro, &batch).expect("is kept");
    let (ended, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let decode = || {
                let rows = RowFormat::Avro.decode(Feed::of_bytes(damaged), batch.schema_ref())?;
                rows.collect::<Result<Vec<_>, _>>()
            };
            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)));
        }
        ended.send(()).expect("somebody waits");
    });
    wait.recv_timeout(std::time::Duration::from_secs(300)).expect("ends");
}

#[tokio::test]
async fn refuses_a_line_without_end() {
    let mut bytes = b"{\"a\": \"".to_vec();
    bytes.resize((64 << 20) + 100, b'x');
    for format in [RowFormat::Ndjson, RowFormat::Csv] {
        let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat((64 << 20) + 100)]));
        let long = RecordBatch::try_from_iter([("a", long)]).expect("fits");
        encoded(format, &long).expect_err("what cannot be read is not written");
        let error = read(format, &bytes, None).await.expect_err("has no end");
        assert!(error.message().contains("64 MiB"), "{error}");
    }
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some(String::new())),
        "[ -~\n\r\t\"',;|\\\\é😀\u{0}\u{feff}]{0,6}".prop_map(Some),
        "(null|NULL|NaN|\\\\N|true|0|-|\"\"|'')".prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any text, number and moment comes back, however the bytes arrive.
    #[test]
    fn rows_come_back(rows in prop::collection::vec((text(), any::<Option<f64>>(), any::<Option<i64>>(), text()), 1..20), cut in 1_usize..9) {
        let texts: ArrayRef = Arc::new(rows.iter().map(|row| row.0.clone()).collect::<StringArray>());
        let floats: ArrayRef = Arc::new(rows.iter().map(|row| row.1.filter(|f| f.is_finite())).collect::<Float64Array>());
        let numbers: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>());
        let last: ArrayRef = Arc::new(rows.iter().map(|row| row.3.clone()).collect::<StringArray>());
        let several = [("text", texts.clone(), true), ("float", floats, true), ("n", numbers, true), ("last", last, true)];
        let batches = [
            RecordBatch::try_from_iter_with_nullable(several).expect("columns fit"),
            RecordBatch::try_from_iter_with_nullable([("only", texts, true)]).expect("columns fit"),
        ];
        for batch in &batches {
            for format in FORMATS {
                let bytes = match encoded(format, batch) {
                    Ok(bytes) => bytes,
                    Err(error) => return Err(TestCaseError::fail(format!("{format:?}: {error}"))),
                };
                let feed = Feed::of_pieces(bytes.chunks(cut).map(Bytes::copy_from_slice).collect());
                let batches: Vec<RecordBatch> = format.decode(feed, batch.schema_ref()).and_then(Iterator::collect)
                    .map_err(TestCaseError::fail)?;
                prop_assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), batch.num_rows());
                prop_assert_eq!(shown(&batches[0]), shown(batch));
            }
        }
    }

    /// Damage is an error or other rows, never a panic that goes further than the guard.
    #[test]
    fn damage_does_no_harm(at in 0_usize..10_000, byte in any::<u8>(), cut in any::<bool>()) {
        let batch = every_type();
        for format in FORMATS {
            let mut bytes = encoded(format, &batch).map_err(TestCaseError::fail)?;
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            for schema in [Some(batch.schema()), None] {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("starts");
                if let Err(error) = runtime.block_on(read(format, &bytes, schema.as_ref())) {
                    prop_assert_eq!(error.kind(), ErrorKind::InvalidData, "{}", error);
                }
            }
        }
    }
}
