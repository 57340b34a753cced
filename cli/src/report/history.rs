//! How each asset changed over runs, as small charts.

use super::markup::{at, text};
use crate::past::stored_bytes;
use crate::units;
use larder_catalog::{Catalog, Entry};
use larder_executor::StepRecord;
use larder_io_core::{AssetKey, Result};
use std::time::Duration;

/// Materializations of an asset that are looked at, the newest.
const LOOKED_AT: usize = 1000;
/// Runs that a chart shows.
const RUNS: usize = 30;
const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 30.0;

/// What one run made of an asset, over all its partitions.
#[derive(Debug, PartialEq)]
pub(super) struct Point {
    pub(super) run: String,
    pub(super) at: String,
    pub(super) bytes: Option<u64>,
    pub(super) rows: Option<u64>,
    pub(super) took: Duration,
    pub(super) memory: Option<u64>,
}

/// The last runs that made an asset, the oldest first.
pub(super) async fn points(catalog: &Catalog, asset: &AssetKey) -> Result<Vec<Point>> {
    Ok(by_run(&catalog.materializations(asset, None, LOOKED_AT).await?))
}

/// Entries, the newest first, by their runs, the oldest first.
fn by_run(entries: &[Entry]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for entry in entries {
        let durations = entry.durations;
        let took = durations.compute + durations.load + durations.store;
        // What was restored or adopted was not made.
        if took.is_zero() {
            continue;
        }
        let run = entry.run.as_str();
        let point = match points.iter().position(|point| point.run == run) {
            Some(known) => &mut points[known],
            None if points.len() == RUNS => continue,
            None => {
                points.push(Point {
                    run: run.to_owned(),
                    at: units::when(entry.at),
                    bytes: None,
                    rows: None,
                    took: Duration::ZERO,
                    memory: None,
                });
                let last = points.len() - 1;
                &mut points[last]
            }
        };
        let sum = |sum: Option<u64>, more: Option<u64>| more.map(|more| sum.unwrap_or(0).saturating_add(more)).or(sum);
        point.bytes = sum(point.bytes, stored_bytes(entry));
        point.rows = sum(point.rows, entry.receipt.as_ref().and_then(|receipt| receipt.rows));
        point.took += took;
        let record = StepRecord::of(entry);
        point.memory = point.memory.max(record.and_then(|record| record.peak_memory_bytes));
    }
    points.reverse();
    points
}

/// One figure over runs: a line, and what it is now. Nothing where it is not known of any.
fn chart(points: &[Point], of: impl Fn(&Point) -> Option<u64>, shown: impl Fn(u64) -> String) -> String {
    let known: Vec<(usize, u64)> = points
        .iter()
        .enumerate()
        .filter_map(|(at, point)| Some((at, of(point)?)))
        .collect();
    let Some((_, last)) = known.last() else {
        return "<td class=\"none\" data-v=\"-1\">–</td>".to_owned();
    };
    let most = known.iter().map(|(_, value)| *value).max().unwrap_or(1).max(1) as f64;
    let x = |position: usize| match points.len() {
        0 | 1 => WIDTH - 4.0,
        count => 4.0 + position as f64 / (count - 1) as f64 * (WIDTH - 8.0),
    };
    // From nothing, so that a change looks as large as it is.
    let y = |value: u64| HEIGHT - 4.0 - value as f64 / most * (HEIGHT - 8.0);
    let line: Vec<String> = known
        .iter()
        .map(|(position, value)| format!("{},{}", at(x(*position)), at(y(*value))))
        .collect();
    let mut svg = format!(
        "<svg class=\"chart\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"over runs\"><polyline points=\"{}\"/>",
        line.join(" ")
    );
    for (position, value) in &known {
        let now = *position + 1 == points.len();
        svg.push_str(&format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" class=\"{}\"><title>{}: {}</title></circle>",
            at(x(*position)),
            at(y(*value)),
            if now { "2.5" } else { "4" },
            if now { "now" } else { "then" },
            text(&points[*position].at),
            text(&shown(*value)),
        ));
    }
    format!(
        "<td data-v=\"{last}\">{svg}</svg><span>{}</span></td>",
        text(&shown(*last))
    )
}

/// The row of an asset.
pub(super) fn row(name: &str, points: &[Point]) -> String {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    format!(
        "<tr><th scope=\"row\">{}</th>{}{}{}{}<td class=\"n\" data-v=\"{count}\">{count}</td></tr>\n",
        text(name),
        chart(points, |point| point.bytes, units::bytes),
        chart(points, |point| point.rows, units::number),
        chart(
            points,
            |point| Some(nanos(point.took)),
            |time| units::duration(Duration::from_nanos(time))
        ),
        chart(points, |point| point.memory, units::bytes),
        count = points.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_core::{PartitionKey, RunId};

    fn entry(run: &str, part: &str, millis: u64, peak: u64) -> Entry {
        let key = PartitionKey::single("p", part).expect("is a key");
        let run = RunId::from_text(run.to_owned());
        let mut entry = Entry::new(
            "a".parse().expect("is a key"),
            Some(key),
            run,
            jiff::Timestamp::UNIX_EPOCH,
            "m",
            "v",
        );
        entry.durations.compute = Duration::from_millis(millis);
        let mut record = StepRecord::default();
        record.peak_memory_bytes = Some(peak);
        entry
            .metadata
            .insert(larder_executor::measures::STEP.to_owned(), serde_json::json!(record));
        entry
    }

    #[test]
    fn runs_are_summed_over_partitions_the_oldest_first() {
        let entries = [
            entry("two", "x", 5, 100),
            entry("two", "y", 7, 80),
            // Restored: not made.
            entry("adopted", "x", 0, 0),
            entry("one", "x", 3, 50),
        ];
        let points = by_run(&entries);
        let seen: Vec<(&str, u128, Option<u64>)> = points
            .iter()
            .map(|point| (point.run.as_str(), point.took.as_millis(), point.memory))
            .collect();
        assert_eq!(seen, [("one", 3, Some(50)), ("two", 12, Some(100))]);
        let many: Vec<Entry> = (0..50).map(|run| entry(&format!("{run}"), "x", 1, 1)).collect();
        let points = by_run(&many);
        assert_eq!(
            (points.len(), points[0].run.as_str(), points[29].run.as_str()),
            (RUNS, "29", "0")
        );
    }

    #[test]
    fn what_is_not_known_has_no_chart() {
        let points = by_run(&[entry("one", "x", 3, 50)]);
        let row = row("a<b", &points);
        assert!(
            row.contains("a&lt;b") && row.contains("50 B") && row.matches("<svg").count() == 2,
            "{row}"
        );
        assert_eq!(row.matches("class=\"none\"").count(), 2);
    }
}
