//! Hash of a table by its logical values, so that neither batch sizes, dictionaries, offsets nor the bytes under nulls matter.

use super::blocks::{BLOCK, Blocks};
use super::views::{gather, lengths_of};
use crate::receipt::ContentHash;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, RecordBatch};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};

/// Hashes one column, chunk by chunk; how the column is cut into chunks does not matter.
///
/// Validity goes in as lengths of runs, then only what is valid goes in: lengths of variable values, and values.
#[derive(Debug)]
pub struct ColumnDigest {
    kind: Kind,
    runs: Runs,
    lengths: Blocks,
    values: Blocks,
}

#[derive(Debug)]
enum Kind {
    Null,
    Boolean,
    Fixed,
    Bytes,
    Views,
    Children(Vec<ColumnDigest>),
    Decoded(Box<ColumnDigest>),
    Unsupported,
}

/// Runs of equal validity.
#[derive(Debug, Default)]
struct Runs {
    hasher: blake3::Hasher,
    valid: bool,
    length: u64,
}

impl Runs {
    fn push(&mut self, valid: bool, length: usize) {
        if length == 0 {
            return;
        }
        if valid != self.valid {
            self.hasher.update(&self.length.to_le_bytes());
            self.valid = valid;
            self.length = 0;
        }
        self.length += length as u64;
    }

    fn finish(&mut self) -> blake3::Hash {
        self.hasher.update(&self.length.to_le_bytes());
        self.hasher.finalize()
    }
}

impl ColumnDigest {
    /// Begins the hash of a column of this type.
    pub fn new(data_type: &DataType) -> Self {
        let kind = match data_type {
            DataType::Null => Kind::Null,
            DataType::Boolean => Kind::Boolean,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => Kind::Bytes,
            DataType::Utf8View | DataType::BinaryView => Kind::Views,
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::Map(item, _)
            | DataType::FixedSizeList(item, _) => Kind::Children(vec![Self::new(item.data_type())]),
            DataType::Struct(fields) => {
                Kind::Children(fields.iter().map(|field| Self::new(field.data_type())).collect())
            }
            DataType::Dictionary(_, value) => Kind::Decoded(Box::new(Self::new(value))),
            DataType::FixedSizeBinary(_) => Kind::Fixed,
            other if other.primitive_width().is_some() => Kind::Fixed,
            _ => Kind::Unsupported,
        };
        Self {
            kind,
            runs: Runs::default(),
            lengths: Blocks::default(),
            values: Blocks::default(),
        }
    }

    /// Whether the type has a logical hash; unions and run-end encoded columns have none.
    pub fn supported(&self) -> bool {
        match &self.kind {
            Kind::Unsupported => false,
            Kind::Children(children) => children.iter().all(Self::supported),
            Kind::Decoded(inner) => inner.supported(),
            _ => true,
        }
    }

    /// Adds the next chunk.
    pub fn update(&mut self, array: &ArrayRef) {
        if let Kind::Decoded(inner) = &mut self.kind {
            // A take by a dictionary's own keys cannot be out of bounds; an array that lies was refused when read.
            let dictionary = array.as_any_dictionary();
            if let Ok(decoded) = arrow_select::take::take(dictionary.values(), dictionary.keys(), None) {
                inner.update(&decoded);
            }
            return;
        }
        let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else {
            self.runs.push(true, array.len());
            return self.valid(array, 0, array.len());
        };
        let mut at = 0;
        for (start, end) in nulls.valid_slices() {
            self.runs.push(false, start - at);
            self.runs.push(true, end - start);
            self.valid(array, start, end);
            at = end;
        }
        self.runs.push(false, array.len() - at);
    }

