//! One step: load, compute, stage everything, publish everything.

use super::inputs::{SharedInput, missing};
use super::{Overlap, Overlapping, StepStatus};
use crate::args::{Args, panicked};
use crate::context::AssetContext;
use crate::definitions::Pipeline;
use crate::event::{Emitter, Event, Materialization};
use crate::memory;
use crate::metered::{Meter, metered};
use futures_util::FutureExt;
use larder_io_core::{
    Arity, AssetKey, Error, ErrorKind, Form, Loaded, OutputContext, Precondition, Receipt, Result, RunId, Staged, Value,
};
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A step that can be run.
pub(crate) struct Step {
    pub(crate) pipeline: Pipeline,
    pub(crate) index: usize,
    pub(crate) run: RunId,
    pub(crate) emitter: Emitter,
    pub(crate) force: bool,
    pub(crate) inputs: Vec<Arc<SharedInput>>,
    pub(crate) overlap: Arc<Overlap>,
}

/// An output that is written but not published.
struct Written {
    key: AssetKey,
    /// `None` for Nothing.
    staged: Option<Box<dyn Staged>>,
    /// Time in the source of a stream.
    produced: Duration,
    /// Time in the manager.
    stored: Duration,
}

impl Step {
    pub(crate) async fn run(mut self) -> StepStatus {
        let keys = self.pipeline.graph().nodes[self.index].keys.clone();
        self.emitter.emit(|| Event::StepStarted { assets: keys.clone() });
        let overlapping = self.overlap.begin();
        // Asset code may panic, in its function or in the stream it returned: then this step fails, not the run.
        match AssertUnwindSafe(self.materialize(&keys, &overlapping))
            .catch_unwind()
            .await
        {
            Ok(Ok(made)) => StepStatus::Succeeded(made),
            Ok(Err(error)) => StepStatus::Failed(Arc::new(error)),
            Err(panic) => {
                let error = panicked(panic.as_ref());
                StepStatus::Failed(Arc::new(match keys.first() {
                    Some(key) => self.pipeline.explain_error(error, key, "compute"),
                    None => error,
                }))
            }
        }
    }

    async fn materialize(&mut self, keys: &[AssetKey], overlapping: &Overlapping) -> Result<Vec<Arc<Materialization>>> {
        let Some(first) = keys.first() else {
            return Ok(Vec::new());
        };
        let preconditions = self.preconditions(keys).await?;
        let context = Arc::new(AssetContext::new(first.clone(), self.run.clone(), self.emitter.clone()));
        let waited = Instant::now();
        let inputs = self.load(first).await?;
        let loading = waited.elapsed();
        let began = Instant::now();
        let args = Args {
            inputs,
            context: Arc::clone(&context),
            resources: Arc::clone(&self.pipeline.0.resources),
        };
        let function = self.pipeline.0.assets[self.index].function.clone();
        let function = function.ok_or_else(|| Error::new(ErrorKind::Unexpected, "an external asset was to be made"))?;
        let values = function(args)
            .await
            .map_err(|error| self.pipeline.explain_error(error, first, "compute"))?;
        let in_function = began.elapsed();
        self.emitter.emit(|| Event::Computed {
            assets: keys.to_vec(),
            duration: in_function,
        });
        let written = self.write_all(keys, values, preconditions).await?;
        let said = context.take();
        let common = Materialization {
            asset: first.clone(),
            partition: None,
            run: self.run.clone(),
            receipt: None,
            uri: None,
            version: None,
            compute: in_function.saturating_sub(said.load),
            load: loading + said.load,
            store: Duration::ZERO,
            peak_memory: None,
            overlapped: 0,
            metadata: said.metadata,
        };
        self.publish_all(written, &common, overlapping).await
    }

    /// What must still hold when the outputs are published: nobody else wrote since now.
    async fn preconditions(&self, keys: &[AssetKey]) -> Result<Vec<Precondition>> {
        let mut preconditions = Vec::with_capacity(keys.len());
        for key in keys {
            preconditions.push(
                self.precondition(key)
                    .await
                    .map_err(|error| self.pipeline.explain_error(error, key, "head"))?,
            );
        }
        Ok(preconditions)
    }

