//! A column of every type of Polars that Arrow has, and what equal frames are.
#![allow(dead_code)]

use larder_frames_polars::polars_core::prelude::*;

/// Asserts that two frames hold the same: names, types, values, nulls, NaN, signs of zero.
pub(crate) fn same(found: &DataFrame, wanted: &DataFrame, what: &str) {
    assert_eq!(found.shape(), wanted.shape(), "{what}");
    for (found, wanted) in found.columns().iter().zip(wanted.columns()) {
        assert_eq!(found.name(), wanted.name(), "{what}");
        assert_eq!(found.dtype(), wanted.dtype(), "{what}: `{}`", wanted.name());
        assert_eq!(
            found.null_count(),
            wanted.null_count(),
            "{what}: nulls of `{}`",
            wanted.name()
        );
        assert!(
            found.equals_missing(wanted),
            "{what}: `{}`\n{found:?}\n{wanted:?}",
            wanted.name()
        );
        if let (Ok(found), Ok(wanted)) = (found.f64(), wanted.f64()) {
            let bits = |column: &Float64Chunked| column.iter().map(|x| x.map(f64::to_bits)).collect::<Vec<_>>();
            assert_eq!(bits(found), bits(wanted), "{what}");
        }
        if let (Ok(found), Ok(wanted)) = (found.f32(), wanted.f32()) {
            let bits = |column: &Float32Chunked| column.iter().map(|x| x.map(f32::to_bits)).collect::<Vec<_>>();
            assert_eq!(bits(found), bits(wanted), "{what}");
        }
    }
}

pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::opt_try_new(Some(name)).expect("is a zone")
}

fn numbers() -> Vec<Column> {
    let counts = [Some(0_i64), None, Some(-1), Some(86_399_999_999_999)];
    let counted = |name: &str| Int64Chunked::from_slice_options(name.into(), &counts);
    let mut columns = vec![
        Series::new("bool".into(), [Some(true), None, Some(false), Some(true)]),
        Series::new("i8".into(), [Some(i8::MIN), None, Some(0), Some(i8::MAX)]),
        Series::new("i16".into(), [Some(i16::MIN), None, Some(0), Some(i16::MAX)]),
        Series::new("i32".into(), [Some(i32::MIN), None, Some(0), Some(i32::MAX)]),
        Series::new("i64".into(), [Some(i64::MIN), None, Some(0), Some(i64::MAX)]),
        Series::new("u8".into(), [Some(0_u8), None, Some(1), Some(u8::MAX)]),
        Series::new("u16".into(), [Some(0_u16), None, Some(1), Some(u16::MAX)]),
        Series::new("u32".into(), [Some(0_u32), None, Some(1), Some(u32::MAX)]),
        Series::new("u64".into(), [Some(0_u64), None, Some(1), Some(u64::MAX)]),
        Series::new(
            "f32".into(),
            [Some(f32::NAN), None, Some(-0.0), Some(f32::NEG_INFINITY)],
        ),
        Series::new("f64".into(), [Some(f64::NAN), None, Some(-0.0), Some(0.1)]),
        Series::full_null("null".into(), 4, &DataType::Null),
        Int32Chunked::from_slice_options("date".into(), &[Some(0), None, Some(-1), Some(20_000)])
            .into_date()
            .into_series(),
        Int64Chunked::from_slice_options("time".into(), &[Some(0), None, Some(1), Some(86_399_999_999_999)])
            .into_time()
            .into_series(),
        Int128Chunked::from_slice_options("decimal".into(), &[Some(-12_345), None, Some(0), Some(10_i128.pow(37))])
            .into_decimal(38, 9)
            .expect("fits")
            .into_series(),
    ];
    for (unit, name) in [
        (TimeUnit::Milliseconds, "ms"),
        (TimeUnit::Microseconds, "us"),
        (TimeUnit::Nanoseconds, "ns"),
    ] {
        columns.push(counted(&format!("duration {name}")).into_duration(unit).into_series());
        columns.push(
            counted(&format!("datetime {name}"))
                .into_datetime(unit, None)
                .into_series(),
        );
        columns.push(
            counted(&format!("datetime {name} utc"))
                .into_datetime(unit, zone("UTC"))
                .into_series(),
        );
        columns.push(
            counted(&format!("datetime {name} zone"))
                .into_datetime(unit, zone("America/New_York"))
                .into_series(),
        );
    }
    columns.into_iter().map(Column::from).collect()
}