    /// Adds values that are all valid.
    fn valid(&mut self, array: &ArrayRef, start: usize, end: usize) {
        if start == end {
            return;
        }
        match &mut self.kind {
            Kind::Null | Kind::Unsupported | Kind::Decoded(_) => {}
            Kind::Boolean => {
                let values = array.as_boolean().values().slice(start, end - start);
                self.values.room().extend(values.iter().map(u8::from));
                self.values.flush();
            }
            Kind::Fixed => {
                let data = array.to_data();
                let width = match data.data_type() {
                    DataType::FixedSizeBinary(width) => *width as usize,
                    other => other.primitive_width().unwrap_or(0),
                };
                let from = data.offset() + start;
                self.values
                    .update(&data.buffers()[0].as_slice()[from * width..(from + end - start) * width]);
            }
            Kind::Bytes => match array.data_type() {
                DataType::Utf8 => self.bytes(
                    array.as_string::<i32>().offsets(),
                    array.as_string::<i32>().value_data(),
                    start,
                    end,
                ),
                DataType::LargeUtf8 => self.bytes(
                    array.as_string::<i64>().offsets(),
                    array.as_string::<i64>().value_data(),
                    start,
                    end,
                ),
                DataType::Binary => self.bytes(
                    array.as_binary::<i32>().offsets(),
                    array.as_binary::<i32>().value_data(),
                    start,
                    end,
                ),
                _ => self.bytes(
                    array.as_binary::<i64>().offsets(),
                    array.as_binary::<i64>().value_data(),
                    start,
                    end,
                ),
            },
            Kind::Views => self.views(array, start, end),
            Kind::Children(children) => match array.data_type() {
                DataType::Struct(_) => {
                    for (child, column) in children.iter_mut().zip(array.as_struct().columns()) {
                        child.update(&column.slice(start, end - start));
                    }
                }
                DataType::FixedSizeList(_, size) => {
                    let size = *size as usize;
                    children[0].update(
                        &array
                            .as_fixed_size_list()
                            .values()
                            .slice(start * size, (end - start) * size),
                    );
                }
                DataType::List(_) => {
                    let list = array.as_list::<i32>();
                    let child = lists(&mut self.lengths, list.offsets(), list.values(), start, end);
                    children[0].update(&child);
                }
                DataType::LargeList(_) => {
                    let list = array.as_list::<i64>();
                    let child = lists(&mut self.lengths, list.offsets(), list.values(), start, end);
                    children[0].update(&child);
                }
                _ => {
                    let map = array.as_map();
                    let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
                    let child = lists(&mut self.lengths, map.offsets(), &entries, start, end);
                    children[0].update(&child);
                }
            },
        }
    }

    fn bytes<O: OffsetSizeTrait>(&mut self, offsets: &OffsetBuffer<O>, data: &[u8], start: usize, end: usize) {
        lengths(&mut self.lengths, &offsets[start..=end]);
        self.values
            .update(&data[offsets[start].as_usize()..offsets[end].as_usize()]);
    }

    /// Values of a view column lie scattered, so both they and their lengths are gathered before they are hashed.
    fn views(&mut self, array: &ArrayRef, start: usize, end: usize) {
        let (views, buffers) = match array.as_string_view_opt() {
            Some(text) => (text.views(), text.data_buffers()),
            None => (array.as_binary_view().views(), array.as_binary_view().data_buffers()),
        };
        for chunk in views[start..end].chunks(BLOCK / 4) {
            self.lengths.numbers(lengths_of(chunk));
            let mut rest = chunk;
            while !rest.is_empty() {
                let gathered = gather(rest, buffers, self.values.room(), BLOCK);
                rest = &rest[gathered..];
                self.values.flush();
            }
        }
    }

    /// Ends the column.
    pub fn finish(mut self) -> ContentHash {
        let mut all = blake3::Hasher::new();
        match self.kind {
            Kind::Decoded(inner) => return inner.finish(),
            Kind::Children(children) => children.into_iter().for_each(|child| {
                all.update(child.finish().as_bytes());
            }),
            _ => {}
        }
        all.update(self.runs.finish().as_bytes());
        all.update(self.lengths.finish().as_bytes());
        all.update(self.values.finish().as_bytes());
        all.finalize().into()
    }
}

