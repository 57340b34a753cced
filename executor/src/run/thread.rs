//! Steps on threads of their own.

use super::step::Step;
use super::{Ended, StepStatus};
use larder_io_core::{Effect, Error, ErrorKind};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

/// Runs a step on a thread of its own, which ends when the run is gone. Not of the runtime's pool: what the step waits for needs that.
pub(super) async fn run(step: Box<Step>, mut alive: watch::Receiver<()>) -> Ended {
    let (told, ended) = oneshot::channel();
    let runtime = Handle::current();
    let work = move || {
        let ended = runtime.block_on(async {
            tokio::select! {
                // A step that was given up does nothing more.
                biased;
                _ = alive.changed() => None,
                ended = step.run() => Some(ended),
            }
        });
        // Of a run that is gone nobody hears.
        let _ = ended.map(|ended| told.send(ended));
    };
    let problem = match std::thread::Builder::new().name("larder step".to_owned()).spawn(work) {
        Ok(_) => match ended.await {
            Ok(ended) => return ended,
            Err(_) => Error::new(ErrorKind::Cancelled, "the run was given up"),
        },
        Err(error) => {
            let message = format!("no thread can be started for the step: {error}");
            Error::new(ErrorKind::Unavailable, message)
                .with_effect(Effect::None)
                .with_source(error)
        }
    };
    (StepStatus::Failed(Arc::new(problem)), None)
}
