//! From sizes and rhythms to memory, network, storage and the settings that follow.

use super::figure::{Amount, Figure, number, sum};
use super::size::SizeUnits;
use super::steps::Steps;
use larder_io_core::Retention;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::time::Duration;

const DAY: f64 = 24.0 * 3600.0;
/// Days of a month, in the capacity plans that these formulas come from.
const MONTH: f64 = 30.0;
/// A pipeline's steps at once by the bytes that it has published: 4 under 1 GB, 2 to 100 GB, beyond that one after another.
const AT_ONCE: [(u64, u64); 2] = [(1_000_000_000, 4), (100_000_000_000, 2)];
/// Of the memory there is, this share is for values; the rest is the program's own, and the system's.
const SHARE: f64 = 0.75;

/// Assets of one size and rhythm: one of a pipeline, or many that are alike.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Load {
    /// The asset, or what the assets are called together.
    pub name: String,
    /// How many assets. Default 1.
    pub assets: u64,
    /// Mean bytes of one value: of one partition, for a partitioned asset.
    pub size: u64,
    /// Bytes of the largest value. Default: the mean.
    pub largest: u64,
    /// Values that each asset has published: its partitions. Default 1.
    pub values: u64,
    /// How many values each asset stores a day; `None` where nobody knows.
    pub stores_per_day: Option<f64>,
    /// Which versions are kept; `None` for [`CapacityOptions::retention`].
    pub retention: Option<Retention>,
    /// The function that makes it: outputs of one function are in memory together. `None`: it has its own.
    pub step: Option<usize>,
}

impl Load {
    /// One asset with one value, of which nobody knows how often it is stored.
    pub fn new(name: impl Into<String>, size: u64) -> Self {
        Self {
            name: name.into(),
            assets: 1,
            size,
            largest: size,
            values: 1,
            stores_per_day: None,
            retention: None,
            step: None,
        }
    }
}

/// What else the figures depend on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CapacityOptions {
    /// Steps at once, for the figure of the memory. Default: the number of cores, as of a run.
    pub concurrent: NonZeroUsize,
    /// The time of the day in which everything runs, for the rate. Default 24 h; more than that counts as 24 h, less than 1 s as 1 s.
    pub window: Duration,
    /// Memory that a step takes, in sizes of its value. Default 3: once the value, up to 1.5 times its encoding, up to half of it in buffers.
    /// A stream takes a fixed number of buffers, whatever its size.
    pub memory_factor: f64,
    /// Memory of the machine in bytes; `None` where nobody knows. Default `None`.
    pub memory: Option<u64>,
    /// Which versions are kept, of assets that nothing else is said of. Default `last 5`, as on local disk and in memory.
    pub retention: Retention,
    /// How quantities are written. Default decimal.
    pub units: SizeUnits,
}

impl Default for CapacityOptions {
    fn default() -> Self {
        let five = NonZeroUsize::MIN.saturating_add(4);
        Self {
            concurrent: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            window: Duration::from_secs(24 * 3600),
            memory_factor: 3.0,
            memory: None,
            retention: Retention::last(five),
            units: SizeUnits::Decimal,
        }
    }
}

/// What one [`Load`] comes to.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LoadFigures {
    /// The asset.
    pub name: String,
    /// How many assets.
    pub assets: u64,
    /// Mean bytes of a value.
    pub size_bytes: u64,
    /// Bytes of the largest value.
    pub largest_bytes: u64,
    /// Values that each asset has published.
    pub values: u64,
    /// Values that each asset stores a day; `None` where nobody knows.
    pub stores_per_day: Option<f64>,
    /// Bytes in memory while one value is made and stored.
    pub memory_bytes: u64,
    /// Bytes stored a day.
    pub network_bytes_per_day: Option<u64>,
    /// Bytes of what is published.
    pub published_bytes: u64,
    /// Bytes once retention removes as much as is stored; `None` where it never does, or nobody knows how often it is stored.
    pub held_bytes: Option<u64>,
    /// Which versions are kept.
    pub retention: String,
}

/// Figures, and the settings that follow from them.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CapacityPlan {
    /// `memory_sequential`, `memory_concurrent`, `network_per_day`, `network_rate`, `storage_per_day`, `storage_per_month`, `storage_published`,
    /// and `storage_held` unless something is kept for ever.
    pub figures: Vec<Figure>,
    /// `memory_budget` and `max_concurrent_by_memory` where the memory is known, `max_concurrent_by_total`, `max_concurrent`.
    pub settings: Vec<Figure>,
    /// Each load by itself.
    pub loads: Vec<LoadFigures>,
    /// What does not fit.
    pub warnings: Vec<String>,
}

