//! Whatever is left out, the rows are those of a scan that reads everything.

use super::counted::Counted;
use super::parquet_read::ParquetSource;
use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use larder_io_core::{Literal, Predicate, Scan, Table, TableSource, col};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn file(table: &Table, properties: WriterProperties) -> Bytes {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(table.schema()), Some(properties)).expect("begins");
    for batch in table.batches() {
        writer.write(batch).expect("writes");
    }
    writer.close().expect("closes");
    bytes.into()
}

async fn opened(bytes: &Bytes) -> (ParquetSource, Arc<AtomicU64>) {
    let (reader, read) = Counted::reader(bytes);
    (ParquetSource::open(reader).await.expect("opens"), read)
}

async fn rows(source: &dyn TableSource, request: &Scan) -> RecordBatch {
    use futures_util::TryStreamExt;
    let schema = request.schema(&source.schema()).expect("fits");
    let batches = source.scan(request.clone()).await.expect("scans").try_collect().await;
    let table = Table::new(schema, batches.expect("reads")).expect("one schema");
    table.to_batch().expect("joins")
}

/// NaN equals itself in Debug, where `==` would not; words are shown without their dictionary.
fn shown(batch: &RecordBatch) -> Vec<String> {
    let column = |column: &ArrayRef| match column.as_dictionary_opt::<Int32Type>() {
        Some(words) => {
            let words = words.downcast_dict::<StringArray>().expect("are texts");
            format!("{:?}", words.into_iter().collect::<Vec<_>>())
        }
        None => format!("{column:?}"),
    };
    batch.columns().iter().map(column).collect()
}

fn float(n: i8) -> f64 {
    match n {
        0 => f64::NAN,
        1 => -f64::NAN,
        2 => -0.0,
        3 => 0.0,
        4 => f64::INFINITY,
        -1 => f64::NEG_INFINITY,
        _ => f64::from(n) / 4.0,
    }
}

fn text(n: i8) -> String {
    format!("{}\u{e9}\u{1f600}{n}", "x".repeat(n.unsigned_abs() as usize % 5))
}

/// Columns of every type that has bounds, some sorted so that bounds tell something.
fn table(numbers: &[Option<i8>]) -> Table {
    let texts: Vec<Option<String>> = numbers.iter().map(|n| n.map(text)).collect();
    let wide = |n: &Option<i8>| n.map(i64::from);
    let words = || texts.iter().map(|text| text.as_deref());
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    words().for_each(|word| dictionary.append_option(word));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("row", Arc::new(Int64Array::from_iter_values(0..numbers.len() as i64))),
        ("i8", Arc::new(Int8Array::from(numbers.to_vec()))),
        (
            "i32",
            Arc::new(numbers.iter().map(|n| n.map(i32::from)).collect::<Int32Array>()),
        ),
        ("i64", Arc::new(numbers.iter().map(wide).collect::<Int64Array>())),
        (
            "u8",
            Arc::new(numbers.iter().map(|n| n.map(|n| n as u8)).collect::<UInt8Array>()),
        ),
        (
            "u32",
            Arc::new(numbers.iter().map(|n| n.map(|n| n as u32)).collect::<UInt32Array>()),
        ),
        (
            "u64",
            Arc::new(numbers.iter().map(|n| n.map(|n| n as u64)).collect::<UInt64Array>()),
        ),
        (
            "f32",
            Arc::new(
                numbers
                    .iter()
                    .map(|n| n.map(|n| float(n) as f32))
                    .collect::<Float32Array>(),
            ),
        ),
        (
            "f64",
            Arc::new(numbers.iter().map(|n| n.map(float)).collect::<Float64Array>()),
        ),
        (
            "bool",
            Arc::new(numbers.iter().map(|n| n.map(|n| n > 3)).collect::<BooleanArray>()),
        ),
        (
            "date",
            Arc::new(numbers.iter().map(|n| n.map(i32::from)).collect::<Date32Array>()),
        ),
        (
            "date64",
            Arc::new(
                numbers
                    .iter()
                    .map(|n| n.map(|n| i64::from(n) * 86_400_000))
                    .collect::<Date64Array>(),
            ),
        ),
        (
            "s",
            Arc::new(numbers.iter().map(wide).collect::<TimestampSecondArray>()),
        ),
        (
            "ms",
            Arc::new(numbers.iter().map(wide).collect::<TimestampMillisecondArray>()),
        ),
        (
            "us",
            Arc::new(
                numbers
                    .iter()
                    .map(wide)
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("UTC"),
            ),
        ),
        (
            "ns",
            Arc::new(numbers.iter().map(wide).collect::<TimestampNanosecondArray>()),
        ),
        ("text", Arc::new(words().collect::<StringArray>())),
        ("large", Arc::new(words().collect::<LargeStringArray>())),
        ("view", Arc::new(words().collect::<StringViewArray>())),
        ("word", Arc::new(dictionary.finish())),
        (
            "binary",
            Arc::new(words().map(|word| word.map(str::as_bytes)).collect::<BinaryArray>()),
        ),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .expect("fits")
        .into()
}

