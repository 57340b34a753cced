//! csv, ndjson and Avro as others see them: what larder writes reads back equal in Python's csv, pyarrow, Polars, DuckDB
//! and fastavro, and what they write is loaded by larder with the same values.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::*;
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};
use larder::{AssetValue, Form, IoManager, Table};
use larder_integration_tests::python;
use larder_integration_tests::{context, scratch};
use larder_io_fs::FsConfig;
use larder_io_object::TableFormat;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// A moment as Python shows it: with a fraction of six digits, or none.
fn padded(text: &str) -> String {
    match text.replace(' ', "T").split_once('.') {
        Some((whole, fraction)) => format!("{whole}.{fraction:0<6}"),
        None => text.replace(' ', "T"),
    }
}

/// Every row as its values, in a notation that both sides share: numbers as they are, days and moments in ISO 8601.
fn rows(table: &Table) -> Vec<Vec<Json>> {
    let batch = table.to_batch().expect("joins");
    let naive = DataType::Timestamp(TimeUnit::Microsecond, None);
    let cell = |column: &ArrayRef, row: usize| -> Json {
        if column.is_null(row) {
            return Json::Null;
        }
        let number = |to: &DataType| cast(column, to).expect("is a number");
        match column.data_type() {
            DataType::Boolean => json!(column.as_boolean().value(row)),
            data_type if data_type.is_integer() => {
                json!(number(&DataType::Int64).as_primitive::<Int64Type>().value(row))
            }
            data_type if data_type.is_floating() => {
                json!(number(&DataType::Float64).as_primitive::<Float64Type>().value(row))
            }
            DataType::Timestamp(..) => {
                let text = cast(&cast(column, &naive).expect("is a moment"), &DataType::Utf8).expect("is shown");
                let text = text.as_string::<i32>().value(row).to_owned();
                json!(padded(&text))
            }
            _ => json!(
                cast(column, &DataType::Utf8)
                    .expect("is text")
                    .as_string::<i32>()
                    .value(row)
            ),
        }
    };
    (0..batch.num_rows())
        .map(|row| batch.columns().iter().map(|column| cell(column, row)).collect())
        .collect()
}

fn table() -> Table {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), Some(-2), None, Some(4)]))),
        (
            "price",
            Arc::new(Float64Array::from(vec![Some(0.1), Some(-1e-7), None, Some(1e15)])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![
                Some("a,b"),
                Some("say \"hi\"\nü😀"),
                None,
                Some(" x "),
            ])),
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(19_782), Some(0), None, Some(1)])),
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(1_700_000_000_123_456),
                Some(1_700_000_000_500_000),
                None,
                Some(0),
            ])),
        ),
    ];
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("fits").into()
}

const NAMES: [(TableFormat, &str); 3] = [
    (TableFormat::Csv, "csv"),
    (TableFormat::Ndjson, "ndjson"),
    (TableFormat::Avro, "avro"),
];

/// Prints for each reader what differs from the rows on its input.
const READ: &str = r#"
import csv, datetime, io, json, sys
import duckdb, fastavro, polars as pl, pyarrow.csv, pyarrow.json
root, wanted = sys.argv[1], json.loads(sys.stdin.read())
names = ["id", "price", "flag", "text", "day", "at"]

def plain(value):
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    return value.isoformat() if isinstance(value, datetime.date) else value

def typed(row):
    # What JSON and csv show as text.
    row = [plain(value) for value in row]
    # Some take a day for a moment.
    return row[:4] + [row[4] and row[4][:10]] + [row[5] and plain(datetime.datetime.fromisoformat(row[5]))]

def check(reader, rows):
    rows = [typed(row) for row in rows]
    assert rows == wanted, f"{reader}: {rows} instead of {wanted}"
    print(reader)

at = f"{root}/rows/csv.csv"
check("pyarrow csv", [list(row.values()) for row in pyarrow.csv.read_csv(at,
    parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
    convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])).to_pylist()])
check("polars csv", pl.read_csv(at, try_parse_dates=True).rows())
check("duckdb csv", duckdb.sql(f"select * from read_csv('{at}')").fetchall())
with open(at, newline="") as file:
    lines = list(csv.reader(file))
assert lines[0] == names and len(lines) == 1 + len(wanted) and [line[3] or None for line in lines[1:]] == [row[3] for row in wanted]
print("python csv")

at = f"{root}/rows/ndjson.ndjson"
with open(at) as file:
    parsed = [json.loads(line) for line in file]
