//! Frames that become tables and frames again: types and values are what they were.

mod common;

use arrow_array::cast::AsArray;
use common::{enum_of, every, same, worded};
use futures_util::TryStreamExt;
use larder_frames_polars::polars_core::prelude::*;
use larder_frames_polars::{Frame, IntoFrame, IntoTable};
use larder_io_core::{AssetValue, LazyTable, Scan, Table, Value, col};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn back(frame: &DataFrame) -> DataFrame {
    let table = frame.clone().into_table().expect("has types of Arrow");
    assert_eq!(table.rows(), frame.height());
    Frame::try_from(table).expect("has types of Polars").into()
}

#[test]
fn every_type_comes_back() {
    let frame = every();
    same(&back(&frame), &frame, "whole");
    for (row, rows) in [(0, 0), (0, 1), (1, 1), (1, 3), (2, 2), (3, 1)] {
        let slice = frame.slice(row, rows);
        same(&back(&slice), &slice, &format!("{rows} rows from {row}"));
    }
}

#[test]
fn chunks_may_end_anywhere() {
    let frame = every();
    let longer = frame
        .slice(0, 3)
        .vstack(&frame.slice(1, 3))
        .and_then(|frame| frame.vstack(&frame.slice(2, 0)))
        .expect("stacks");
    same(&back(&longer), &longer, "in chunks");
    // The chunks of one column end where those of another do not.
    let columns = longer
        .columns()
        .iter()
        .enumerate()
        .map(|(index, column)| match index % 3 {
            0 => column.clone(),
            1 => column.rechunk(),
            _ => {
                let mut other = column.rechunk().slice(0, 1);
                other
                    .append_owned(column.rechunk().slice(1, 5))
                    .expect("is of one type");
                other
            }
        });
    let uneven = DataFrame::new(6, columns.collect()).expect("are as long");
    same(&back(&uneven), &uneven, "in uneven chunks");
    let table = uneven.into_table().expect("has types of Arrow");
    assert_eq!(
        table.batches().iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

#[test]
fn frames_without_rows_or_columns() {
    for frame in [
        every().clear(),
        DataFrame::new(3, Vec::new()).expect("is a frame"),
        DataFrame::new(0, Vec::new()).expect("is a frame"),
    ] {
        same(&back(&frame), &frame, &format!("{:?}", frame.shape()));
    }
}

#[test]
fn memory_is_shared() {
    let frame = every();
    let table = frame.clone().into_table().expect("has types of Arrow");
    let batch = &table.batches()[0];
    let column = |name: &str| batch.column_by_name(name).expect("is there");
    let number = frame.column("i64").and_then(|column| column.i64()).expect("is one");
    let address = number
        .downcast_iter()
        .next()
        .expect("has a chunk")
        .values()
        .as_slice()
        .as_ptr();
    assert_eq!(
        column("i64")
            .as_primitive::<arrow_array::types::Int64Type>()
            .values()
            .as_ptr(),
        address
    );
    let text = frame.column("text").and_then(|column| column.str()).expect("is one");
    let address = text.get(0).expect("is a text").as_ptr();
    assert_eq!(column("text").as_string_view().value(0).as_ptr(), address);
    let again: DataFrame = Frame::try_from(table).expect("has types of Polars").into();
    assert_eq!(
        again
            .column("text")
            .and_then(|column| column.str())
            .expect("is one")
            .get(0)
            .expect("is a text")
            .as_ptr(),
        address
    );
    drop(frame);
    same(&again, &every(), "after the first owner is gone");
}

#[test]
fn one_dictionary_for_all_batches() {
    let categorical = DataType::from_categories(Categories::global());
    let first = DataFrame::new(2, vec![worded("w", &categorical, &[Some("b"), Some("a")])]).expect("is a frame");
    let second = DataFrame::new(2, vec![worded("w", &categorical, &[Some("c"), None])]).expect("is a frame");
    let table = first
        .vstack(&second)
        .expect("stacks")
        .into_table()
        .expect("has types of Arrow");
    let words: Vec<_> = table
        .batches()
        .iter()
        .map(|batch| batch.column(0).as_any_dictionary().values().clone())
        .collect();
    assert_eq!(words.len(), 2);
    assert_eq!(
        words[0].as_string::<i32>().iter().flatten().collect::<Vec<_>>(),
        ["b", "a", "c"]
    );
    assert_eq!(&words[0], &words[1]);
}

#[tokio::test]
async fn scans_are_those_of_a_table() {
    let columns = vec![
        Series::new("n".into(), (0..200_000_i64).collect::<Vec<_>>()).into(),
        Series::new(
            "text".into(),
            (0..200_000).map(|n| format!("text {n}")).collect::<Vec<_>>(),
        )
        .into(),
        Series::new(
            "x".into(),
            (0..200_000)
                .map(|n| (n % 3 > 0).then_some(f64::from(n)))
                .collect::<Vec<_>>(),
        )
        .into(),
    ];
    let frame = DataFrame::new(200_000, columns).expect("is a frame");
    let table = frame.clone().into_table().expect("has types of Arrow");
    let Value::Table(source) = Frame(frame.clone()).into_value() else {
        panic!("is a table")
    };
    assert!(source.replayable());
    assert_eq!(source.rows(), Some(200_000));
    assert_eq!(
        source.in_memory().map(|table| table.batches().len()),
        Some(1),
        "chunks stay whole in memory"
    );
    let requests = [
        Scan::all(),
        Scan::all().select(["x", "n"]),
        Scan::all().select(Vec::<String>::new()),
        Scan::all()
            .select(["text"])
            .filter(col("n").gt(150_000).and(col("x").is_not_null()))
            .limit(7),
        Scan::all().filter(col("x").is_null()).limit(70_000),
    ];
    for request in requests {
        let found: Vec<_> = source
            .scan(request.clone())
            .await
            .expect("scans")
            .try_collect()
            .await
            .expect("reads");
        assert!(found.iter().all(|batch| batch.num_rows() <= 65_536), "{request:?}");
        let wanted: Vec<_> = larder_io_core::TableSource::scan(&table, request.clone())
            .await
            .expect("scans")
            .try_collect()
            .await
            .expect("reads");
        let joined = |batches: Vec<arrow_array::RecordBatch>| {
            Table::new(batches[0].schema(), batches)
                .and_then(|table| table.to_batch())
                .expect("joins")
        };
        assert_eq!(joined(found), joined(wanted), "{request:?}");
    }
    for unknown in [
        Scan::all().select(["texd"]),
        Scan::all().select(["n"]).filter(col("texd").is_null()),
    ] {
        let error = source.scan(unknown).await.err().expect("is refused");
        assert!(error.message().contains("did you mean `text`?"), "{error}");
    }
    let lazy: LazyTable = frame.clone().into_lazy_table().expect("has types of Arrow");
    let narrowed = lazy
        .select(["n"])
        .expect("is there")
        .limit(3)
        .into_frame()
        .await
        .expect("reads");
    same(
        &narrowed,
        &frame.select(["n"]).expect("is there").head(Some(3)),
        "narrowed",
    );
}

/// Up to 30 rows of several types.
fn frames() -> impl Strategy<Value = DataFrame> {
    let rows = 0..30_usize;
    rows.prop_flat_map(|rows| {
        let words = prop::sample::select(vec!["z", "a", "ü", ""]);
        (
            vec(option::of(any::<i64>()), rows),
            vec(option::of(any::<u8>()), rows),
            vec(option::of(any::<f32>()), rows),
            vec(option::of(any::<bool>()), rows),
            vec(option::of(".{0,20}"), rows),
            vec(option::of(vec(any::<u8>(), 0..20)), rows),
            vec(option::of(-(10_i128.pow(38) - 1)..10_i128.pow(38)), rows),
            vec(option::of(words), rows),
            vec(option::of(vec(option::of(".{0,20}"), 0..4)), rows),
        )
    })
    .prop_map(
        |(ints, bytes, floats, bools, texts, binaries, decimals, words, lists)| {
            let rows = ints.len();
            let lists: Vec<Option<Series>> = lists
                .into_iter()
                .map(|list| list.map(|list| Series::new("".into(), list)))
                .collect();
            let lists = Series::new("list".into(), lists).cast(&DataType::List(Box::new(DataType::String)));
            let columns: Vec<Column> = vec![
                Int64Chunked::from_slice_options("moment".into(), &ints)
                    .into_datetime(TimeUnit::Nanoseconds, None)
                    .into_column(),
                Series::new("i64".into(), &ints).into(),
                Series::new("u8".into(), &bytes).into(),
                Series::new("f32".into(), &floats).into(),
                Series::new("bool".into(), &bools).into(),
                Series::new("text".into(), &texts).into(),
                BinaryChunked::from_iter_options("binary".into(), binaries.into_iter()).into_column(),
                Int128Chunked::from_slice_options("decimal".into(), &decimals)
                    .into_decimal(38, 3)
                    .expect("fits")
                    .into_column(),
                worded("enum", &enum_of(&["ü", "", "z", "unused", "a"]), &words),
                worded("categorical", &DataType::from_categories(Categories::global()), &words),
                lists.expect("are lists of texts").into(),
            ];
            let row = StructChunked::from_series(
                "struct".into(),
                rows,
                columns
                    .iter()
                    .map(|column| column.as_materialized_series())
                    .collect::<Vec<_>>()
                    .into_iter(),
            );
            let row = row.expect("are as long").into_column();
            DataFrame::new(rows, [columns, vec![row]].concat()).expect("are as long")
        },
    )
}

proptest! {
    #[test]
    fn frames_come_back(frame in frames(), from in 0..30_usize, rows in 0..30_usize, cut in 0..30_usize) {
        same(&back(&frame), &frame, "whole");
        let slice = frame.slice(from.min(frame.height()) as i64, rows);
        same(&back(&slice), &slice, "sliced");
        let stacked = frame.slice(0, cut).vstack(&slice).expect("stacks");
        same(&back(&stacked), &stacked, "stacked");
    }
}
