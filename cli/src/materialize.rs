//! Running a selection, from the first event to the summary.

use crate::interrupt::interrupt;
use crate::output::Out;
use crate::progress::{Forward, Watch, named};
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, FAILED, INTERRUPTED, command, units};
use larder_executor::{Materialization, Pipeline, RunOptions, RunReport, Selection, StepStatus};
use larder_io_core::{AssetKey, Error, ErrorKind, Form, Result};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Often enough to look alive, seldom enough to cost nothing.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// How long an interrupted run may take to let go of what it holds.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// `materialize`.
pub(crate) async fn materialize(pipeline: &Pipeline, wanted: &command::Materialize, out: &mut Out<'_>) -> Result<u8> {
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut options = RunOptions::default();
    options.force = wanted.force;
    options.partitions.clone_from(&wanted.partitions);
    options.partitions_per_call = wanted.partitions_per_call.map(NonZeroUsize::get);
    options.observers = vec![Arc::new(Forward(sender))];
    if let Some(limit) = wanted.max_concurrent {
        options.max_concurrent = limit.get();
    }
    let selection = selection(pipeline, &wanted.selection);
    // A task of its own: Ctrl-C is heard and the bars move also while the run's own code keeps its thread.
    let pipeline = pipeline.clone();
    let mut run = tokio::spawn(async move { pipeline.run_with(selection, options).await });
    let mut watch = Watch::new(out);
    let mut redraw = tokio::time::interval(REDRAW_EVERY);
    let mut interrupt = std::pin::pin!(interrupt());
    let ended = loop {
        tokio::select! {
            biased;
            () = &mut interrupt => break None,
            Some(event) = events.recv() => watch.event(&event, out),
            ended = &mut run => break Some(ended),
            _ = redraw.tick() => watch.tick(),
        }
    };
    if ended.is_none() {
        stop(&mut run).await;
    }
    while let Ok(event) = events.try_recv() {
        watch.event(&event, out);
    }
    watch.clear();
    let report = match ended {
        None => return Ok(interrupted(watch.published, out)),
        Some(Err(stopped)) => {
            return Err(Error::new(ErrorKind::Unexpected, format!("the run stopped: {stopped}")).with_source(stopped));
        }
        Some(Ok(report)) => report?,
    };
    if !out.json {
        summarize(&report, out);
        if report.succeeded() && wanted.selection.is_empty() {
            pages(&report, out);
        }
    }
    Ok(if report.succeeded() { DONE } else { FAILED })
}

/// A key as it is, white space and all, when it is the only thing given; else terms.
fn selection(pipeline: &Pipeline, given: &[String]) -> Selection {
    match given {
        [] => Selection::all(),
        [only] => pipeline
            .key(only)
            .map_or_else(|_| Selection::from(only), |key| Selection::key(&key)),
        several => Selection::from(several.join(" ")),
    }
}

/// Drops the run. A second Ctrl-C does not wait for what it holds.
async fn stop(run: &mut JoinHandle<Result<RunReport>>) {
    run.abort();
    tokio::select! {
        _ = run => {}
        () = tokio::time::sleep(LAST_MOMENT) => {}
        () = interrupt() => {}
    }
}

fn interrupted(published: usize, out: &mut Out<'_>) -> u8 {
    let before = match published {
        0 => String::new(),
        count => format!("; {} published before", units::counted(count as u64, "asset")),
    };
    match out.json {
        true => out.event(&serde_json::json!({ "event": "interrupted", "published": published })),
        false => out.tell(format_args!("interrupted; old values are as they were{before}")),
    }
    INTERRUPTED
}

fn made(report: &RunReport) -> impl Iterator<Item = &Arc<Materialization>> {
    report.steps.iter().flat_map(|step| match &step.status {
        StepStatus::Succeeded(made) => made.as_slice(),
        _ => &[],
    })
}

/// What was made as a table, then each failure with what was skipped because of it.
fn summarize(report: &RunReport, out: &mut Out<'_>) {
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
    for step in &report.steps {
        let StepStatus::Failed(error) = &step.status else {
            continue;
        };
        out.tell("");
        out.fail(error);
        let skipped = skipped_because_of(report, &step.assets);
        if !skipped.is_empty() {
            out.tell(format_args!("  skipped because of it: {}", skipped.join(", ")));
        }
    }
    let [succeeded, failed, skipped] = report.counts();
    let peak = made(report).filter_map(|made| made.peak_memory).max();
    let peak = peak
        .map(|bytes| format!(", peak memory {}", units::bytes(bytes)))
        .unwrap_or_default();
    let others = [(failed, "failed"), (skipped, "skipped")].map(|(count, how)| match count {
        0 => String::new(),
        count => format!(", {count} {how}"),
    });
    let time = units::duration(report.duration);
    out.remark(format_args!("{succeeded} done{} in {time}{peak}", others.concat()));
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
fn pages(report: &RunReport, out: &mut Out<'_>) {
    let receipts = made(report).filter_map(|made| made.receipt.as_ref());
    for page in receipts.filter(|receipt| receipt.form == Form::Blob && receipt.uri.ends_with(".html")) {
        out.remark(format_args!("open {}", escape(&page.uri)));
    }
}