/// Computes everything. Loads without `stores_per_day` are named in the figures that need it.
///
/// Memory is that of values that are whole in it. The network is what is stored, not what is loaded.
pub fn plan(loads: &[Load], options: &CapacityOptions) -> CapacityPlan {
    let units = options.units;
    let text = |bytes: f64| units.bytes(bytes as u64);
    let mut sorted: Vec<&Load> = loads.iter().collect();
    sorted.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    let steps = Steps::of(loads, options.memory_factor);
    let concurrent = options.concurrent.get() as u64;
    let (one, several) = (steps.peak(1), steps.peak(concurrent));
    let factor = number(options.memory_factor);
    let mut figures = vec![
        Figure::new(
            "memory_sequential",
            Amount::Bytes(one as u64),
            format!("memory factor × largest value = {factor} × {}", steps.terms(1, units)),
        ),
        Figure::new(
            "memory_concurrent",
            Amount::Bytes(several as u64),
            format!(
                "memory factor × largest values of {} steps = {factor} × ({})",
                concurrent.min(steps.count()),
                steps.terms(concurrent, units)
            ),
        ),
    ];

    let rhythmic = || sorted.iter().filter_map(|load| Some((*load, load.stores_per_day?)));
    let without: Vec<String> = sorted
        .iter()
        .filter(|load| load.stores_per_day.is_none())
        .map(|load| load.name.clone())
        .collect();
    let per_day: f64 = rhythmic().map(|(load, stores)| written(load, stores)).sum();
    let terms: Vec<String> = rhythmic()
        .map(|(load, stores)| format!("{}{} × {}", many(load), text(load.size as f64), number(stores)))
        .collect();
    let mut rhythm = |name, amount, formula| {
        let figure = Figure::new(name, amount, formula);
        figures.push(Figure {
            without: without.clone(),
            ..figure
        });
    };
    let day = format!("assets × size × stores a day = {}", sum(&terms));
    rhythm("network_per_day", Amount::Bytes(per_day as u64), day.clone());
    let seconds = options.window.as_secs_f64().clamp(1.0, DAY);
    rhythm(
        "network_rate",
        Amount::BitsPerSecond((per_day * 8.0 / seconds) as u64),
        format!(
            "a day's bytes × 8 ÷ window = {} × 8 ÷ {} s",
            text(per_day),
            number(seconds)
        ),
    );
    rhythm("storage_per_day", Amount::Bytes(per_day as u64), day);
    rhythm(
        "storage_per_month",
        Amount::Bytes((per_day * MONTH) as u64),
        format!("a day's bytes × 30 = {} × 30, nothing removed", text(per_day)),
    );
    let published: f64 = loads.iter().map(published).sum();
    let terms: Vec<String> = sorted
        .iter()
        .map(|load| format!("{}{} × {}", many(load), load.values, text(load.size as f64)))
        .collect();
    figures.push(Figure::new(
        "storage_published",
        Amount::Bytes(published as u64),
        format!("assets × partitions × size = {}", sum(&terms)),
    ));
    figures.extend(held_figure(&sorted, options));

    let mut warnings = Vec::new();
    let settings = settings(&steps, published, several, options, &mut warnings);
    CapacityPlan {
        figures,
        settings,
        loads: loads.iter().map(|load| alone(load, options)).collect(),
        warnings,
    }
}

fn many(load: &Load) -> String {
    match load.assets {
        1 => String::new(),
        assets => format!("{assets} × "),
    }
}

fn written(load: &Load, stores: f64) -> f64 {
    load.assets as f64 * load.size as f64 * stores
}

fn published(load: &Load) -> f64 {
    load.assets as f64 * load.values as f64 * load.size as f64
}

/// How many versions one asset of a load has at most, and the formula. `None` where no number is the most, or it needs a rhythm that nobody
/// knows.
///
/// What age keeps may all be of one partition, and then that one has no others that are counted.
fn versions(load: &Load, options: &CapacityOptions) -> Option<(f64, String)> {
    let retention = load.retention.unwrap_or(options.retention);
    let last = retention.min_versions().map_or(1, NonZeroUsize::get);
    let values = load.values;
    let Some(age) = retention.max_age() else {
        retention.min_versions()?;
        return Some((values as f64 * last as f64, format!("{values} × {last}")));
    };
    let days = age.as_secs_f64() / DAY;
    let stores = load.stores_per_day?;
    let replaced = (days * stores).ceil();
    let of_one = (last as f64).max(1.0 + replaced);
    let others = values.saturating_sub(1);
    let text = match (others, last) {
        (0, 1) => format!("(1 + {} days × {})", number(days), number(stores)),
        (0, _) => format!("max({last}, 1 + {} days × {})", number(days), number(stores)),
        _ => format!(
            "({others} × {last} + max({last}, 1 + {} days × {}))",
            number(days),
            number(stores)
        ),
    };
    Some((others as f64 * last as f64 + of_one, text))
}

