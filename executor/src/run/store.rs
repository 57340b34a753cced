//! The outputs of a call: everything is staged before anything is published.

use super::each::{each, try_each};
use super::fresh::Sources;
use super::shelf::Offer;
use super::step::Step;
use crate::definitions::AT_ONCE;
use crate::event::Event;
use crate::hook::Moment;
use crate::lifecycle::unchanged;
use crate::metered::metered;
use larder_catalog::InputVersions;
use larder_io_core::{
    AssetKey, Error, ErrorKind, Form, Made, OutputContext, PartitionKey, Precondition, Result, Staged, Value,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where a value goes, and what must still hold when it is published: nobody else wrote since the call began.
pub(super) type Places = HashMap<(AssetKey, Option<PartitionKey>), Precondition>;

/// A value that is to be written.
pub(super) struct Output {
    key: AssetKey,
    partition: Option<PartitionKey>,
    value: Value,
    precondition: Precondition,
}

impl Output {
    pub(super) fn key(&self) -> &AssetKey {
        &self.key
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// An output that is written but not published.
pub(super) struct Written {
    pub(super) key: AssetKey,
    pub(super) partition: Option<PartitionKey>,
    pub(super) sources: Arc<Vec<InputVersions>>,
    pub(super) fingerprint: Option<String>,
    /// A copy for the catalogue.
    pub(super) inline: Option<Vec<u8>>,
    #[cfg(feature = "arrow")]
    pub(super) schema: Option<arrow_schema::SchemaRef>,
    pub(super) value_bytes: Option<u64>,
    #[cfg(feature = "arrow")]
    pub(super) facts: Option<Box<crate::table_facts::TableFacts>>,
    /// `None` for Nothing.
    pub(super) staged: Option<Box<dyn Staged>>,
    /// For those in this run that take it.
    pub(super) offer: Option<Offer>,
    /// Time in the source of a stream.
    pub(super) produced: Duration,
    /// Time in the manager.
    pub(super) stored: Duration,
}

impl Step {
    /// Looks at every place that will be written.
    pub(super) async fn places(&self, keys: &[AssetKey]) -> Result<Places> {
        let mut wanted = Vec::new();
        for key in keys {
            match &self.partitions {
                None => wanted.push((key.clone(), None)),
                Some(set) => wanted.extend(set.iter().map(|partition| (key.clone(), Some(partition)))),
            }
        }
        let look_at = |(key, partition): (AssetKey, Option<PartitionKey>)| async move {
            let precondition = self.precondition(&key, partition.as_ref()).await;
            let precondition = precondition.map_err(|error| self.about(error, &key, partition.as_ref(), "head"))?;
            Ok(((key, partition), precondition))
        };
        try_each(wanted, AT_ONCE, look_at).await.map(Places::from_iter)
    }

    pub(super) fn about(
        &self,
        error: Error,
        key: &AssetKey,
        partition: Option<&PartitionKey>,
        operation: &'static str,
    ) -> Error {
        let error = match partition {
            Some(partition) => error.with_context("partition", partition),
            None => error,
        };
        self.explain(error, key, operation)
    }

    async fn precondition(&self, key: &AssetKey, partition: Option<&PartitionKey>) -> Result<Precondition> {
        if self.force || self.pipeline.stored(key)?.form == Form::Nothing {
            return Ok(Precondition::None);
        }
        let (manager, context) = self.pipeline.input_of(key, partition)?;
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
        Ok(unchanged(manager.as_ref(), current.as_ref()))
    }

    /// Gives every value its place.
    ///
    /// # Errors
    /// `InvalidDefinition` for a value of a partition that was not asked for, and a partition without a value.
    pub(super) fn outputs(&self, keys: &[AssetKey], made: Vec<Made>, mut places: Places) -> Result<Vec<Output>> {
        let mut outputs = Vec::with_capacity(places.len());
        for (key, made) in keys.iter().zip(made) {
            let values: Vec<(Option<PartitionKey>, Value)> = match (made, &self.partitions) {
                (Made::One(value), None) => vec![(None, value)],
                (Made::One(value), Some(set)) if set.len() == 1 => vec![(set.first(), value)],
                (Made::One(_), Some(set)) => {
                    let message = format!(
                        "one value was returned for {} partitions: return `Partitions<T>` for all outputs or for none",
                        set.len()
                    );
                    return Err(Error::new(ErrorKind::InvalidDefinition, message));
                }
                (Made::Many(values), _) => values.into_iter().map(|(key, value)| (Some(key), value)).collect(),
            };
            for (partition, value) in values {
                let place = (key.clone(), partition);
                let Some(precondition) = places.remove(&place) else {
                    let (_, partition) = place;
                    let given = partition.map(|key| key.to_string()).unwrap_or_default();
                    let asked = self.partitions.as_ref().map(ToString::to_string).unwrap_or_default();
                    let message = format!(
                        "a value of the partition `{given}` was returned, and {asked} was asked for; `ctx.partitions()` says what is asked for"
                    );
                    return Err(Error::new(ErrorKind::InvalidDefinition, message));
                };
                let (key, partition) = place;
                outputs.push(Output {
                    key,
                    partition,
                    value,
                    precondition,
                });
            }
        }
        match places.into_keys().min() {
            Some((key, Some(partition))) => {
                let message = format!(
                    "no value of the partition `{partition}` of `{key}` was returned; return an empty one where there is nothing"
                );
                Err(Error::new(ErrorKind::InvalidDefinition, message))
            }
            _ => Ok(outputs),
        }
    }

    /// Stages every output before any is published, so that a failure among them leaves all old values.
    pub(super) async fn write_all(&self, outputs: Vec<Output>, sources: &Sources) -> Result<Vec<Written>> {
        let stop = AtomicBool::new(false);
        let write = |output: Output| async {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let (key, partition) = (output.key.clone(), output.partition.clone());
            let written = self.write(output, sources).await.map(Some);
            written.map_err(|error| {
                stop.store(true, Ordering::Relaxed);
                self.about(error, &key, partition.as_ref(), "store")
            })
        };
        let (mut all, mut failed) = (Vec::with_capacity(outputs.len()), None);
        // After a failure the rest is let finish, so that it can be discarded.
        for written in each(outputs, self.at_once(), write).await {
            match written {
                Ok(written) => all.extend(written),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => {
                discard(&mut all).await;
                Err(error)
            }
            None => Ok(all),
        }
    }

    async fn write(&self, output: Output, sources: &Sources) -> Result<Written> {
        let Output {
            key,
            partition,
            value,
            precondition,
        } = output;
        let sources = sources.get(&partition).cloned().unwrap_or_default();
        let fingerprint = match self.traces {
            true => self.fingerprint_of(&key, &sources),
            false => None,
        };
        let promised = self.pipeline.stored(&key)?.form;
        if value.form() != promised {
            let message = format!(
                "the asset promised a value of form {promised} and returned one of form {}",
                value.form()
            );
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
        if promised == Form::Nothing {
            return Ok(Written {
                key,
                partition,
                sources,
                fingerprint,
                inline: None,
                #[cfg(feature = "arrow")]
                schema: None,
                value_bytes: None,
                #[cfg(feature = "arrow")]
                facts: None,
                staged: None,
                offer: None,
                produced: Duration::ZERO,
                stored: Duration::ZERO,
            });
        }
        self.hook(Moment::BeforeStore, |of| of.subject = Some(key.clone()))
            .await;
        let value = self.pipeline.conforming(&key, value, ErrorKind::InvalidDefinition)?;
        #[cfg_attr(not(feature = "arrow"), expect(unused_variables))]
        let (value, target) = self.pipeline.described(&key, value).await?;
        let offer = self.offer(&key, &value);
        let inline = self.inlines.then(|| self.pipeline.inline_copy(&key, &value)).flatten();
        #[cfg(feature = "arrow")]
        let schema = match &value {
            Value::Table(source) => Some(source.schema()),
            _ => target.and_then(|facts| facts.schema),
        };
        let meter = self.meter();
        let value = metered(value, &meter);
        self.emitter.emit(|| Event::StoreStarted {
            asset: key.clone(),
            partition: partition.clone(),
            progress: Arc::clone(&meter.progress),
        });
        let (manager, mut context): (_, OutputContext) =
            self.pipeline.output_of(&key, partition.as_ref(), self.run.clone())?;
        context.precondition = precondition;
        context.code_version = self.code();
        context.fingerprint.clone_from(&fingerprint);
        context.keep_for_checks = !self.pipeline.0.checks.of(&key).is_empty();
        let began = Instant::now();
        let staged = manager.stage(&context, &value).await?;
        #[cfg(feature = "arrow")]
        let facts = meter.facts(&value, staged.receipt().rows);
        meter.stop();
        let stored = began.elapsed().saturating_sub(meter.produced());
        Ok(Written {
            key,
            partition,
            sources,
            fingerprint,
            inline,
            #[cfg(feature = "arrow")]
            schema,
            value_bytes: self.value_bytes(&meter, &value),
            #[cfg(feature = "arrow")]
            facts,
            staged: Some(staged),
            offer,
            produced: meter.produced(),
            stored,
        })
    }

    /// Outputs of several assets go one after another: a failure leaves the old values of the rest.
    pub(super) fn at_once(&self) -> usize {
        if self.partitions.is_some() { AT_ONCE } else { 1 }
    }
}

/// Removes what was staged. The error that led here is the one to tell; `gc` finds what stays.
pub(super) async fn discard(written: &mut [Written]) {
    for output in written {
        if let Some(staged) = &mut output.staged {
            let _ = staged.discard().await;
        }
    }
}
