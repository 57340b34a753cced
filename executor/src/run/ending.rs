//! How a run ends: the report, and what becomes of steps when it ends before its time.

use super::outcome::Outcome;
use super::{Place, RunReport, Running, StepReport, StepStatus, stop};
use crate::event::Event;
use crate::plan::Unit;
use larder_io_core::{Error, ErrorKind, duration};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Waits for a time; for ever without one.
pub(super) async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Waits so long; for ever without a time.
pub(super) async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Whether a step ended because the run did.
pub(super) fn cancelled(status: &StepStatus) -> bool {
    matches!(status, StepStatus::Failed(error) if error.kind() == ErrorKind::Cancelled)
}

impl Running {
    /// Why what was not published has failed.
    fn too_late(&self) -> Error {
        if self.stopped {
            return stop::cancelled().with_context("run", &self.run);
        }
        let most = self.deadline.map(|(_, most)| duration::text(most)).unwrap_or_default();
        let message = format!("the run's time of {most} is over; what is published stays, `--stale` makes the rest");
        Error::new(ErrorKind::Timeout, message).with_context("run", &self.run)
    }

    /// The end of a step that ran, or could have begun, when the run's time was over.
    pub(super) fn cut(&mut self, unit: usize) -> StepStatus {
        let error = self.too_late();
        let keys = self.keys(self.units[unit].step);
        if let Some(outcome) = self.remember_checks(unit) {
            // What was published before, or was fresh, has not failed.
            self.units[unit].partitions = outcome.left(&keys);
            if outcome.publishing() && outcome.complete(&keys) {
                return StepStatus::Succeeded(outcome.made());
            }
            // It had failed already, and is recorded: a hook was still to hear of it.
            if let Some(error) = outcome.failure() {
                return StepStatus::Failed(error);
            }
        }
        let partitions = self.units[unit].partitions.as_ref();
        self.recorder.failed(&self.run, &keys, partitions, &error);
        StepStatus::Failed(Arc::new(error))
    }

    /// Whether steps are tasks of this runtime.
    pub(super) fn is_here(&self) -> bool {
        matches!(self.place, Place::Here) && !self.threads
    }

    /// A step ended: what its checks said stays for the report.
    pub(super) fn remember_checks(&mut self, unit: usize) -> Option<Arc<Outcome>> {
        let outcome = self.outcomes.remove(&unit)?;
        let checks = outcome.checks();
        if !checks.is_empty() {
            self.checks.insert(unit, checks);
        }
        Some(outcome)
    }

    /// The report of what was made; waiting for it closes what the run opened, and writes down what is still to be recorded.
    pub(super) fn report(&mut self, began: Instant) -> impl Future<Output = RunReport> + Send + use<> {
        let done = std::mem::take(&mut self.done);
        let mut checks = std::mem::take(&mut self.checks);
        let report = |(index, (unit, status)): (usize, (&Unit, Option<StepStatus>))| {
            Some(StepReport {
                assets: self.keys(unit.step),
                partitions: unit.partitions.clone(),
                status: status?,
                checks: checks.remove(&index).unwrap_or_default(),
            })
        };
        let mut report = RunReport {
            run: self.run.clone(),
            steps: self.units.iter().zip(done).enumerate().filter_map(report).collect(),
            duration: began.elapsed(),
            unrecorded: None,
            unclosed: Vec::new(),
        };
        self.recorder.run_finished(&self.run, report.counts(), report.duration);
        // A task that does not let go keeps this, and shall keep no values with it.
        (self.inputs, self.ready, self.early) = Default::default();
        self.outcomes.clear();
        let (held, recorder, emitter) = (Arc::clone(&self.held), self.recorder.clone(), self.emitter.clone());
        async move {
            // All steps have ended, but those that do not let go and are not waited for.
            report.unclosed = held.close().await;
            report.unrecorded = recorder.flush().await.err().map(Arc::new);
            let (counts, duration) = (report.counts(), report.duration);
            emitter.emit(|| Event::RunFinished {
                run: report.run.clone(),
                counts,
                duration,
            });
            report
        }
    }
}
