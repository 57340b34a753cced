//! One call of a function: load, compute, stage everything, publish everything.

use super::StepStatus;
use super::ahead::{Ahead, Computed};
use super::attempts::Patience;
use super::check::AllEarlier;
use super::fresh::Sources;
use super::inputs::SharedInput;
use super::measured::Tries;
use super::outcome::Outcome;
use super::overlap::{Overlap, Overlapping};
use super::process::{Processes, Teller};
use crate::args::{Args, Resources, panicked};
use crate::context::AssetContext;
use crate::definitions::Pipeline;
use crate::event::{Emitter, Event, Materialization};
use crate::freshness::{Known, Recompute, Recorder};
use crate::hook::Moment;
use crate::measures::Measures;
use crate::plan::Follows;
use crate::resource::Held;
use futures_util::FutureExt;
use larder_io_core::{AssetKey, Error, ErrorKind, Result, RunId};
use larder_partitions::PartitionSet;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// How the inputs of each step follow, by their position.
pub(super) type AllFollows = HashMap<usize, Vec<Option<Follows>>>;

/// A call that can be made.
pub(super) struct Step {
    pub(super) pipeline: Pipeline,
    pub(super) index: usize,
    /// What was asked for; `None` for an asset without partitions.
    pub(super) asked: Option<PartitionSet>,
    /// What of that is made.
    pub(super) partitions: Option<PartitionSet>,
    pub(super) outcome: Arc<Outcome>,
    pub(super) follows: Arc<AllFollows>,
    pub(super) run: RunId,
    pub(super) emitter: Emitter,
    pub(super) force: bool,
    pub(super) recompute: Recompute,
    pub(super) build_id: Option<Arc<str>>,
    pub(super) known: Arc<Known>,
    pub(super) recorder: Recorder,
    /// What the run opened.
    pub(super) held: Arc<Held>,
    /// What the function may ask for: ready, or opened by the run.
    pub(super) resources: Arc<Resources>,
    /// Whether anybody asks what values are computed from.
    pub(super) traces: bool,
    /// Whether the catalogue keeps copies of small values.
    pub(super) inlines: bool,
    pub(super) inputs: Vec<Arc<SharedInput>>,
    /// Where it puts those of its values that others in this run take from memory.
    pub(super) offers: Vec<Arc<SharedInput>>,
    /// Where it tells that they are there, if others may begin before they are published.
    pub(super) computed: Option<Computed>,
    /// What it takes that was not published when it began.
    pub(super) ahead: Vec<Ahead>,
    /// The asset of those that was not.
    pub(super) lost: Option<AssetKey>,
    pub(super) overlap: Arc<Overlap>,
    pub(super) place: Place,
    pub(super) patience: Patience,
    /// The values before, where this process was told of them and has no catalogue.
    pub(super) earlier: Option<AllEarlier>,
    pub(super) tries: Tries,
}

/// Where a call is made.
#[derive(Clone)]
pub(super) enum Place {
    /// In the process of the run.
    Here,
    /// In a process of its own.
    Elsewhere(Arc<Processes>),
    /// This is that process.
    ProcessOf(Arc<Teller>),
}

impl Step {
    /// How it ended, and for which partitions it failed.
    pub(super) async fn run(mut self: Box<Self>) -> (StepStatus, Option<PartitionSet>) {
        let keys = self.pipeline.graph().nodes[self.index].keys.clone();
        let overlapping = self.overlap.begin();
        let span = tracing::debug_span!(
            "step",
            assets = keys.first().map(tracing::field::display),
            partitions = self.partitions.as_ref().map(tracing::field::display),
            run = %self.run,
        );
        // Asset code may panic, in its function or in the stream it returned: then this step fails, not the run.
        let status = match AssertUnwindSafe(self.materialize(&keys, &overlapping))
            .catch_unwind()
            .instrument(span)
            .await
        {
            Ok(Ok(Some(made))) => {
                self.hook(Moment::AfterStep, |_| {}).await;
                return (StepStatus::Succeeded(made), self.partitions);
            }
            Ok(Ok(None)) => {
                self.emitter.emit(|| Event::StepFresh {
                    assets: keys.clone(),
                    partitions: self.asked.clone(),
                });
                return (StepStatus::Fresh, self.asked);
            }
            Ok(Err(error)) => error,
            Err(panic) => {
                let error = panicked(panic.as_ref(), "asset");
                match keys.first() {
                    Some(key) => self.explain(error, key, "compute"),
                    None => error,
                }
            }
        };
        if let Some(because) = self.lost {
            return (StepStatus::Skipped { because }, self.partitions);
        }
        self.recorder
            .failed(&self.run, &keys, self.partitions.as_ref(), &status);
        let error = Arc::new(status);
        self.outcome.failed(&error);
        // What was stopped with its run has not failed by itself.
        if error.kind() == ErrorKind::Cancelled {
            return (StepStatus::Failed(error), self.partitions);
        }
        self.hook(Moment::OnFailure, |of| of.error = Some(Arc::clone(&error)))
            .await;
        (StepStatus::Failed(error), self.partitions)
    }

    /// What an error is about, the partition included when there is one.
    pub(super) fn explain(&self, error: Error, key: &AssetKey, operation: &'static str) -> Error {
        let error = self.pipeline.explain_error(error, key, operation);
        match &self.partitions {
            Some(partitions) => error.with_context("partition", partitions),
            None => error,
        }
    }

