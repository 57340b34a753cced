//! Two runs beside each other: what got slower or larger, and what to turn.

#[cfg(test)]
mod tests;

use crate::output::Out;
use crate::past::{self, Past, Phases, Total};
use crate::status::no_catalog;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, units};
use larder_executor::Pipeline;
use larder_io_core::Result;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// A change of less than this is noise.
const NOISE: Duration = Duration::from_millis(50);
/// Assets of which it is said what to turn: those that got slower by most.
const HINTS: usize = 8;
/// A phase that became longer by less than this part of all the time before is noise too.
const NOISE_PART: f64 = 0.2;

#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    /// The earlier run: `previous`, `last`, or a beginning of its id
    #[arg(default_value = "previous")]
    pub(crate) before: String,
    /// The later run
    #[arg(default_value = "last")]
    pub(crate) after: String,
    /// How many assets to show at most
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) limit: usize,
}

/// What one step, of all its partitions, took in both runs.
struct Pair {
    name: String,
    before: Option<Total>,
    after: Option<Total>,
}

impl Pair {
    /// Without the time in the queue, which others cause.
    fn seconds(total: Option<&Total>) -> f64 {
        total.map_or(0.0, |total| total.phases.busy().as_secs_f64())
    }

    /// By how many seconds it became slower; not for what is in one run only, or failed in one.
    fn slower(&self) -> f64 {
        match (self.worked(&self.before), self.worked(&self.after)) {
            (Some(before), Some(after)) => Self::seconds(Some(after)) - Self::seconds(Some(before)),
            _ => 0.0,
        }
    }

    fn worked<'t>(&self, total: &'t Option<Total>) -> Option<&'t Total> {
        total.as_ref().filter(|total| total.failed.is_none())
    }

    fn what(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "only in the later run",
            (_, None) => "only in the earlier run",
            (Some(before), Some(after)) => match (before.failed.is_some(), after.failed.is_some()) {
                (false, true) => "fails now",
                (true, false) => "failed before",
                (true, true) => "fails in both",
                (false, false) => "",
            },
        }
    }
}

fn pairs(before: &Past, after: &Past) -> Vec<Pair> {
    let (mut earlier, later) = (before.totals(), after.totals());
    let mut pairs: Vec<Pair> = later
        .into_iter()
        .map(|(name, after)| Pair {
            before: earlier.remove(&name),
            after: Some(after),
            name,
        })
        .collect();
    pairs.extend(earlier.into_iter().map(|(name, before)| Pair {
        name,
        before: Some(before),
        after: None,
    }));
    pairs.sort_by(|one, other| {
        other
            .slower()
            .total_cmp(&one.slower())
            .then_with(|| one.name.cmp(&other.name))
    });
    pairs
}

/// The phase that became longer by most, when it is more than noise; the queue is none, which others cause.
fn slowest(before: &Phases, after: &Phases) -> Option<(&'static str, Duration)> {
    let grown = before.named().into_iter().zip(after.named()).skip(1);
    let (name, more) = grown
        .map(|((name, was), (_, is))| (name, is.saturating_sub(was)))
        .max_by_key(|(_, more)| *more)?;
    (more >= NOISE && more.as_secs_f64() >= NOISE_PART * before.busy().as_secs_f64()).then_some((name, more))
}

/// What the queue says, over all steps of both runs.
fn queue_hint(pairs: &[Pair]) -> Option<String> {
    let (mut steps, mut before, mut after) = (0, Duration::ZERO, Duration::ZERO);
    for pair in pairs {
        if let (Some(was), Some(is)) = (&pair.before, &pair.after) {
            steps += u64::from(is.phases.queue > was.phases.queue + NOISE);
            before += was.phases.queue;
            after += is.phases.queue;
        }
    }
    let more = after.saturating_sub(before);
    let noise = more < NOISE || more.as_secs_f64() < NOISE_PART * before.as_secs_f64();
    (!noise && steps > 0).then(|| {
        format!(
            "{} waited longer for a free place, {} together: what got slower holds places; else a higher `--max-concurrent`, or higher limits, if memory allows (`capacity`)",
            units::counted(steps, "asset"),
            units::duration(more)
        )
    })
}

/// By how much a size grew: `1.5` for half as much again.
fn growth(before: Option<u64>, after: Option<u64>) -> Option<f64> {
    match (before?, after?) {
        (0, _) => None,
        (was, is) => Some(is as f64 / was as f64),
    }
}

