//! Running a selection in this process: independent assets and partitions at once, each upstream value loaded once.

mod attempts;
mod executor;
mod fresh;
mod inputs;
mod load;
mod measured;
mod outcome;
mod overlap;
mod process;
mod ready;
mod report;
mod step;
mod store;
mod thread;

pub use executor::{Executor, StepCommand};
pub use process::{STEP_VARIABLE, serve_step};
pub use report::{RunOptions, RunReport, StepReport, StepStatus};

use crate::args::remember_places;
use crate::definitions::Pipeline;
use crate::event::{Emitter, Event};
use crate::freshness::{Known, Recompute, Recorder};
use crate::plan::{Plan, Unit, Units};
use crate::policy::RetryPolicy;
use crate::selection::Selection;
use attempts::{Patience, until};
use inputs::SharedInputs;
use larder_io_core::{AssetKey, Error, ErrorKind, Result, RunId, duration};
use larder_partitions::PartitionSet;
use measured::Tries;
use outcome::Outcome;
use overlap::Overlap;
use process::Processes;
use ready::Ready;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use step::{Place, Step};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How a call ended, and the partitions for which it did.
type Ended = (StepStatus, Option<PartitionSet>);

impl Pipeline {
    /// Runs a selection with default options.
    ///
    /// # Errors
    /// As [`Pipeline::run_with`].
    pub async fn run(&self, selection: impl Into<Selection>) -> Result<RunReport> {
        self.run_with(selection, RunOptions::default()).await
    }

