//! What a pipeline takes of memory, network and storage, and the settings that follow.

use crate::output::Out;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, materialize, units};
use larder_executor::Pipeline;
use larder_executor::capacity::{
    AssetUsage, CapacityOptions, CapacityPlan, Figure, Load, Size, SizeUnits, machine_memory, plan,
};
use larder_io_core::{Result, Retention};
use serde_json::json;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The most that is read for a factor or a number of times a day: far beyond what anybody has, and no overflow.
const MOST: f64 = 1_000_000.0;

/// What both commands that count with memory take.
#[derive(Debug, clap::Args)]
pub(crate) struct Memory {
    /// The memory there is, such as 16GiB; default the machine's, or what a control group leaves of it
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<Size>,
    /// Memory that a step takes, in sizes of its value as stored; more for values that are compressed
    #[arg(long, value_name = "FACTOR", default_value = "3", value_parser = positive)]
    pub(crate) memory_factor: f64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Capacity {
    /// Assets whose history counts, as for `materialize`; default everything
    #[arg(conflicts_with_all = ["assets", "size"])]
    pub(crate) selection: Vec<String>,
    /// Instead of history: so many assets, all alike
    #[arg(long, value_name = "N", requires = "size")]
    pub(crate) assets: Option<NonZeroU64>,
    /// Instead of history: the size of each value, such as 25MB (1000 kB) or 25MiB (1024 KiB)
    #[arg(long, value_name = "SIZE", requires = "assets", value_parser = size)]
    pub(crate) size: Option<Size>,
    /// How many partitions each asset has, of given sizes [default: 1]
    #[arg(long, value_name = "N", requires = "assets")]
    pub(crate) partitions: Option<NonZeroU64>,
    /// How often each asset stores a value in a day, 0.5 for every other day; default by history, 1 for given sizes
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) runs_per_day: Option<f64>,
    /// The time of the day in which everything runs, 24h at most (90s, 30m, 4h)
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = window)]
    pub(crate) window: Duration,
    /// How many assets are computed at once; default the number of cores
    #[arg(long, value_name = "N")]
    pub(crate) concurrent: Option<NonZeroUsize>,
    /// Which versions are kept: `last 5`, `30 days`, `last 3 or 30 days`, `forever`; default what is set for each asset, else `last 5`
    #[arg(long, value_name = "RETENTION", value_parser = retention)]
    pub(crate) retention: Option<Retention>,
    #[command(flatten)]
    pub(crate) memory: Memory,
}

impl Capacity {
    /// Whether sizes are given, so that no history is needed.
    pub(crate) fn given(&self) -> bool {
        self.assets.is_some()
    }
}

impl Memory {
    pub(crate) fn options(&self) -> CapacityOptions {
        let mut options = CapacityOptions::default();
        options.memory = self.memory.map(|size| size.bytes).or_else(machine_memory);
        options.memory_factor = self.memory_factor;
        options
    }
}

fn size(text: &str) -> Result<Size, String> {
    text.parse::<Size>().map_err(|error| error.message().to_owned())
}

fn retention(text: &str) -> Result<Retention, String> {
    text.parse::<Retention>().map_err(|error| error.message().to_owned())
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= MOST => Ok(value),
        _ => Err(format!(
            "`{text}` is no number above 0 and up to 1,000,000; write `3` or `0.5`"
        )),
    }
}

fn window(text: &str) -> Result<Duration, String> {
    match units::parse_age(text)? {
        Duration::ZERO => Err("a window of no time has no rate; write `4h`".to_owned()),
        window if window > DAY => Err(format!("`{text}` is more than a day; the most is `24h`")),
        window => Ok(window),
    }
}

/// `capacity`.
pub(crate) async fn capacity(pipeline: &Pipeline, wanted: &Capacity, out: &mut Out<'_>) -> Result<u8> {
    let mut options = wanted.memory.options();
    options.window = wanted.window;
    options.concurrent = wanted.concurrent.unwrap_or(options.concurrent);
    options.retention = wanted.retention.unwrap_or(options.retention);
    let mut known = Vec::new();
    let loads = match wanted.assets.zip(wanted.size) {
        Some((assets, size)) => {
            options.units = size.units;
            vec![given(wanted, assets.get(), size)]
        }
        None => {
            let selection = materialize::selection(pipeline, &wanted.selection);
            known = pipeline.usage(selection, jiff::Timestamp::now()).await?;
            known.iter().filter_map(|usage| by_history(usage, wanted)).collect()
        }
    };
    let plan = plan(&loads, &options);
    let unknown: Vec<&AssetUsage> = known.iter().filter(|usage| usage.size.is_none()).collect();
    match out.json {
        true => document(&plan, &unknown, &options, wanted, out)?,
        false => show(&plan, &unknown, &options, wanted, out),
    }
    Ok(DONE)
}