/// What to turn, where a phase says it.
fn hint(before: &Total, after: &Total) -> Option<String> {
    let (phase, more) = slowest(&before.phases, &after.phases)?;
    let more = units::duration(more);
    let larger = |was, is| growth(was, is).filter(|growth| *growth >= 1.1);
    let text = match phase {
        "lost" => format!(
            "lost {more} more in attempts that failed ({} instead of {}): `runs` and the log tell why",
            units::counted(u64::from(after.attempts), "attempt"),
            before.attempts
        ),
        "check" => format!(
            "checks {more} longer: the checks' own code, or what they read; one that need not block can be left to `check`"
        ),
        "load" => match larger(before.sizes.bytes_in, after.sizes.bytes_in) {
            Some(growth) => format!(
                "loads {more} longer, and its inputs are {growth:.1} times as large: take `LazyTable` with the columns and rows it needs, or fewer partitions"
            ),
            // What is stored takes requests too.
            None => match larger(before.sizes.requests, after.sizes.requests)
                .filter(|_| larger(before.sizes.bytes, after.sizes.bytes).is_none())
            {
                Some(growth) => format!(
                    "loads {more} longer with {growth:.1} times as many requests to storage: larger files (`optimize`), or fewer partitions in one step"
                ),
                None => format!(
                    "loads {more} longer with inputs of the same size: the storage is slower; `doctor` tries it"
                ),
            },
        },
        "compute" => {
            let inputs = larger(before.sizes.rows_in, after.sizes.rows_in)
                .or(larger(before.sizes.bytes_in, after.sizes.bytes_in));
            let value = larger(before.sizes.rows, after.sizes.rows).or(larger(before.sizes.bytes, after.sizes.bytes));
            match (inputs, value) {
                (Some(growth), _) => format!(
                    "computes {more} longer, and its inputs are {growth:.1} times as large: partitions, or `--stale` for what did not change"
                ),
                (None, Some(growth)) => format!(
                    "computes {more} longer, and what it makes is {growth:.1} times as large: partitions, or a stream"
                ),
                (None, None) => format!(
                    "computes {more} longer with as much to do: its own code, or what runs beside it (`--max-concurrent`, `--executor threads`)"
                ),
            }
        }
        _ => match larger(before.sizes.bytes, after.sizes.bytes) {
            Some(growth) => format!(
                "stores {more} longer, and the value is {growth:.1} times as large: another format or compression (`advise`), partitions, or append"
            ),
            None => format!("stores {more} longer with the same size: the storage is slower; `doctor` tries it"),
        },
    };
    Some(text)
}

/// `compare`.
pub(crate) async fn compare(pipeline: &Pipeline, wanted: &Compare, out: &mut Out<'_>) -> Result<u8> {
    let catalog = pipeline.catalog().ok_or_else(no_catalog)?;
    let before = past::load(catalog, &past::find(catalog, &wanted.before).await?).await?;
    let after = past::load(catalog, &past::find(catalog, &wanted.after).await?).await?;
    let pairs = pairs(&before, &after);
    match out.json {
        true => document(&before, &after, &pairs, out)?,
        false => show(&before, &after, &pairs, wanted.limit, out),
    }
    Ok(DONE)
}

fn document(before: &Past, after: &Past, pairs: &[Pair], out: &mut Out<'_>) -> Result<()> {
    let total = |total: &Option<Total>| {
        total.as_ref().map(|total| {
            let seconds: serde_json::Map<String, Json> = total
                .phases
                .named()
                .into_iter()
                .map(|(name, time)| (format!("{name}_seconds"), time.as_secs_f64().into()))
                .collect();
            let mut document = Json::Object(seconds);
            document["bytes"] = total.sizes.bytes.into();
            document["rows"] = total.sizes.rows.into();
            document["bytes_in"] = total.sizes.bytes_in.into();
            document["rows_in"] = total.sizes.rows_in.into();
            document["requests"] = total.sizes.requests.into();
            document["buffered_bytes"] = total.sizes.buffered.into();
            document["peak_memory_bytes"] = total.peak_memory.into();
            document["attempts"] = total.attempts.into();
            document["steps"] = total.steps.into();
            document["failed"] = total.failed.clone().into();
            document
        })
    };
    let assets = pairs.iter().map(|pair| {
        let both = pair.worked(&pair.before).zip(pair.worked(&pair.after));
        json!({
            "assets": pair.name,
            "what": pair.what(),
            "slower_seconds": pair.slower(),
            "before": total(&pair.before),
            "after": total(&pair.after),
            "hint": both.and_then(|(before, after)| hint(before, after)),
        })
    });
    out.document(&json!({
        "before": before.summary.run.as_str(),
        "after": after.summary.run.as_str(),
        "assets": assets.collect::<Vec<Json>>(),
        "queue_hint": queue_hint(pairs),
    }))
}

