//! One row group of a Parquet file: what of it must be read, and decoding it.

use super::damaged;
use super::parquet_prune::{absent, blooms, pages};
use super::parquet_read::{FORMAT, Input, from_parquet, is_mapped, joined};
use super::parquet_room::{Room, Waiting};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{BatchStream, Buffered, Predicate, Result, Usage};
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection, RowSelector,
};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Bytes of one decoded batch to aim at.
pub(super) const BATCH_BYTES: u64 = 8 << 20;
/// Rows of one decoded batch at most.
const BATCH_ROWS: u64 = 64 << 10;
/// Encoded bytes of the wanted columns from which leaving out pages is worth one or two requests for their index.
const INDEX_BYTES: u64 = if cfg!(test) { 1 } else { 1 << 20 };
/// Encoded bytes of the wanted columns for one byte of a bloom filter, from which it is worth its request.
const FILTER_WORTH: u64 = if cfg!(test) { u64::MAX } else { 1 };

/// One row group to decode.
pub(super) struct Job {
    pub(super) input: Input,
    pub(super) metadata: ArrowReaderMetadata,
    pub(super) mask: ProjectionMask,
    pub(super) schema: SchemaRef,
    pub(super) group: usize,
    /// Rows that do not match may be left out.
    pub(super) predicate: Option<Predicate>,
    /// Only so many rows from its beginning.
    pub(super) limit: Option<u64>,
    /// Room for batches that wait, shared with the row groups that are decoded at once.
    pub(super) room: Room,
    /// Where what it holds is counted.
    pub(super) usage: Option<Arc<Usage>>,
}

impl Job {
    /// Decodes in a task of its own; its panic is damage, and ending early is never taken for the end.
    pub(super) fn start(self) -> BatchStream {
        // Room is what bounds it.
        let (sender, receiver) = mpsc::unbounded_channel::<Waiting>();
        let task = tokio::spawn(self.run(sender));
        let batches = stream::unfold((receiver, Some(task)), |(mut receiver, task)| async move {
            if let Some(waiting) = receiver.recv().await {
                return Some((Ok(waiting.batch), (receiver, task)));
            }
            match joined(task?).await.and_then(|result| result) {
                Ok(()) => None,
                Err(error) => Some((Err(error), (receiver, None))),
            }
        });
        batches.boxed()
    }

    fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.metadata().row_group(self.group)
    }

    /// Encoded bytes of the wanted columns.
    fn encoded_bytes(&self) -> u64 {
        let columns = self.row_group().columns().iter().enumerate();
        let wanted = columns.filter(|(leaf, _)| self.mask.leaf_included(*leaf));
        wanted
            .map(|(_, column)| u64::try_from(column.compressed_size()).unwrap_or(0))
            .sum()
    }

    async fn run(mut self, sender: mpsc::UnboundedSender<Waiting>) -> Result<()> {
        let group = self.row_group();
        let rows = u64::try_from(group.num_rows())
            .map_err(|_| damaged(FORMAT, "a row group has a negative number of rows"))?;
        let bytes_per_row = u64::try_from(group.total_byte_size()).unwrap_or(0) / rows.max(1);
        let batch_rows = (BATCH_BYTES / bytes_per_row.max(1)).clamp(64, BATCH_ROWS);
        if self.refuted().await? {
            return Ok(());
        }
        let selection = self.selection(rows).await?;
        let wanted = selection
            .as_ref()
            .map_or(rows, |selection| selection.row_count() as u64);
        let mut builder = ParquetPushDecoderBuilder::new_with_metadata(self.metadata.clone())
            .with_projection(self.mask.clone())
            .with_row_groups(vec![self.group])
            .with_batch_size(batch_rows.min(wanted.max(1)) as usize);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let mut decoder = builder.build().map_err(from_parquet)?;
        let (mut seen, mut read) = (0, 0);
        let mut held = self
            .usage
            .as_ref()
            .filter(|_| !is_mapped(self.input.0.as_ref()))
            .map(Usage::buffer);
        loop {
            let reader = match decoder.try_next_reader().map_err(from_parquet)? {
                DecodeResult::NeedsData(ranges) => {
                    let bytes = self.input.parts(&ranges).await.map_err(from_parquet)?;
                    read += bytes.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
                    if let Some(held) = &mut held {
                        held.set(read);
                    }
                    decoder.push_ranges(ranges, bytes).map_err(from_parquet)?;
                    continue;
                }
                DecodeResult::Data(reader) => reader,
                DecodeResult::Finished => break,
            };
            let mut decoding = Decoding {
                reader,
                schema: Arc::clone(&self.schema),
                to: sender.clone(),
                room: self.room.clone(),
                seen,
                usage: self.usage.clone(),
            };
            loop {
                let paused = joined(spawn_blocking(move || decoding.run())).await??;
                decoding = paused.0;
                let heard = match paused.1 {
                    Pause::Ended => break,
                    Pause::Full(batch, held) => {
                        let place = self.room.wait(&sender).await;
                        place.is_some_and(|place| sender.send(Waiting::new(batch, held, place)).is_ok())
                    }
                    Pause::Unheard => false,
                };
                // Nobody listens any more: the rest is not wanted.
                if !heard {
                    return Ok(());
                }
            }
            seen = decoding.seen;
        }
        match seen == wanted {
            true => Ok(()),
            false => Err(damaged(
                FORMAT,
                format!("a row group promised {wanted} rows and held {seen}"),
            )),
        }
    }

    /// Whether a bloom filter tells that no row matches.
    async fn refuted(&self) -> Result<bool> {
        let Some(predicate) = &self.predicate else {
            return Ok(false);
        };
        let bytes = self.encoded_bytes();
        for (leaf, literal) in blooms(&self.metadata, self.group, predicate) {
            let column = self.row_group().column(leaf);
            // A filter that is larger than the rows is dearer than they are.
            let length = column
                .bloom_filter_length()
                .and_then(|length| u64::try_from(length).ok());
            if length.is_none_or(|length| length >= bytes.saturating_mul(FILTER_WORTH)) {
                continue;
            }
            let input = Input(Arc::clone(&self.input.0));
            let mut reader = ParquetRecordBatchStreamBuilder::new_with_metadata(input, self.metadata.clone());
            let filter = reader.get_row_group_column_bloom_filter(self.group, leaf).await;
            if filter
                .map_err(from_parquet)?
                .is_some_and(|filter| absent(&filter, literal, column.column_type()))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The rows to read, all of them without; pages that hold none of them are not fetched when their index is there.
    async fn selection(&mut self, rows: u64) -> Result<Option<RowSelection>> {
        let indexed = self.encoded_bytes() >= INDEX_BYTES;
        if let Some(limit) = self.limit {
            if indexed {
                self.load_index(false).await?;
            }
            let first = RowSelector::select(limit as usize);
            return Ok(Some(vec![first, RowSelector::skip((rows - limit) as usize)].into()));
        }
        let Some(predicate) = self.predicate.clone().filter(|_| indexed) else {
            return Ok(None);
        };
        self.load_index(true).await?;
        let selection = pages(&self.metadata, &predicate, rows);
        Ok(selection.filter(|selection| (selection.row_count() as u64) < rows))
    }

    /// Loads where the pages of this row group are, and with `bounds` what values they hold, as far as the file tells.
    /// What is left of the metadata is this row group alone, because the indexes of all lie together.
    async fn load_index(&mut self, bounds: bool) -> Result<()> {
        let whole = self.metadata.metadata();
        let alone = ParquetMetaData::new(whole.file_metadata().clone(), vec![self.row_group().clone()]);
        let load = async |metadata: ParquetMetaData, offsets: PageIndexPolicy, columns: PageIndexPolicy| {
            let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
                .with_offset_index_policy(offsets)
                .with_column_index_policy(columns);
            let mut input = Input(Arc::clone(&self.input.0));
            reader.load_page_index(&mut input).await.map_err(from_parquet)?;
            reader.finish().map_err(from_parquet)
        };
        let mut alone = load(alone, PageIndexPolicy::Optional, PageIndexPolicy::Skip).await?;
        if bounds && alone.offset_index().is_some() {
            let offsets = alone.offset_index().cloned();
            alone = load(alone, PageIndexPolicy::Skip, PageIndexPolicy::Optional).await?;
            alone = alone.into_builder().set_offset_index(offsets).build();
        }
        self.metadata =
            ArrowReaderMetadata::try_new(Arc::new(alone), ArrowReaderOptions::new()).map_err(from_parquet)?;
        self.group = 0;
        Ok(())
    }
}

/// Decoding is work for the processor, on a thread for that: those of the runtime stay free for what waits. It never waits on its thread: there are
/// only so many, and one consumer may hold more scans than that.
struct Decoding {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    to: mpsc::UnboundedSender<Waiting>,
    room: Room,
    seen: u64,
    usage: Option<Arc<Usage>>,
}

/// Why decoding does not go on.
enum Pause {
    /// There is no room for this batch.
    Full(RecordBatch, Option<Buffered>),
    Ended,
    Unheard,
}

impl Decoding {
    fn run(mut self) -> Result<(Self, Pause)> {
        while let Some(batch) = self.reader.next() {
            let batch = batch.map_err(|error| damaged(FORMAT, error))?;
            self.seen += batch.num_rows() as u64;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            // The library leaves the schema's metadata out of batches.
            let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options);
            let batch = batch.map_err(|error| damaged(FORMAT, error))?;
            let held = self.usage.as_ref().map(Usage::buffer);
            let held = held.map(|held| held.of(batch.get_array_memory_size() as u64));
            let Some(place) = self.room.take() else {
                return Ok((self, Pause::Full(batch, held)));
            };
            if self.to.send(Waiting::new(batch, held, place)).is_err() {
                return Ok((self, Pause::Unheard));
            }
        }
        Ok((self, Pause::Ended))
    }
}
