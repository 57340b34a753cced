//! What is pushed down into a table changes what is read, never the rows of a query.

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_cast::pretty::pretty_format_batches;
use datafusion::catalog::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use larder_engine_datafusion::LazyTableProvider;
use larder_io_core::{AssetValue, Form, IoManager, LazyTable, OutputContext, Table};
use larder_io_fs::FsConfig;
use proptest::prelude::*;
use std::sync::Arc;

/// One row; every column may be null.
type Row = (Option<i32>, Option<f64>, Option<String>, Option<bool>, Option<i32>);

fn row() -> impl Strategy<Value = Row> {
    let float = prop_oneof![
        Just(f64::NAN),
        Just(-f64::NAN),
        Just(-0.0),
        Just(0.0),
        Just(f64::INFINITY),
        (-3..3_i32).prop_map(f64::from)
    ];
    (
        prop::option::of(-3..3_i32),
        prop::option::of(float),
        prop::option::of("[ab]{0,2}"),
        prop::option::of(any::<bool>()),
        prop::option::of(-2..2_i32),
    )
}

fn batch(rows: &[Row]) -> RecordBatch {
    let texts: StringArray = rows.iter().map(|row| row.2.clone()).collect();
    let columns: [(&str, ArrayRef); 5] = [
        ("i", Arc::new(rows.iter().map(|row| row.0).collect::<Int32Array>())),
        ("f", Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>())),
        ("t", Arc::new(texts)),
        ("b", Arc::new(rows.iter().map(|row| row.3).collect::<BooleanArray>())),
        ("d", Arc::new(rows.iter().map(|row| row.4).collect::<Date32Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).expect("fits")
}

/// A condition on one column.
fn comparison() -> impl Strategy<Value = String> {
    let op = || prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let floats = vec!["0.0", "-0.0", "1.0", "'NaN'::double", "'Infinity'::double"];
    prop_oneof![
        (op(), -4..4_i32).prop_map(|(op, n)| format!("i {op} {n}")),
        (op(), -4..4_i32).prop_map(|(op, n)| format!("{n} {op} i")),
        (op(), prop::sample::select(floats)).prop_map(|(op, n)| format!("f {op} {n}")),
        (op(), "[ab]{0,2}").prop_map(|(op, text)| format!("t {op} '{text}'")),
        (op(), 1..4_u32).prop_map(|(op, day)| format!("d {op} date '1970-01-0{day}'")),
        (-4..4_i32, -4..4_i32).prop_map(|(low, high)| format!("i between {low} and {high}")),
        (-4..4_i32, -4..4_i32).prop_map(|(one, other)| format!("i in ({one}, {other})")),
        (-4..4_i32, -4..4_i32).prop_map(|(one, other)| format!("i not in ({one}, {other})")),
        prop::sample::select(vec!["i", "f", "t", "b", "d"]).prop_map(|column| format!("{column} is null")),
        prop::sample::select(vec!["i", "f", "t", "b", "d"]).prop_map(|column| format!("{column} is not null")),
        Just("b".to_owned()),
        Just("not b".to_owned()),
        Just("t like 'a%'".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("(not {a})")),
        ]
    })
}

/// In one partition, so that rows keep the table's order and a limit chooses the same ones.
fn session() -> SessionContext {
    SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1))
}

/// The rows of a query, as text.
async fn asked(session: &SessionContext, query: &str) -> String {
    let frame = session.sql(query).await.expect(query);
    let batches = frame.collect().await.expect(query);
    // Without rows there may be no batch, and nothing to tell the columns by.
    match batches.iter().all(|batch| batch.num_rows() == 0) {
        true => "no rows".to_owned(),
        false => pretty_format_batches(&batches).expect("prints").to_string(),
    }
}

/// The table as larder keeps it in a Parquet file, with row groups of three rows.
async fn stored(rows: &[Row]) -> (tempfile::TempDir, LazyTable) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = FsConfig::new(dir.path());
    config.parquet.row_group_rows = 3;
    config.parquet.bloom_filters = vec!["i".to_owned(), "t".to_owned()];
    let manager = config.open().expect("opens");
    let location = "t".parse().expect("is a location");
    let ctx = OutputContext::new("t".parse().expect("is a key"), None, location);
    let value = Table::from(batch(rows)).into_value();
    manager.handle_output(&ctx, &value).await.expect("stores");
    let value = manager.load_input(&ctx.to_input(Form::Table)).await.expect("loads");
    (dir, LazyTable::from_value(value).await.expect("is a table"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_query_has_the_rows_it_has_in_memory(
        rows in prop::collection::vec(row(), 0..24),
        condition in condition(),
        select in prop::sample::select(vec!["*", "t, i", "count(*)", "sum(i), min(f), max(t)", "f"]),
        limit in prop::option::of(0..4_u32),
    ) {
        let limit = limit.map(|limit| format!(" limit {limit}")).unwrap_or_default();
        let query = format!("select {select} from t where {condition}{limit}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (_dir, lazy) = stored(&rows).await;
            let (kept, memory) = (session(), session());
            kept.register_table("t", Arc::new(LazyTableProvider::new(lazy))).expect("registers");
            let whole = batch(&rows);
            let table = MemTable::try_new(whole.schema(), vec![vec![whole]]).expect("is a table");
            memory.register_table("t", Arc::new(table)).expect("registers");
            prop_assert_eq!(asked(&kept, &query).await, asked(&memory, &query).await, "{}", query);
            Ok(())
        })?;
    }
}
