//! What came of a run, for people.

use crate::output::Out;
use crate::progress::named;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::units;
use larder_executor::{Materialization, RunReport, StepReport, StepStatus};
use larder_io_core::{AssetKey, Error, Form};
use larder_partitions::PartitionSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Failures of one asset's partitions that are told one by one.
const FAILURES_TOLD: usize = 3;

/// A step and why it failed.
type Failed<'r> = (&'r StepReport, &'r Error);

fn made(report: &RunReport) -> impl Iterator<Item = &Arc<Materialization>> {
    report.steps.iter().flat_map(|step| match &step.status {
        StepStatus::Succeeded(made) => made.as_slice(),
        _ => &[],
    })
}

/// What was made as a table, then each failure with what was skipped because of it.
pub(crate) fn summarize(report: &RunReport, out: &mut Out<'_>) {
    let mut by_asset: Vec<(&AssetKey, Vec<&Materialization>)> = Vec::new();
    let mut place = HashMap::new();
    for made in made(report) {
        let index = *place.entry(&made.asset).or_insert_with(|| {
            by_asset.push((&made.asset, Vec::new()));
            by_asset.len() - 1
        });
        by_asset[index].1.push(made);
    }
    let rows: Vec<[String; 7]> = by_asset.iter().map(|(_, made)| row(made)).collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("asset", left),
        ("rows", right),
        ("size", right),
        ("compute", right),
        ("load", right),
        ("store", right),
        ("stored at", left),
    ];
    if !rows.is_empty() {
        out.remark(columns(header, &rows));
    }
    failures(report, out);
    let [succeeded, failed, skipped] = report.counts();
    let peak = made(report).filter_map(|made| made.peak_memory).max();
    let peak = peak
        .map(|bytes| format!(", peak memory {}", units::bytes(bytes)))
        .unwrap_or_default();
    let others = [(failed, "failed"), (skipped, "skipped")].map(|(count, how)| match count {
        0 => String::new(),
        count => format!(", {count} {how}"),
    });
    let fresh = match report.fresh() {
        0 => String::new(),
        count => format!(", {count} fresh"),
    };
    let time = units::duration(report.duration);
    let checks = match (
        report.checks().count(),
        report.checks().filter(|made| !made.passed).count(),
    ) {
        (0, _) => String::new(),
        (all, 0) => format!(", {} passed", units::counted(all as u64, "check")),
        (all, wrong) => format!(", {wrong} of {} not passed", units::counted(all as u64, "check")),
    };
    out.remark(format_args!(
        "{succeeded} done{fresh}{}{checks} in {time}{peak}",
        others.concat()
    ));
}

/// Each failure with what was skipped because of it; of many partitions the first ones, and how to try them all again.
fn failures(report: &RunReport, out: &mut Out<'_>) {
    let mut by_assets: Vec<(&[AssetKey], Vec<Failed<'_>>)> = Vec::new();
    for step in &report.steps {
        let StepStatus::Failed(error) = &step.status else {
            continue;
        };
        match by_assets
            .iter_mut()
            .find(|(assets, _)| *assets == step.assets.as_slice())
        {
            Some((_, failed)) => failed.push((step, error)),
            None => by_assets.push((&step.assets, vec![(step, error)])),
        }
    }
    for (assets, failed) in by_assets {
        for (_, error) in failed.iter().take(FAILURES_TOLD) {
            out.tell("");
            out.fail(error);
        }
        if failed.len() > FAILURES_TOLD {
            let more = units::counted((failed.len() - FAILURES_TOLD) as u64, "partition");
            out.tell(format_args!("  and {more} more of {}", named(assets, None)));
        }
        let skipped = skipped_because_of(report, assets);
        if !skipped.is_empty() {
            out.tell(format_args!("  skipped because of it: {}", skipped.join(", ")));
        }
        let sets = failed.iter().filter_map(|(step, _)| step.partitions.clone());
        let all = sets.reduce(|all: PartitionSet, set| all.union(&set).unwrap_or(all));
        if let (Some(all), Some(asset)) = (all, assets.first()) {
            out.tell(format_args!(
                "  try again: materialize {} --partitions '{}'",
                escape(asset.as_str()),
                escape(&all.to_string())
            ));
        }
    }
}

/// One asset; of many partitions the sums.
fn row(made: &[&Materialization]) -> [String; 7] {
    let receipts = || made.iter().filter_map(|made| made.receipt.as_ref());
    let sum = |of: fn(&Materialization) -> Duration| units::duration(made.iter().map(|made| of(made)).sum());
    let rows: Option<u64> = receipts().map(|receipt| receipt.rows).sum();
    let (asset, place) = match made {
        [made] => {
            let place = made.receipt.as_ref().map(|receipt| match receipt.uri.is_empty() {
                true => receipt.location.to_string(),
                false => receipt.uri.clone(),
            });
            let asset = match &made.partition {
                Some(partition) => format!("{} {partition}", made.asset),
                None => made.asset.to_string(),
            };
            (asset, place)
        }
        many => {
            let asset = many.first().map(|made| made.asset.to_string()).unwrap_or_default();
            let count = units::counted(many.len() as u64, "partition");
            (asset, receipts().next().map(|_| count))
        }
    };
    let stored = receipts().next().is_some();
    [
        asset,
        rows.filter(|_| stored).map(units::number).unwrap_or_default(),
        match receipts().collect::<Vec<_>>().as_slice() {
            [] => String::new(),
            [receipt] => units::stored_bytes(receipt),
            many => units::bytes(many.iter().map(|receipt| receipt.bytes).sum()),
        },
        sum(|made| made.compute),
        sum(|made| made.load),
        if stored { sum(|made| made.store) } else { String::new() },
        place.unwrap_or_else(|| "nothing to store".to_owned()),
    ]
}

fn skipped_because_of(report: &RunReport, failed: &[AssetKey]) -> Vec<String> {
    let skipped = report.steps.iter().filter(|step| match &step.status {
        StepStatus::Skipped { because } => failed.contains(because),
        _ => false,
    });
    skipped
        .map(|step| named(&step.assets, step.partitions.as_ref()))
        .collect()
}

/// Where the pages are that a browser can open.
pub(crate) fn pages(report: &RunReport, out: &mut Out<'_>) {
    let receipts = made(report).filter_map(|made| made.receipt.as_ref());
    for page in receipts.filter(|receipt| receipt.form == Form::Blob && receipt.uri.ends_with(".html")) {
        out.remark(format_args!("open {}", escape(&page.uri)));
    }
}
