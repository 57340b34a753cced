//! Rows on their way to an encoder, made on a thread of their own.

use arrow_array::RecordBatch;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{BatchStream, Effect, Error, ErrorKind, Result};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::{io, thread};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Batches that wait for the encoder: one being encoded, one ready.
const BATCHES_AHEAD: usize = 1;

/// Polls a source: an iterator that blocks or takes long keeps no async thread from its work, and memory that the source takes and gives back lies in one heap
/// of the allocator, where nothing else comes between (decision 0030).
///
/// The thread is none of the runtime's pool: that may be full of encoders that wait for their rows.
pub(super) struct Producer {
    batches: BatchStream,
    runtime: Handle,
    cancelled: oneshot::Receiver<Infallible>,
}

impl Producer {
    /// One that ends early when what is given back beside it is dropped.
    ///
    /// # Panics
    /// Outside a runtime.
    pub(super) fn new(batches: BatchStream) -> (Self, oneshot::Sender<Infallible>) {
        let (keep, cancelled) = oneshot::channel();
        let producer = Self {
            batches,
            runtime: Handle::current(),
            cancelled,
        };
        (producer, keep)
    }

    /// Runs the encoder on this thread, with the batches. Blocks. `Err` is the panic of the source; its error goes before the encoder's.
    pub(super) fn feed<T>(
        self,
        encode: impl FnOnce(mpsc::Receiver<RecordBatch>) -> Result<T>,
    ) -> thread::Result<Result<T>> {
        let (to_encoder, from_source) = mpsc::channel(BATCHES_AHEAD);
        let runtime = self.runtime.clone();
        thread::scope(|threads| {
            let produce = || runtime.block_on(self.produce(to_encoder));
            let producing = match named().spawn_scoped(threads, produce) {
                Ok(producing) => producing,
                Err(error) => return Ok(Err(not_started(error))),
            };
            let encoded = encode(from_source);
            Ok(producing.join()?.and(encoded))
        })
    }