    /// `None` when everything is as it would be made again.
    async fn materialize(
        &mut self,
        keys: &[AssetKey],
        overlapping: &Overlapping,
    ) -> Result<Option<Vec<Arc<Materialization>>>> {
        let Some(first) = keys.first() else {
            return Ok(Some(Vec::new()));
        };
        let mut sources = Sources::new();
        if self.traces {
            sources = self
                .sources()
                .await
                .map_err(|error| error.with_context("needed_by", first))?;
            if !self.narrow(keys, &sources).await? {
                return Ok(None);
            }
            if let Some(left) = &self.partitions {
                self.outcome.narrowed(left.clone());
            }
        }
        self.emitter.emit(|| Event::StepStarted {
            assets: keys.to_vec(),
            partitions: self.partitions.clone(),
        });
        self.recorder.step_started(&self.run, keys, self.partitions.as_ref());
        self.hook(Moment::BeforeStep, |_| {}).await;
        self.open_resources(first).await?;
        self.attempts(keys, &sources, overlapping).await?;
        Ok(Some(self.outcome.made()))
    }

    /// The whole of a process that was started for this step.
    pub(super) async fn serve(&mut self, sources: &Sources) -> Result<()> {
        let keys = self.pipeline.graph().nodes[self.index].keys.clone();
        let overlapping = self.overlap.begin();
        if let Some(first) = keys.first() {
            self.open_resources(first).await?;
        }
        self.attempts(&keys, sources, &overlapping).await
    }

    /// Has the run open what the function takes. It is no attempt at the step: neither is it counted, nor its time.
    async fn open_resources(&mut self, first: &AssetKey) -> Result<()> {
        let wanted = &self.pipeline.0.assets[self.index].resources;
        // A process opens what it needs itself.
        if matches!(self.place, Place::Elsewhere(_)) || !self.held.opens(wanted) {
            return Ok(());
        }
        if let Place::ProcessOf(teller) = &self.place {
            teller.waits(true);
        }
        let opened = self.held.of(wanted).await;
        if let Place::ProcessOf(teller) = &self.place {
            teller.waits(false);
        }
        self.resources = opened.map_err(|error| {
            let error = error.with_context("asset", first);
            match &self.partitions {
                Some(partitions) => error.with_context("partition", partitions),
                None => error,
            }
        })?;
        Ok(())
    }

    /// Loads, computes, stages everything, publishes everything.
    pub(super) async fn make(&mut self, keys: &[AssetKey], sources: &Sources, overlapping: &Overlapping) -> Result<()> {
        let Some(first) = keys.first() else { return Ok(()) };
        let memory_before = self.memory_before();
        let places = self.places(keys).await?;
        let context = Arc::new(AssetContext::new(
            first.clone(),
            self.partitions.clone(),
            self.run.clone(),
            self.emitter.clone(),
        ));
        let waited = Instant::now();
        let inputs = self.load(first).await?;
        let loading = waited.elapsed();
        let began = Instant::now();
        let args = Args {
            inputs,
            context: Arc::clone(&context),
            resources: Arc::clone(&self.resources),
        };
        let function = self.pipeline.0.assets[self.index].function.clone();
        let function = function.ok_or_else(|| Error::new(ErrorKind::Unexpected, "an external asset was to be made"))?;
        let made = function(args)
            .await
            .map_err(|error| self.explain(error, first, "compute"))?;
        let in_function = began.elapsed();
        self.emitter.emit(|| Event::Computed {
            assets: keys.to_vec(),
            partitions: self.partitions.clone(),
            duration: in_function,
        });
        let outputs = self
            .outputs(keys, made, places)
            .map_err(|error| self.explain(error, first, "compute"))?;
        self.hand_over(&outputs)
            .map_err(|error| self.explain(error, first, "compute"))?;
        let written = match self.ahead.is_empty() {
            true => self.write_all(outputs, sources).await?,
            false => {
                let sources = self.caught_up(sources).await?;
                self.write_all(outputs, &sources).await?
            }
        };
        let checking = Instant::now();
        let written = self.check_all(written).await?;
        let checked = keys.iter().any(|key| !self.pipeline.0.checks.of(key).is_empty());
        let check = match checked && self.observed() {
            true => checking.elapsed(),
            false => Duration::ZERO,
        };
        let said = context.take();
        // Of one call for many partitions each has its share.
        let calls = self.partitions.as_ref().map_or(1, |set| set.len().max(1));
        let share = |whole: Duration| whole / u32::try_from(calls).unwrap_or(u32::MAX);
        let common = Materialization {
            asset: first.clone(),
            partition: None,
            run: self.run.clone(),
            receipt: None,
            uri: None,
            version: None,
            compute: share(in_function.saturating_sub(said.load)),
            load: share(loading + said.load),
            store: Duration::ZERO,
            peak_memory: None,
            overlapped: 0,
            measures: Measures {
                memory_before,
                check,
                ..Measures::default()
            },
            metadata: said.metadata,
            #[cfg(feature = "arrow")]
            schema: None,
        };
        self.outcome.begins_to_publish();
        if let Place::ProcessOf(teller) = &self.place {
            teller.publishing();
        }
        self.publish_all(written, &common, overlapping).await
    }
}
