//! From size and frequency to a manager and a format.

use super::figure::number;
use super::{AssetUsage, CapacityOptions};
use larder_io_core::Form;
use serde::Serialize;

/// Below this a format makes no difference: 10 MB.
const SMALL: u64 = 10_000_000;
/// Above this a value should not be whole in memory: 1 GB.
const LARGE: u64 = 1_000_000_000;
/// Above this a value should not pass through a run at all: 10 GB.
const HUGE: u64 = 10_000_000_000;
/// What is stored or loaded more often than this in a day is used often.
const OFTEN: f64 = 10.0;
/// Engines that compute elsewhere than in this process.
const ELSEWHERE: [&str; 2] = ["spark", "postgres"];
/// What to set for a query.
const INSTEAD: &str =
    "set `engine = \"spark\"` for a cluster, or `engine = \"postgres\"` where its inputs are tables there";
/// What to write for a function.
const QUERY: &str = "write it as a query (`sql_asset!`) with `engine = \"spark\"`, which a cluster computes and writes itself, or return a `DataRef`";
/// Formats that keep columns, compressed or mapped into memory.
const COLUMNAR: [&str; 3] = ["parquet", "arrow", "delta"];

/// How a value should be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Way {
    /// As it is.
    AsIs,
    /// As Parquet or Arrow.
    Columnar,
    /// As a stream, or where the warehouse has it.
    Streamed,
    /// Elsewhere, with only a `DataRef` in the pipeline.
    Reference,
    /// As a query of an engine that computes and keeps it where the data is: a cluster, a warehouse.
    Engine,
}

/// What was measured of one format of an asset, as means of its stores.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Measured {
    /// The format.
    pub format: String,
    /// Stores that were recorded.
    pub stores: u64,
    /// Bytes of a value.
    pub bytes: f64,
    /// Rows of a value; `None` where it has none.
    pub rows: Option<f64>,
    /// Seconds that storing took; `None` where it was not recorded.
    pub store_seconds: Option<f64>,
}

/// The recommendation for one asset.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Advice {
    /// The asset.
    pub asset: String,
    /// Mean bytes of a value; `None` where nobody knows.
    pub size_bytes: Option<u64>,
    /// How often it is stored or loaded in a day; `None` where nobody knows.
    pub uses_per_day: Option<f64>,
    /// How to keep it; `None` where its size is unknown.
    pub way: Option<Way>,
    /// Which manager: its key if it is the one that the asset has.
    pub io_manager: Option<String>,
    /// Which format: its name if it is the one that the asset has.
    pub format: Option<String>,
    /// Why.
    pub because: String,
    /// Each format that history has of it, the newest first.
    pub measured: Vec<Measured>,
    /// What the newest format gained over each other one; empty where only one was ever used.
    pub gains: Vec<String>,
    /// What does not fit into memory.
    pub warning: Option<String>,
    /// Why it cannot be made as it is written, and what to write instead: a function over more than the machine holds.
    pub refused: Option<String>,
}

/// Recommends a manager and a format by size and frequency: under 10 MB as it is; to 1 GB, and stored or loaded more than 10 times a day, as
/// Parquet or Arrow; over 1 GB streamed or in the warehouse; over 10 GB by reference, and a table computed by an engine where the data is. A function that
/// takes more into memory than there is is refused.
pub fn advise(usage: &AssetUsage, options: &CapacityOptions) -> Advice {
    let mut advice = Advice {
        asset: usage.asset.to_string(),
        size_bytes: usage.size,
        uses_per_day: usage.uses_per_day,
        way: None,
        io_manager: usage.io_manager.clone(),
        format: usage.format.clone(),
        because: String::new(),
        gains: gains(&usage.measured, options),
        measured: usage.measured.clone(),
        warning: None,
        refused: refused(usage, options),
    };
    let Some(size) = usage.size else {
        let why = usage.unknown.as_deref().unwrap_or("no size is recorded");
        advice.because = format!("unknown: {why}");
        advice.io_manager = None;
        advice.format = None;
        return advice;
    };
    let (way, because) = choose(usage, size, options);
    advice.way = Some(way);
    advice.because = because;
    match way {
        Way::AsIs => {}
        Way::Columnar => advice.format = Some("parquet, or arrow on local disk".to_owned()),
        Way::Streamed if usage.form == Form::Blob => {}
        Way::Streamed => {
            let columnar = advice.format.as_deref().is_some_and(is_columnar);
            if !columnar {
                advice.format = Some("parquet".to_owned());
                advice.io_manager = advice.io_manager.map(|key| format!("{key}, or delta"));
            }
        }
        Way::Engine => {
            advice.io_manager = advice.io_manager.map(|key| match advice.format.as_deref() {
                Some("delta") => key,
                _ => format!("{key}, or delta"),
            });
            advice.format = Some("delta, or a table of the warehouse".to_owned());
        }
        Way::Reference => {
            advice.io_manager = Some("none: the warehouse or bucket that has it".to_owned());
            advice.format = Some("a `DataRef`".to_owned());
        }
    }
    advice.warning = warning(usage, options);
    advice
}

fn is_columnar(format: &str) -> bool {
    COLUMNAR.contains(&format)
}

