//! Parquet files: opened by their footer, row groups decoded in parallel and handed out in order.

use super::parquet_group::Job;
use super::{damaged, guarded, parquet_prune};
use crate::store::Reader;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Predicate, Result, Scan, TableSource};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;
use tokio::task::JoinHandle;

pub(super) const FORMAT: &str = "parquet";
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

    /// Row groups to read, and how many rows of each.
    fn groups(&self, predicate: Option<&Predicate>, limit: Option<usize>) -> Result<Vec<(usize, Option<u64>)>> {
        let all = guarded(FORMAT, || {
            Ok::<_, Error>(parquet_prune::row_groups(&self.metadata, predicate))
        })?;
        let mut left = limit.map(|rows| rows as u64);
        let mut groups = Vec::new();
        for group in all {
            if left == Some(0) {
                break;
            }
            let rows = u64::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(0);
            groups.push((group, left.filter(|left| *left < rows)));
            left = left.map(|left| left.saturating_sub(rows));
        }
        Ok(groups)
    }
}

pub(super) async fn joined<T>(task: JoinHandle<T>) -> Result<T> {
    task.await.map_err(|error| match error.is_panic() {
        true => damaged(FORMAT, "its reader gave up on it"),
        false => Error::new(ErrorKind::Cancelled, "the runtime is shutting down"),
    })
}

/// Our own errors come back from inside of the library; everything else is damage.
pub(super) fn from_parquet(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => damaged(FORMAT, other),
        },
        other => damaged(FORMAT, other),
    }
}

/// The reader as the library wants it.
pub(super) struct Input(pub(super) Arc<dyn Reader>);

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
        // A limit counts rows that match, which are not known before they are read.
        let limit = request.limit.filter(|_| request.predicate.is_none());
        let groups = self.groups(request.predicate.as_ref(), limit)?;
        let ahead = std::thread::available_parallelism().map_or(1, usize::from);
        let (reader, metadata, target) = (Arc::clone(&self.reader), self.metadata.clone(), Arc::clone(&schema));
        let predicate = request.predicate.clone();
        let batches = stream::iter(groups)
            .map(move |(group, limit)| {
                let job = Job {
                    input: Input(Arc::clone(&reader)),
                    metadata: metadata.clone(),
                    mask: mask.clone(),
                    schema: Arc::clone(&target),
                    group,
                    predicate: predicate.clone(),
                    limit,
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
