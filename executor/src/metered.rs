//! Values on their way into storage, counted and timed.

use crate::event::Progress;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use larder_io_core::{BlobSource, ByteStream, Result, Value};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Counts what passes, and the time its production took.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) progress: Arc<Progress>,
    produced: AtomicU64,
}

impl Meter {
    /// Time the source took.
    pub(crate) fn produced(&self) -> Duration {
        Duration::from_nanos(self.produced.load(Ordering::Relaxed))
    }
}

/// Wraps streamed values; others pass unchanged.
pub(crate) fn metered(value: Value, meter: &Arc<Meter>) -> Value {
    match value {
        #[cfg(feature = "arrow")]
        Value::Table(source) => Value::Table(Arc::new(table::MeteredTable {
            source,
            meter: Arc::clone(meter),
        })),
        Value::Blob(source) => Value::Blob(Arc::new(MeteredBlob {
            source,
            meter: Arc::clone(meter),
        })),
        other => other,
    }
}

struct Timed<S> {
    stream: S,
    meter: Arc<Meter>,
    waiting: Option<Instant>,
    count: fn(&Progress, &dyn std::any::Any),
}

impl<S> Timed<S> {
    fn new(stream: S, meter: &Arc<Meter>, count: fn(&Progress, &dyn std::any::Any)) -> Self {
        Self {
            stream,
            meter: Arc::clone(meter),
            waiting: None,
            count,
        }
    }
}

impl<T: 'static, S: Stream<Item = Result<T>> + Unpin> Stream for Timed<S> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let began = self.waiting.take().unwrap_or_else(Instant::now);
        let polled = self.stream.poll_next_unpin(cx);
        if polled.is_pending() {
            self.waiting = Some(began);
            return polled;
        }
        self.meter.produced.fetch_add(
            u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        if let Poll::Ready(Some(Ok(item))) = &polled {
            (self.count)(&self.meter.progress, item);
        }
        polled
    }
}

struct MeteredBlob {
    source: Arc<dyn BlobSource>,
    meter: Arc<Meter>,
}

#[async_trait]
impl BlobSource for MeteredBlob {
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
        let chunks = self.source.open().await?;
        let timed = Timed::new(chunks, &self.meter, |progress, item| {
            progress.add(0, item.downcast_ref::<Bytes>().map_or(0, Bytes::len));
        });
        Ok(timed.boxed())
    }
}

#[cfg(feature = "arrow")]
mod table {
    use super::{Meter, Timed};
    use arrow_array::RecordBatch;
    use arrow_schema::SchemaRef;
    use async_trait::async_trait;
    use futures_util::stream::StreamExt;
    use larder_io_core::{BatchStream, Result, Scan, Table, TableSource};
    use std::sync::Arc;

    pub(super) struct MeteredTable {
        pub(super) source: Arc<dyn TableSource>,
        pub(super) meter: Arc<Meter>,
    }

    #[async_trait]
    impl TableSource for MeteredTable {
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

        async fn scan(&self, request: Scan) -> Result<BatchStream> {
            let batches = self.source.scan(request).await?;
            let timed = Timed::new(batches, &self.meter, |progress, item| {
                if let Some(batch) = item.downcast_ref::<RecordBatch>() {
                    let bytes = batch
                        .columns()
                        .iter()
                        .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
                    progress.add(batch.num_rows(), bytes.sum());
                }
            });
            Ok(timed.boxed())
        }
    }
}
