//! Changes on their way to the database: a queue, and the thread that takes all of it at once.
//!
//! A commit costs an fsync whatever is in it. While one is going on the queue grows, and the next takes what has come: the more there is to do,
//! the less each change costs.

use crate::database::{Change, Database};
use crate::weight::weight;
use futures_channel::oneshot;
use larder_io_core::{Error, ErrorKind, Result, Retry};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Changes that wait, at most: about a second's work.
const MAX_CHANGES: usize = 16_384;
/// Bytes that they take, roughly and at most; a single change may be larger.
const MAX_BYTES: usize = 64 << 20;
/// Changes of one transaction: others want to write, too.
const MAX_BATCH: usize = 4_096;
/// After a refusal that may pass, it is tried again by itself.
const PAUSE: Duration = Duration::from_secs(1);

/// The queue, shared by those who record and the thread that writes.
#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// There is something to do.
    work: Condvar,
    /// An attempt was made, there may be room.
    room: Condvar,
}

#[derive(Default)]
struct Inner {
    /// With their sizes. What is being written stays counted in `queued` and `bytes`.
    changes: VecDeque<(usize, Change)>,
    queued: usize,
    bytes: usize,
    /// How many were ever taken into the queue, and how many of those are done with.
    recorded: u64,
    done: u64,
    waiting: Vec<Waiting>,
    /// The last attempt failed with this. The changes are still here.
    failed: Option<Error>,
    /// Somebody wants another attempt.
    again: bool,
    attempts: u64,
    /// Changes that will never be written, and why not.
    lost: Option<(u64, Error)>,
    closing: bool,
}

struct Waiting {
    upto: u64,
    answer: oneshot::Sender<Result<()>>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below can panic half way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a change. Waits for room where there is none.
    pub(crate) fn push(&self, change: Change) {
        let bytes = weight(&change);
        let mut inner = self.lock();
        while !inner.has_room(bytes) {
            if inner.failed.is_some() {
                // One more attempt, and then the pipeline goes on without its record rather than hang for ever.
                let attempts = inner.attempts;
                inner.again = true;
                self.work.notify_one();
                while inner.attempts == attempts && !inner.has_room(bytes) {
                    inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
                }
                if let (false, Some(error)) = (inner.has_room(bytes), &inner.failed) {
                    let error = error.copied();
                    inner.lose(error);
                    return;
                }
            } else {
                inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
        }
        inner.changes.push_back((bytes, change));
        inner.queued += 1;
        inner.bytes += bytes;
        inner.recorded += 1;
        self.work.notify_one();
    }

    /// Resolves when all that was pushed before is written or was refused once more.
    pub(crate) fn settled(&self) -> Settled {
        let mut inner = self.lock();
        if inner.done == inner.recorded {
            return Settled::Now;
        }
        let (answer, settled) = oneshot::channel();
        let upto = inner.recorded;
        inner.waiting.push(Waiting { upto, answer });
        inner.again = true;
        self.work.notify_one();
        Settled::Later(settled)
    }

    /// The error of changes that are lost.
    pub(crate) fn lost(&self) -> Result<()> {
        match &self.lock().lost {
            None => Ok(()),
            Some((count, error)) => {
                let message = format!("{count} records are missing in the catalogue: {}", error.message());
                Err(Error::new(error.kind(), message).with_retry(Retry::Never))
            }
        }
    }

    /// Ends the thread after one more attempt.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Writes until the queue is closed.
    pub(crate) fn run(&self, database: &mut dyn Database) {
        // One of so many at the front can never be written: halves find it.
        let mut suspects = 0_usize;
        while let Some(batch) = self.next(if suspects == 0 { MAX_BATCH } else { suspects.div_ceil(2) }) {
            let (sizes, changes): (Vec<usize>, Vec<Change>) = batch.into_iter().unzip();
            let result = catch_unwind(AssertUnwindSafe(|| database.apply(&changes)))
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Unexpected, "the catalogue's writer panicked")));
            let mut inner = self.lock();
            inner.attempts += 1;
            match result {
                Ok(()) => {
                    inner.finish(&sizes);
                    inner.failed = None;
                    suspects = suspects.saturating_sub(sizes.len());
                }
                Err(error) if error.kind() == ErrorKind::Unsupported && changes.len() > 1 => {
                    suspects = changes.len();
                    inner.put_back(sizes, changes);
                }
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    inner.lose(error);
                    inner.finish(&sizes);
                    inner.failed = None;
                    suspects = 0;
                }
                Err(error) => {
                    inner.put_back(sizes, changes);
                    for waiting in inner.waiting.drain(..) {
                        // Who no longer waits asked in vain; the changes are still here.
                        let _ = waiting.answer.send(Err(error.copied()));
                    }
                    inner.failed = Some(error);
                }
            }
            drop(inner);
            self.room.notify_all();
        }
    }

    /// Waits for work.
    fn next(&self, limit: usize) -> Option<Vec<(usize, Change)>> {
        let mut inner = self.lock();
        loop {
            let closing = inner.closing;
            if inner.changes.is_empty() && closing {
                return None;
            }
            if let (Some(error), false) = (&inner.failed, inner.again) {
                if closing {
                    return None;
                }
                let passing = matches!(error.retry(), Retry::After(_));
                if passing {
                    let (woken, waited) = self
                        .work
                        .wait_timeout(inner, PAUSE)
                        .unwrap_or_else(PoisonError::into_inner);
                    inner = woken;
                    inner.again |= waited.timed_out();
                } else {
                    inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                }
                // The last chance of what waits.
                inner.again |= inner.closing;
            } else if inner.changes.is_empty() {
                inner.again = false;
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
            } else {
                inner.again = false;
                let count = inner.changes.len().min(limit);
                return Some(inner.changes.drain(..count).collect());
            }
        }
    }
}

