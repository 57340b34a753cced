//! Parquet files: opened by their footer, row groups decoded in parallel and handed out in order.

use super::damaged;
use crate::store::Reader;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Result, Scan, TableSource};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const FORMAT: &str = "parquet";
/// Bytes of one decoded batch to aim at.
const BATCH_BYTES: u64 = 8 << 20;
/// Rows of one decoded batch at most.
const BATCH_ROWS: u64 = 64 << 10;
/// Bytes read from the end at once: the footer of most files is in them.
const FOOTER_BYTES: usize = 64 << 10;

/// A stored Parquet file.
pub(crate) struct ParquetSource {
    reader: Arc<dyn Reader>,
    metadata: ArrowReaderMetadata,
}

impl ParquetSource {
    /// Reads the footer.
    pub(crate) async fn open(reader: Arc<dyn Reader>) -> Result<Self> {
        let input = Input(Arc::clone(&reader));
        // A task of its own: a footer that makes the library panic is damage.
        let loading = tokio::spawn(async move {
            let mut input = input;
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
            ArrowReaderMetadata::load_async(&mut input, options).await
        });
        let metadata = joined(loading).await?.map_err(from_parquet)?;
        Ok(Self { reader, metadata })
    }
}

async fn joined<T>(task: JoinHandle<T>) -> Result<T> {
    task.await.map_err(|error| match error.is_panic() {
        true => damaged(FORMAT, "its reader gave up on it"),
        false => Error::new(ErrorKind::Cancelled, "the runtime is shutting down"),
    })
}

/// Our own errors come back from inside of the library; everything else is damage.
fn from_parquet(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => damaged(FORMAT, other),
        },
        other => damaged(FORMAT, other),
    }
}

/// The reader as the library wants it.
struct Input(Arc<dyn Reader>);

impl Input {
    fn check(&self, range: &Range<u64>) -> ParquetResult<()> {
        match range.start <= range.end && range.end <= self.0.size() {
            true => Ok(()),
            false => Err(ParquetError::General(
                "a part of it lies outside of the file".to_owned(),
            )),
        }
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Input {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move {
            self.check(&range)?;
            self.0.read(range).await.map_err(external)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move {
            ranges.iter().try_for_each(|range| self.check(range))?;
            self.0.read_many(&ranges).await.map_err(external)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let size = self.0.size();
            let policy = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::offset_index_policy);
            let reader = ParquetMetaDataReader::new()
                .with_page_index_policy(policy)
                .with_prefetch_hint(Some(FOOTER_BYTES));
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}

#[async_trait]
impl TableSource for ParquetSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.metadata.schema())
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).ok()
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let wanted = wanted(&self.schema(), &request)?;
        let (schema, mask) = match &wanted {
            None => (self.schema(), ProjectionMask::all()),
            Some(indices) => {
                let descriptor = self.metadata.parquet_schema();
                (
                    Arc::new(self.schema().project(indices)?),
                    ProjectionMask::roots(descriptor, indices.iter().copied()),
                )
            }
        };
        let ahead = std::thread::available_parallelism().map_or(1, usize::from);
        let groups = 0..self.metadata.metadata().num_row_groups();
        let (reader, metadata, target) = (Arc::clone(&self.reader), self.metadata.clone(), Arc::clone(&schema));
        let batches = stream::iter(groups)
            .map(move |group| {
                let job = Job {
                    input: Input(Arc::clone(&reader)),
                    metadata: metadata.clone(),
                    mask: mask.clone(),
                    schema: Arc::clone(&target),
                    group,
                };
                // Decoding begins when this future is polled, and `buffered` polls only so many ahead.
                async move { Ok::<_, Error>(job.start()) }
            })
            .buffered(ahead)
            .try_flatten();
        request.apply(&schema, batches.boxed())
    }
}

/// The columns that a request looks at, in the table's order; `None` for all.
fn wanted(schema: &SchemaRef, request: &Scan) -> Result<Option<Vec<usize>>> {
    let Some(mut indices) = request.projection(schema)? else {
        return Ok(None);
    };
    if let Some(predicate) = &request.predicate {
        let looked_at = Scan::all().select(predicate.columns()).projection(schema)?;
        indices.extend(looked_at.unwrap_or_default());
    }
    indices.sort_unstable();
    indices.dedup();
    Ok(Some(indices))
}

/// One row group to decode.
struct Job {
    input: Input,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    schema: SchemaRef,
    group: usize,
}

impl Job {
    /// Decodes in a task of its own; its panic is damage, and ending early is never taken for the end.
    fn start(self) -> BatchStream {
        let (sender, receiver) = mpsc::channel(1);
        let task = tokio::spawn(self.run(sender));
        let batches = stream::unfold((receiver, Some(task)), |(mut receiver, task)| async move {
            if let Some(batch) = receiver.recv().await {
                return Some((Ok(batch), (receiver, task)));
            }
            match joined(task?).await.and_then(|result| result) {
                Ok(()) => None,
                Err(error) => Some((Err(error), (receiver, None))),
            }
        });
        batches.boxed()
    }

    async fn run(self, sender: mpsc::Sender<RecordBatch>) -> Result<()> {
        let group = self.metadata.metadata().row_group(self.group);
        let rows = u64::try_from(group.num_rows())
            .map_err(|_| damaged(FORMAT, "a row group has a negative number of rows"))?;
        let bytes_per_row = u64::try_from(group.total_byte_size()).unwrap_or(0) / rows.max(1);
        let batch_rows = (BATCH_BYTES / bytes_per_row.max(1)).clamp(64, BATCH_ROWS);
        let mut batches = ParquetRecordBatchStreamBuilder::new_with_metadata(self.input, self.metadata.clone())
            .with_projection(self.mask)
            .with_row_groups(vec![self.group])
            .with_batch_size(batch_rows as usize)
            .build()
            .map_err(from_parquet)?;
        let mut seen = 0;
        while let Some(batch) = batches.try_next().await.map_err(from_parquet)? {
            seen += batch.num_rows() as u64;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            // The library leaves the schema's metadata out of batches.
            let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options);
            let batch = batch.map_err(|error| damaged(FORMAT, error))?;
            // Nobody listens any more: the rest is not wanted.
            if sender.send(batch).await.is_err() {
                return Ok(());
            }
        }
        match seen == rows {
            true => Ok(()),
            false => Err(damaged(
                FORMAT,
                format!("a row group promised {rows} rows and held {seen}"),
            )),
        }
    }
}