fn given(wanted: &Capacity, assets: u64, size: Size) -> Load {
    let mut load = Load::new("each", size.bytes);
    load.assets = assets;
    load.values = wanted.partitions.map_or(1, NonZeroU64::get);
    load.stores_per_day = Some(wanted.runs_per_day.unwrap_or(1.0));
    load
}

fn by_history(usage: &AssetUsage, wanted: &Capacity) -> Option<Load> {
    let mut load = usage.load()?;
    load.stores_per_day = wanted.runs_per_day.or(load.stores_per_day);
    load.retention = wanted.retention.or(load.retention);
    Some(load)
}

fn document(
    plan: &CapacityPlan,
    unknown: &[&AssetUsage],
    options: &CapacityOptions,
    wanted: &Capacity,
    out: &mut Out<'_>,
) -> Result<()> {
    let unknown: Vec<_> = unknown
        .iter()
        .map(|usage| json!({ "asset": usage.asset.to_string(), "why": usage.unknown }))
        .collect();
    out.document(&json!({
        "from": if wanted.given() { "given" } else { "history" },
        "concurrent": options.concurrent,
        "window_seconds": options.window.as_secs(),
        "memory_factor": options.memory_factor,
        "memory_bytes": options.memory,
        "figures": plan.figures,
        "settings": plan.settings,
        "assets": plan.loads,
        "unknown": unknown,
        "warnings": plan.warnings,
    }))
}

fn show(plan: &CapacityPlan, unknown: &[&AssetUsage], options: &CapacityOptions, wanted: &Capacity, out: &mut Out<'_>) {
    if !wanted.given() {
        if plan.loads.is_empty() {
            out.line("no asset has a size in history; give some with --assets and --size");
        } else {
            loads(plan, options.units, out);
            out.line("");
        }
    }
    if !plan.loads.is_empty() {
        let rows: Vec<[String; 3]> = plan
            .figures
            .iter()
            .chain(&plan.settings)
            .map(|figure| row(figure, options))
            .collect();
        let (left, right) = (Side::Left, Side::Right);
        out.line(columns([("what", left), ("figure", right), ("formula", left)], &rows));
    }
    if !unknown.is_empty() {
        out.line("\nunknown, and in no figure:");
        for usage in unknown {
            let why = usage.unknown.as_deref().unwrap_or_default();
            out.line(format_args!("  {}: {}", escape(&usage.asset.to_string()), escape(why)));
        }
    }
    if plan.figures.iter().any(|figure| !figure.without.is_empty()) {
        out.remark("an asset without a second run has no rhythm; --runs-per-day gives one");
    }
    for warning in &plan.warnings {
        out.warn(warning);
    }
}

fn loads(plan: &CapacityPlan, units: SizeUnits, out: &mut Out<'_>) {
    let bytes = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |count| units.bytes(count));
    let rows: Vec<[String; 7]> = plan
        .loads
        .iter()
        .map(|load| {
            [
                load.name.clone(),
                units.bytes(load.size_bytes),
                units.bytes(load.largest_bytes),
                units::number(load.values),
                load.stores_per_day
                    .map_or_else(|| "unknown".to_owned(), |stores| format!("{stores:.2}")),
                bytes(load.network_bytes_per_day),
                load.retention.clone(),
            ]
        })
        .collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("asset", left),
        ("mean", right),
        ("largest", right),
        ("values", right),
        ("stored a day", right),
        ("bytes a day", right),
        ("keeps", left),
    ];
    out.line(columns(header, &rows));
}

fn row(figure: &Figure, options: &CapacityOptions) -> [String; 3] {
    let what = match figure.name {
        "memory_sequential" => "memory, one at a time".to_owned(),
        "memory_concurrent" => format!("memory, {} at once", options.concurrent),
        "network_per_day" => "network a day".to_owned(),
        "network_rate" => format!("network within {}", span(options.window)),
        "storage_per_day" => "storage, growth a day".to_owned(),
        "storage_per_month" => "storage, growth in 30 days".to_owned(),
        "storage_published" => "storage, published".to_owned(),
        "storage_held" => "storage, with old versions".to_owned(),
        name => name.to_owned(),
    };
    let mut formula = figure.formula.clone();
    if !figure.without.is_empty() {
        formula.push_str(&format!(
            "; without {}",
            units::counted(figure.without.len() as u64, "asset")
        ));
    }
    [what, figure.amount.show(options.units), formula]
}

/// `4 h`, `30 min`, `90 s`: whatever says it exactly.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        seconds if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
