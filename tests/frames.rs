//! Assets that return and take Polars frames: what is loaded is the frame that was stored, whatever keeps it.
#![cfg(all(feature = "polars", feature = "fs", feature = "memory"))]

use larder::backends::fs::{FsConfig, TableFormat};
use larder::backends::memory::MemoryIo;
use larder::frames::polars::polars_core::df;
use larder::frames::polars::polars_core::prelude::{
    CategoricalPhysical, Categories, Column, DataFrame, DataType, FrozenCategories, Int32Chunked, Int64Chunked,
    Int128Chunked, IntoColumn, IntoSeries, NamedFrom, NewChunkedArray, PolarsError, Series, StructChunked, TimeUnit,
    TimeZone,
};
use larder::prelude::*;
use larder::{IoManager, assets, col};
use std::sync::Arc;

/// A column of every kind that a frame may have.
fn every() -> DataFrame {
    let numbers = df!(
        "bool" => [Some(true), None, Some(false)],
        "i8" => [Some(i8::MIN), None, Some(i8::MAX)],
        "i16" => [Some(i16::MIN), None, Some(i16::MAX)],
        "i32" => [Some(i32::MIN), None, Some(i32::MAX)],
        "i64" => [Some(i64::MIN), None, Some(i64::MAX)],
        "u8" => [Some(0_u8), None, Some(u8::MAX)],
        "u16" => [Some(0_u16), None, Some(u16::MAX)],
        "u32" => [Some(0_u32), None, Some(u32::MAX)],
        "u64" => [Some(0_u64), None, Some(u64::MAX)],
        "f32" => [Some(f32::NAN), None, Some(-0.0)],
        "f64" => [Some(f64::NAN), None, Some(0.1)],
        "text" => [Some("a text that is longer than a view"), None, Some("")],
        "binary" => [Some(&b"\0\xff and more than twelve"[..]), None, Some(b"")],
    );
    let mut columns = numbers.expect("are as long").columns().to_vec();
    let counts = [Some(0_i64), None, Some(86_399_999_999_999)];
    let counted = |name: &str| Int64Chunked::from_slice_options(name.into(), &counts);
    let zone = TimeZone::opt_try_new(Some("America/New_York")).expect("is a zone");
    columns.push(Series::full_null("null".into(), 3, &DataType::Null).into());
    columns.push(
        Int32Chunked::from_slice_options("date".into(), &[Some(-1), None, Some(20_000)])
            .into_date()
            .into_column(),
    );
    columns.push(counted("time").into_time().into_column());
    for (name, unit) in [
        ("ms", TimeUnit::Milliseconds),
        ("us", TimeUnit::Microseconds),
        ("ns", TimeUnit::Nanoseconds),
    ] {
        columns.push(counted(&format!("duration {name}")).into_duration(unit).into_column());
        columns.push(
            counted(&format!("datetime {name}"))
                .into_datetime(unit, None)
                .into_column(),
        );
        columns.push(
            counted(&format!("zoned {name}"))
                .into_datetime(unit, zone.clone())
                .into_column(),
        );
    }
    let decimals = Int128Chunked::from_slice_options("decimal".into(), &[Some(-7), None, Some(10_i128.pow(37))]);
    columns.push(decimals.into_decimal(38, 9).expect("fits").into_column());
    let words = Series::new("enum".into(), [Some("z"), None, Some("a")]);
    let sizes = FrozenCategories::new(["z", "unused", "a"]).expect("are distinct");
    let named = Categories::new("carriers".into(), "flights".into(), CategoricalPhysical::U8);
    columns.push(
        words
            .cast(&DataType::from_frozen_categories(sizes))
            .expect("has the words")
            .into(),
    );
    columns.push(
        words
            .cast(&DataType::from_categories(named))
            .expect("has the words")
            .with_name("named".into())
            .into(),
    );
    let global = DataType::from_categories(Categories::global());
    columns.push(
        words
            .cast(&global)
            .expect("has the words")
            .with_name("categorical".into())
            .into(),
    );
    columns.extend(nested(&columns));
    DataFrame::new(3, columns).expect("are as long")
}

