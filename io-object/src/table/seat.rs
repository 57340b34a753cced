//! A thread for the encoders of several files, one after the other.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use tokio::task::{JoinHandle, spawn_blocking};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that is kept. From the runtime's pool each file would have another one, and an allocator that keeps freed blocks by thread keeps what an encoder took for each of them
/// (decision 0030).
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    jobs: mpsc::Sender<Job>,
}

impl Seat {
    /// Takes one, until it is dropped and its work is done.
    pub(crate) fn take() -> Self {
        let (jobs, wanted) = mpsc::channel::<Job>();
        // Where none can be started, work is done without one.
        let _ = thread::Builder::new()
            .name("larder encoder".to_owned())
            .spawn(move || wanted.into_iter().for_each(|job| job()));
        Self { jobs }
    }

    /// Does blocking work there, which has no runtime of its own; to this one it is as that of [`spawn_blocking`], which waits for it.
    ///
    /// # Panics
    /// Outside a runtime.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let jobs = self.jobs.clone();
        spawn_blocking(move || {
            let (done, result) = mpsc::channel();
            let job: Job = Box::new(move || drop(done.send(catch_unwind(AssertUnwindSafe(work)))));
            if let Err(back) = jobs.send(job) {
                back.0();
            }
            // Whatever happens to the work is told.
            match result.recv() {
                Ok(Ok(done)) => done,
                Ok(Err(panic)) => resume_unwind(panic),
                Err(_) => panic!("its thread is gone"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::current;

    #[tokio::test]
    async fn one_thread_does_all_of_it_and_a_panic_ends_nothing_else() {
        let seat = Seat::take();
        let first = seat.spawn(|| current().id()).await.expect("is done");
        // At once, so that the pool has several threads.
        let all = (0..4).map(|_| seat.spawn(|| current().id())).collect::<Vec<_>>();
        for one in all {
            assert_eq!(one.await.expect("is done"), first);
        }
        let fell = seat.spawn::<()>(|| panic!("the encoder fell")).await;
        let told = fell.expect_err("fell").to_string();
        assert!(told.contains("the encoder fell"), "{told}");
        assert_eq!(seat.spawn(|| current().id()).await.expect("is done"), first);
    }

    #[tokio::test]
    async fn without_a_thread_work_is_done_all_the_same() {
        let (jobs, _) = mpsc::channel();
        assert_eq!(Seat { jobs }.spawn(|| 7).await.expect("is done"), 7);
    }
}
