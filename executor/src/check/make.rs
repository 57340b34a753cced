//! Making a check of one value.

use super::resolve::Resolved;
use super::result::{CheckResult, Checked, Earlier};
use crate::args::{Args, Resources, panicked};
use crate::context::AssetContext;
use crate::definitions::{AT_ONCE, AssetPartition, Pipeline};
use crate::event::Emitter;
use crate::reference::Wanted;
use crate::resource::Held;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{Arity, Error, ErrorKind, Loaded, Result, RunId, Value};
use larder_partitions::PartitionSet;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// The value that is checked: which it is, and what checks are told besides.
pub(crate) struct Subject {
    pub(crate) of: AssetPartition,
    /// The partition as a set, for the context.
    pub(crate) partitions: Option<PartitionSet>,
    /// Of the value; a look at what is published is in no run.
    pub(crate) run: Option<RunId>,
    /// What was opened for it.
    pub(crate) held: Arc<Held>,
    pub(crate) emitter: Emitter,
    /// Or why nobody can tell.
    pub(crate) earlier: Result<Arc<[Earlier]>>,
}

impl Pipeline {
    /// Makes every check of a value, and answers in the order of the definitions. A check that fails or panics could not tell: the value does not pass it.
    pub(crate) async fn make_checks(&self, subject: &Subject, value: &Result<Value>) -> Vec<Arc<Checked>> {
        let checks = self.0.checks.of(&subject.of.asset);
        let made = checks
            .iter()
            .map(|check| self.make_check(check, subject, value).boxed());
        // Gathered first: the compiler cannot tell for a lazy stream of them that it may go to another thread.
        let made: Vec<BoxFuture<'_, Arc<Checked>>> = made.collect();
        stream::iter(made).buffered(AT_ONCE).collect().await
    }

    async fn make_check(&self, resolved: &Resolved, subject: &Subject, value: &Result<Value>) -> Arc<Checked> {
        let check = &resolved.check;
        // Not of its time.
        let resources = subject.held.of(&check.resources).await;
        let began = Instant::now();
        let told = AssertUnwindSafe(self.ask(resolved, subject, value, resources))
            .catch_unwind()
            .await;
        let told = match told {
            Ok(told) => told,
            Err(panic) => Err(panicked(panic.as_ref(), "check")),
        };
        let told = told.unwrap_or_else(|error| {
            let mut message = format!("it could not be made: {}", error.message());
            for cause in crate::json::causes(&error) {
                message.push_str(": ");
                message.push_str(&cause);
            }
            CheckResult::failed(message)
        });
        Arc::new(Checked {
            asset: subject.of.asset.clone(),
            partition: subject.of.partition.clone(),
            run: subject.run.clone(),
            name: check.name.clone(),
            passed: told.passed,
            severity: told.severity.unwrap_or(check.severity),
            blocking: check.blocking,
            message: told.message,
            metadata: told.metadata,
            duration: began.elapsed(),
        })
    }

    async fn ask(
        &self,
        resolved: &Resolved,
        subject: &Subject,
        value: &Result<Value>,
        resources: Result<Arc<Resources>>,
    ) -> Result<CheckResult> {
        let (check, resources) = (&resolved.check, resources?);
        let mut inputs = VecDeque::with_capacity(check.inputs.len());
        if let Some(first) = check.inputs.first() {
            let value = value.as_ref().map_err(Error::copied)?.clone();
            let value = self.follow(&subject.of.asset, value, Wanted::by(first)).await?;
            inputs.push_back((first.argument.clone(), Loaded::One(value)));
        }
        for ((argument, key), input) in resolved.others.iter().zip(check.inputs.iter().skip(1)) {
            let loaded = match (self.load_for(&key.into(), Wanted::by(input)).await?, input.arity) {
                (Some(value), _) => Loaded::One(value),
                (None, Arity::Maybe) => Loaded::Missing,
                (None, _) => {
                    let message = format!("nothing is stored for `{key}`, which it takes");
                    return Err(Error::new(ErrorKind::NotFound, message));
                }
            };
            inputs.push_back((argument.clone(), loaded));
        }
        let run = subject.run.clone().unwrap_or_else(RunId::random);
        let context = AssetContext::new(
            subject.of.asset.clone(),
            subject.partitions.clone(),
            run,
            subject.emitter.clone(),
        );
        let earlier = match (&subject.earlier, check.history) {
            (Ok(earlier), _) => Arc::clone(earlier),
            (Err(error), 1..) => return Err(error.copied()),
            (Err(_), 0) => Arc::default(),
        };
        let args = Args {
            inputs,
            context: Arc::new(context.with_history(earlier)),
            resources,
        };
        (check.function)(args).await
    }

    /// The values before the one that is checked, the newest first; none without a catalogue. One that is published is the newest itself.
    pub(crate) async fn earlier(&self, of: &AssetPartition, published: bool) -> Result<Arc<[Earlier]>> {
        let wanted = self.0.checks.history(&of.asset);
        let Some(catalog) = self.catalog().filter(|_| wanted > 0) else {
            return Ok(Arc::default());
        };
        let itself = usize::from(published);
        let partition = Some(of.partition.as_ref());
        let entries = catalog.materializations(&of.asset, partition, wanted + itself).await?;
        let earlier: Vec<Earlier> = entries
            .into_iter()
            .skip(itself)
            .map(|entry| Earlier {
                at: entry.at,
                run: entry.run,
                rows: entry.receipt.as_ref().and_then(|receipt| receipt.rows),
                bytes: entry.receipt.as_ref().map(|receipt| receipt.bytes),
            })
            .collect();
        Ok(earlier.into())
    }

    /// The partition of a value as a set of one.
    pub(crate) fn as_set(among: Option<&PartitionSet>, of: &AssetPartition) -> Result<Option<PartitionSet>> {
        match (among, &of.partition) {
            (Some(set), Some(partition)) => set.keyspace().set([partition]).map(Some),
            _ => Ok(None),
        }
    }
}

/// Values that one error names at most.
const NAMED: usize = 5;

/// The error of values that blocking checks keep back.
pub(crate) fn blocked(failed: &[Arc<Checked>]) -> Error {
    let mut texts: Vec<String> = Vec::new();
    for checked in failed.iter().take(NAMED) {
        let of = match &checked.partition {
            Some(partition) => format!("`{}` of {partition}", checked.asset),
            None => format!("`{}`", checked.asset),
        };
        texts.push(format!("{of} {}", checked.text()));
    }
    if let Some(more) = failed.len().checked_sub(NAMED).filter(|more| *more > 0) {
        texts.push(format!("{more} more"));
    }
    let message = format!(
        "{}; nothing of this call is published, old values stay",
        texts.join("; and ")
    );
    Error::new(ErrorKind::InvalidData, message)
}
