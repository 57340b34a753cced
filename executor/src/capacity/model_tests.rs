//! The worked examples of capacity planning, and what holds for any numbers.

use super::*;
use proptest::prelude::*;

const MIB: u64 = 1024 * 1024;

fn given(assets: u64, size: u64, stores: f64) -> Load {
    Load {
        assets,
        stores_per_day: Some(stores),
        ..Load::new("each", size)
    }
}

fn options(concurrent: usize, units: SizeUnits) -> CapacityOptions {
    CapacityOptions {
        concurrent: NonZeroUsize::new(concurrent).expect("is more than 0"),
        units,
        ..CapacityOptions::default()
    }
}

fn figure(plan: &CapacityPlan, name: &str) -> Figure {
    let mut all = plan.figures.iter().chain(&plan.settings);
    all.find(|figure| figure.name == name).expect(name).clone()
}

fn value(plan: &CapacityPlan, name: &str) -> u64 {
    figure(plan, name).amount.value()
}

fn close(value: f64, wanted: f64) {
    assert!((value - wanted).abs() < 1e-9 * wanted.abs(), "{value} is not {wanted}");
}

/// peak_memory_per_asset = avg_asset_size_mb * 3; total_memory_parallel = peak_memory_per_asset * parallel_factor
#[test]
fn a_hundred_assets_of_50_mb() {
    for (units, mega) in [(SizeUnits::Decimal, 1_000_000), (SizeUnits::Binary, MIB)] {
        let plan = plan(&[given(100, 50 * mega, 1.0)], &options(10, units));
        assert_eq!(value(&plan, "memory_sequential"), 150 * mega);
        assert_eq!(value(&plan, "memory_concurrent"), 1500 * mega);
        let shown = figure(&plan, "memory_concurrent").amount.show(units);
        assert!(shown.starts_with("1.5 G"), "{shown}");
    }
    let plan = plan(&[given(100, 50_000_000, 1.0)], &options(10, SizeUnits::Decimal));
    let formula = |name| figure(&plan, name).formula;
    assert_eq!(
        formula("memory_sequential"),
        "memory factor × largest value = 3 × 50.0 MB"
    );
    let wanted = "memory factor × largest values of 10 steps = 3 × (10 × 50.0 MB)";
    assert_eq!(formula("memory_concurrent"), wanted);
}

/// daily_upload_gb = (assets_per_day * avg_asset_size_mb * executions_per_day) / 1024;
/// peak_bandwidth_mbps = (daily_upload_gb * 1024) / (4 * 3600 / 8)
#[test]
fn a_thousand_assets_of_25_mb_three_times_a_day() {
    let four_hours = |units| CapacityOptions {
        window: Duration::from_secs(4 * 3600),
        ..options(1, units)
    };
    // Read as binary units all of it follows: 73 GiB, 42 Mibit/s.
    let binary = plan(&[given(1000, 25 * MIB, 3.0)], &four_hours(SizeUnits::Binary));
    let daily_upload_gb = (1000.0 * 25.0 * 3.0) / 1024.0;
    close(
        value(&binary, "network_per_day") as f64 / 1024_f64.powi(3),
        daily_upload_gb,
    );
    let peak_bandwidth_mbps = (daily_upload_gb * 1024.0) / (4.0 * 3600.0 / 8.0);
    let rate = value(&binary, "network_rate") as f64 / (1024.0 * 1024.0);
    assert!((rate - peak_bandwidth_mbps).abs() < 1e-6, "{rate}");
    let shown = |plan: &CapacityPlan, name, units| figure(plan, name).amount.show(units);
    assert_eq!(
        shown(&binary, "network_per_day", SizeUnits::Binary),
        "73.2 GiB (78.6 GB)"
    );
    assert_eq!(
        shown(&binary, "network_rate", SizeUnits::Binary),
        "41.7 Mibit/s (43.7 Mbit/s)"
    );
    // Read as decimal units the rate has the same digits, and a day has 75 GB.
    let decimal = plan(&[given(1000, 25_000_000, 3.0)], &four_hours(SizeUnits::Decimal));
    assert_eq!(
        shown(&decimal, "network_per_day", SizeUnits::Decimal),
        "75.0 GB (69.8 GiB)"
    );
    assert_eq!(
        shown(&decimal, "network_rate", SizeUnits::Decimal),
        "41.7 Mbit/s (39.7 Mibit/s)"
    );
    let formula = |name| figure(&decimal, name).formula;
    assert_eq!(
        formula("network_per_day"),
        "assets × size × stores a day = 1000 × 25.0 MB × 3"
    );
    assert_eq!(
        formula("network_rate"),
        "a day's bytes × 8 ÷ window = 75.0 GB × 8 ÷ 14400 s"
    );
}

