//! One column of a table on its way into row groups.

use super::parquet_encoders::{Done, Task};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use larder_io_core::hash::ColumnDigest;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, PageType, Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::PageEncodingStats;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::SchemaDescriptor;
use std::io;
use std::sync::Arc;

/// Groups for which a choice stands. A leaf gets no dictionary after a group that outgrew it: building one to throw it away is a large part
/// of what such a column costs.
const CHOSEN_GROUPS: usize = 15;
/// A dictionary that leaves this part of the bytes, before they are compressed, may not be worth looking every value up in it: whether it is, a
/// group without it tells.
const POOR: f64 = 0.45;
/// How much larger a group without it may be in the file.
const DEARER: f64 = 1.1;
/// Compression that leaves this part of the bytes is left out: it costs time on both ways.
const IN_VAIN: f64 = 0.95;
/// Bytes of a group from which on that is judged.
const TELLING_BYTES: f64 = 65_536.0;

/// What makes the writers of one column's leaves: as the settings say, the same not compressed, and both without a dictionary. A writer takes memory from the
/// moment it is made, so that none is made that nobody needs.
type Factories = [ArrowRowGroupWriterFactory; 4];

/// One column of the table: its leaves (several of a nested type) and its hash.
pub(super) struct Column {
    field: FieldRef,
    factories: Factories,
    leaves: Vec<Leaf>,
    pub(super) digest: ColumnDigest,
}

/// One Parquet column.
#[derive(Default)]
struct Leaf {
    writer: Option<ArrowColumnWriter>,
    encoding: Choice,
    /// Groups that are still written without compression.
    raw: usize,
}

/// Whether the next groups of a leaf get a dictionary. Told by what its groups before became, so that equal tables become equal files.
enum Choice {
    /// As the settings say, for so many groups at least.
    Usual(usize),
    /// Without one for once: with it, a value took so many bytes in the file.
    Trial(f64),
    /// Without one, for so many groups.
    Plain(usize),
}

impl Default for Choice {
    fn default() -> Self {
        Self::Usual(0)
    }
}

impl Column {
    pub(super) fn new(field: &FieldRef, properties: &WriterProperties) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![field.clone()]));
        let descriptor = ArrowSchemaConverter::new().convert(&schema)?;
        Ok(Self {
            field: field.clone(),
            factories: factories(&schema, &descriptor, properties)?,
            leaves: descriptor.columns().iter().map(|_| Leaf::default()).collect(),
            digest: ColumnDigest::new(field.data_type()),
        })
    }

    pub(super) fn run(&mut self, index: usize, task: Task) -> Result<Done> {
        match task {
            Task::Encode { chunk, batches, begins } => {
                if begins {
                    self.begin()?;
                }
                for batch in batches.iter() {
                    let array = batch.column(index);
                    self.digest.update(array);
                    let writers = self.leaves.iter_mut().filter_map(|leaf| leaf.writer.as_mut());
                    for (writer, values) in writers.zip(compute_leaves(&self.field, array)?) {
                        writer.write(&values)?;
                    }
                }
                let writers = self.leaves.iter().filter_map(|leaf| leaf.writer.as_ref());
                let bytes = writers.map(ArrowColumnWriter::get_estimated_total_bytes).sum();
                Ok(Done::Encoded { chunk, bytes })
            }
            Task::Close { group } => {
                let closed = self.leaves.iter_mut().filter_map(|leaf| leaf.close().transpose());
                let chunks = closed.collect::<Result<_>>()?;
                Ok(Done::Closed { group, chunks })
            }
        }
    }

    /// Gives each leaf the writer of a new group. A factory makes those of all leaves at once.
    fn begin(&mut self) -> Result<()> {
        for (index, factory) in self.factories.iter().enumerate() {
            if self.leaves.iter().any(|leaf| leaf.factory() == index) {
                let writers = factory.create_column_writers(0)?;
                let chosen = self
                    .leaves
                    .iter_mut()
                    .zip(writers)
                    .filter(|(leaf, _)| leaf.factory() == index);
                chosen.for_each(|(leaf, writer)| leaf.writer = Some(writer));
            }
        }
        Ok(())
    }
}

fn factories(schema: &SchemaRef, leaves: &SchemaDescriptor, properties: &WriterProperties) -> Result<Factories> {
    // Of files that stay empty: only their writers of columns are wanted.
    let factory = |of: WriterPropertiesBuilder| {
        let writer = ArrowWriter::try_new(io::sink(), Arc::clone(schema), Some(of.build()))?;
        Ok::<_, ParquetError>(writer.into_serialized_writer()?.1)
    };
    let of = || properties.clone().into_builder();
    let raw = || of().set_compression(Compression::UNCOMPRESSED);
    Ok([
        factory(of())?,
        factory(raw())?,
        factory(uncoded(of(), leaves))?,
        factory(uncoded(raw(), leaves))?,
    ])
}

