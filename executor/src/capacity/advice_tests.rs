use super::*;
use proptest::prelude::*;

fn usage(form: Form, size: u64, uses: Option<f64>, format: &str) -> AssetUsage {
    let mut usage = AssetUsage::without_history("clean/flights".parse().expect("is a key"), form, "");
    (usage.size, usage.largest, usage.unknown) = (Some(size), Some(size), None);
    (usage.uses_per_day, usage.format) = (uses, Some(format.to_owned()));
    usage.io_manager = Some("lake".to_owned());
    usage
}

fn of(form: Form, size: u64, uses: Option<f64>, format: &str) -> Advice {
    advise(&usage(form, size, uses, format), &CapacityOptions::default())
}

#[test]
fn the_matrix_of_sizes_and_frequencies() {
    let (mb, gb) = (1_000_000, 1_000_000_000);
    for (size, uses, way) in [
        (mb, Some(100.0), Way::AsIs),
        (10 * mb - 1, Some(100.0), Way::AsIs),
        (10 * mb, Some(10.0), Way::AsIs),
        (10 * mb, Some(10.1), Way::Columnar),
        (gb, Some(100.0), Way::Columnar),
        (gb, None, Way::AsIs),
        (gb + 1, Some(0.1), Way::Streamed),
        (10 * gb, None, Way::Streamed),
        (10 * gb + 1, Some(0.1), Way::Reference),
    ] {
        assert_eq!(of(Form::Object, size, uses, "json").way, Some(way), "{size} {uses:?}");
    }
}

#[test]
fn what_is_right_already_stays() {
    for format in COLUMNAR {
        let advice = of(Form::Table, 100_000_000, Some(50.0), format);
        assert_eq!((advice.way, advice.format.as_deref()), (Some(Way::AsIs), Some(format)));
        let advice = of(Form::Table, 2_000_000_000, Some(1.0), format);
        assert_eq!(
            (advice.way, advice.format.as_deref()),
            (Some(Way::Streamed), Some(format))
        );
        assert_eq!(advice.io_manager.as_deref(), Some("lake"));
    }
    assert_eq!(of(Form::Blob, 100_000_000, Some(50.0), "bytes").way, Some(Way::AsIs));
    let advice = of(Form::Table, 100_000_000, Some(50.0), "csv");
    assert_eq!(advice.format.as_deref(), Some("parquet, or arrow on local disk"));
    let advice = of(Form::Table, 2_000_000_000, None, "csv");
    assert_eq!(advice.io_manager.as_deref(), Some("lake, or delta"));
    let advice = of(Form::Object, 20_000_000_000, None, "json");
    assert_eq!(advice.format.as_deref(), Some("a `DataRef`"));
}

#[test]
fn a_table_of_more_than_one_machine_is_an_engines() {
    let by = |engine: Option<&str>| {
        let mut usage = usage(Form::Table, 20_000_000_000, None, "parquet");
        usage.engine = engine.map(str::to_owned);
        advise(&usage, &CapacityOptions::default())
    };
    let function = by(None);
    assert_eq!(function.way, Some(Way::Engine));
    assert_eq!(function.io_manager.as_deref(), Some("lake, or delta"));
    // A stream of any size needs a fixed number of buffers.
    assert_eq!(function.refused, None);
    assert!(
        function
            .because
            .contains("write it as a query (`sql_asset!`) with `engine = \"spark\"`"),
        "{}",
        function.because
    );
    let mut theirs = usage(Form::Table, 20_000_000_000, None, "parquet");
    theirs.external = true;
    assert_eq!(advise(&theirs, &CapacityOptions::default()).way, Some(Way::AsIs));
    let here = by(Some("datafusion"));
    assert_eq!((here.way, here.refused), (Some(Way::Engine), None));
    assert!(here.because.contains("set `engine = \"spark\"`"), "{}", here.because);
    for engine in ELSEWHERE {
        let there = by(Some(engine));
        assert_eq!((there.way, there.refused), (Some(Way::AsIs), None));
    }
}

#[test]
fn a_function_that_takes_more_than_the_memory_is_refused() {
    let with = |memory| {
        let mut usage = usage(Form::Object, 1000, None, "json");
        usage.taken_whole = vec![
            ("raw/small".to_owned(), 1_000_000_000),
            ("raw/large".to_owned(), 5_000_000_000),
        ];
        let options = CapacityOptions {
            memory,
            ..CapacityOptions::default()
        };
        advise(&usage, &options).refused
    };
    let refused = with(Some(16_000_000_000)).expect("is refused");
    let wanted = "the function of clean/flights takes raw/large whole (5.0 GB): 3 × 6.0 GB = 18.0 GB, and the memory is 16.0 GB; take a `LazyTable`";
    assert!(refused.starts_with(wanted), "{refused}");
    assert!(refused.contains("`engine = \"spark\"`"), "{refused}");
    assert_eq!(with(Some(18_000_000_000)), None);
    assert_eq!(with(None), None);
}

#[test]
fn an_unknown_size_gets_no_advice() {
    let usage = AssetUsage::without_history("a".parse().expect("is a key"), Form::Table, "never stored");
    let advice = advise(&usage, &CapacityOptions::default());
    assert_eq!((advice.way, advice.format), (None, None));
    assert_eq!(advice.because, "unknown: never stored");
}

#[test]
fn what_does_not_fit_is_warned_of() {
    let warned = |memory| {
        let options = CapacityOptions {
            memory,
            ..CapacityOptions::default()
        };
        advise(&usage(Form::Object, 3_000_000_000, None, "json"), &options).warning
    };
    let wanted = "clean/flights does not fit whole: 3 × 3.0 GB = 9.0 GB, and the memory is 8.0 GB";
    assert_eq!(warned(Some(8_000_000_000)).as_deref(), Some(wanted));
    assert_eq!(warned(Some(9_000_000_000)), None);
    assert_eq!(warned(None), None);
}

fn measured(format: &str, bytes: f64, rows: Option<f64>, seconds: Option<f64>) -> Measured {
    Measured {
        format: format.to_owned(),
        stores: 2,
        bytes,
        rows,
        store_seconds: seconds,
    }
}

/// A frame of 100 MB: as a pickle 85 MB and 2.3 s, as Arrow 45 MB and 0.8 s.
#[test]
fn gains_are_what_was_measured() {
    let told = |measured: &[Measured]| gains(measured, &CapacityOptions::default());
    let arrow = measured("arrow", 45e6, None, Some(0.8));
    let pickle = measured("pickle", 85e6, None, Some(2.3));
    let wanted = "arrow 45.0 MB, 0.800 s (2 stored), was pickle 85.0 MB, 2.300 s (2 stored): 47 % fewer bytes, 65 % less time to store";
    assert_eq!(told(&[arrow.clone(), pickle.clone()]), [wanted]);
    assert_eq!(told(&[arrow]), [""; 0], "one format gains nothing");
    // It has twice the rows, and as many bytes.
    let parquet = measured("parquet", 10e6, Some(200.0), None);
    let csv = measured("csv", 10e6, Some(100.0), Some(1.0));
    let gain = told(&[parquet, csv]);
    assert!(gain[0].ends_with(": 50 % fewer bytes a row"), "{gain:?}");
}

proptest! {
    #[test]
    fn larger_is_never_kept_closer(size in 1_u64..1 << 40, more in 0_u64..1 << 40, uses in prop::option::of(0.0_f64..99.0)) {
        let rank = |size| of(Form::Object, size, uses, "json").way.map(|way| way as u8);
        prop_assert!(rank(size) <= rank(size + more));
    }
}