/// daily_storage_gb = assets_per_day * avg_asset_size_mb / 1024; monthly_storage_tb = daily_storage_gb * 30 / 1024
#[test]
fn a_month_of_daily_stores() {
    let keep = CapacityOptions {
        retention: "30 days".parse().expect("is one"),
        ..options(1, SizeUnits::Binary)
    };
    let plan = plan(&[given(1000, 25 * MIB, 1.0)], &keep);
    let daily_storage_gb = 1000.0 * 25.0 / 1024.0;
    close(
        value(&plan, "storage_per_day") as f64 / 1024_f64.powi(3),
        daily_storage_gb,
    );
    let monthly_storage_tb = daily_storage_gb * 30.0 / 1024.0;
    close(
        value(&plan, "storage_per_month") as f64 / 1024_f64.powi(4),
        monthly_storage_tb,
    );
    assert_eq!(format!("{daily_storage_gb:.0} {monthly_storage_tb:.1}"), "24 0.7");
    // The published version is no replaced one.
    let held = figure(&plan, "storage_held");
    assert_eq!(held.amount, Amount::Bytes(1000 * 25 * MIB * 31));
    assert_eq!(
        held.formula,
        "assets × versions kept × size = 1000 × (1 + 30 days × 1) × 25.0 MiB"
    );
}

/// partitioned_storage_tb = (partitioned_assets_count * avg_asset_size_mb * partition_days) / (1024**2)
#[test]
fn a_year_of_daily_partitions() {
    let mut load = given(50, 25 * MIB, 1.0);
    load.values = 365;
    let plan = plan(&[load], &options(1, SizeUnits::Binary));
    let partitioned_storage_tb = (50.0 * 25.0 * 365.0) / 1024_f64.powi(2);
    close(
        value(&plan, "storage_published") as f64 / 1024_f64.powi(4),
        partitioned_storage_tb,
    );
    assert_eq!(format!("{partitioned_storage_tb:.2}"), "0.44");
    assert_eq!(value(&plan, "storage_held"), 5 * value(&plan, "storage_published"));
    let formula = figure(&plan, "storage_published").formula;
    assert_eq!(formula, "assets × partitions × size = 50 × 365 × 25.0 MiB");
}

#[test]
fn settings_follow_from_memory_and_total() {
    let at_once = |assets, size, memory| {
        let options = CapacityOptions {
            memory,
            ..options(10, SizeUnits::Decimal)
        };
        let plan = plan(&[given(assets, size, 1.0)], &options);
        (value(&plan, "max_concurrent"), plan.warnings)
    };
    let (mb, gb) = (1_000_000, 1_000_000_000);
    assert_eq!(at_once(10, 50 * mb, None), (4, vec![]), "under 1 GB");
    assert_eq!(at_once(100, 50 * mb, None), (2, vec![]), "to 100 GB");
    assert_eq!(at_once(1000, gb, None), (1, vec![]), "beyond");
    assert_eq!(at_once(10, 50 * mb, Some(4 * gb)), (4, vec![]));
    let (count, warnings) = at_once(10, 50 * mb, Some(600 * mb));
    assert_eq!(count, 3, "450 MB of budget have three times 150 MB");
    assert_eq!(
        warnings,
        ["10 at once take 1.5 GB, more than the budget of 450.0 MB; 3 fit"]
    );
    let (count, warnings) = at_once(1, 10 * gb, Some(8 * gb));
    assert_eq!(count, 1, "one must run");
    assert!(
        warnings[0].starts_with("the largest step takes 30.0 GB"),
        "{warnings:?}"
    );
}

