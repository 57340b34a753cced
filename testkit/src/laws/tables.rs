//! Law 1 for tables: values, types, schema, nulls and row order come back, or the table was refused.

use super::support::output;
use crate::Fixture;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures_util::TryStreamExt;
use larder_io_core::{AssetValue, Form, Scan, Table, TableStream, Value, col};
use std::collections::HashMap;
use std::sync::Arc;

#[path = "table_types.rs"]
mod table_types;

/// A table of nullable columns, one batch.
pub(crate) fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    Table::from(batch.expect("the columns have one length"))
}

/// Ordinary columns with nulls; `first` is the first row's number.
pub(crate) fn rows(first: i64, count: i64) -> RecordBatch {
    let numbers = Int64Array::from_iter((first..first + count).map(|n| (n % 7 != 3).then_some(n)));
    let texts = StringArray::from_iter((first..first + count).map(|n| (n % 5 != 1).then(|| format!("row {n} ✈"))));
    let flags = BooleanArray::from_iter((first..first + count).map(|n| (n % 3 != 2).then_some(n % 2 == 0)));
    let floats = Float64Array::from_iter((first..first + count).map(|n| (n % 4 != 0).then_some(n as f64 / 3.0)));
    let ids = Int64Array::from_iter_values(first..first + count);
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("number", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("flag", DataType::Boolean, true),
        Field::new("float", DataType::Float64, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids),
        Arc::new(numbers),
        Arc::new(texts),
        Arc::new(flags),
        Arc::new(floats),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).expect("the columns fit the schema")
}

/// Must come back equal.
async fn keeps(fixture: &Fixture, at: &str, wanted: &Table) {
    let ctx = output(at);
    fixture.store(&ctx, &wanted.clone().into_value()).await;
    same(at, wanted, fixture.load(&ctx.to_input(Form::Table)).await).await;
}

/// Must come back equal or be refused.
async fn keeps_or_refuses(fixture: &Fixture, at: &str, wanted: &Table) {
    let value = wanted.clone().into_value();
    if let Some(loaded) = fixture.keep_or_refuse(1, at, &output(at), &value).await {
        same(at, wanted, loaded).await;
    }
}

pub(crate) async fn same(at: &str, wanted: &Table, loaded: Value) {
    if let Value::Table(source) = &loaded {
        check_eq!(
            &source.schema(),
            wanted.schema(),
            "law 1: {at} announces another schema"
        );
        if let Some(rows) = source.rows() {
            check_eq!(
                rows,
                wanted.rows() as u64,
                "law 1: {at} announces another number of rows"
            );
        }
    }
    let found = Table::from_value(loaded).await;
    let found = found.unwrap_or_else(|error| panic!("law 1: {at} was stored but cannot be read: {error:?}"));
    check_eq!(
        found.schema(),
        wanted.schema(),
        "law 1: {at} came back with another schema"
    );
    check_eq!(
        found.rows(),
        wanted.rows(),
        "law 1: {at} came back with another number of rows"
    );
    let batch = |table: &Table| {
        table
            .to_batch()
            .unwrap_or_else(|error| panic!("{at} cannot be joined: {error}"))
    };
    let (found, wanted) = (batch(&found), batch(wanted));
    for (index, field) in wanted.schema().fields().iter().enumerate() {
        let equal = found.column(index) == wanted.column(index);
        assert!(equal, "law 1: {at} came back with other values in column {field}");
    }
}

/// Integers, texts, flags and floats with nulls, in several batches, in row order.
pub async fn law_01_round_trip_tables(fixture: &Fixture) {
    if !fixture.takes(Form::Table) {
        return;
    }
    let batches = vec![rows(0, 100), rows(100, 1), rows(101, 0), rows(101, 5000)];
    let several = Table::new(batches[0].schema(), batches).expect("has one schema");
    keeps(fixture, "several", &several).await;
    keeps(fixture, "one", &Table::from(rows(0, 1))).await;
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; 10]));
    let empty: ArrayRef = Arc::new(StringArray::from(vec![Some(""); 10]));
    keeps(
        fixture,
        "null-is-not-empty",
        &table(vec![("nulls", nulls), ("empty", empty)]),
    )
    .await;
    let sliced = Table::from(rows(0, 500).slice(13, 400));
    keeps(fixture, "slice", &sliced).await;
}

/// NaN, infinities, the sign of zero and the smallest floats.
pub async fn law_01_floats_in_tables(fixture: &Fixture) {
    if !fixture.takes(Form::Table) {
        return;
    }
    let finite: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, 5e-324, f64::MAX, 0.1 + 0.2]));
    keeps(fixture, "finite", &table(vec![("x", finite)])).await;
    let odd = Float64Array::from(vec![
        Some(f64::NAN),
        None,
        Some(f64::INFINITY),
        Some(f64::NEG_INFINITY),
        Some(-0.0),
    ]);
    keeps_or_refuses(fixture, "odd", &table(vec![("x", Arc::new(odd))])).await;
}

/// A table without batches, without rows, without columns keeps its schema.
pub async fn law_01_empty_tables(fixture: &Fixture) {
    if !fixture.takes(Form::Table) {
        return;
    }
    let schema = rows(0, 0).schema();
    keeps(
        fixture,
        "no-batch",
        &Table::new(Arc::clone(&schema), Vec::new()).expect("is empty"),
    )
    .await;
    keeps(fixture, "no-row", &Table::from(rows(0, 0))).await;
    let no_batches = TableStream::from_iter(Arc::clone(&schema), std::iter::empty());
    let ctx = output("empty-stream");
    fixture.store(&ctx, &no_batches.into_value()).await;
    let wanted = Table::new(schema, Vec::new()).expect("is empty");
    same("empty-stream", &wanted, fixture.load(&ctx.to_input(Form::Table)).await).await;
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let bare = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
    keeps_or_refuses(fixture, "no-column", &Table::from(bare.expect("has rows only"))).await;
}

