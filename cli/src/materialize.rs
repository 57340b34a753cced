//! Running a selection, from the first event to the summary.

use crate::interrupt::interrupt;
use crate::output::Out;
use crate::progress::{Forward, Watch};
use crate::summary::{pages, summarize};
use crate::text::escape;
use crate::{DONE, FAILED, INTERRUPTED, command, units};
use larder_executor::{Pipeline, Recompute, RetryPolicy, RunOptions, RunReport, Selection, StepStatus};
use larder_io_core::{ContentHash, Error, ErrorKind, Result};
use larder_partitions::PartitionSet;
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
    let options = options(wanted)?;
    let selection = selection(pipeline, &wanted.selection);
    let Some(partitions) = wanted.partitions_per_run else {
        return Ok(run(pipeline, selection, options, wanted, out).await?.code);
    };
    let runs = pipeline.in_runs_of(selection.clone(), &options, partitions).await?;
    let (mut code, mut failed) = (DONE, Vec::new());
    let count = runs.len();
    for options in runs {
        let ran = run(pipeline, selection.clone(), options, wanted, out).await?;
        if ran.code == INTERRUPTED {
            return Ok(INTERRUPTED);
        }
        code = code.max(ran.code);
        failed.extend(ran.failed);
    }
    let all = failed.iter().cloned().reduce(|all, set| all.union(&set).unwrap_or(all));
    if let Some(all) = all {
        let asset = wanted.selection.join(" ");
        out.tell(format_args!(
            "{} failed in {} of {}\n  try again: materialize {} --partitions '{}' --partitions-per-run {partitions}",
            units::counted(all.len(), "partition"),
            failed.len(),
            units::counted(count as u64, "run"),
            escape(&asset),
            escape(&all.to_string())
        ));
    }
    Ok(code)
}

/// How a run ended.
struct Ran {
    code: u8,
    /// The partitions that failed.
    failed: Option<PartitionSet>,
}

impl From<u8> for Ran {
    fn from(code: u8) -> Self {
        Self { code, failed: None }
    }
}

/// One run, with what it tells.
async fn run(
    pipeline: &Pipeline,
    selection: Selection,
    mut options: RunOptions,
    wanted: &command::Materialize,
    out: &mut Out<'_>,
) -> Result<Ran> {
    let (sender, mut events) = mpsc::unbounded_channel();
    options.observers = vec![Arc::new(Forward(sender))];
    // A task of its own: Ctrl-C is heard and the bars move also while the run's own code keeps its thread.
    let pipeline = pipeline.clone();
    let mut running = tokio::spawn(async move { pipeline.run_with(selection, options).await });
    let mut watch = Watch::new(out);
    let mut redraw = tokio::time::interval(REDRAW_EVERY);
    let mut interrupt = std::pin::pin!(interrupt());
    let ended = loop {
        tokio::select! {
            biased;
            () = &mut interrupt => break None,
            Some(event) = events.recv() => watch.event(&event, out),
            ended = &mut running => break Some(ended),
            _ = redraw.tick() => watch.tick(),
        }
    };
    if ended.is_none() {
        stop(&mut running).await;
    }
    while let Ok(event) = events.try_recv() {
        watch.event(&event, out);
    }
    watch.clear();
    let report = match ended {
        None => return Ok(interrupted(watch.published, out).into()),
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
    if let Some(error) = &report.unrecorded {
        out.warn("the run is not in the catalogue; what it made is stored");
        out.fail(error);
        return Ok(FAILED.into());
    }
    let failed = report
        .steps
        .iter()
        .filter(|step| matches!(step.status, StepStatus::Failed(_)));
    let failed = failed.filter_map(|step| step.partitions.clone());
    Ok(Ran {
        code: if report.succeeded() { DONE } else { FAILED },
        failed: failed.reduce(|all, set| all.union(&set).unwrap_or(all)),
    })
}

/// What the command line says of a run.
pub(crate) fn options(wanted: &command::Materialize) -> Result<RunOptions> {
    let mut options = RunOptions::default();
    options.force = wanted.force;
    options.partitions.clone_from(&wanted.partitions);
    options.partitions_per_call = wanted.partitions_per_call.map(NonZeroUsize::get);
    options.recompute = match (wanted.stale, wanted.missing) {
        (true, _) => Recompute::Stale,
        (_, true) => Recompute::Missing,
        _ => Recompute::All,
    };
    if wanted.build_id {
        options.build_id = Some(build_id()?);
    }
    options.retry = wanted
        .retries
        .map(|retries| RetryPolicy::of_attempts(retries.saturating_add(1)));
    options.step_timeout = wanted.step_timeout;
    options.timeout = wanted.timeout;
    options.executor = wanted.executor.unwrap_or_default();
    wanted.limits.set(&mut options);
    Ok(options)
}

/// A hash of this program.
fn build_id() -> Result<String> {
    let program = std::env::current_exe().and_then(std::fs::read);
    let program = program.map_err(|error| {
        let message = format!("this program cannot be read, so that its build has no id: {error}");
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    })?;
    let mut id = ContentHash::of(&program).to_string();
    id.truncate(16);
    Ok(id)
}

/// A key as it is, white space and all, when it is the only thing given; else terms.
pub(crate) fn selection(pipeline: &Pipeline, given: &[String]) -> Selection {
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