assert all(list(line) == names for line in parsed)
check("python json", [line.values() for line in parsed])
check("polars ndjson", pl.read_ndjson(at).rows())
check("duckdb ndjson", duckdb.sql(f"select * from read_json('{at}', format = 'newline_delimited')").fetchall())
check("pyarrow ndjson", [list(row.values()) for row in pyarrow.json.read_json(at).to_pylist()])

at = f"{root}/rows/avro.avro"
with open(at, "rb") as file:
    records = list(fastavro.reader(file))
assert all(list(record) == names for record in records)
check("fastavro", [record.values() for record in records])
check("polars avro", pl.read_avro(at).rows())
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_PYTHON; run by cargo xtask test"]
async fn others_read_what_larder_writes() {
    let root = scratch();
    for (format, name) in NAMES {
        let mut config = FsConfig::new(root.path());
        config.table = format;
        let manager = config.open().expect("opens");
        let output = context(&format!("rows/{name}"));
        manager
            .handle_output(&output, &table().into_value())
            .await
            .expect("is stored");
    }
    let wanted = serde_json::to_string(&rows(&table())).expect("is JSON");
    let said = python(READ, &[root.path()], &wanted);
    assert_eq!(said.lines().count(), 10, "{said}");
}

/// Writes the rows on its input with each library.
const WRITE: &str = r#"
import csv, datetime, json, os, sys
import duckdb, fastavro, polars as pl, pyarrow as pa, pyarrow.csv
root, rows = sys.argv[1], json.loads(sys.stdin.read())
names = ["id", "price", "flag", "text", "day", "at"]
os.makedirs(f"{root}/rows")
values = [[row[0], row[1], row[2], row[3], row[4] and datetime.date.fromisoformat(row[4]),
           row[5] and datetime.datetime.fromisoformat(row[5])] for row in rows]
schema = {"id": pl.Int64, "price": pl.Float64, "flag": pl.Boolean, "text": pl.String, "day": pl.Date, "at": pl.Datetime("us")}
frame = pl.DataFrame(values, schema=schema, orient="row")
frame.write_csv(f"{root}/rows/polars.csv")
frame.write_ndjson(f"{root}/rows/polars.ndjson")
frame.write_avro(f"{root}/rows/polars.avro")
pa.csv.write_csv(frame.to_arrow(), f"{root}/rows/pyarrow.csv")
duckdb.sql(f"copy (select * from frame) to '{root}/rows/duckdb.csv' (header)")
duckdb.sql(f"copy (select * from frame) to '{root}/rows/duckdb.ndjson' (format json)")
with open(f"{root}/rows/python.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows([["" if v is None else str(v) for v in row] for row in values])
fields = [("long", None), ("double", None), ("boolean", None), ("string", None), ("int", "date"), ("long", "timestamp-micros")]
avro = {"type": "record", "name": "row", "fields": [
    {"name": name, "type": ["null", {"type": kind, "logicalType": logical} if logical else kind]}
    for name, (kind, logical) in zip(names, fields)]}
for codec in ["null", "deflate"]:
    with open(f"{root}/rows/fast_{codec}.avro", "wb") as file:
        records = [dict(zip(names, row)) for row in values]
        fastavro.writer(file, fastavro.parse_schema(avro), records, codec=codec)
"#;

async fn loaded(root: &Path, name: &str, format: TableFormat) -> larder::Result<Table> {
    let mut config = FsConfig::new(root);
    config.table = format;
    let manager = config.open()?;
    let input = context(&format!("rows/{name}")).to_input(Form::Table);
    Table::from_value(manager.load_input(&input).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_PYTHON; run by cargo xtask test"]
async fn larder_reads_what_others_write() {
    let root = scratch();
    let wanted = rows(&table());
    python(WRITE, &[root.path()], &serde_json::to_string(&wanted).expect("is JSON"));
    let files = [
        ("polars", TableFormat::Csv),
        ("pyarrow", TableFormat::Csv),
        ("duckdb", TableFormat::Csv),
        ("python", TableFormat::Csv),
        ("polars", TableFormat::Ndjson),
        ("duckdb", TableFormat::Ndjson),
        ("polars", TableFormat::Avro),
        ("fast_null", TableFormat::Avro),
        ("fast_deflate", TableFormat::Avro),
    ];
    for (name, format) in files {
        let table = loaded(root.path(), name, format)
            .await
            .unwrap_or_else(|error| panic!("{name}, {format:?}: {error}"));
        let mut found = rows(&table);
        if format == TableFormat::Ndjson {
            // JSON has no days and moments: they are texts.
            for row in &mut found {
                row[5] = row[5].as_str().map_or(Json::Null, |text| json!(padded(text)));
            }
        }
        assert_eq!(found, wanted, "{name}, {format:?}");
    }
}
