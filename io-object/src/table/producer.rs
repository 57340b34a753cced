//! Rows on their way to an encoder, made on a thread of their own.

use arrow_array::RecordBatch;
use futures_util::stream::{self, StreamExt, TryStreamExt};
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

/// The same batches, those after the first made on a thread of their own: for who writes them as several files, and works on them before (decision 0030).
/// When the stream is dropped, the source ends at its next await; a thread may outlive the stream until then.
///
/// # Panics
/// Polled outside a runtime, and as the source does.
pub fn apart(batches: BatchStream) -> BatchStream {
    let batches = stream::try_unfold(Place::Here(batches), |place| async move {
        let (batch, rest) = match place {
            // Nothing else waits for it, whatever clock the runtime has.
            Place::Here(mut batches) => match batches.try_next().await? {
                None => return Ok(None),
                Some(batch) => (batch, Apart::start(batches)?),
            },
            Place::Apart(mut rest) => match rest.next().await? {
                None => return Ok(None),
                Some(batch) => (batch, rest),
            },
        };
        Ok(Some((batch, Place::Apart(rest))))
    });
    batches.boxed()
}

/// Where batches are made.
enum Place {
    Here(BatchStream),
    Apart(Apart),
}

/// The end of a thread that makes batches.
struct Apart {
    from_source: mpsc::Receiver<RecordBatch>,
    ended: oneshot::Receiver<thread::Result<Result<()>>>,
    _keep: oneshot::Sender<Infallible>,
}

impl Apart {
    fn start(batches: BatchStream) -> Result<Self> {
        let (producer, keep) = Producer::new(batches);
        let (to_reader, from_source) = mpsc::channel(BATCHES_AHEAD);
        let (ending, ended) = oneshot::channel();
        let produce = move || {
            let runtime = producer.runtime.clone();
            let produced = catch_unwind(AssertUnwindSafe(|| runtime.block_on(producer.produce(to_reader))));
            // Nobody may wait for it any more.
            let _ = ending.send(produced);
        };
        named().spawn(produce).map_err(not_started)?;
        Ok(Self {
            from_source,
            ended,
            _keep: keep,
        })
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.from_source.recv().await {
            return Ok(Some(batch));
        }
        match (&mut self.ended).await {
            Ok(produced) => produced.unwrap_or_else(|panic| resume_unwind(panic)).map(|()| None),
            Err(_) => Err(Error::new(
                ErrorKind::Unexpected,
                "the thread of a table's rows is gone",
            )),
        }
    }
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
    async fn apart_a_source_gives_what_it_has() {
        let here = thread::current().id();
        let rows = stream::iter(0..4).map(move |number| match number {
            3 => Err(error("no more rows")),
            _ if (thread::current().id() == here) == (number == 0) => Ok(batch()),
            _ => Err(error("is made elsewhere")),
        });
        let mut rows = apart(rows.boxed());
        for _ in 0..3 {
            rows.next().await.expect("is there").expect("is a batch");
        }
        let end = rows.next().await.expect("is there").expect_err("is the end");
        assert!(end.to_string().contains("no more rows"), "{end}");
        assert!(rows.next().await.is_none());
        for count in 0..3 {
            let all = (0..count).map(|_| Ok(batch()));
            assert_eq!(apart(stream::iter(all).boxed()).count().await, count);
        }
        let fell = stream::iter([1, 1, 0]).map(|number| match number {
            0 => panic!("the source fell"),
            _ => Ok(batch()),
        });
        let read = AssertUnwindSafe(apart(fell.boxed()).count()).catch_unwind();
        let panic = read.await.expect_err("fell");
        assert_eq!(panic.downcast_ref(), Some(&"the source fell"));
    }

    #[tokio::test]
    async fn apart_a_source_that_waits_forever_ends_with_its_stream() {
        let (held, dropped) = oneshot::channel::<Infallible>();
        let (began, waits) = oneshot::channel();
        let forever = stream::once(async move {
            let _held = held;
            began.send(()).expect("is awaited");
            std::future::pending().await
        });
        let mut rows = apart(stream::iter([Ok(batch())]).chain(forever).boxed());
        rows.next().await.expect("is there").expect("is a batch");
        waits.await.expect("began");
        drop(rows);
        assert!(ended(tokio::spawn(dropped)).await.expect("ends").is_err());
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