/// Without dictionaries. Integers are kept by what each adds to the one before: what is left to compress is a fraction of the bytes of plain ones.
fn uncoded(properties: WriterPropertiesBuilder, leaves: &SchemaDescriptor) -> WriterPropertiesBuilder {
    let integers = leaves.columns().iter().filter(|leaf| is_integer(leaf.physical_type()));
    integers.fold(properties.set_dictionary_enabled(false), |properties, leaf| {
        properties.set_column_encoding(leaf.path().clone(), Encoding::DELTA_BINARY_PACKED)
    })
}

impl Leaf {
    /// Which one of its column's [`Factories`] makes its next writer.
    fn factory(&self) -> usize {
        usize::from(self.encoding.is_plain()) * 2 + usize::from(self.raw > 0)
    }

    fn close(&mut self) -> Result<Option<ArrowColumnChunk>> {
        let closed = self.writer.take().map(ArrowColumnWriter::close).transpose()?;
        if let Some(chunk) = &closed {
            let (before, plain) = (self.raw, self.encoding.is_plain());
            self.encoding = self.encoding.after(chunk);
            self.raw = match before {
                // What one encoding leaves is nothing to judge the other by.
                _ if self.encoding.is_plain() != plain => 0,
                0 if in_vain(chunk) => CHOSEN_GROUPS,
                left => left.saturating_sub(1),
            };
        }
        Ok(closed)
    }
}

impl Choice {
    fn is_plain(&self) -> bool {
        !matches!(self, Self::Usual(_))
    }

    /// What is chosen after a group that became this chunk.
    fn after(&self, chunk: &ArrowColumnChunk) -> Self {
        let metadata = &chunk.close().metadata;
        let each = |bytes: i64| bytes as f64 / metadata.num_values().max(1) as f64;
        let stored = each(metadata.compressed_size());
        let integers = is_integer(metadata.column_type());
        match *self {
            // What integers add to each other may be more than they are.
            Self::Usual(0) if integers && outgrown(chunk) => Self::Trial(stored),
            Self::Usual(_) if !integers && outgrown(chunk) => Self::Plain(CHOSEN_GROUPS),
            Self::Usual(0) => {
                let wide = match metadata.column_type() {
                    Type::INT32 | Type::FLOAT => 4.0,
                    Type::INT64 | Type::DOUBLE => 8.0,
                    _ => f64::INFINITY,
                };
                let coded = metadata.dictionary_page_offset().is_some();
                match coded && each(metadata.uncompressed_size()) >= wide * POOR {
                    true => Self::Trial(stored),
                    false => Self::Usual(0),
                }
            }
            Self::Trial(with) if stored > with * DEARER => Self::Usual(CHOSEN_GROUPS),
            Self::Trial(_) => Self::Plain(CHOSEN_GROUPS),
            Self::Plain(1) => Self::Usual(0),
            Self::Usual(left) => Self::Usual(left - 1),
            Self::Plain(left) => Self::Plain(left - 1),
        }
    }
}

/// Whether compressing it was no use. Of little that cannot be told: what comes may be more.
fn in_vain(chunk: &ArrowColumnChunk) -> bool {
    let metadata = &chunk.close().metadata;
    let [stored, bytes] = [metadata.compressed_size(), metadata.uncompressed_size()].map(|bytes| bytes as f64);
    bytes >= TELLING_BYTES && stored > bytes * IN_VAIN
}

/// Whether the values were too many for a dictionary, so that it was begun in vain.
fn outgrown(chunk: &ArrowColumnChunk) -> bool {
    let metadata = &chunk.close().metadata;
    let pages = metadata.page_encoding_stats().map_or(&[][..], |pages| pages.as_slice());
    let is_data = |page: &&PageEncodingStats| matches!(page.page_type, PageType::DATA_PAGE | PageType::DATA_PAGE_V2);
    let is_coded = |page: &PageEncodingStats| page.encoding == Encoding::RLE_DICTIONARY;
    metadata.dictionary_page_offset().is_some() && !pages.iter().filter(is_data).all(is_coded)
}

/// Whether a Parquet column is of integers: numbers, dates, times, and decimals that fit into them.
fn is_integer(physical: Type) -> bool {
    matches!(physical, Type::INT32 | Type::INT64)
}
