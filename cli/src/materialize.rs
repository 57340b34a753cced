//! Running a selection, from the first event to the summary.

use crate::interrupt::Interrupts;
use crate::output::Out;
use crate::progress::{Forward, Watch};
use crate::summary::{pages, summarize};
use crate::text::escape;
use crate::{DONE, FAILED, INTERRUPTED, TERMINATED, command, units};
use larder_executor::{Observer, Pipeline, Recompute, RetryPolicy, RunOptions, Selection, StepStatus, Stop};
use larder_io_core::{ContentHash, Error, ErrorKind, Result};
use larder_partitions::PartitionSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

/// Often enough to look alive, seldom enough to cost nothing.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// How long an interrupted run may take to let go of what it holds, besides the time that closing its resources may take.
pub(crate) const LAST_MOMENT: Duration = Duration::from_millis(700);

/// What several runs of one command have in common.
struct Session {
    interrupts: Interrupts,
    observers: Vec<Arc<dyn Observer>>,
    /// What observers had to say so far.
    told: Vec<String>,
}

impl Session {
    /// What kept observers from telling everything, each once.
    fn troubles(&mut self, out: &mut Out<'_>) {
        for trouble in self.observers.iter().filter_map(|observer| observer.trouble()) {
            if !self.told.contains(&trouble) {
                out.warn(&trouble);
                self.told.push(trouble);
            }
        }
    }
}

/// `materialize`.
pub(crate) async fn materialize(pipeline: &Pipeline, wanted: &command::Materialize, out: &mut Out<'_>) -> Result<u8> {
    let mut session = Session {
        interrupts: Interrupts::listen(),
        observers: pipeline.observers(&wanted.observe)?,
        told: Vec::new(),
    };
    let (selection, options) = asked(pipeline, wanted).await?;
    let Some(partitions) = wanted.partitions_per_run else {
        return Ok(run(pipeline, selection, options, wanted, &mut session, out).await?.code);
    };
    let runs = pipeline.in_runs_of(selection.clone(), &options, partitions).await?;
    let (mut code, mut failed) = (DONE, Vec::new());
    let count = runs.len();
    for options in runs {
        let ran = run(pipeline, selection.clone(), options, wanted, &mut session, out).await?;
        if matches!(ran.code, INTERRUPTED | TERMINATED) {
            return Ok(ran.code);
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
    session: &mut Session,
    out: &mut Out<'_>,
) -> Result<Ran> {
    let (sender, mut events) = mpsc::unbounded_channel();
    options.observers.clone_from(&session.observers);
    options.observers.push(Arc::new(Forward(sender)));
    let stop = Stop::new();
    options.stop = Some(stop.clone());
    // A task of its own: Ctrl-C is heard and the bars move also while the run's own code keeps its thread.
    let pipeline = pipeline.clone();
    let last_moment = LAST_MOMENT.saturating_add(pipeline.closing_time());
    let mut running = tokio::spawn(async move { pipeline.run_with(selection, options).await });
    let mut watch = Watch::new(out);
    let mut redraw = tokio::time::interval(REDRAW_EVERY);
    let ended = loop {
        tokio::select! {
            biased;
            code = session.interrupts.next() => break Err(code),
            Some(event) = events.recv() => watch.event(&event, out),
            ended = &mut running => break Ok(ended),
            _ = redraw.tick() => watch.tick(),
        }
    };
    if ended.is_err() {
        stop.stop();
        let _ = let_go(&mut running, &mut session.interrupts, last_moment).await;
    }
    while let Ok(event) = events.try_recv() {
        match ended {
            Ok(_) => watch.event(&event, out),
            Err(_) => watch.last(&event, out),
        }
    }
    watch.clear();
    session.troubles(out);
    let report = match ended {
        Err(code) => {
            interrupted(watch.published, out);
            return Ok(code.into());
        }
        Ok(Err(stopped)) => {
            return Err(Error::new(ErrorKind::Unexpected, format!("the run stopped: {stopped}")).with_source(stopped));
        }
        Ok(Ok(report)) => report?,
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

/// The selection, and the options of a run.
pub(crate) async fn asked(pipeline: &Pipeline, wanted: &command::Materialize) -> Result<(Selection, RunOptions)> {
    let options = options(pipeline, wanted)?;
    match &wanted.from_failure {
        Some(run) => pipeline.from_failure(run, options).await,
        None => Ok((selection(pipeline, &wanted.selection), options)),
    }
}

/// What the command line says of a run, over what the configuration says.
fn options(pipeline: &Pipeline, wanted: &command::Materialize) -> Result<RunOptions> {
    let mut options = pipeline.run_options();
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
    if let Some(retries) = wanted.retries {
        let retry = || RetryPolicy::of_attempts(1);
        options.retry.get_or_insert_with(retry).attempts = retries.saturating_add(1);
    }
    options.step_timeout = wanted.step_timeout.or(options.step_timeout);
    options.timeout = wanted.timeout.or(options.timeout);
    options.executor = wanted.executor.unwrap_or(options.executor);
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

/// Waits until a stopped run has let go of what it holds, and answers how it ended; else drops it. A second signal does not wait.
pub(crate) async fn let_go<T>(
    run: &mut JoinHandle<T>,
    interrupts: &mut Interrupts,
    most: Duration,
) -> Option<Result<T, JoinError>> {
    tokio::select! {
        ended = &mut *run => return Some(ended),
        () = tokio::time::sleep(most) => {}
        _ = interrupts.next() => {}
    }
    run.abort();
    None
}

fn interrupted(published: usize, out: &mut Out<'_>) {
    let before = match published {
        0 => String::new(),
        count => format!("; {} published before", units::counted(count as u64, "asset")),
    };
    match out.json {
        true => out.event(&serde_json::json!({ "event": "interrupted", "published": published })),
        false => out.tell(format_args!(
            "interrupted; old values are as they were{before}; `materialize --from-failure last` makes the rest"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};
    use tokio::time::timeout;

    /// So long nobody waits: whoever does hangs.
    const HANGS: Duration = Duration::from_secs(20);

    #[test]
    fn a_second_signal_does_not_wait_for_a_run_that_holds_on() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("is a runtime").block_on(async {
            let mut interrupts = Interrupts::listen();
            for (first, second, code) in [(Signal::INT, Signal::TERM, 130), (Signal::TERM, Signal::TERM, 143)] {
                kill_process(getpid(), first).expect("is sent");
                let heard = timeout(HANGS, interrupts.next()).await;
                assert_eq!(heard, Ok(code));
                let mut run = tokio::spawn(std::future::pending::<()>());
                kill_process(getpid(), second).expect("is sent");
                let going = let_go(&mut run, &mut interrupts, 2 * HANGS);
                let ended = timeout(HANGS, going).await.expect("the second signal is heard");
                assert!(ended.is_none(), "it holds on");
                assert!(run.await.expect_err("is dropped").is_cancelled());
            }
        });
    }
}