    async fn produce(self, to_encoder: mpsc::Sender<RecordBatch>) -> Result<()> {
        let Self {
            mut batches, cancelled, ..
        } = self;
        let produced = async {
            while let Some(batch) = batches.next().await {
                // The encoder stopped early: it has the error to tell.
                if to_encoder.send(batch?).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        tokio::select! {
            biased;
            _ = cancelled => Ok(()),
            () = to_encoder.closed() => Ok(()),
            produced = produced => produced,
        }
    }
}

fn named() -> thread::Builder {
    thread::Builder::new().name("larder rows".to_owned())
}

fn not_started(error: io::Error) -> Error {
    let message = format!("no thread can be started for the rows of a table: {error}");
    let problem = Error::new(ErrorKind::Unavailable, message).with_effect(Effect::None);
    problem.with_source(error)
}

/// The same batches, made on a thread of their own as those of a single file are: for who writes them as several files, and works on them before (decision
/// 0030). When the stream is dropped, the source ends at its next await.
///
/// # Panics
/// Outside a runtime. The stream panics as the source does.
pub fn apart(batches: BatchStream) -> BatchStream {
    let (producer, keep) = Producer::new(batches);
    let (to_reader, from_source) = mpsc::channel(BATCHES_AHEAD);
    let (ending, ended) = oneshot::channel();
    let produce = move || {
        let runtime = producer.runtime.clone();
        let produced = catch_unwind(AssertUnwindSafe(|| runtime.block_on(producer.produce(to_reader))));
        // Nobody may wait for it any more.
        let _ = ending.send(produced);
    };
    if let Err(error) = named().spawn(produce) {
        return stream::iter([Err(not_started(error))]).boxed();
    }
    let state = (from_source, Some(ended), keep);
    let batches = stream::try_unfold(state, |(mut from_source, mut ended, keep)| async move {
        if let Some(batch) = from_source.recv().await {
            return Ok(Some((batch, (from_source, ended, keep))));
        }
        match ended.take() {
            Some(ended) => match ended.await {
                Ok(produced) => produced.unwrap_or_else(|panic| resume_unwind(panic)).map(|()| None),
                Err(_) => Err(Error::new(
                    ErrorKind::Unexpected,
                    "the thread of a table's rows is gone",
                )),
            },
            None => Ok(None),
        }
    });
    batches.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::time::Duration;
    use tokio::task::{JoinHandle, spawn_blocking};

    type Fed = thread::Result<Result<u64>>;

    /// Feeds an encoder that counts batches and then ends as told.
    fn feeding(producer: Producer, end: Result<()>) -> JoinHandle<Fed> {
        spawn_blocking(move || {
            producer.feed(|mut batches| {
                let count = std::iter::from_fn(|| batches.blocking_recv()).count();
                end.map(|()| count as u64)
            })
        })
    }

    /// What became of it. One that hangs is told, before the runtime waits for it.
    async fn ended<T>(feeding: JoinHandle<T>) -> Result<T, tokio::task::JoinError> {
        match tokio::time::timeout(Duration::from_secs(20), feeding).await {
            Ok(ended) => ended,
            Err(_) => {
                eprintln!("the source goes on");
                std::process::abort()
            }
        }
    }

    fn error(text: &str) -> Error {
        Error::new(ErrorKind::Unexpected, text.to_owned())
    }

    fn batch() -> RecordBatch {
        RecordBatch::new_empty(arrow_schema::Schema::empty().into())
    }

    #[tokio::test]
    async fn a_source_that_waits_forever_ends_with_its_write_and_with_its_encoder() {
        let (producer, keep) = Producer::new(stream::pending().boxed());
        let feeding = feeding(producer, Ok(()));
        drop(keep);
        let fed = ended(feeding).await.expect("ends").expect("does not panic");
        assert_eq!(fed.expect("ends"), 0);

        let (producer, _keep) = Producer::new(stream::pending().boxed());
        let feeding = spawn_blocking(move || producer.feed(|_| Err::<(), _>(error("is full"))));
        let stopped = ended(feeding).await.expect("ends").expect("does not panic");
        assert!(stopped.expect_err("stopped").to_string().contains("is full"));

        let (producer, _keep) = Producer::new(stream::pending().boxed());
        let feeding = spawn_blocking(move || producer.feed::<()>(|_| panic!("the encoder fell")));
        assert!(ended(feeding).await.is_err_and(|error| error.is_panic()));
    }

    #[tokio::test]
    async fn apart_a_source_gives_what_it_has_and_ends_with_its_stream() {
        let here = thread::current().id();
        let rows = stream::iter([true, true, false]).map(move |fits| match fits && thread::current().id() != here {
            true => Ok(batch()),
            false => Err(error("no more rows")),
        });
        let mut rows = apart(rows.boxed());
        for _ in 0..2 {
            assert!(rows.next().await.expect("is there").is_ok());
        }
        let end = rows.next().await.expect("is there").expect_err("is the end");
        assert!(end.to_string().contains("no more rows"), "{end}");
        assert!(rows.next().await.is_none());
        assert_eq!(apart(stream::iter([Ok(batch())]).boxed()).count().await, 1);

        let fell = stream::iter([1, 0]).map(|number| match number {
            0 => panic!("the source fell"),
            _ => Ok(batch()),
        });
        let read = AssertUnwindSafe(apart(fell.boxed()).count()).catch_unwind();
        let panic = read.await.expect_err("fell");
        assert_eq!(panic.downcast_ref(), Some(&"the source fell"));

        // One that waits forever is dropped, with what it holds.
        let (held, dropped) = oneshot::channel::<Infallible>();
        let waits = stream::once(async move {
            let _held = held;
            std::future::pending().await
        });
        drop(apart(waits.boxed()));
        let dropped = tokio::spawn(dropped);
        assert!(ended(dropped).await.expect("ends").is_err());
    }

    #[tokio::test]
    async fn what_ends_a_source_is_told_before_what_its_encoder_made_of_it() {
        let rows = stream::iter([Ok(batch()), Err(error("no more rows"))]);
        let (producer, _keep) = Producer::new(rows.boxed());
        let fed = ended(feeding(producer, Err(error("half a table"))))
            .await
            .expect("ends");
        let fed = fed.expect("does not panic").expect_err("is no table");
        assert!(fed.to_string().contains("no more rows"), "{fed}");

        let rows = stream::iter([1, 0]).map(|number| match number {
            0 => panic!("the source fell"),
            _ => Ok(batch()),
        });
        let (producer, _keep) = Producer::new(rows.boxed());
        let panic = ended(feeding(producer, Ok(()))).await.expect("ends").expect_err("fell");
        assert_eq!(panic.downcast_ref(), Some(&"the source fell"));
    }
}