impl Inner {
    fn has_room(&self, bytes: usize) -> bool {
        self.queued == 0 || (self.queued < MAX_CHANGES && self.bytes + bytes <= MAX_BYTES)
    }

    fn finish(&mut self, sizes: &[usize]) {
        self.queued -= sizes.len();
        self.bytes -= sizes.iter().sum::<usize>();
        self.done += sizes.len() as u64;
        let done = self.done;
        for waiting in self.waiting.extract_if(.., |waiting| waiting.upto <= done) {
            let _ = waiting.answer.send(Ok(()));
        }
    }

    fn put_back(&mut self, sizes: Vec<usize>, changes: Vec<Change>) {
        for change in sizes.into_iter().zip(changes).rev() {
            self.changes.push_front(change);
        }
    }

    fn lose(&mut self, error: Error) {
        match &mut self.lost {
            Some((count, _)) => *count += 1,
            None => self.lost = Some((1, error)),
        }
    }
}

/// The answer to [`Queue::settled`].
pub(crate) enum Settled {
    Now,
    Later(oneshot::Receiver<Result<()>>),
}

impl Settled {
    pub(crate) async fn wait(self) -> Result<()> {
        match self {
            Self::Now => Ok(()),
            Self::Later(answer) => answer.await.unwrap_or_else(|_| Err(gone())),
        }
    }
}

/// A thread of the catalogue has ended before its time.
pub(crate) fn gone() -> Error {
    Error::new(
        ErrorKind::Unexpected,
        "a thread of the catalogue has ended; this is a defect of larder",
    )
}

/// Starts a thread of the catalogue.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(work).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the system gives no thread for the catalogue").with_source(error)
    })
}

/// Starts the thread that writes.
pub(crate) fn start(queue: &Arc<Queue>, mut database: impl Database + 'static) -> Result<std::thread::JoinHandle<()>> {
    let queue = Arc::clone(queue);
    spawn("larder-catalog-write", move || queue.run(&mut database))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