    /// Runs a selection. Steps begin as soon as what they need is published; a failure skips what depends on it and
    /// nothing else. Inputs that are not selected are loaded as they are.
    ///
    /// # Errors
    /// `InvalidDefinition` for a selection of assets or partitions that fits nothing. A failed asset is no error here: it
    /// stands in the report.
    ///
    /// # Cancel safety
    /// Dropping the future stops every step at its next await; values that were not published stay as they were.
    pub async fn run_with(&self, selection: impl Into<Selection>, options: RunOptions) -> Result<RunReport> {
        for (name, value) in [
            ("max_concurrent", Some(options.max_concurrent)),
            ("partitions_per_call", options.partitions_per_call),
        ] {
            if value == Some(0) {
                let message = format!("{name} is 0, so that nothing could ever run; the least is 1");
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        }
        for (name, value) in [("timeout", options.timeout), ("step_timeout", options.step_timeout)] {
            if value == Some(Duration::ZERO) {
                let message = format!("{name} is 0, so that nothing could ever run; leave it out for no limit");
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        }
        remember_places();
        let plan = self.plan(selection, &options).await?;
        let run = Running::new(self.clone(), &plan, &options)?;
        // In a task of its own, beside its steps: handing a step over is then no switch between threads. The set ends
        // it when this future is dropped.
        let mut task = JoinSet::new();
        task.spawn(run.finish(plan));
        match task.join_next().await {
            Some(Ok(report)) => Ok(report),
            Some(Err(error)) if error.is_panic() => {
                Err(Error::new(ErrorKind::Unexpected, format!("the run panicked: {error}")))
            }
            _ => Err(Error::new(ErrorKind::Cancelled, "the runtime is shutting down")),
        }
    }
}

/// A run on its way.
struct Running {
    pipeline: Pipeline,
    run: RunId,
    emitter: Emitter,
    force: bool,
    recompute: Recompute,
    build_id: Option<Arc<str>>,
    known: Arc<Known>,
    recorder: Recorder,
    retry: RetryPolicy,
    step_timeout: Option<Duration>,
    /// When all of it has to be done, and how long that was.
    deadline: Option<(tokio::time::Instant, Duration)>,
    over: bool,
    threads: bool,
    place: Place,
    /// Closed when the run is given up: threads hear of it.
    alive: watch::Sender<()>,
    max_concurrent: usize,
    /// Of the steps that run.
    outcomes: HashMap<usize, Arc<Outcome>>,
    inputs: SharedInputs,
    overlap: Arc<Overlap>,
    units: Vec<Unit>,
    follows: Arc<step::AllFollows>,
    /// How many others each call or gate still waits for.
    waiting: Vec<usize>,
    next: Vec<Vec<usize>>,
    ready: Ready,
    done: Vec<Option<StepStatus>>,
}

impl Running {
    fn new(pipeline: Pipeline, plan: &Plan, options: &RunOptions) -> Result<Self> {
        let units = Units::new(&pipeline, plan, options.partitions_per_call)?;
        let mut calls = HashMap::new();
        for unit in &units.list {
            *calls.entry(unit.step).or_default() += 1;
        }
        let run = RunId::random();
        let executor = options.executor;
        Ok(Self {
            retry: options.retry.clone().unwrap_or_else(|| RetryPolicy::of_attempts(1)),
            step_timeout: options.step_timeout,
            deadline: options.timeout.map(|most| (tokio::time::Instant::now() + most, most)),
            over: false,
            threads: executor == Executor::Threads,
            place: match executor {
                Executor::Processes => Place::Elsewhere(Arc::new(Processes::new(
                    &pipeline,
                    plan,
                    &run,
                    options.step_command.as_ref(),
                )?)),
                _ => Place::Here,
            },
            alive: watch::Sender::new(()),
            run,
            emitter: Emitter(options.observers.clone().into()),
            force: options.force,
            recompute: options.recompute,
            build_id: options.build_id.as_deref().map(Into::into),
            known: Arc::new(Known::new(&pipeline)),
            recorder: Recorder(pipeline.catalog().cloned()),
            max_concurrent: options.max_concurrent,
            outcomes: HashMap::new(),
            inputs: SharedInputs::new(&pipeline, plan.steps(), &calls),
            overlap: Arc::default(),
            ready: Ready::new(
                units.list.len(),
                (0..units.list.len()).filter(|unit| units.waiting[*unit] == 0),
            ),
            done: vec![None; units.list.len()],
            units: units.list,
            follows: Arc::new(units.follows),
            waiting: units.waiting,
            next: units.next,
            pipeline,
        })
    }

    async fn finish(mut self, plan: Plan) -> RunReport {
        let began = Instant::now();
        self.emitter.emit(|| Event::RunStarted {
            run: self.run.clone(),
            assets: plan.steps().iter().flat_map(|step| self.keys(*step)).collect(),
            calls: self.units.len(),
        });
        self.recorder
            .run_started(&self.pipeline, &self.run, &plan.words, plan.text.as_deref());
        drop(plan);
        let mut running: JoinSet<(usize, Ended)> = JoinSet::new();
        let mut by_task = HashMap::new();
        loop {
            while !self.over
                && running.len() < self.max_concurrent
                && let Some(unit) = self.ready.pop_front()
            {
                let step = self.step(unit);
                let task = match self.threads {
                    false => running.spawn(async move { (unit, step.run().await) }),
                    true => {
                        let ended = thread::run(step, self.alive.subscribe());
                        running.spawn(async move { (unit, ended.await) })
                    }
                };
                by_task.insert(task.id(), unit);
            }
            let ended = tokio::select! {
                biased;
                ended = running.join_next_with_id() => ended,
                () = until(self.deadline.filter(|_| !self.over)) => {
                    self.over = true;
                    running.abort_all();
                    // Threads are not aborted; they hear of it.
                    let _ = self.alive.send(());
                    continue;
                }
            };
            let (unit, status) = match ended {
                None if self.over => match self.ready.pop_front() {
                    Some(unit) => (unit, self.cut(unit)),
                    None => break,
                },
                None => break,
                Some(Ok((id, (unit, (status, partitions))))) => {
                    by_task.remove(&id);
                    self.outcomes.remove(&unit);
                    if matches!(status, StepStatus::Failed(_)) {
                        // What was published before, or was fresh, is not to be tried again.
                        self.units[unit].partitions = partitions;
                    }
                    (unit, status)
                }
                // The step's own panics are caught inside; this is a defect of ours, or the runtime going down.
                Some(Err(error)) => {
                    let Some(unit) = by_task.remove(&error.id()) else {
                        continue;
                    };
                    if self.over && error.is_cancelled() {
                        (unit, self.cut(unit))
                    } else {
                        let error = Error::new(ErrorKind::Unexpected, format!("the step stopped: {error}"));
                        (unit, StepStatus::Failed(Arc::new(error)))
                    }
                }
            };
            self.settle(unit, status);
        }
        self.report(began).await
    }

    fn too_late(&self) -> Error {
        let most = self.deadline.map(|(_, most)| duration::text(most)).unwrap_or_default();
        let message = format!("the run's time of {most} is over; what is published stays, `--stale` makes the rest");
        Error::new(ErrorKind::Timeout, message).with_context("run", &self.run)
    }

    /// The end of a step that ran, or could have begun, when the run's time was over.
    fn cut(&mut self, unit: usize) -> StepStatus {
        let error = self.too_late();
        let keys = self.keys(self.units[unit].step);
        if let Some(outcome) = self.outcomes.remove(&unit) {
            // What was published before, or was fresh, has not failed.
            self.units[unit].partitions = outcome.left(&keys);
            if outcome.publishing() && outcome.complete(&keys) {
                return StepStatus::Succeeded(outcome.made());
            }
        }
        let partitions = self.units[unit].partitions.as_ref();
        self.recorder.failed(&self.run, &keys, partitions, &error);
        StepStatus::Failed(Arc::new(error))
    }

    fn keys(&self, step: usize) -> Vec<AssetKey> {
        self.pipeline.graph().nodes[step].keys.clone()
    }

    fn step(&mut self, unit: usize) -> Step {
        let Unit { step, partitions } = self.units[unit].clone();
        let outcome = Arc::new(Outcome::new(partitions.clone()));
        self.outcomes.insert(unit, Arc::clone(&outcome));
        Step {
            outcome,
            pipeline: self.pipeline.clone(),
            index: step,
            asked: partitions.clone(),
            partitions,
            follows: Arc::clone(&self.follows),
            run: self.run.clone(),
            emitter: self.emitter.clone(),
            force: self.force,
            recompute: self.recompute,
            build_id: self.build_id.clone(),
            known: Arc::clone(&self.known),
            recorder: self.recorder.clone(),
            traces: self.recompute != Recompute::All || self.recorder.0.is_some(),
            inlines: self.pipeline.keeps_inline(),
            inputs: self.inputs.take(step),
            overlap: Arc::clone(&self.overlap),
            place: self.place.clone(),
            tries: Tries::after(self.ready.waited(unit)),
            patience: Patience {
                retry: self.pipeline.0.assets[step]
                    .retry
                    .clone()
                    .unwrap_or_else(|| self.retry.clone()),
                timeout: self.pipeline.0.assets[step].timeout.or(self.step_timeout),
            },
        }
    }

    /// A call ended: what waited for it becomes ready, or is skipped.
    fn settle(&mut self, unit: usize, status: StepStatus) {
        let succeeded = matches!(status, StepStatus::Succeeded(_) | StepStatus::Fresh);
        if let StepStatus::Failed(error) = &status {
            let error = Arc::clone(error);
            self.emitter.emit(|| Event::StepFailed {
                assets: self.keys(self.units[unit].step),
                partitions: self.units[unit].partitions.clone(),
                error,
            });
        }
        self.done[unit] = Some(status);
        let because = self.pipeline.graph().nodes[self.units[unit].step].keys.first().cloned();
        match (succeeded, because) {
            (false, Some(because)) => self.skip(unit, &because),
            _ => self.release(unit),
        }
    }

    /// What waited only for this becomes ready.
    fn release(&mut self, unit: usize) {
        let mut open = std::mem::take(&mut self.next[unit]);
        // The last one is taken first: turned round, earlier partitions begin before later ones.
        open.reverse();
        while let Some(next) = open.pop() {
            self.waiting[next] -= 1;
            if self.waiting[next] > 0 {
                continue;
            }
            match self.done.get(next) {
                Some(None) => self.ready.push_back(next),
                Some(Some(_)) => {}
                // A gate.
                None => open.extend(self.next[next].drain(..).rev()),
            }
        }
    }

    /// What waits for this, through gates too, is not run.
    fn skip(&mut self, unit: usize, because: &AssetKey) {
        let mut open = std::mem::take(&mut self.next[unit]);
        while let Some(next) = open.pop() {
            open.append(&mut self.next[next]);
            if !matches!(self.done.get(next), Some(None)) {
                continue;
            }
            let Unit { step, partitions } = self.units[next].clone();
            self.emitter.emit(|| Event::StepSkipped {
                assets: self.keys(step),
                partitions,
                because: because.clone(),
            });
            self.done[next] = Some(StepStatus::Skipped {
                because: because.clone(),
            });
            // Its share of the inputs goes, so that they are dropped after their last real consumer.
            drop(self.inputs.take(step));
        }
    }

    async fn report(mut self, began: Instant) -> RunReport {
        let done = std::mem::take(&mut self.done);
        let report = |(unit, status): (&Unit, Option<StepStatus>)| {
            Some(StepReport {
                assets: self.keys(unit.step),
                partitions: unit.partitions.clone(),
                status: status?,
            })
        };
        let mut report = RunReport {
            run: self.run.clone(),
            steps: self.units.iter().zip(done).filter_map(report).collect(),
            duration: began.elapsed(),
            unrecorded: None,
        };
        self.recorder.run_finished(&self.run, report.counts(), report.duration);
        report.unrecorded = self.recorder.flush().await.err().map(Arc::new);
        let (counts, duration) = (report.counts(), report.duration);
        self.emitter.emit(|| Event::RunFinished {
            run: self.run.clone(),
            counts,
            duration,
        });
        report
    }
}