/// Every type comes back as itself or is refused; never as another type.
pub async fn law_01_table_types(fixture: &Fixture) {
    if !fixture.takes(Form::Table) {
        return;
    }
    for (name, array) in table_types::arrays() {
        keeps_or_refuses(fixture, &format!("type-{name}"), &table(vec![("x", array)])).await;
    }
}

/// Metadata of the schema and of fields, nullability and odd names come back, or the table is refused.
pub async fn law_01_table_metadata(fixture: &Fixture) {
    if !fixture.takes(Form::Table) {
        return;
    }
    let pairs = |text: &str| {
        HashMap::from([
            ("unit".to_owned(), text.to_owned()),
            ("ключ".to_owned(), "\"".to_owned()),
        ])
    };
    let numbers = || -> ArrayRef { Arc::new(Int64Array::from(vec![1, 2])) };
    let with = |fields: Vec<Field>, metadata: HashMap<String, String>| -> Table {
        let columns = fields.iter().map(|_| numbers()).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields).with_metadata(metadata));
        Table::from(RecordBatch::try_new(schema, columns).expect("the columns fit the schema"))
    };
    let plain = |name: &str, nullable: bool| Field::new(name, DataType::Int64, nullable);
    let field = with(vec![plain("a", true).with_metadata(pairs("minutes"))], HashMap::new());
    keeps_or_refuses(fixture, "field-metadata", &field).await;
    keeps_or_refuses(
        fixture,
        "schema-metadata",
        &with(vec![plain("a", true)], pairs("schema")),
    )
    .await;
    keeps_or_refuses(
        fixture,
        "nullability",
        &with(vec![plain("a", false), plain("b", true)], HashMap::new()),
    )
    .await;
    let odd = ["", " ", "a.b", "a,b\"c\n", "été ✈", "SELECT"]
        .map(|name| plain(name, true))
        .to_vec();
    keeps_or_refuses(fixture, "odd-names", &with(odd, HashMap::new())).await;
    keeps_or_refuses(
        fixture,
        "twice",
        &with(vec![plain("a", true), plain("a", true)], HashMap::new()),
    )
    .await;
}

/// A stream that is read once comes back whole and in order.
pub async fn law_01_streamed_tables(fixture: &Fixture) {
    if !fixture.takes(Form::Table) {
        return;
    }
    let batches: Vec<RecordBatch> = (0..40).map(|n| rows(n * 97, 97)).collect();
    let wanted = Table::new(batches[0].schema(), batches.clone()).expect("has one schema");
    let stream = TableStream::from_iter(batches[0].schema(), batches.into_iter().map(Ok));
    let ctx = output("streamed");
    let receipt = fixture.store(&ctx, &stream.into_value()).await;
    check_eq!(
        receipt.rows,
        Some(40 * 97),
        "law 13: the receipt of a streamed table counts other rows"
    );
    same("streamed", &wanted, fixture.load(&ctx.to_input(Form::Table)).await).await;
}

/// A loaded table answers columns, predicates and limits exactly, as often as it is asked.
pub async fn law_01_narrowed_scans(fixture: &Fixture) {
    if !fixture.takes(Form::Table) {
        return;
    }
    let batches = vec![rows(0, 1000), rows(1000, 1000), rows(2000, 500)];
    let whole = Table::new(batches[0].schema(), batches).expect("has one schema");
    let ctx = output("scanned");
    fixture.store(&ctx, &whole.clone().into_value()).await;
    let Value::Table(source) = fixture.load(&ctx.to_input(Form::Table)).await else {
        panic!("law 1: a stored table came back in another form")
    };
    let scans = [
        Scan::all().select(["text", "id"]),
        Scan::all().limit(1001),
        Scan::all().limit(0),
        Scan::all().filter(col("id").gt(1990)).limit(20).select(["id"]),
        Scan::all().filter(col("number").is_null()),
        Scan::all().filter(col("text").eq("row 7 ✈")),
        Scan::all().filter(col("id").lt(-1)),
        Scan::all().select(Vec::<String>::new()),
    ];
    for scan in scans {
        let wanted = gather(&whole, &scan).await;
        let found = gather(source.as_ref(), &scan).await;
        check_eq!(found, wanted, "law 1: {scan:?} gives another answer");
    }
    let again = gather(source.as_ref(), &Scan::all().select(["id"])).await;
    check_eq!(again.rows(), 2500, "law 1: a loaded table cannot be scanned again");
    let ids = again.to_batch().expect("joins");
    let ids = ids.column(0).as_primitive::<Int64Type>();
    assert!(
        ids.values().iter().copied().eq(0..2500),
        "law 1: a scan changes the order of rows"
    );
}

/// The answer to a scan, in one batch or none.
async fn gather(source: &dyn larder_io_core::TableSource, scan: &Scan) -> Table {
    let schema = scan.schema(&source.schema()).expect("names known columns");
    let batches = source.scan(scan.clone()).await;
    let batches = batches.unwrap_or_else(|error| panic!("law 1: {scan:?} fails: {error:?}"));
    let batches: Vec<RecordBatch> = batches
        .try_collect()
        .await
        .unwrap_or_else(|error| panic!("law 1: {scan:?} breaks off: {error:?}"));
    let table = Table::new(schema, batches).unwrap_or_else(|error| panic!("law 1: {scan:?}: {error:?}"));
    Table::from(
        table
            .to_batch()
            .unwrap_or_else(|error| panic!("law 1: {scan:?}: {error:?}")),
    )
}
