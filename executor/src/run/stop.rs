//! Stopping a run from outside.

use larder_io_core::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What steps have for letting go of what they hold, before the run ends without them.
pub(super) const GRACE: Duration = Duration::from_millis(400);

/// Stops the runs that it is given to by [`RunOptions::stop`](crate::RunOptions::stop), in good order: steps are dropped at their next await and what
/// they staged is discarded, nothing more begins, and the run ends with a report. What was not published then has failed, with the kind `Cancelled`, and
/// is in the catalogue as such. Checks are stopped in the same way, by [`CheckOptions::stop`](crate::CheckOptions::stop).
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    /// Nothing is stopped yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Stops them; those that begin later too.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Waits until somebody stops the run; for ever where nobody can.
pub(crate) async fn stopped(stop: Option<&Stop>) {
    if let Some(stop) = stop
        && stop.0.subscribe().wait_for(|stopped| *stopped).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// The error of what a stopped run did not make.
pub(super) fn cancelled() -> Error {
    let message = "the run was stopped; what is published stays, `--from-failure last` makes the rest";
    Error::new(ErrorKind::Cancelled, message)
}