#[test]
fn what_is_not_known_is_named_and_not_counted() {
    let loads = [given(1, 1000, 2.0), Load::new("once", 500)];
    let plan = plan(&loads, &options(2, SizeUnits::Decimal));
    let day = figure(&plan, "network_per_day");
    assert_eq!(
        (day.amount, day.without),
        (Amount::Bytes(2000), vec!["once".to_owned()])
    );
    assert_eq!(value(&plan, "memory_concurrent"), 4500, "memory needs no rhythm");
    assert_eq!(value(&plan, "storage_held"), 7500, "neither do counted versions");
    assert_eq!(plan.loads[1].network_bytes_per_day, None);
}

#[test]
fn outputs_of_one_function_are_in_memory_together() {
    let of = |name: &str, size, step| Load {
        step: Some(step),
        ..Load::new(name, size)
    };
    let loads = [of("a", 100, 0), of("b", 100, 0), of("c", 150, 1)];
    let plan = plan(&loads, &options(2, SizeUnits::Decimal));
    assert_eq!(value(&plan, "memory_sequential"), 600);
    assert_eq!(value(&plan, "memory_concurrent"), 1050);
}

#[test]
fn versions_by_count_and_age() {
    let held = |values, stores, retention: &str| {
        let load = Load {
            values,
            ..given(1, 1, stores)
        };
        let options = CapacityOptions {
            retention: retention.parse().expect("is one"),
            ..options(1, SizeUnits::Decimal)
        };
        let plan = plan(&[load], &options);
        let figure = plan.figures.iter().find(|figure| figure.name == "storage_held");
        figure.map(|figure| figure.amount.value())
    };
    assert_eq!(held(1, 1.0, "last 3 or 30 days"), Some(31));
    assert_eq!(held(1, 0.01, "last 3 or 30 days"), Some(3));
    assert_eq!(held(10, 1.0, "last 2 or 30 days"), Some(9 * 2 + 31));
    assert_eq!(held(1, 1.0, "forever"), None, "has no bound");
}

#[test]
fn no_loads_need_nothing() {
    let plan = plan(&[], &options(4, SizeUnits::Decimal));
    assert!(plan.figures.iter().all(|figure| figure.amount.value() == 0));
    assert!(plan.warnings.is_empty());
}

proptest! {
    #[test]
    fn more_needs_no_less(
        sizes in prop::collection::vec((1_u64..1 << 40, 1_u64..50, 0.01_f64..50.0, 1_u64..400), 1..6),
        grow in 0_usize..6, more in 1_u64..1 << 40, concurrent in 1_usize..64, memory in 1_u64..1 << 44,
    ) {
        let loads: Vec<Load> = sizes
            .iter()
            .map(|(size, assets, stores, values)| Load { values: *values, ..given(*assets, *size, *stores) })
            .collect();
        let with = |concurrent: usize| CapacityOptions { memory: Some(memory), ..options(concurrent, SizeUnits::Decimal) };
        let before = plan(&loads, &with(concurrent));
        let mut larger = loads.clone();
        let at = grow % loads.len();
        larger[at].size += more;
        larger[at].largest += more;
        let after = plan(&larger, &with(concurrent));
        for (before, after) in before.figures.iter().zip(&after.figures) {
            prop_assert!(before.amount.value() <= after.amount.value(), "{}", before.name);
        }
        for name in ["max_concurrent", "max_concurrent_by_memory"] {
            prop_assert!(value(&before, name) >= value(&after, name), "{}", name);
        }
        let wider = plan(&loads, &with(concurrent + 1));
        let peak = |plan| value(plan, "memory_concurrent");
        prop_assert!(peak(&wider) >= peak(&before));
        prop_assert!(value(&before, "memory_sequential") <= peak(&before));
        // What is said to fit does.
        let fits = value(&before, "max_concurrent_by_memory");
        if fits > 0 {
            let fitting = plan(&loads, &with(usize::try_from(fits).expect("fits")));
            prop_assert!(peak(&fitting) as f64 <= memory as f64 * SHARE * 1.000_001);
        }
    }
}
