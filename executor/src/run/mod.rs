//! Running a selection in this process: independent assets and partitions at once, each upstream value loaded once.

mod ahead;
mod attempts;
mod check;
mod each;
mod ending;
mod executor;
mod fresh;
mod hooks;
mod inputs;
mod limits;
mod load;
mod measured;
mod order;
mod outcome;
mod overlap;
mod process;
mod publish;
mod report;
mod shelf;
mod step;
mod stop;
mod store;
mod thread;
mod workers;

pub use executor::{Executor, StepCommand};
pub use limits::Limit;
pub use process::{STEP_VARIABLE, serve_step};
pub use report::{RunOptions, RunReport, StepReport, StepStatus};
pub use stop::Stop;
pub(crate) use stop::stopped;

use crate::args::remember_places;
use crate::check::Checked;
use crate::definitions::Pipeline;
use crate::event::{Emitter, Event};
use crate::freshness::{Known, Recompute, Recorder};
use crate::plan::{Plan, Unit, Units};
use crate::policy::RetryPolicy;
use crate::resource::Held;
use crate::selection::Selection;
use attempts::Patience;
use inputs::SharedInputs;
use larder_io_core::{AssetKey, Error, ErrorKind, Result, RunId};
use larder_partitions::PartitionSet;
use limits::{Ready, Reservations};
use measured::Tries;
use order::Early;
use outcome::Outcome;
use overlap::Overlap;
use process::Processes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use step::{Place, Step};
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use workers::{Abandoned, Signals};

/// How a call ended, and the partitions for which it did.
type Ended = (StepStatus, Option<PartitionSet>);

impl Pipeline {
    /// Runs a selection with the options of [`Pipeline::run_options`].
    ///
    /// # Errors
    /// As [`Pipeline::run_with`].
    pub async fn run(&self, selection: impl Into<Selection>) -> Result<RunReport> {
        self.run_with(selection, self.run_options()).await
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
        limits::check(self, &options)?;
        if let Some(retry) = &options.retry {
            retry.validate()?;
        }
        remember_places();
        let plan = self.plan(selection, &options).await?;
        let reserved = limits::reservations(self, &plan, &options).await?;
        let (run, signals) = Running::new(self.clone(), &plan, &options, reserved)?;
        // Its tasks may have their turn before the one that would tell them.
        let _abandoned = Abandoned(Arc::clone(&run.abandoned));
        // In a task of its own, beside its steps: handing a step over is then no switch between threads. The set ends
        // it when this future is dropped.
        let mut task = JoinSet::new();
        task.spawn(async move {
            let began = Instant::now();
            run.announce(&plan);
            drop(plan);
            run.finish(signals, began).await
        });
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
    held: Arc<Held>,
    retry: RetryPolicy,
    step_timeout: Option<Duration>,
    /// When all of it has to be done, and how long that was.
    deadline: Option<(tokio::time::Instant, Duration)>,
    over: bool,
    /// Nobody waits for it any more.
    abandoned: Arc<AtomicBool>,
    stop: Option<Stop>,
    stopped: bool,
    threads: bool,
    place: Place,
    max_concurrent: usize,
    /// Those that make steps, with the call that each is at.
    tasks: HashMap<task::Id, usize>,
    /// Of the steps that run.
    outcomes: HashMap<usize, Arc<Outcome>>,
    /// Of the steps that made some.
    checks: HashMap<usize, Vec<Arc<Checked>>>,
    inputs: SharedInputs,
    overlap: Arc<Overlap>,
    units: Vec<Unit>,
    follows: Arc<step::AllFollows>,
    /// How many others each call or gate still waits for.
    waiting: Vec<usize>,
    next: Vec<Vec<usize>>,
    ready: Ready,
    /// Where steps may begin before what they take is published.
    early: Option<Early>,
    done: Vec<Option<StepStatus>>,
}

impl Running {
    fn new(
        pipeline: Pipeline,
        plan: &Plan,
        options: &RunOptions,
        reserved: Option<Reservations>,
    ) -> Result<(Self, Signals)> {
        let units = Units::new(&pipeline, plan, options.partitions_per_call)?;
        let mut calls = HashMap::new();
        for unit in &units.list {
            *calls.entry(unit.step).or_default() += 1;
        }
        let run = RunId::random();
        let executor = options.executor;
        // Between processes nothing passes in memory.
        let kept = reserved.is_some() && executor != Executor::Processes;
        let inputs = SharedInputs::new(&pipeline, plan.steps(), &calls, kept);
        let mut ready = Ready::new(&pipeline, options, reserved, &units.list, kept.then_some(&inputs));
        let first = (0..units.list.len()).filter(|unit| units.waiting[*unit] == 0);
        first.for_each(|unit| ready.push(unit));
        let alive = watch::Sender::new(());
        let emitter = Emitter(options.observers.clone().into());
        let (early, computed) = kept.then(Early::new).unzip();
        let place = match executor {
            Executor::Processes => {
                let command = options.step_command.as_ref();
                let processes = Processes::new(&pipeline, plan, &run, command, alive.subscribe())?;
                Place::Elsewhere(Arc::new(processes))
            }
            _ => Place::Here,
        };
        let running = Self {
            held: pipeline.hold(&emitter),
            retry: options.retry.clone().unwrap_or_else(|| RetryPolicy::of_attempts(1)),
            step_timeout: options.step_timeout,
            deadline: options.timeout.map(|most| (tokio::time::Instant::now() + most, most)),
            over: false,
            abandoned: Arc::default(),
            stop: options.stop.clone(),
            stopped: false,
            threads: executor == Executor::Threads,
            place,
            run,
            emitter,
            force: options.force,
            recompute: options.recompute,
            build_id: options.build_id.as_deref().map(Into::into),
            known: Arc::new(Known::new(&pipeline)),
            recorder: Recorder(pipeline.catalog().cloned()),
            max_concurrent: options.max_concurrent,
            tasks: HashMap::new(),
            outcomes: HashMap::new(),
            checks: HashMap::new(),
            inputs,
            overlap: Arc::default(),
            ready,
            early,
            done: vec![None; units.list.len()],
            units: units.list,
            follows: Arc::new(units.follows),
            waiting: units.waiting,
            next: units.next,
            pipeline,
        };
        Ok((running, Signals { alive, computed }))
    }

