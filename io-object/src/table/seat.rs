//! A thread for the encoders of several files, one after the other.

use larder_io_core::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

type Job = Box<dyn FnOnce() + Send>;

/// A blocking thread of the runtime. From the pool each file would have another one, and an allocator that keeps freed blocks by thread keeps what an encoder
/// took for each of them (decision 0030).
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    jobs: mpsc::Sender<Job>,
}

impl Seat {
    /// Takes one, until it is dropped and its work is done.
    ///
    /// # Panics
    /// Outside a runtime.
    pub(crate) fn take() -> Self {
        let (jobs, wanted) = mpsc::channel::<Job>();
        spawn_blocking(move || wanted.into_iter().for_each(|job| job()));
        Self { jobs }
    }

    /// Does blocking work there. It is done to its end when this future is dropped.
    ///
    /// # Errors
    /// `Unexpected` when the work panics, or the runtime ends.
    pub(crate) async fn encode<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let stopped = |why: &str| Error::new(ErrorKind::Unexpected, format!("encoding a table stopped: {why}"));
        let (done, result) = oneshot::channel();
        let job = move || drop(done.send(catch_unwind(AssertUnwindSafe(work))));
        self.jobs.send(Box::new(job)).map_err(|_| stopped("the runtime ends"))?;
        match result.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(stopped("the encoder panicked")),
            Err(_) => Err(stopped("the runtime ends")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::{current, sleep};
    use std::time::Duration;

    #[tokio::test]
    async fn one_thread_does_all_of_it_and_a_panic_ends_nothing_else() {
        let seat = Seat::take();
        let first = seat.encode(|| current().id()).await.expect("is done");
        // The pool has idle threads by now.
        let others = (0..4).map(|_| spawn_blocking(|| sleep(Duration::from_millis(5))));
        for other in others.collect::<Vec<_>>() {
            other.await.expect("ends");
        }
        let fell = seat.encode::<()>(|| panic!("the encoder fell")).await;
        let told = fell.expect_err("fell").to_string();
        assert!(told.contains("encoding a table stopped"), "{told}");
        assert_eq!(seat.encode(|| current().id()).await.expect("is done"), first);
    }
}