/// A literal of a column's type, mostly one that is there.
fn literal(data_type: &DataType, n: i8) -> Literal {
    match data_type {
        DataType::Boolean => Literal::Bool(n % 2 == 0),
        DataType::Float32 | DataType::Float64 => Literal::Float(float(n)),
        DataType::UInt8 | DataType::UInt32 | DataType::UInt64 => Literal::Int(i64::from(n.unsigned_abs() & 127)),
        DataType::Date64 => Literal::Int(i64::from(n) * 86_400_000),
        DataType::Binary => Literal::Bytes(text(n).into()),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => Literal::Text(text(n)),
        _ => Literal::Int(i64::from(n)),
    }
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let schema = Arc::clone(table(&[]).schema());
    let floats = [
        schema.index_of("f32").expect("is there"),
        schema.index_of("f64").expect("is there"),
    ];
    let column = prop_oneof![3 => 0..schema.fields().len(), 1 => proptest::sample::select(floats.to_vec())];
    let compared = (column, -14..14_i8, 0..7_u8).prop_map(move |(column, n, kind)| {
        let field = schema.field(column);
        let (column, literal) = (col(field.name()), literal(field.data_type(), n));
        match kind {
            0 => column.eq(literal),
            1 => column.not_eq(literal),
            2 => column.lt(literal),
            3 => column.lt_eq(literal),
            4 => column.gt(literal),
            5 => column.gt_eq(literal),
            _ => column.is_null(),
        }
    });
    compared.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(Predicate::negate),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.and(other)),
            (inner.clone(), inner).prop_map(|(one, other)| one.or(other)),
        ]
    })
}

/// Runs of equal and of rising values, so that pages differ.
fn numbers() -> impl Strategy<Value = Vec<Option<i8>>> {
    // Few different ones, so that literals are often at or beside a bound.
    let first = prop_oneof![1 => Just(None), 6 => (-12..12_i8).prop_map(Some), 1 => any::<i8>().prop_map(Some)];
    let run = (first, 1..12_usize, -1..2_i8).prop_map(|(first, rows, step)| {
        let value = move |at| first.map(|first| first.wrapping_add(step.wrapping_mul(at as i8)));
        (0..rows).map(value).collect::<Vec<_>>()
    });
    proptest::collection::vec(run, 0..8).prop_map(|runs| runs.concat())
}

fn properties(
    group: usize,
    page: usize,
    bloom: bool,
    truncated: Option<usize>,
    level: EnabledStatistics,
) -> WriterProperties {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_data_page_row_count_limit(page)
        .set_write_batch_size(1)
        .set_bloom_filter_enabled(bloom)
        .set_statistics_enabled(level)
        .set_statistics_truncate_length(truncated)
        .set_column_index_truncate_length(truncated)
        .build()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn leaves_out_nothing_that_is_asked_for(
        numbers in numbers(),
        predicate in proptest::option::weighted(0.8, predicate()),
        limit in proptest::option::weighted(0.3, 0..20_usize),
        (group, page, bloom) in (1..20_usize, 1..6_usize, any::<bool>()),
        truncated in proptest::option::of(1..4_usize),
        level in prop_oneof![Just(EnabledStatistics::Page), Just(EnabledStatistics::Chunk), Just(EnabledStatistics::None)],
    ) {
        let table = table(&numbers);
        let mut request = Scan::all();
        request.predicate = predicate;
        request.limit = limit;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runs");
        runtime.block_on(async {
            let bytes = file(&table, properties(group, page, bloom, truncated, level));
            let (source, _) = opened(&bytes).await;
            for columns in [None, Some(vec!["row".to_owned()])] {
                let mut request = request.clone();
                request.columns = columns;
                assert_eq!(shown(&rows(&source, &request).await), shown(&rows(&table, &request).await));
            }
        });
    }
}