fn lengths<O: OffsetSizeTrait>(hasher: &mut Blocks, offsets: &[O]) {
    let count = offsets.len().saturating_sub(1);
    for from in (0..count).step_by(BLOCK / 4) {
        let until = count.min(from + BLOCK / 4);
        // A single value of 4 GiB keeps its lower half here; its bytes are hashed in full.
        let lengths = offsets[from..=until].windows(2);
        let lengths = lengths.map(|pair| (pair[1].as_usize() - pair[0].as_usize()) as u32);
        hasher.numbers(lengths);
    }
}

fn lists<O: OffsetSizeTrait>(
    hasher: &mut Blocks,
    offsets: &OffsetBuffer<O>,
    values: &ArrayRef,
    start: usize,
    end: usize,
) -> ArrayRef {
    lengths(hasher, &offsets[start..=end]);
    let (from, to) = (offsets[start].as_usize(), offsets[end].as_usize());
    values.slice(from, to - from)
}

/// Hashes a whole table: its schema, its number of rows, its columns.
#[derive(Debug)]
pub struct TableDigest {
    schema: SchemaRef,
    columns: Vec<ColumnDigest>,
    rows: u64,
}

impl TableDigest {
    /// Begins the hash of a table.
    pub fn new(schema: SchemaRef) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|field| ColumnDigest::new(field.data_type()))
            .collect();
        Self {
            schema,
            columns,
            rows: 0,
        }
    }

    /// Adds the next batch.
    pub fn update(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        for (digest, column) in self.columns.iter_mut().zip(batch.columns()) {
            digest.update(column);
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the hash; `None` when a column's type has no logical hash.
    pub fn finish(self) -> Option<ContentHash> {
        if !self.columns.iter().all(ColumnDigest::supported) {
            return None;
        }
        let columns: Vec<ContentHash> = self.columns.into_iter().map(ColumnDigest::finish).collect();
        Some(Self::combine(&self.schema, self.rows, &columns))
    }

    /// Makes the table's hash of its columns' hashes, for those who hash columns in parallel.
    pub fn combine(schema: &Schema, rows: u64, columns: &[ContentHash]) -> ContentHash {
        let mut text = String::from("larder table 1\n");
        describe_fields(schema.fields(), &mut text);
        describe_metadata(schema.metadata().iter(), &mut text);
        let mut all = blake3::Hasher::new();
        all.update(text.as_bytes());
        all.update(&rows.to_le_bytes());
        columns.iter().for_each(|column| {
            all.update(column.as_bytes());
        });
        all.finalize().into()
    }
}

fn describe_fields(fields: &Fields, out: &mut String) {
    fields.iter().for_each(|field| describe(field, out));
}

fn describe(field: &Field, out: &mut String) {
    out.push_str(&format!("({:?} {} ", field.name(), field.is_nullable()));
    match field.data_type() {
        DataType::List(item) => nested("list", item, out),
        DataType::LargeList(item) => nested("large_list", item, out),
        DataType::FixedSizeList(item, size) => nested(&format!("fixed_list {size}"), item, out),
        DataType::Map(item, sorted) => nested(&format!("map {sorted}"), item, out),
        DataType::Struct(fields) => describe_fields(fields, out),
        leaf => out.push_str(&format!("{leaf:?}")),
    }
    describe_metadata(field.metadata().iter(), out);
    out.push(')');
}

fn nested(name: &str, item: &Field, out: &mut String) {
    out.push_str(name);
    describe(item, out);
}

fn describe_metadata<'a>(metadata: impl Iterator<Item = (&'a String, &'a String)>, out: &mut String) {
    let mut pairs: Vec<_> = metadata.collect();
    pairs.sort_unstable();
    out.push_str(&format!("{pairs:?}"));
}
