//! Computing again what failed: the asset's own failures, never those of its storage, and nothing that may have been published.

use super::ending::after;
use super::fresh::Sources;
use super::overlap::Overlapping;
use super::step::{Place, Step};
use super::stop::cancelled;
use crate::args::panicked;
use crate::event::Event;
use crate::policy::RetryPolicy;
use futures_util::FutureExt;
use larder_io_core::{AssetKey, Error, ErrorKind, Result, Retry, duration};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Whether computing again may help. What the storage refused was tried again below, and is not computed for; so was the opening of a resource.
fn again(error: &Error) -> bool {
    let computing = error.context("operation") == Some("compute");
    match error.kind() {
        _ if error.context("operation") == Some("open") && error.context("resource").is_some() => false,
        ErrorKind::AssetFailed => true,
        ErrorKind::Cancelled => false,
        _ => computing && error.retry() != Retry::Never,
    }
}

/// The error of a step that was stopped at its timeout.
pub(super) fn took_too_long(most: Duration) -> Error {
    let message = format!(
        "the step took longer than its timeout of {}; give it more time, or less to do",
        duration::text(most)
    );
    Error::new(ErrorKind::Timeout, message)
}

/// Waits until a run is over before its end; for ever without a word of that.
async fn run_over(over: Option<watch::Receiver<()>>) {
    match over {
        Some(mut over) => drop(over.changed().await),
        None => std::future::pending().await,
    }
}

/// How often a step is computed, and how long each attempt may take.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    pub(super) retry: RetryPolicy,
    pub(super) timeout: Option<Duration>,
}

impl Step {
    /// Attempts until one succeeds, its failure is final, or they or their time are used up. One that began to publish is the last.
    pub(super) async fn attempts(
        &mut self,
        keys: &[AssetKey],
        sources: &Sources,
        overlapping: &Overlapping,
    ) -> Result<()> {
        let (began, mut delays) = (Instant::now(), self.patience.retry.delays());
        let inputs = match self.patience.retry.attempts {
            // The step's hold on them ends when the function has them.
            0 | 1 => Vec::new(),
            _ => self.inputs.clone(),
        };
        for attempt in 1.. {
            self.tries.attempt = attempt;
            self.tries.lost = if attempt > 1 { began.elapsed() } else { Duration::ZERO };
            let Err(error) = self.attempt(keys, sources, overlapping).await else {
                return Ok(());
            };
            // A process may be lost after it had done everything.
            if self.outcome.publishing() && self.outcome.complete(keys) {
                return Ok(());
            }
            let attempts = error.attempts().max(attempt);
            let error = error.with_attempts(attempts);
            self.partitions = self.outcome.left(keys);
            let asked = match error.retry() {
                Retry::After(Some(asked)) => asked,
                _ => Duration::ZERO,
            };
            let delay = delays.next().map(|delay| delay.max(asked)).filter(|delay| {
                let soon_enough = began.elapsed() + *delay <= self.patience.retry.deadline;
                again(&error) && soon_enough && !self.outcome.publishing()
            });
            let Some(delay) = delay else { return Err(error) };
            self.inputs.clone_from(&inputs);
            let error = Arc::new(error);
            self.emitter.emit(|| Event::StepRetried {
                assets: keys.to_vec(),
                partitions: self.partitions.clone(),
                attempt,
                delay,
                error: Arc::clone(&error),
            });
            let over = match &self.place {
                Place::Elsewhere(processes) => Some(processes.over()),
                _ => None,
            };
            tokio::select! {
                biased;
                // Tasks and threads are dropped instead.
                () = run_over(over) => return Err(cancelled()),
                () = tokio::time::sleep(delay) => {}
            }
        }
        Ok(())
    }

    async fn attempt(&mut self, keys: &[AssetKey], sources: &Sources, overlapping: &Overlapping) -> Result<()> {
        if let Place::Elsewhere(processes) = &self.place {
            let processes = Arc::clone(processes);
            // What it takes is loaded there.
            self.inputs.clear();
            return Box::pin(self.elsewhere(keys, sources, &processes)).await;
        }
        let (timeout, outcome) = (self.patience.timeout, Arc::clone(&self.outcome));
        let too_long = async {
            after(timeout).await;
            if outcome.publishing() {
                std::future::pending::<()>().await;
            }
        };
        // Asset code may panic, in its function or in the stream it returned.
        let work = AssertUnwindSafe(self.make(keys, sources, overlapping)).catch_unwind();
        let failed = tokio::select! {
            biased;
            done = work => match done {
                Ok(done) => return done,
                Err(panic) => panicked(panic.as_ref(), "asset"),
            },
            () = too_long => took_too_long(timeout.unwrap_or_default()),
        };
        Err(match keys.first() {
            Some(key) => self.explain(failed, key, "compute"),
            None => failed,
        })
    }
}
