//! Running a selection in this process: independent assets at once, each upstream value loaded once.

mod inputs;
mod report;
mod step;

pub use report::{RunOptions, RunReport, StepReport, StepStatus};

use crate::definitions::Pipeline;
use crate::event::{Emitter, Event};
use crate::selection::Selection;
use inputs::SharedInputs;
use larder_io_core::{AssetKey, Error, ErrorKind, Result, RunId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use step::Step;
use tokio::task::JoinSet;

/// How many steps run and how many were ever started, for telling which of them overlapped.
#[derive(Debug, Default)]
pub(crate) struct Overlap {
    running: AtomicUsize,
    started: AtomicUsize,
}

impl Overlap {
    /// A step begins; what it gets back tells at its end how many others ran at some moment of it.
    pub(crate) fn begin(self: &Arc<Self>) -> Overlapping {
        let already = self.running.fetch_add(1, Ordering::Relaxed);
        let started = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        Overlapping {
            of: Arc::clone(self),
            already,
            started,
        }
    }
}

/// One running step.
#[derive(Debug)]
pub(crate) struct Overlapping {
    of: Arc<Overlap>,
    already: usize,
    started: usize,
}

impl Overlapping {
    pub(crate) fn others(&self) -> usize {
        self.already + self.of.started.load(Ordering::Relaxed).saturating_sub(self.started)
    }
}

impl Drop for Overlapping {
    fn drop(&mut self) {
        self.of.running.fetch_sub(1, Ordering::Relaxed);
    }
}

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
    /// `InvalidDefinition` for a selection that fits nothing. A failed asset is no error here: it stands in the report.
    ///
    /// # Cancel safety
    /// Dropping the future stops every step at its next await; values that were not published stay as they were.
    pub async fn run_with(&self, selection: impl Into<Selection>, options: RunOptions) -> Result<RunReport> {
        let steps = selection.into().resolve(self)?;
        if options.max_concurrent == 0 {
            let message = "max_concurrent is 0, so that nothing could ever run; the least is 1";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let run = Running::new(self.clone(), &steps, &options);
        // In a task of its own, beside its steps: handing a step over is then no switch between threads. The set ends
        // it when this future is dropped.
        let mut task = JoinSet::new();
        task.spawn(run.finish(steps));
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
    max_concurrent: usize,
    inputs: SharedInputs,
    overlap: Arc<Overlap>,
    /// How many selected steps each selected step still waits for.
    waiting: HashMap<usize, usize>,
    ready: VecDeque<usize>,
    done: BTreeMap<usize, StepStatus>,
}

impl Running {
    fn new(pipeline: Pipeline, steps: &[usize], options: &RunOptions) -> Self {
        let selected: std::collections::HashSet<usize> = steps.iter().copied().collect();
        let graph = pipeline.graph();
        let upstream = |step: usize| {
            graph.nodes[step]
                .upstream
                .iter()
                .filter(|up| selected.contains(up))
                .count()
        };
        let waiting: HashMap<usize, usize> = steps.iter().map(|step| (*step, upstream(*step))).collect();
        Self {
            run: RunId::random(),
            emitter: Emitter(options.observers.clone().into()),
            force: options.force,
            max_concurrent: options.max_concurrent,
            inputs: SharedInputs::new(&pipeline, steps),
            overlap: Arc::default(),
            ready: steps.iter().copied().filter(|step| waiting[step] == 0).collect(),
            waiting,
            done: BTreeMap::new(),
            pipeline,
        }
    }

    async fn finish(mut self, steps: Vec<usize>) -> RunReport {
        let began = Instant::now();
        let keys = |step: &usize| self.pipeline.graph().nodes[*step].keys.clone();
        self.emitter.emit(|| Event::RunStarted {
            run: self.run.clone(),
            assets: steps.iter().flat_map(keys).collect(),
        });
        let mut running: JoinSet<(usize, StepStatus)> = JoinSet::new();
        let mut by_task = HashMap::new();
        loop {
            while running.len() < self.max_concurrent
                && let Some(step) = self.ready.pop_front()
            {
                let task = self.step(step);
                by_task.insert(running.spawn(async move { (step, task.run().await) }).id(), step);
            }
            let (step, status) = match running.join_next_with_id().await {
                None => break,
                Some(Ok((id, (step, status)))) => {
                    by_task.remove(&id);
                    (step, status)
                }
                // The step's own panics are caught inside; this is a defect of ours, or the runtime going down.
                Some(Err(error)) => {
                    let Some(step) = by_task.remove(&error.id()) else {
                        continue;
                    };
                    let error = Error::new(ErrorKind::Unexpected, format!("the step stopped: {error}"));
                    (step, StepStatus::Failed(Arc::new(error)))
                }
            };
            self.settle(step, status);
        }
        self.report(&steps, began)
    }

    fn step(&mut self, step: usize) -> Step {
        Step {
            pipeline: self.pipeline.clone(),
            index: step,
            run: self.run.clone(),
            emitter: self.emitter.clone(),
            force: self.force,
            inputs: self.inputs.take(step),
            overlap: Arc::clone(&self.overlap),
        }
    }

    /// A step ended: what waited for it becomes ready, or is skipped.
    fn settle(&mut self, step: usize, status: StepStatus) {
        let pipeline = self.pipeline.clone();
        let graph = pipeline.graph();
        let keys = graph.nodes[step].keys.clone();
        let succeeded = matches!(status, StepStatus::Succeeded(_));
        if let StepStatus::Failed(error) = &status {
            let error = Arc::clone(error);
            self.emitter.emit(|| Event::StepFailed {
                assets: keys.clone(),
                error,
            });
        }
        self.done.insert(step, status);
        for next in &graph.nodes[step].downstream {
            if succeeded {
                if let Some(waiting) = self.waiting.get_mut(next) {
                    *waiting -= 1;
                    if *waiting == 0 && !self.done.contains_key(next) {
                        self.ready.push_back(*next);
                    }
                }
            } else if let Some(because) = keys.first() {
                self.skip(*next, because);
            }
        }
    }

    fn skip(&mut self, first: usize, because: &AssetKey) {
        let mut open = vec![first];
        while let Some(step) = open.pop() {
            if !self.waiting.contains_key(&step) || self.done.contains_key(&step) {
                continue;
            }
            let node = &self.pipeline.graph().nodes[step];
            self.emitter.emit(|| Event::StepSkipped {
                assets: node.keys.clone(),
                because: because.clone(),
            });
            self.done.insert(
                step,
                StepStatus::Skipped {
                    because: because.clone(),
                },
            );
            // Its share of the inputs goes, so that they are dropped after their last real consumer.
            drop(self.inputs.take(step));
            open.extend(node.downstream.iter().copied());
        }
    }

    fn report(mut self, steps: &[usize], began: Instant) -> RunReport {
        let report = |step: &usize| {
            let status = self.done.remove(step)?;
            Some(StepReport {
                assets: self.pipeline.graph().nodes[*step].keys.clone(),
                status,
            })
        };
        let report = RunReport {
            run: self.run.clone(),
            steps: steps.iter().filter_map(report).collect(),
            duration: began.elapsed(),
        };
        let (counts, duration) = (report.counts(), report.duration);
        self.emitter.emit(|| Event::RunFinished {
            run: self.run.clone(),
            counts,
            duration,
        });
        report
    }
}