    /// Tells everybody that it begins.
    fn announce(&self, plan: &Plan) {
        self.emitter.emit(|| Event::RunStarted {
            run: self.run.clone(),
            assets: plan.steps().iter().flat_map(|step| self.keys(*step)).collect(),
            calls: self.units.len(),
        });
        self.recorder
            .run_started(&self.pipeline, &self.run, &plan.words, plan.text.as_deref());
    }

    fn keys(&self, step: usize) -> Vec<AssetKey> {
        self.pipeline.graph().nodes[step].keys.clone()
    }

    /// Boxed: as part of a task it would be moved with it, time and again.
    fn step(&mut self, unit: usize) -> Box<Step> {
        let Unit { step, partitions } = self.units[unit].clone();
        let outcome = Arc::new(Outcome::new(partitions.clone()));
        self.outcomes.insert(unit, Arc::clone(&outcome));
        let patience = Patience {
            retry: self.pipeline.0.assets[step].retry_within(&self.retry),
            timeout: self.pipeline.0.assets[step].timeout.or(self.step_timeout),
        };
        let offers = self.ready.begins(&self.units[unit], &self.emitter);
        let traces = self.recompute != Recompute::All || self.recorder.0.is_some();
        Box::new(Step {
            computed: self.computed(unit, patience.retry.attempts, !offers.is_empty()),
            ahead: self.ahead(unit),
            lost: None,
            outcome,
            // Whoever asks what was measured hears what was counted too.
            pipeline: match traces || !self.emitter.0.is_empty() {
                true => self.pipeline.counting(&Arc::default()),
                false => self.pipeline.clone(),
            },
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
            held: Arc::clone(&self.held),
            resources: Arc::clone(&self.pipeline.0.resources),
            traces,
            inlines: self.pipeline.keeps_inline(),
            inputs: self.inputs.take(step),
            offers,
            overlap: Arc::clone(&self.overlap),
            place: self.place.clone(),
            tries: Tries::after(self.ready.waited(unit)),
            patience,
            earlier: None,
        })
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
        let because = match &status {
            // What it took was not published.
            StepStatus::Skipped { because } => {
                self.tell_skipped(unit, because);
                Some(because.clone())
            }
            _ => self.pipeline.graph().nodes[self.units[unit].step].keys.first().cloned(),
        };
        self.done[unit] = Some(status);
        self.ready.ended(unit, &self.units[unit]);
        self.settle_early(unit, because.as_ref().filter(|_| !succeeded));
        match (succeeded, because) {
            (false, Some(because)) => self.skip(unit, &because),
            _ => self.release(unit),
        }
    }
}
