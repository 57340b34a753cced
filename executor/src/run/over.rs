//! The end of a run's time.

use super::{Running, StepStatus};
use larder_io_core::{Error, ErrorKind, duration};
use std::sync::Arc;
use std::time::Duration;

/// Waits for a time; for ever without one.
pub(super) async fn until(deadline: Option<(tokio::time::Instant, Duration)>) {
    match deadline {
        Some((when, _)) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

impl Running {
    fn too_late(&self) -> Error {
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
        }
        let partitions = self.units[unit].partitions.as_ref();
        self.recorder.failed(&self.run, &keys, partitions, &error);
        StepStatus::Failed(Arc::new(error))
    }
}