fn nested(columns: &[Column]) -> Vec<Column> {
    let of = |name: &str| {
        columns
            .iter()
            .find(|column| column.name() == name)
            .expect("is there")
            .as_materialized_series()
    };
    let list = |name: &str| {
        let rows = [Some(of(name).slice(0, 2)), None, Some(of(name).slice(0, 0))];
        Series::new(format!("list of {name}").into(), rows)
    };
    let pairs = Series::new(
        "array".into(),
        [Some(of("i32").slice(0, 2)), None, Some(of("i32").slice(1, 2))],
    );
    let lists = list("text");
    let rows = StructChunked::from_series("struct".into(), 3, [of("date"), of("enum"), &lists].into_iter());
    let rows = rows
        .expect("are as long")
        .with_outer_validity(Some([true, true, false].into_iter().collect()));
    vec![
        pairs
            .cast(&DataType::Array(Box::new(DataType::Int32), 2))
            .expect("are pairs")
            .into(),
        list("i64").into(),
        list("enum").into(),
        list("zoned us").into(),
        lists.into(),
        rows.into_series().into(),
    ]
}

#[track_caller]
fn same(found: &DataFrame, wanted: &DataFrame, what: &str) {
    assert_eq!(found.schema(), wanted.schema(), "{what}");
    for (found, wanted) in found.columns().iter().zip(wanted.columns()) {
        assert!(found.equals_missing(wanted), "{what}\n{found:?}\n{wanted:?}");
    }
}

/// In two chunks, as frames often are, which do not have the same words.
fn stacked() -> DataFrame {
    every().slice(2, 1).vstack(&every()).expect("is of one schema")
}

#[asset]
async fn flights() -> Frame {
    stacked().into()
}

/// Takes the frame and changes it.
#[asset]
async fn late(flights: Frame) -> Result<Frame, PolarsError> {
    let late = flights
        .column("i64")?
        .i64()?
        .iter()
        .map(|n| n.is_some_and(|n| n > 0))
        .collect();
    Ok(flights.filter(&late)?.into())
}

/// Takes the same as a table, gives a frame of a part of it.
#[asset]
async fn narrow(flights: LazyTable) -> Result<Frame> {
    let narrowed = flights.select(["text", "enum"])?.filter(col("i64").gt(0))?;
    Ok(narrowed.into_frame().await?.into())
}

/// Takes the frame as a table.
#[asset]
async fn counted(flights: Table) -> u64 {
    flights.rows() as u64
}

#[asset]
async fn refused() -> Result<Frame, PolarsError> {
    Ok(df!("wide" => [1_i128])?.into())
}

fn managers(root: &std::path::Path) -> Vec<(&'static str, Arc<dyn IoManager>)> {
    let disk = |name: &str, change: &dyn Fn(&mut FsConfig)| {
        let mut config = FsConfig::new(root.join(name));
        change(&mut config);
        Arc::new(config.open().expect("opens"))
    };
    vec![
        ("memory", Arc::new(MemoryIo::new())),
        ("parquet", disk("parquet", &|_| {})),
        (
            "arrow, mapped",
            disk("mapped", &|config| config.table = TableFormat::Arrow),
        ),
        (
            "arrow, read",
            disk("read", &|config| {
                config.table = TableFormat::Arrow;
                config.mmap = false;
            }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_is_loaded_as_it_was_stored() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let wanted = stacked();
    for (name, manager) in managers(root.path()) {
        let definitions = Definitions::new().assets(assets![flights, late, narrow, counted]);
        let pipeline = definitions.with_every_asset_in(manager).build().expect("fits");
        let report = pipeline.run("*").await.expect("runs");
        let errors = ["flights", "late", "narrow", "counted"].map(|key| report.error(key));
        assert!(report.succeeded(), "{name}: {errors:?}");
        let loaded: Frame = pipeline.load("flights").await.expect("loads");
        same(&loaded, &wanted, name);
        let ends = |frame: &DataFrame| frame.slice(0, 1).vstack(&frame.slice(3, 1)).expect("is of one schema");
        let loaded: Frame = pipeline.load("late").await.expect("loads");
        same(&loaded, &ends(&wanted), name);
        let loaded: Frame = pipeline.load("narrow").await.expect("loads");
        same(
            &loaded,
            &ends(&wanted.select(["text", "enum"]).expect("are there")),
            name,
        );
        let counted: u64 = pipeline.load("counted").await.expect("loads");
        assert_eq!(counted, 4, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_arrow_does_not_have_stores_nothing() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    for (name, manager) in managers(root.path()) {
        let definitions = Definitions::new().assets(assets![refused]).with_every_asset_in(manager);
        let pipeline = definitions.build().expect("fits");
        let report = pipeline.run("*").await.expect("runs");
        assert!(!report.succeeded(), "{name}");
        let error = report.error("refused").expect("failed");
        assert!(
            error.message().contains("Arrow has no type for the column `wide`"),
            "{name}: {error}"
        );
        let error = pipeline.load::<Frame>("refused").await.expect_err("is not there");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{name}");
    }
}
