//! Values on their way into storage, seen by somebody who counts or times what passes.

use crate::args::panicked;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use larder_io_core::{BlobSource, ByteStream, Result, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;
use tracing::Span;

/// Sees what passes between the source of a value and whoever stores it.
pub(crate) trait Watch: Send + Sync + 'static {
    /// The source begins to work.
    fn asked(&self) {}

    /// The source answered after this time, or nobody waits for it any more.
    fn answered(&self, took: Duration);

    /// Something passed.
    fn passed(&self, rows: usize, bytes: usize);

    /// Rows of so many bytes are there, and did not pass: whoever asked for them moves them himself.
    fn arrived(&self, _bytes: u64) {}

    /// The source failed.
    fn failed(&self) {}

    /// A table begins to be read, all of it or a part.
    #[cfg(feature = "arrow")]
    fn scanned(&self, _whole: bool) {}

    /// A batch passed.
    #[cfg(feature = "arrow")]
    fn batch(&self, _batch: &arrow_array::RecordBatch, _bytes: usize) {}
}

/// Wraps streamed values; others pass unchanged.
pub(crate) fn watched(value: Value, watch: Arc<dyn Watch>) -> Value {
    match value {
        #[cfg(feature = "arrow")]
        Value::Table(source) => Value::Table(Arc::new(table::WatchedTable { source, watch })),
        Value::Blob(source) => Value::Blob(Arc::new(WatchedBlob { source, watch })),
        other => other,
    }
}

/// The source at work, until it is dropped: a future or a stream may be given up at any time.
struct Work {
    watch: Arc<dyn Watch>,
    began: Instant,
}

impl Work {
    fn begin(watch: &Arc<dyn Watch>) -> Self {
        watch.asked();
        Self {
            watch: Arc::clone(watch),
            began: Instant::now(),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.watch.answered(self.began.elapsed());
    }
}

/// Waits for the beginning of a stream.
async fn opened<T>(watch: &Arc<dyn Watch>, open: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let work = Work::begin(watch);
    let opened = open.await;
    drop(work);
    if opened.is_err() {
        watch.failed();
    }
    opened
}

/// What of a stream's item is counted.
trait Weighed {
    /// Rows and bytes.
    fn weight(&self) -> (usize, usize);

    /// Shows more than that.
    fn show(&self, _watch: &dyn Watch, _bytes: usize) {}
}

impl Weighed for Bytes {
    fn weight(&self) -> (usize, usize) {
        (0, self.len())
    }
}

/// A manager may poll it on a thread of its own: what is known of the step is brought there, and what only that thread knows of a panic is brought back.
struct Watched<S> {
    /// Until it panics.
    stream: Option<S>,
    span: Span,
    watch: Arc<dyn Watch>,
    work: Option<Work>,
}

impl<S> Watched<S> {
    fn new(stream: S, watch: &Arc<dyn Watch>) -> Self {
        Self {
            stream: Some(stream),
            span: Span::current(),
            watch: Arc::clone(watch),
            work: None,
        }
    }
}

impl<T, S: Stream<Item = Result<T>> + Unpin> Watched<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let _entered = self.span.enter();
        catch_unwind(AssertUnwindSafe(|| stream.poll_next_unpin(cx))).unwrap_or_else(|panic| {
            self.stream = None;
            Poll::Ready(Some(Err(panicked(panic.as_ref(), "asset"))))
        })
    }
}

impl<T: Weighed, S: Stream<Item = Result<T>> + Unpin> Stream for Watched<S> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let work = self.work.take().unwrap_or_else(|| Work::begin(&self.watch));
        let polled = self.poll(cx);
        match &polled {
            Poll::Pending => self.work = Some(work),
            Poll::Ready(item) => {
                drop(work);
                match item {
                    Some(Ok(item)) => {
                        let (rows, bytes) = item.weight();
                        self.watch.passed(rows, bytes);
                        item.show(self.watch.as_ref(), bytes);
                    }
                    Some(Err(_)) => self.watch.failed(),
                    None => {}
                }
            }
        }
        polled
    }
}

struct WatchedBlob {
    source: Arc<dyn BlobSource>,
    watch: Arc<dyn Watch>,
}

#[async_trait]
impl BlobSource for WatchedBlob {
    fn size(&self) -> Option<u64> {
        self.source.size()
    }

    fn replayable(&self) -> bool {
        self.source.replayable()
    }

    fn in_memory(&self) -> Option<Bytes> {
        self.source.in_memory()
    }

    async fn open(&self) -> Result<ByteStream> {
        let chunks = opened(&self.watch, self.source.open()).await?;
        Ok(Watched::new(chunks, &self.watch).boxed())
    }
}

/// The bytes of a batch in memory.
#[cfg(feature = "arrow")]
pub(crate) fn batch_bytes(batch: &arrow_array::RecordBatch) -> usize {
    let columns = batch.columns().iter();
    columns
        .map(|column| arrow_array::Array::to_data(column).get_slice_memory_size().unwrap_or(0))
        .sum()
}

#[cfg(feature = "arrow")]
mod table {
    use super::{Watch, Watched, Weighed, batch_bytes, opened};
    use arrow_array::RecordBatch;
    use arrow_schema::SchemaRef;
    use async_trait::async_trait;
    use futures_util::stream::StreamExt;
    use larder_io_core::table::filler;
    use larder_io_core::{AtRest, BatchStream, Fill, Filled, NewPlace, Result, Scan, Table, TableSource};
    use std::sync::Arc;

    impl Weighed for RecordBatch {
        fn weight(&self) -> (usize, usize) {
            (self.num_rows(), batch_bytes(self))
        }

        fn show(&self, watch: &dyn Watch, bytes: usize) {
            watch.batch(self, bytes);
        }
    }

    pub(super) struct WatchedTable {
        pub(super) source: Arc<dyn TableSource>,
        pub(super) watch: Arc<dyn Watch>,
    }

    #[async_trait]
    impl TableSource for WatchedTable {
        fn schema(&self) -> SchemaRef {
            self.source.schema()
        }

        fn replayable(&self) -> bool {
            self.source.replayable()
        }

        fn rows(&self) -> Option<u64> {
            self.source.rows()
        }

        fn in_memory(&self) -> Option<Table> {
            self.source.in_memory()
        }

        fn at_rest(&self) -> Option<AtRest> {
            self.source.at_rest()
        }

        fn fill(&self) -> Option<&dyn Fill> {
            self.source.fill().map(|_| self as &dyn Fill)
        }

        async fn scan(&self, request: Scan) -> Result<BatchStream> {
            self.watch.scanned(request == Scan::all());
            let batches = opened(&self.watch, self.source.scan(request)).await?;
            Ok(Watched::new(batches, &self.watch).boxed())
        }
    }

    #[async_trait]
    impl Fill for WatchedTable {
        fn reaches(&self, place: &NewPlace) -> bool {
            self.source.fill().is_some_and(|fill| fill.reaches(place))
        }

        async fn fill(&self, place: &NewPlace) -> Result<Filled> {
            let fill = filler(self.source.as_ref())?;
            let filled = opened(&self.watch, fill.fill(place)).await?;
            let rows = usize::try_from(filled.rows).unwrap_or(usize::MAX);
            // No byte of them went through here. A manager may have to take over what was written.
            self.watch.passed(rows, 0);
            self.watch.arrived(filled.bytes.unwrap_or(0));
            Ok(filled)
        }
    }
}
