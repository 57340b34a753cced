//! Tables as Parquet files, columns encoded in parallel.

use super::unwritable;
use super::write::{PartWriter, Written};
use crate::format::{Compression, ParquetStatistics, Settings};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, FieldRef, SchemaRef};
use larder_io_core::hash::{ColumnDigest, TableDigest};
use larder_io_core::{ContentHash, Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::properties::{CdcOptions, EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Rows that are encoded in one go: enough work for each thread, little enough to be held.
const CHUNK_ROWS: usize = 64 << 10;
/// Bytes that are encoded in one go, whatever the rows.
const CHUNK_BYTES: usize = 8 << 20;

/// Encodes batches until the channel closes. Blocks.
pub(super) fn encode(
    schema: SchemaRef,
    batches: mpsc::Receiver<RecordBatch>,
    output: PartWriter,
    settings: &Settings,
) -> Result<Written> {
    run(schema, batches, output, settings).map_err(unwritable_parquet)
}

fn unwritable_parquet(error: ParquetError) -> Error {
    let arrow = match error {
        ParquetError::ArrowError(text) => ArrowError::ParquetError(text),
        other => ArrowError::ParquetError(other.to_string()),
    };
    unwritable("parquet", &arrow)
}

fn codec(settings: &Settings) -> ParquetResult<Codec> {
    Ok(match settings.compression {
        Compression::Zstd => Codec::ZSTD(match settings.parquet.level {
            Some(level) => ZstdLevel::try_new(level)?,
            None => ZstdLevel::default(),
        }),
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::None => Codec::UNCOMPRESSED,
    })
}

fn properties(schema: &SchemaRef, settings: &Settings) -> ParquetResult<WriterProperties> {
    let parquet = &settings.parquet;
    let mut properties = WriterProperties::builder()
        .set_compression(codec(settings)?)
        .set_dictionary_enabled(parquet.dictionary)
        .set_statistics_enabled(match parquet.statistics {
            ParquetStatistics::Page => EnabledStatistics::Page,
            ParquetStatistics::Chunk => EnabledStatistics::Chunk,
            ParquetStatistics::None => EnabledStatistics::None,
        })
        .set_max_row_group_row_count(Some(parquet.row_group_rows))
        .set_max_row_group_bytes(Some(parquet.row_group_bytes))
        .set_content_defined_chunking(parquet.content_defined_chunks.then(CdcOptions::default));
    for path in &parquet.bloom_filters {
        let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
        let known = |name: &str| schema.column_with_name(name).is_some();
        // A column may have a dot in its own name.
        let column = match known(path) {
            true => ColumnPath::from(path.as_str()),
            false if known(&parts[0]) => ColumnPath::new(parts),
            // One manager keeps many tables.
            false => continue,
        };
        properties = properties.set_column_bloom_filter_enabled(column, true);
    }
    Ok(properties.build())
}

/// Encodes with pages that end where the values say, one column after the other: the writer of columns does not take the
/// chunker of several row groups.
fn chunked(
    schema: SchemaRef,
    mut batches: mpsc::Receiver<RecordBatch>,
    output: PartWriter,
    properties: WriterProperties,
) -> ParquetResult<Written> {
    let mut writer = ArrowWriter::try_new(output, schema.clone(), Some(properties))?;
    let mut digest = TableDigest::new(schema.clone());
    while let Some(batch) = batches.blocking_recv() {
        if schema.fields().is_empty() && batch.num_rows() > 0 {
            return Err(ParquetError::General("it has rows but no columns".to_owned()));
        }
        digest.update(&batch);
        writer.write(&batch)?;
    }
    let metadata = writer.finish()?;
    writer.inner_mut().finish()?;
    Ok(Written {
        rows: digest.rows(),
        content_hash: digest.finish(),
        metadata: Some(Arc::new(metadata)),
        schema: None,
    })
}

fn run(
    schema: SchemaRef,
    mut batches: mpsc::Receiver<RecordBatch>,
    output: PartWriter,
    settings: &Settings,
) -> ParquetResult<Written> {
    let properties = properties(&schema, settings)?;
    if settings.parquet.content_defined_chunks {
        return chunked(schema, batches, output, properties);
    }
    let (mut file, factory) =
        ArrowWriter::try_new(output, schema.clone(), Some(properties))?.into_serialized_writer()?;
    let mut columns: Vec<Column> = schema.fields().iter().map(Column::new).collect();
    let mut group = Group { rows: 0, index: 0 };
    let mut pending = Pending::default();
    let mut rows = 0;
    while let Some(batch) = batches.blocking_recv() {
        rows += batch.num_rows() as u64;
        if columns.is_empty() && rows > 0 {
            return Err(ParquetError::General("it has rows but no columns".to_owned()));
        }
        let mut at = 0;
        while at < batch.num_rows() {
            let room = (settings.parquet.row_group_rows - group.rows - pending.rows).min(pending.room(&batch));
            let taken = room.min(batch.num_rows() - at);
            pending.push(batch.slice(at, taken));
            at += taken;
            let group_full = group.rows + pending.rows >= settings.parquet.row_group_rows;
            if group_full || pending.full() {
                group.encode(&factory, &mut columns, pending.take())?;
                if group_full || group.bytes(&columns) >= settings.parquet.row_group_bytes {
                    group.flush(&mut columns, &mut file)?;
                }
            }
        }
    }
    if pending.rows > 0 {
        group.encode(&factory, &mut columns, pending.take())?;
    }
    group.flush(&mut columns, &mut file)?;
    let metadata = file.finish()?;
    file.inner_mut().finish()?;
    let supported = columns.iter().all(|column| column.digest.supported());
    let hashes: Vec<ContentHash> = columns.into_iter().map(|column| column.digest.finish()).collect();
    Ok(Written {
        rows,
        content_hash: supported.then(|| TableDigest::combine(&schema, rows, &hashes)),
        metadata: Some(Arc::new(metadata)),
        schema: None,
    })
}

/// Batches that wait to be encoded in one go.
#[derive(Default)]
struct Pending {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Pending {
    /// Rows of `batch` that fit.
    fn room(&self, batch: &RecordBatch) -> usize {
        let bytes_per_row = (batch.get_array_memory_size() / batch.num_rows().max(1)).max(1);
        let by_bytes = CHUNK_BYTES.saturating_sub(self.bytes) / bytes_per_row;
        by_bytes.min(CHUNK_ROWS - self.rows.min(CHUNK_ROWS)).max(1)
    }

    fn push(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        // The memory of a slice is that of the whole batch; what is counted is its share.
        self.bytes += batch
            .columns()
            .iter()
            .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
            .sum::<usize>();
        self.batches.push(batch);
    }

    fn full(&self) -> bool {
        self.rows >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES
    }

    fn take(&mut self) -> Vec<RecordBatch> {
        std::mem::take(self).batches
    }
}

/// One column of the table: its writers (one for each leaf of a nested type), its hash, its cost so far.
struct Column {
    field: FieldRef,
    writers: Vec<ArrowColumnWriter>,
    digest: ColumnDigest,
    spent: Duration,
}

impl Column {
    fn new(field: &FieldRef) -> Self {
        Self {
            field: field.clone(),
            writers: Vec::new(),
            digest: ColumnDigest::new(field.data_type()),
            spent: Duration::ZERO,
        }
    }

    fn encode(&mut self, index: usize, batches: &[RecordBatch]) -> ParquetResult<()> {
        let began = Instant::now();
        for batch in batches {
            let array = batch.column(index);
            self.digest.update(array);
            for (writer, leaf) in self.writers.iter_mut().zip(compute_leaves(&self.field, array)?) {
                writer.write(&leaf)?;
            }
        }
        self.spent += began.elapsed();
        Ok(())
    }

    fn close(&mut self) -> ParquetResult<Vec<ArrowColumnChunk>> {
        std::mem::take(&mut self.writers)
            .into_iter()
            .map(ArrowColumnWriter::close)
            .collect()
    }
}

/// The row group being written.
struct Group {
    rows: usize,
    index: usize,
}

impl Group {
    fn encode(
        &mut self,
        factory: &ArrowRowGroupWriterFactory,
        columns: &mut [Column],
        batches: Vec<RecordBatch>,
    ) -> ParquetResult<()> {
        if self.rows == 0 {
            let mut writers = factory.create_column_writers(self.index)?.into_iter();
            for column in columns.iter_mut() {
                let leaves = leaves(column.field.data_type());
                column.writers = writers.by_ref().take(leaves).collect();
            }
        }
        self.rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        in_parallel(columns, |index, column| column.encode(index, &batches)).map(drop)
    }

    fn bytes(&self, columns: &[Column]) -> usize {
        columns
            .iter()
            .flat_map(|column| &column.writers)
            .map(ArrowColumnWriter::get_estimated_total_bytes)
            .sum()
    }

    fn flush(&mut self, columns: &mut [Column], file: &mut SerializedFileWriter<PartWriter>) -> ParquetResult<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let chunks = in_parallel(columns, |_, column| column.close())?;
        let mut writer = file.next_row_group()?;
        for chunk in chunks.into_iter().flatten() {
            chunk.append_to_row_group(&mut writer)?;
        }
        writer.close()?;
        self.index += 1;
        self.rows = 0;
        Ok(())
    }
}

/// How many Parquet columns a type becomes.
fn leaves(data_type: &arrow_schema::DataType) -> usize {
    use arrow_schema::DataType as T;
    match data_type {
        T::List(item)
        | T::LargeList(item)
        | T::FixedSizeList(item, _)
        | T::ListView(item)
        | T::LargeListView(item)
        | T::Map(item, _) => leaves(item.data_type()),
        T::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        _ => 1,
    }
}

/// A column and what its work gave.
type Slot<'c, T> = (&'c mut Column, Option<ParquetResult<T>>);

/// Runs `work` for each column on all cores, the costliest column first, and gives the results in column order.
fn in_parallel<T: Send>(
    columns: &mut [Column],
    work: impl Fn(usize, &mut Column) -> ParquetResult<T> + Sync,
) -> ParquetResult<Vec<T>> {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(columns[*index].spent));
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(columns.len());
    let slots: Vec<Mutex<Slot<'_, T>>> = columns.iter_mut().map(|column| Mutex::new((column, None))).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Each slot is taken by one worker, once.
            if let Ok(mut slot) = slots[*index].lock() {
                let (column, result) = &mut *slot;
                *result = Some(work(*index, column));
            }
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| {
            scope.spawn(worker);
        });
        worker();
    });
    let missing = || Err(ParquetError::General("a column was not encoded".to_owned()));
    slots
        .into_iter()
        .map(|slot| {
            slot.into_inner()
                .ok()
                .and_then(|(_, result)| result)
                .unwrap_or_else(missing)
        })
        .collect()
}