/// Nothing where something is kept for ever: it has no bound.
fn held_figure(sorted: &[&Load], options: &CapacityOptions) -> Option<Figure> {
    let retention = |load: &Load| load.retention.unwrap_or(options.retention);
    if sorted.iter().any(|load| retention(load) == Retention::FOREVER) {
        return None;
    }
    let (mut total, mut terms, mut without) = (0.0, Vec::new(), Vec::new());
    for load in sorted {
        match versions(load, options) {
            Some((count, text)) => {
                total += load.assets as f64 * count * load.size as f64;
                terms.push(format!("{}{text} × {}", many(load), options.units.bytes(load.size)));
            }
            None => without.push(load.name.clone()),
        }
    }
    let formula = format!("assets × versions kept × size = {}", sum(&terms));
    Some(Figure {
        without,
        ..Figure::new("storage_held", Amount::Bytes(total as u64), formula)
    })
}

fn settings(
    steps: &Steps,
    published: f64,
    wanted: f64,
    options: &CapacityOptions,
    warnings: &mut Vec<String>,
) -> Vec<Figure> {
    let units = options.units;
    let mut settings = Vec::new();
    let by_total = AT_ONCE
        .iter()
        .find(|(most, _)| published < *most as f64)
        .map_or(1, |(_, at_once)| *at_once);
    let mut at_once = by_total;
    let mut formula = format!("{by_total} by total");
    if let Some(memory) = options.memory {
        let budget = memory as f64 * SHARE;
        let text = units.bytes(budget as u64);
        settings.push(Figure::new(
            "memory_budget",
            Amount::Bytes(budget as u64),
            format!("three quarters of the memory = 0.75 × {}", units.bytes(memory)),
        ));
        let fits = steps.fitting(budget);
        settings.push(Figure::new(
            "max_concurrent_by_memory",
            Amount::Count(fits),
            match fits {
                0 => format!(
                    "not even one step, {}, is within {text}",
                    units.bytes(steps.peak(1) as u64)
                ),
                _ => format!(
                    "the {fits} largest of {} steps take {}, within {text}",
                    steps.count(),
                    units.bytes(steps.peak(fits) as u64)
                ),
            },
        ));
        let concurrent = options.concurrent.get() as u64;
        if fits == 0 && steps.count() > 0 {
            warnings.push(format!(
                "the largest step takes {}, more than the budget of {text} even alone: stream it or pass a reference",
                units.bytes(steps.peak(1) as u64)
            ));
        } else if wanted > budget {
            warnings.push(format!(
                "{concurrent} at once take {}, more than the budget of {text}; {fits} fit",
                units.bytes(wanted as u64)
            ));
        }
        // One step must be allowed to run.
        at_once = by_total.min(fits.max(1));
        formula = format!("min({formula}, {fits} by memory), 1 at least");
    }
    settings.push(Figure::new(
        "max_concurrent_by_total",
        Amount::Count(by_total),
        format!(
            "4 below {}, 2 below {}, else 1: published are {}",
            SizeUnits::Decimal.bytes(AT_ONCE[0].0),
            SizeUnits::Decimal.bytes(AT_ONCE[1].0),
            SizeUnits::Decimal.bytes(published as u64)
        ),
    ));
    settings.push(Figure::new("max_concurrent", Amount::Count(at_once), formula));
    settings
}

fn alone(load: &Load, options: &CapacityOptions) -> LoadFigures {
    let retention = load.retention.unwrap_or(options.retention);
    let held = versions(load, options).map(|(count, _)| (load.assets as f64 * count * load.size as f64) as u64);
    LoadFigures {
        name: load.name.clone(),
        assets: load.assets,
        size_bytes: load.size,
        largest_bytes: load.largest,
        values: load.values,
        stores_per_day: load.stores_per_day,
        memory_bytes: (load.largest as f64 * options.memory_factor) as u64,
        network_bytes_per_day: load.stores_per_day.map(|stores| written(load, stores) as u64),
        published_bytes: published(load) as u64,
        held_bytes: held,
        retention: retention.to_string(),
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
