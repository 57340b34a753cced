//! Parquet files: opened by their footer, row groups decoded in parallel and handed out in order.

use super::parquet_group::{BATCH_BYTES, Job};
use super::parquet_room::Places;
use super::{damaged, guarded, parquet_prune};
use crate::store::Reader;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Predicate, Result, Scan, TableSource, Usage};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use tokio::task::JoinHandle;

pub(super) const FORMAT: &str = "parquet";
/// Memory of one scan to aim at. One row group is decoded however large it is.
const MEMORY_BYTES: u64 = 128 << 20;
/// Bytes read from the end at once: the footer of most files is in them.
const FOOTER_BYTES: usize = 64 << 10;

/// A stored Parquet file.
pub(crate) struct ParquetSource {
    reader: Arc<dyn Reader>,
    metadata: ArrowReaderMetadata,
    usage: Option<Arc<Usage>>,
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
        Ok(Self {
            reader,
            metadata,
            usage: None,
        })
    }

    /// The same, telling what its scans hold.
    pub(crate) fn counted(mut self, usage: Option<&Arc<Usage>>) -> Self {
        self.usage = usage.cloned();
        self
    }

    /// The footer.
    pub(crate) fn metadata(&self) -> Arc<ParquetMetaData> {
        Arc::clone(self.metadata.metadata())
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

impl ParquetSource {
    /// How many row groups are decoded at once: as many as there are cores, as far as memory allows. Each has batches that wait, and the encoded
    /// bytes where those are not mapped.
    fn at_once(&self, groups: &[(usize, Option<u64>)], mask: &ProjectionMask) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mapped = is_mapped(self.reader.as_ref());
        let encoded = |(group, _): &(usize, Option<u64>)| {
            let columns = self.metadata.metadata().row_group(*group).columns().iter().enumerate();
            let wanted = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
            let bytes = wanted.map(|(_, column)| u64::try_from(column.compressed_size()).unwrap_or(0));
            bytes.fold(0, u64::saturating_add)
        };
        let most = match mapped {
            true => 0,
            false => groups.iter().map(encoded).max().unwrap_or(0),
        };
        let fit = MEMORY_BYTES / most.saturating_add(3 * BATCH_BYTES);
        usize::try_from(fit).unwrap_or(1).clamp(1, cores)
    }
}

/// Whether what is read of it takes no memory of this process.
pub(super) fn is_mapped(reader: &dyn Reader) -> bool {
    reader.size() > 0 && reader.map(0..1).is_some()
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

    /// The bytes of several ranges, as a map where the store has maps.
    pub(super) async fn parts(&self, ranges: &[Range<u64>]) -> ParquetResult<Vec<Bytes>> {
        ranges.iter().try_for_each(|range| self.check(range))?;
        let mapped = ranges.iter().map(|range| self.0.map(range.clone()));
        match mapped.collect::<Option<Vec<Bytes>>>() {
            Some(mapped) => Ok(mapped),
            None => self.0.read_many(ranges).await.map_err(external),
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
        async move { self.parts(&ranges).await }.boxed()
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
        let ahead = match request.limit {
            // Few rows: what comes behind them is mostly not wanted.
            Some(_) => 1,
            None => self.at_once(&groups, &mask),
        };
        let (reader, metadata, target) = (Arc::clone(&self.reader), self.metadata.clone(), Arc::clone(&schema));
        let usage = self.usage.clone();
        let predicate = request.predicate.clone();
        let places = Places::new(ahead.min(groups.len()).max(1));
        let start = move |(group, limit)| {
            let job = Job {
                input: Input(Arc::clone(&reader)),
                metadata: metadata.clone(),
                mask: mask.clone(),
                schema: Arc::clone(&target),
                group,
                predicate: predicate.clone(),
                limit,
                room: places.room(),
                usage: usage.clone(),
            };
            job.start()
        };
        let batches = in_order(groups.into_iter().map(start), ahead);
        request.apply(&schema, batches.boxed())
    }
}

/// The batches of one stream after the other, of which so many are begun. `buffered` would not do: it begins the next one only when it is
/// asked for more, which is when the one before has ended.
fn in_order(streams: impl Iterator<Item = BatchStream> + Send + 'static, ahead: usize) -> BatchStream {
    let batches = stream::try_unfold((streams, VecDeque::new()), move |(mut streams, mut begun)| async move {
        loop {
            begun.extend(streams.by_ref().take(ahead - begun.len()));
            let Some(first) = begun.front_mut() else {
                return Ok(None);
            };
            match first.try_next().await? {
                Some(batch) => return Ok(Some((batch, (streams, begun)))),
                None => begun.pop_front(),
            };
        }
    });
    batches.boxed()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn so_many_are_begun_before_the_first_one_ends() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let column = Arc::new(arrow_array::Int32Array::from(vec![1, 2])) as arrow_array::ArrayRef;
        let batch = arrow_array::RecordBatch::try_from_iter([("n", column)]).expect("fits");
        let streams = (0..5).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            stream::iter([Ok(batch.clone()), Ok(batch.clone())]).boxed()
        });
        let mut all = in_order(streams, 3);
        let mut seen = Vec::new();
        while all.try_next().await.expect("no errors").is_some() {
            seen.push(begun.load(Ordering::Relaxed));
        }
        assert_eq!(seen, [3, 3, 4, 4, 5, 5, 5, 5, 5, 5]);
    }
}