/// Words of several widths: an enum of few, an enum of many, of the process, by a name.
pub(crate) fn worded(name: &str, dtype: &DataType, words: &[Option<&str>]) -> Column {
    Series::new(name.into(), words)
        .strict_cast(dtype)
        .expect("has the words")
        .into()
}

pub(crate) fn enum_of(words: &[&str]) -> DataType {
    DataType::from_frozen_categories(FrozenCategories::new(words.iter().copied()).expect("are distinct"))
}

fn many() -> DataType {
    let words: Vec<String> = (0..300).map(|n| format!("w{n}")).collect();
    enum_of(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn texts() -> Vec<Column> {
    let texts = [Some("a text that is longer than a view"), None, Some(""), Some("ü")];
    let named = Categories::new("carriers".into(), "flights".into(), CategoricalPhysical::U8);
    vec![
        Series::new("text".into(), texts).into(),
        Series::new(
            "binary".into(),
            [
                Some(&b"\0\xff, which are longer than a view"[..]),
                None,
                Some(b""),
                Some(b"\xff"),
            ],
        )
        .into(),
        // Not in the order of the alphabet, with words that no row has.
        worded(
            "enum",
            &enum_of(&["z", "unused", "a", "ü;1"]),
            &[Some("a"), None, Some("z"), Some("ü;1")],
        ),
        worded("enum of many", &many(), &[Some("w299"), None, Some("w0"), Some("w150")]),
        worded(
            "categorical",
            &DataType::from_categories(Categories::global()),
            &[Some("y"), None, Some("x"), Some("y")],
        ),
        worded(
            "categorical by name",
            &DataType::from_categories(named),
            &[Some("UA"), None, Some("EV"), Some("")],
        ),
    ]
}

fn nested(flat: &DataFrame) -> Vec<Column> {
    let list = |name: &str, of: &str| -> Series {
        let items = flat.column(of).expect("is there").as_materialized_series();
        let rows = [
            Some(items.slice(0, 3)),
            None,
            Some(items.slice(0, 0)),
            Some(items.slice(3, 1)),
        ];
        Series::new(name.into(), rows)
    };
    let mut columns: Vec<Column> = [
        "i64",
        "bool",
        "text",
        "date",
        "datetime us zone",
        "decimal",
        "enum",
        "categorical by name",
    ]
    .iter()
    .map(|of| list(&format!("list of {of}"), of).into())
    .collect();
    let pairs: Vec<Option<Series>> = [0, 1, 2]
        .map(|row| {
            Some(
                flat.column("i32")
                    .expect("is there")
                    .as_materialized_series()
                    .slice(row, 2),
            )
        })
        .into_iter()
        .chain([None])
        .collect();
    let pairs = Series::new("array".into(), pairs);
    columns.push(
        pairs
            .cast(&DataType::Array(Box::new(DataType::Int32), 2))
            .expect("are pairs")
            .into(),
    );
    let fields = [
        flat.column("f64").expect("is there").as_materialized_series().clone(),
        flat.column("time").expect("is there").as_materialized_series().clone(),
        flat.column("enum").expect("is there").as_materialized_series().clone(),
        list("lists", "categorical"),
    ];
    let rows = StructChunked::from_series("struct".into(), 4, fields.iter()).expect("are as long");
    let rows = rows
        .with_outer_validity(Some([true, true, false, true].into_iter().collect()))
        .into_series();
    columns.push(
        Series::new(
            "list of structs".into(),
            [
                Some(rows.slice(0, 2)),
                None,
                Some(rows.slice(2, 2)),
                Some(rows.slice(0, 0)),
            ],
        )
        .into(),
    );
    let deep = list("deep", "text");
    columns.push(
        Series::new(
            "list of lists".into(),
            [
                Some(deep.slice(0, 4)),
                None,
                Some(deep.slice(1, 1)),
                Some(deep.slice(3, 1)),
            ],
        )
        .into(),
    );
    columns.push(rows.into());
    columns
}

/// Four rows of every type, the second of them null.
pub(crate) fn every() -> DataFrame {
    let mut columns = numbers();
    columns.extend(texts());
    let flat = DataFrame::new(4, columns).expect("are as long");
    let mut columns = flat.columns().to_vec();
    columns.extend(nested(&flat));
    DataFrame::new(4, columns).expect("are as long")
}
