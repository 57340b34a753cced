//! Tables as Parquet files: rows are cut into row groups and chunks; [`super::parquet_encoders`] encodes their columns.

use super::parquet_encoders::{Encoders, Wait};
use super::parts::PartWriter;
use super::unwritable;
use super::write::Written;
use crate::format::{Compression, ParquetStatistics, Settings};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use larder_io_core::hash::TableDigest;
use larder_io_core::{Buffered, Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::properties::{CdcOptions, EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use std::sync::Arc;
use std::thread::Scope;
use tokio::sync::mpsc;

/// Rows that are encoded in one go: enough work for each thread, little enough to be held.
const CHUNK_ROWS: usize = 64 << 10;
/// Bytes that are encoded in one go, whatever the rows.
pub(super) const CHUNK_BYTES: usize = 4 << 20;

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
    batches: mpsc::Receiver<RecordBatch>,
    output: PartWriter,
    settings: &Settings,
) -> ParquetResult<Written> {
    let properties = properties(&schema, settings)?;
    if settings.parquet.content_defined_chunks {
        return chunked(schema, batches, output, properties);
    }
    let held = output.counter();
    let (mut file, _) =
        ArrowWriter::try_new(output, schema.clone(), Some(properties.clone()))?.into_serialized_writer()?;
    let encoders = Encoders::new(schema.fields(), &properties)?;
    let groups = Groups::new(&encoders, settings, held);
    let rows = std::thread::scope(|threads| {
        // Before the scope waits for its threads, whatever happened here.
        let _ended = encoders.ending();
        groups.write(threads, batches, &mut file)
    })?;
    let metadata = file.finish()?;
    file.inner_mut().finish()?;
    let hashes = encoders.hashes();
    Ok(Written {
        rows,
        content_hash: hashes.map(|hashes| TableDigest::combine(&schema, rows, &hashes)),
        metadata: Some(Arc::new(metadata)),
        schema: None,
    })
}

/// Cuts rows into row groups and chunks, has them encoded, and appends finished groups to the file.
struct Groups<'e> {
    encoders: &'e Encoders,
    most_rows: usize,
    most_bytes: usize,
    /// Rows of the group that is being filled.
    rows: usize,
    /// Encoded bytes of a row, as far as is known.
    row_bytes: f64,
    /// Rows that are encoded or will be, and are not appended.
    waiting: u64,
    /// Counts what they take.
    held: Option<Buffered>,
}

impl<'e> Groups<'e> {
    fn new(encoders: &'e Encoders, settings: &Settings, held: Option<Buffered>) -> Self {
        Self {
            encoders,
            most_rows: settings.parquet.row_group_rows,
            most_bytes: settings.parquet.row_group_bytes,
            rows: 0,
            row_bytes: 0.0,
            waiting: 0,
            held,
        }
    }

    /// Writes all rows and gives their number.
    fn write<'s>(
        mut self,
        threads: &'s Scope<'s, 'e>,
        mut batches: mpsc::Receiver<RecordBatch>,
        file: &mut SerializedFileWriter<PartWriter>,
    ) -> ParquetResult<u64> {
        let (mut pending, mut rows) = (Pending::default(), 0);
        while let Some(batch) = batches.blocking_recv() {
            rows += batch.num_rows() as u64;
            if batch.num_columns() == 0 && rows > 0 {
                return Err(ParquetError::General("it has rows but no columns".to_owned()));
            }
            let mut at = 0;
            while at < batch.num_rows() {
                let room = (self.most_rows - self.rows - pending.rows).min(pending.room(&batch));
                let taken = room.min(batch.num_rows() - at);
                pending.push(batch.slice(at, taken));
                at += taken;
                if pending.full() || self.rows + pending.rows >= self.most_rows {
                    self.encoders.start(threads);
                    self.encode(pending.take(), file)?;
                }
            }
        }
        if pending.rows > 0 {
            self.encode(pending.take(), file)?;
        }
        self.close();
        self.encoders.work_off();
        while self.append(file)? {}
        Ok(rows)
    }

    /// Hands a chunk over as soon as there is room.
    fn encode(&mut self, chunk: Pending, file: &mut SerializedFileWriter<PartWriter>) -> ParquetResult<()> {
        while let Wait::Group = self.encoders.room()? {
            self.append(file)?;
        }
        // Always told by the same chunk before this one, however fast the threads were: equal tables become equal files.
        if let Some(row_bytes) = self.encoders.row_bytes() {
            self.row_bytes = row_bytes;
        }
        if self.rows as f64 * self.row_bytes >= self.most_bytes as f64 {
            self.close();
        }
        let begins = self.rows == 0;
        self.rows += chunk.rows;
        self.waiting += chunk.rows as u64;
        if let Some(held) = &mut self.held {
            held.set((self.waiting as f64 * self.row_bytes) as u64);
        }
        self.encoders.push(chunk.batches, chunk.bytes, begins);
        if self.rows >= self.most_rows {
            self.close();
        }
        Ok(())
    }

    /// Ends the group that is being filled.
    fn close(&mut self) {
        if self.rows > 0 {
            self.encoders.close();
            self.rows = 0;
        }
    }

    /// Appends the next group, waiting until it is encoded; `false` when there is none.
    fn append(&mut self, file: &mut SerializedFileWriter<PartWriter>) -> ParquetResult<bool> {
        let Some(columns) = self.encoders.group()? else {
            return Ok(false);
        };
        let mut group = file.next_row_group()?;
        for chunk in columns {
            chunk.append_to_row_group(&mut group)?;
        }
        let group = group.close()?;
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        if let Some(held) = &mut self.held {
            // What the group took, which is known now; then what the others take.
            let others = (self.waiting.saturating_sub(rows) as f64 * self.row_bytes) as u64;
            held.set(others + u64::try_from(group.compressed_size()).unwrap_or(0));
            held.set(others);
        }
        self.waiting = self.waiting.saturating_sub(rows);
        Ok(true)
    }
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
        let bytes_per_row = (slice_bytes(batch) / batch.num_rows().max(1)).max(1);
        let by_bytes = CHUNK_BYTES.saturating_sub(self.bytes) / bytes_per_row;
        by_bytes.min(CHUNK_ROWS - self.rows.min(CHUNK_ROWS)).max(1)
    }

    fn push(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += slice_bytes(&batch);
        self.batches.push(batch);
    }

    fn full(&self) -> bool {
        self.rows >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Bytes of the rows themselves: buffers may be shared with other batches and other columns.
fn slice_bytes(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter();
    columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
        .sum()
}