/// 40,000 rows in four row groups of ten pages each.
fn rising() -> Bytes {
    let ids = Int64Array::from_iter_values(0..40_000);
    // Every name of one row group is absent from the others, and none is told by bounds.
    let names: StringArray = (0..40_000)
        .map(|n| Some(format!("{:05}", (n * 7919) % 40_000)))
        .collect();
    let batch =
        RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("name", Arc::new(names))]).expect("fits");
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(10_000))
        .set_data_page_row_count_limit(1000)
        .set_write_batch_size(1000)
        .set_dictionary_enabled(false)
        .set_column_bloom_filter_enabled("name".into(), true)
        .build();
    file(&batch.into(), properties)
}

/// What reading a request transfers, without the footer.
async fn transferred(bytes: &Bytes, request: &Scan) -> (usize, u64) {
    let (source, read) = opened(bytes).await;
    let footer = read.swap(0, Ordering::Relaxed);
    assert!(footer <= 64 << 10, "the footer took {footer} bytes");
    let rows = rows(&source, request).await.num_rows();
    (rows, read.load(Ordering::Relaxed))
}

#[tokio::test]
async fn reads_only_what_may_match() {
    let bytes = rising();
    let (all, everything) = transferred(&bytes, &Scan::all()).await;
    assert_eq!(all, 40_000);
    // Of 40 pages of each column, two; of indexes, those of one row group.
    let few = Scan::all().filter(col("id").gt_eq(12_500).and(col("id").lt(13_500)));
    let (found, some) = transferred(&bytes, &few).await;
    assert_eq!(found, 1000);
    assert!(
        some * 12 < everything,
        "{some} of {everything} bytes were read for two pages"
    );
    let (found, none) = transferred(&bytes, &Scan::all().filter(col("id").gt(40_000))).await;
    assert_eq!((found, none), (0, 0), "no row group can match");
    let (found, head) = transferred(&bytes, &Scan::all().limit(10)).await;
    assert_eq!(found, 10);
    assert!(
        head * 20 < everything,
        "{head} of {everything} bytes were read for ten rows"
    );
}

#[tokio::test]
async fn asks_bloom_filters() {
    let bytes = rising();
    let (_, everything) = transferred(&bytes, &Scan::all()).await;
    let (found, one) = transferred(&bytes, &Scan::all().filter(col("name").eq("12345"))).await;
    assert_eq!(found, 1);
    assert!(
        one * 2 < everything,
        "{one} of {everything} bytes were read for one name"
    );
    // Between the bounds of every row group, and in none.
    let (found, filters) = transferred(&bytes, &Scan::all().filter(col("name").eq("12345a"))).await;
    assert_eq!(found, 0);
    assert!(
        filters * 2 < one,
        "{filters} bytes were read for nothing, {one} for one row"
    );
}

/// Other writers keep `Date64` as days: a bloom filter knows those, and a literal counts milliseconds.
#[tokio::test]
async fn asks_no_bloom_filter_in_another_unit() {
    let moments: ArrayRef = Arc::new(Date64Array::from(vec![86_400_000]));
    let batch = RecordBatch::try_from_iter([("at", moments)]).expect("fits");
    let properties = WriterProperties::builder()
        .set_coerce_types(true)
        .set_bloom_filter_enabled(true)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let (source, _) = opened(&file(&batch.into(), properties)).await;
    assert_eq!(source.schema().field(0).data_type(), &DataType::Date64);
    let found = rows(&source, &Scan::all().filter(col("at").eq(86_400_000))).await;
    assert_eq!(found.num_rows(), 1);
}