    async fn precondition(&self, key: &AssetKey) -> Result<Precondition> {
        if self.force || self.pipeline.stored(key)?.form == Form::Nothing {
            return Ok(Precondition::None);
        }
        let (manager, context) = self.pipeline.input(key)?;
        let current = match manager.head(&context).await {
            Ok(current) => current,
            // A damaged receipt must not keep anybody from replacing it.
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(Precondition::None),
            Err(error) => return Err(error),
        };
        if let Some(foreign) = current.as_ref().filter(|receipt| receipt.run.as_str().is_empty()) {
            let message = format!(
                "`{}` is there already and larder did not write it; move it away, or run with `--force` to replace it",
                foreign.location
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        match (manager.info().capabilities.preconditions, current) {
            (false, _) => Ok(Precondition::None),
            (true, None) => Ok(Precondition::Absent),
            (true, Some(receipt)) => Ok(Precondition::Unchanged(receipt.version)),
        }
    }

    async fn load(&mut self, asset: &AssetKey) -> Result<VecDeque<(String, Loaded)>> {
        let mut loaded = VecDeque::with_capacity(self.inputs.len());
        // Taken, so that this step's hold on a value ends when the function has it.
        for (position, shared) in std::mem::take(&mut self.inputs).into_iter().enumerate() {
            let spec = &self.pipeline.0.assets[self.index].inputs[position];
            let began = Instant::now();
            // `()` waits for the other asset and takes nothing of it.
            let value = match spec.forms.first() {
                Some(Form::Nothing) => Some(Value::Nothing),
                _ => shared.get(&self.pipeline, spec.access).await.map_err(|error| {
                    self.pipeline
                        .explain_error(error, &shared.key, "load")
                        .with_context("needed_by", asset)
                })?,
            };
            let (found, duration) = (value.is_some(), began.elapsed());
            self.emitter.emit(|| Event::InputLoaded {
                asset: asset.clone(),
                input: shared.key.clone(),
                missing: !found,
                duration,
            });
            let value = match value {
                Some(value) => Loaded::One(value),
                None if spec.arity == Arity::Maybe => Loaded::Missing,
                None => {
                    let external = self.pipeline.info(&shared.key).is_ok_and(|info| info.external);
                    let error = missing(&shared.key, external);
                    return Err(self
                        .pipeline
                        .explain_error(error, &shared.key, "load")
                        .with_context("needed_by", asset));
                }
            };
            loaded.push_back((spec.argument.clone(), value));
        }
        Ok(loaded)
    }

    /// Stages every output before any is published, so that a failure among them leaves all old values.
    async fn write_all(
        &self,
        keys: &[AssetKey],
        values: Vec<Value>,
        preconditions: Vec<Precondition>,
    ) -> Result<Vec<Written>> {
        let mut all: Vec<Written> = Vec::with_capacity(keys.len());
        for ((key, value), precondition) in keys.iter().zip(values).zip(preconditions) {
            match self.write(key, value, precondition).await {
                Ok(written) => all.push(written),
                Err(error) => {
                    discard(&mut all).await;
                    return Err(self.pipeline.explain_error(error, key, "store"));
                }
            }
        }
        Ok(all)
    }

    async fn write(&self, key: &AssetKey, value: Value, precondition: Precondition) -> Result<Written> {
        let promised = self.pipeline.stored(key)?.form;
        if value.form() != promised {
            let message = format!(
                "the asset promised a value of form {promised} and returned one of form {}",
                value.form()
            );
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
        if promised == Form::Nothing {
            return Ok(Written {
                key: key.clone(),
                staged: None,
                produced: Duration::ZERO,
                stored: Duration::ZERO,
            });
        }
        let value = self.pipeline.conforming(key, value, ErrorKind::InvalidDefinition)?;
        let meter = Arc::new(Meter::default());
        let value = metered(value, &meter);
        self.emitter.emit(|| Event::StoreStarted {
            asset: key.clone(),
            progress: Arc::clone(&meter.progress),
        });
        let (manager, mut context): (_, OutputContext) = self.pipeline.output(key, self.run.clone())?;
        context.precondition = precondition;
        let began = Instant::now();
        let staged = manager.stage(&context, &value).await?;
        let stored = began.elapsed().saturating_sub(meter.produced());
        Ok(Written {
            key: key.clone(),
            staged: Some(staged),
            produced: meter.produced(),
            stored,
        })
    }

    async fn publish_all(
        &self,
        mut written: Vec<Written>,
        common: &Materialization,
        overlapping: &Overlapping,
    ) -> Result<Vec<Arc<Materialization>>> {
        let mut made = Vec::with_capacity(written.len());
        for index in 0..written.len() {
            let began = Instant::now();
            let output = &mut written[index];
            let published: Result<Option<Receipt>> = match &mut output.staged {
                Some(staged) => staged.publish().await.map(Some),
                None => Ok(None),
            };
            let receipt = match published {
                Ok(receipt) => receipt,
                Err(error) => {
                    let key = output.key.clone();
                    discard(&mut written[index..]).await;
                    return Err(self.pipeline.explain_error(conflict_advice(error), &key, "publish"));
                }
            };
            let materialization = Arc::new(Materialization {
                asset: output.key.clone(),
                uri: receipt.as_ref().map(|receipt| receipt.uri.clone()),
                version: receipt.as_ref().map(|receipt| receipt.version.to_string()),
                receipt,
                compute: common.compute + output.produced,
                store: output.stored + began.elapsed(),
                peak_memory: memory::peak(),
                overlapped: overlapping.others(),
                ..common.clone()
            });
            self.emitter.emit(|| Event::Materialized(Arc::clone(&materialization)));
            made.push(materialization);
        }
        Ok(made)
    }
}

/// Removes what was staged. The error that led here is the one to tell; `gc` finds what stays.
async fn discard(written: &mut [Written]) {
    for output in written {
        if let Some(staged) = &mut output.staged {
            let _ = staged.discard().await;
        }
    }
}

fn conflict_advice(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict => {
            let message = format!(
                "{}; somebody else materialized the asset while this run computed it, and their value stays; run again, or with `--force` to replace it",
                error.message()
            );
            Error::new(ErrorKind::Conflict, message)
        }
        _ => error,
    }
}
