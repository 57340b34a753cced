//! One column of a table on its way into row groups.

use super::parquet_encoders::{Done, Task};
use arrow_schema::{DataType, FieldRef};
use larder_io_core::hash::ColumnDigest;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::{Encoding, PageType};
use parquet::errors::Result;
use parquet::file::metadata::PageEncodingStats;

/// Groups in which a leaf gets no dictionary after one that outgrew it: building one to throw it away is a large part of
/// what such a column costs. Then it is tried again.
const PLAIN_GROUPS: usize = 15;

/// The writers of one leaf for a new group, of which its column takes one.
pub(super) struct Writers {
    /// As the settings say.
    pub(super) usual: ArrowColumnWriter,
    /// Without a dictionary.
    pub(super) plain: ArrowColumnWriter,
}

/// One column of the table: its leaves (several of a nested type) and its hash.
pub(super) struct Column {
    field: FieldRef,
    leaves: Vec<Leaf>,
    pub(super) digest: ColumnDigest,
}

/// One Parquet column.
#[derive(Default)]
struct Leaf {
    writer: Option<ArrowColumnWriter>,
    /// Groups that are still written without a dictionary.
    plain: usize,
}

impl Column {
    pub(super) fn new(field: &FieldRef) -> Self {
        Self {
            field: field.clone(),
            leaves: (0..leaves(field.data_type())).map(|_| Leaf::default()).collect(),
            digest: ColumnDigest::new(field.data_type()),
        }
    }

    pub(super) fn run(&mut self, index: usize, task: Task) -> Result<Done> {
        match task {
            Task::Encode {
                chunk,
                batches,
                writers,
            } => {
                for (leaf, writers) in self.leaves.iter_mut().zip(writers.into_iter().flatten()) {
                    leaf.begin(writers);
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
}

impl Leaf {
    fn begin(&mut self, writers: Writers) {
        let usual = self.plain == 0;
        self.plain = self.plain.saturating_sub(1);
        self.writer = Some(if usual { writers.usual } else { writers.plain });
    }

    fn close(&mut self) -> Result<Option<ArrowColumnChunk>> {
        let closed = self.writer.take().map(ArrowColumnWriter::close).transpose()?;
        if closed.as_ref().is_some_and(outgrown) {
            self.plain = PLAIN_GROUPS;
        }
        Ok(closed)
    }
}

/// Whether the values were too many for a dictionary, so that it was begun in vain.
fn outgrown(chunk: &ArrowColumnChunk) -> bool {
    let metadata = &chunk.close().metadata;
    let pages = metadata.page_encoding_stats().map_or(&[][..], |pages| pages.as_slice());
    let is_data = |page: &&PageEncodingStats| matches!(page.page_type, PageType::DATA_PAGE | PageType::DATA_PAGE_V2);
    let is_coded = |page: &PageEncodingStats| page.encoding == Encoding::RLE_DICTIONARY;
    metadata.dictionary_page_offset().is_some() && !pages.iter().filter(is_data).all(is_coded)
}

/// How many Parquet columns a type becomes.
pub(super) fn leaves(data_type: &DataType) -> usize {
    use DataType as T;
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