fn choose(usage: &AssetUsage, size: u64, options: &CapacityOptions) -> (Way, String) {
    let shown = options.units.bytes(size);
    if size > HUGE && usage.external {
        return (Way::AsIs, format!("{shown} is over 10 GB, and something else makes it"));
    }
    if size > HUGE && usage.form == Form::Table {
        return match usage.engine.as_deref() {
            Some(engine) if ELSEWHERE.contains(&engine) => (
                Way::AsIs,
                format!("{shown} is over 10 GB, and `{engine}` computes it where the data is"),
            ),
            Some(engine) => {
                let because = format!("{shown} is over 10 GB, and `{engine}` runs on this machine: {INSTEAD}");
                (Way::Engine, because)
            }
            None => (Way::Engine, format!("{shown} is over 10 GB: {QUERY}")),
        };
    }
    if size > HUGE {
        let because = format!("{shown} is over 10 GB: return a `DataRef`, and let the engine that has it do the work");
        return (Way::Reference, because);
    }
    if size > LARGE {
        let how = match usage.form {
            Form::Table => "return a `TableStream` and take a `LazyTable`, or compute it in the warehouse",
            Form::Blob => "return a `Blob` that is streamed",
            _ => "return a `TableStream` instead of an object, or compute it in the warehouse",
        };
        return (Way::Streamed, format!("{shown} is over 1 GB: {how}"));
    }
    if size < SMALL {
        return (Way::AsIs, format!("{shown} is under 10 MB"));
    }
    let format = usage.format.as_deref().unwrap_or_default();
    let because = match usage.uses_per_day {
        None => format!("{shown} is 10 MB to 1 GB, and how often it is used is unknown"),
        Some(uses) if uses <= OFTEN => {
            format!(
                "{shown} is 10 MB to 1 GB, and used {} times a day, not more than 10",
                number(uses)
            )
        }
        Some(uses) => {
            let often = format!("{shown} is 10 MB to 1 GB, and used {} times a day", number(uses));
            let how = match usage.form {
                _ if is_columnar(format) => return (Way::AsIs, format!("{often}; it is {format} already")),
                Form::Blob => return (Way::AsIs, format!("{often}; bytes are kept as they are")),
                Form::Table => "set `table = \"parquet\"`, or `\"auto\"`, of its I/O manager",
                _ => "return a `Table`, or set `rows_as_table` for a list of structs",
            };
            return (Way::Columnar, format!("{often}: {how}"));
        }
    };
    (Way::AsIs, because)
}

/// What no function does in this process: take more into memory than there is.
fn refused(usage: &AssetUsage, options: &CapacityOptions) -> Option<String> {
    if usage.engine.is_some() {
        return None;
    }
    let units = options.units;
    let taken: u64 = usage.taken_whole.iter().map(|(_, bytes)| bytes).sum();
    let (memory, needed) = (options.memory?, taken as f64 * options.memory_factor);
    let largest = usage.taken_whole.iter().max_by_key(|(_, bytes)| bytes)?;
    (needed > memory as f64).then(|| {
        format!(
            "the function of {} takes {} whole ({}): {} × {} = {}, and the memory is {}; take a `LazyTable` or a `TableStream`, or {QUERY}",
            usage.asset,
            largest.0,
            units.bytes(largest.1),
            number(options.memory_factor),
            units.bytes(taken),
            units.bytes(needed as u64),
            units.bytes(memory)
        )
    })
}

fn warning(usage: &AssetUsage, options: &CapacityOptions) -> Option<String> {
    let (memory, largest) = (options.memory?, usage.largest?);
    let units = options.units;
    let needed = largest as f64 * options.memory_factor;
    (needed > memory as f64).then(|| {
        format!(
            "{} does not fit whole: {} × {} = {}, and the memory is {}",
            usage.asset,
            number(options.memory_factor),
            units.bytes(largest),
            units.bytes(needed as u64),
            units.bytes(memory)
        )
    })
}

/// Compares by row where both have rows: a table that grew is no worse for it.
fn gains(measured: &[Measured], options: &CapacityOptions) -> Vec<String> {
    let Some((now, others)) = measured.split_first() else {
        return Vec::new();
    };
    let gain = |before: &Measured| {
        let rows = before.rows.zip(now.rows).filter(|(a, b)| *a > 0.0 && *b > 0.0);
        let (per, scale) = rows.map_or(("", 1.0), |(before, now)| (" a row", before / now));
        let compare = |was: f64, is: f64, more: &str, less: &str| {
            if was <= 0.0 {
                return None;
            }
            let change = (is * scale / was - 1.0) * 100.0;
            let word = if change > 0.0 { more } else { less };
            Some(format!("{:.0} % {word}{per}", change.abs()))
        };
        let bytes = compare(before.bytes, now.bytes, "more bytes", "fewer bytes");
        let time = before.store_seconds.zip(now.store_seconds);
        let time = time.and_then(|(was, is)| compare(was, is, "more time to store", "less time to store"));
        let compared: Vec<String> = [bytes, time].into_iter().flatten().collect();
        let told = |it: &Measured| {
            let bytes = options.units.bytes(it.bytes as u64);
            let seconds = it.store_seconds.map(|seconds| format!(", {seconds:.3} s"));
            format!(
                "{} {bytes}{} ({} stored)",
                it.format,
                seconds.unwrap_or_default(),
                it.stores
            )
        };
        format!("{}, was {}: {}", told(now), told(before), compared.join(", "))
    };
    others.iter().map(gain).collect()
}

#[cfg(test)]
#[path = "advice_tests.rs"]
mod tests;