fn show(before: &Past, after: &Past, pairs: &[Pair], limit: usize, out: &mut Out<'_>) {
    for (which, past) in [("earlier", before), ("later", after)] {
        let took = past
            .summary
            .finished
            .map_or_else(|| "not ended".to_owned(), |end| units::duration(end.duration));
        out.line(format_args!(
            "{which}: {}  {}  {took}  {}",
            past.summary.run,
            units::when(past.summary.started),
            escape(&past.summary.selection)
        ));
    }
    if pairs.is_empty() {
        out.line("neither of them began a step");
        return;
    }
    let rows: Vec<[String; 9]> = pairs.iter().take(limit).map(row).collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("asset", left),
        ("took", right),
        ("before", right),
        ("slower", right),
        ("by", left),
        ("size", right),
        ("rows", right),
        ("memory", right),
        ("", left),
    ];
    out.line("");
    out.line(columns(header, &rows));
    if let Some(more) = pairs.len().checked_sub(limit).filter(|more| *more > 0) {
        out.remark(format_args!(
            "and {}; --limit shows more",
            units::counted(more as u64, "more")
        ));
    }
    let hints = pairs.iter().filter_map(|pair| {
        let (before, after) = pair.worked(&pair.before).zip(pair.worked(&pair.after))?;
        Some(format!("{}: {}", escape(&pair.name), hint(before, after)?))
    });
    let hints: Vec<String> = hints.take(HINTS).chain(queue_hint(pairs)).collect();
    if !hints.is_empty() {
        out.line("");
        hints.iter().for_each(|hint| out.line(hint));
    }
    for pair in pairs {
        let failed = pair.after.as_ref().and_then(|after| after.failed.as_deref());
        if let (Some(message), "fails now" | "only in the later run") = (failed, pair.what()) {
            out.line(format_args!("{} failed: {}", escape(&pair.name), escape(message)));
        }
    }
}

fn row(pair: &Pair) -> [String; 9] {
    let time = |total: &Option<Total>| {
        total
            .as_ref()
            .filter(|total| total.published > 0 || !total.phases.busy().is_zero())
            .map(|total| units::duration(total.phases.busy()))
            .unwrap_or_default()
    };
    let both = pair.worked(&pair.before).zip(pair.worked(&pair.after));
    let change = |of: fn(&Total) -> Option<u64>, shown: fn(u64) -> String| {
        let after = pair.after.as_ref().and_then(of);
        let before = pair.before.as_ref().and_then(of);
        match (before, after) {
            (_, None) => String::new(),
            (None, Some(is)) => shown(is),
            (Some(was), Some(is)) => format!("{}{}", shown(is), percent(was as f64, is as f64)),
        }
    };
    let slower = both.map(|_| {
        let slower = pair.slower();
        let sign = if slower < 0.0 { "-" } else { "+" };
        let whole = Pair::seconds(pair.before.as_ref());
        format!(
            "{sign}{}{}",
            units::duration(Duration::from_secs_f64(slower.abs())),
            percent(whole, whole + slower)
        )
    });
    let by = both.and_then(|(before, after)| slowest(&before.phases, &after.phases));
    [
        pair.name.clone(),
        time(&pair.after),
        time(&pair.before),
        slower.unwrap_or_default(),
        by.map(|(phase, _)| phase.to_owned()).unwrap_or_default(),
        change(|total| total.sizes.bytes, units::bytes),
        change(|total| total.sizes.rows, units::number),
        change(|total| total.peak_memory, units::bytes),
        pair.what().to_owned(),
    ]
}

/// ` +50%`; nothing where it is the same to the percent, or was nothing.
fn percent(was: f64, is: f64) -> String {
    if was <= 0.0 {
        return String::new();
    }
    match ((is / was - 1.0) * 100.0).round() {
        0.0 => String::new(),
        change if change >= 1000.0 => format!(" x{:.0}", is / was),
        change => format!(" {change:+}%"),
    }
}
