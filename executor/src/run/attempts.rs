//! Computing again what failed: the asset's own failures, never those of its storage.

use super::fresh::Sources;
use super::overlap::Overlapping;
use super::step::{Place, Step};
use crate::args::panicked;
use crate::event::{Event, Materialization};
use crate::policy::RetryPolicy;
use futures_util::FutureExt;
use larder_io_core::{AssetKey, Error, ErrorKind, Result, Retry, duration};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Whether computing again may help. What the storage refused was tried again below, and is not computed for.
fn again(error: &Error) -> bool {
    let computing = error.context("operation") == Some("compute");
    match error.kind() {
        ErrorKind::AssetFailed => true,
        ErrorKind::Cancelled => false,
        _ => computing && error.retry() != Retry::Never,
    }
}

/// How often a step is computed, and how long each attempt may take.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    pub(super) retry: RetryPolicy,
    pub(super) timeout: Option<Duration>,
}

impl Step {
    /// Attempts until one succeeds, its failure is final, or they or their time are used up. What was published goes into `made`.
    pub(super) async fn attempts(
        &mut self,
        keys: &[AssetKey],
        sources: &Sources,
        overlapping: &Overlapping,
        made: &mut Vec<Arc<Materialization>>,
    ) -> Result<()> {
        let (began, mut delays) = (Instant::now(), self.patience.retry.delays());
        let mut inputs = match self.patience.retry.attempts {
            // The step's hold on them ends when the function has them.
            0 | 1 => None,
            _ => Some(self.inputs.clone()),
        };
        for attempt in 1.. {
            let Err(error) = self.attempt(keys, sources, overlapping, made).await else {
                return Ok(());
            };
            let error = error.with_attempts(attempt);
            self.left_of(keys, made)?;
            let delay = delays.next().filter(|delay| {
                let soon_enough = began.elapsed() + *delay <= self.patience.retry.deadline;
                again(&error) && soon_enough
            });
            let (Some(delay), Some(kept)) = (delay, &mut inputs) else {
                return Err(error);
            };
            self.inputs.clone_from(kept);
            let error = Arc::new(error);
            self.emitter.emit(|| Event::StepRetried {
                assets: keys.to_vec(),
                partitions: self.partitions.clone(),
                attempt,
                delay,
                error: Arc::clone(&error),
            });
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    async fn attempt(
        &mut self,
        keys: &[AssetKey],
        sources: &Sources,
        overlapping: &Overlapping,
        made: &mut Vec<Arc<Materialization>>,
    ) -> Result<()> {
        let (timeout, pipeline, index) = (self.patience.timeout, self.pipeline.clone(), self.index);
        let work = async {
            match &self.place {
                Place::Elsewhere(processes) => {
                    let processes = Arc::clone(processes);
                    // What it takes is loaded there.
                    self.inputs.clear();
                    self.elsewhere(keys, sources, &processes, made).await
                }
                _ => self.make(keys, sources, overlapping, made).await,
            }
        };
        // Asset code may panic, in its function or in the stream it returned.
        let work = AssertUnwindSafe(work).catch_unwind().map(|done| {
            done.unwrap_or_else(|panic| {
                let error = panicked(panic.as_ref());
                let first = pipeline.graph().nodes[index].keys.first();
                Err(match first {
                    Some(key) => pipeline.explain_error(error, key, "compute"),
                    None => error,
                })
            })
        });
        let Some(most) = timeout else { return work.await };
        match tokio::time::timeout(most, work).await {
            Ok(done) => done,
            Err(_) => {
                let message = format!(
                    "the step took longer than its timeout of {}; give it more time, or less to do",
                    duration::text(most)
                );
                let error = Error::new(ErrorKind::Timeout, message);
                Err(match keys.first() {
                    Some(key) => self.explain(error, key, "compute"),
                    None => error,
                })
            }
        }
    }
}
