//! Rows of an object on their way into a table, and a stored table as an object.

use super::build::Columns;
use super::cell::Cell;
use super::read::{Item, View};
use super::rows::Rows;
use super::shape::Fields;
use super::{Refused, compare, refused};
use crate::store::Reader;
use crate::table::{damaged, guarded};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use larder_io_core::hash::{ObjectDigest, digest_object};
use larder_io_core::object::{ObjectSource, Visit, serialize_object};
use larder_io_core::{BatchStream, Error, ErrorKind, Result, Scan, Table, TableSource, Value};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use serde::de::{self, DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Rows of a chunk at most, whose cells and columns are in memory together.
const CHUNK_ROWS: usize = 8 << 10;
/// Bytes after which a chunk ends.
const CHUNK_BYTES: usize = 8 << 20;

/// An object whose rows fit a table.
pub(crate) struct ObjectRows {
    value: Value,
    schema: SchemaRef,
    rows: u64,
    /// The object's own hash.
    pub(crate) digest: ObjectDigest,
}

fn each_row(value: &Value, least: usize, visit: &mut dyn FnMut(Cell) -> Result<(), Refused>) -> Result<(), Refused> {
    serialize_object(value, Rows { least, visit })
}

/// The rows of an object that is a sequence of at least `least` structs or maps that fit a table. Reads all of them once.
pub(crate) async fn as_rows(value: &Value, least: usize) -> Option<ObjectRows> {
    let value = value.clone();
    let looked = tokio::task::spawn_blocking(move || look(value, least)).await;
    // A panic is the value's own: it will panic again where its object is written.
    looked.ok()?.ok()
}

fn look(value: Value, least: usize) -> Result<ObjectRows, Refused> {
    let (mut fields, mut rows) = (Fields::default(), 0);
    each_row(&value, least, &mut |row| {
        rows += 1;
        fields.add_row(&row)
    })?;
    if (rows as usize) < least.max(1) {
        return refused("it has fewer rows");
    }
    let schema = Arc::new(fields.schema()?);
    let digest = digest_object(&value).map_err(|error| Refused(error.message().to_owned()))?;
    if digest.losses.nested_null {
        return refused("it holds `Some(None)` or `Some(())`");
    }
    Ok(ObjectRows {
        value,
        schema,
        rows,
        digest,
    })
}

/// Builds chunks and hands them over, each after it was read back and compared.
struct Chunks {
    schema: SchemaRef,
    columns: Columns,
    cells: Vec<Cell>,
    bytes: usize,
    to: mpsc::Sender<Result<RecordBatch>>,
}

impl Chunks {
    fn push(&mut self, row: Cell) -> Result<(), Refused> {
        self.columns.push(&row)?;
        self.bytes += row.bytes();
        self.cells.push(row);
        match self.cells.len() == CHUNK_ROWS || self.bytes >= CHUNK_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Refused> {
        if self.cells.is_empty() {
            return Ok(());
        }
        let batch = self
            .columns
            .batch(&self.schema)
            .map_err(|error| Refused(error.to_string()))?;
        compare::rows(&self.cells, &batch)?;
        self.cells.clear();
        self.bytes = 0;
        self.to
            .blocking_send(Ok(batch))
            .map_err(|_| Refused("nobody takes the rows".to_owned()))
    }
}

impl ObjectRows {
    /// Whether all rows came through.
    pub(crate) fn complete(&self, rows: u64) -> bool {
        self.rows == rows
    }
}

#[async_trait]
impl TableSource for ObjectRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let (to, from) = mpsc::channel(1);
        let (value, schema) = (self.value.clone(), Arc::clone(&self.schema));
        let building = tokio::task::spawn_blocking(move || {
            let built = Columns::of(schema.fields()).and_then(|columns| {
                let mut chunks = Chunks {
                    schema: Arc::clone(&schema),
                    columns,
                    cells: Vec::new(),
                    bytes: 0,
                    to: to.clone(),
                };
                each_row(&value, 0, &mut |row| chunks.push(row))?;
                chunks.flush()
            });
            if let Err(why) = built {
                let message = format!("the rows of the object do not come back from a table: {why}");
                // Nobody hears it when the write was stopped.
                let _ = to.blocking_send(Err(Error::new(ErrorKind::Unsupported, message)));
            }
        });
        let batches = stream::unfold((from, Some(building)), next_batch);
        request.apply(&self.schema, batches.boxed())
    }
}

type Building = (mpsc::Receiver<Result<RecordBatch>>, Option<JoinHandle<()>>);

/// The next chunk. A thread that stopped by a panic is an error, not the end of the rows.
async fn next_batch((mut from, building): Building) -> Option<(Result<RecordBatch>, Building)> {
    if let Some(batch) = from.recv().await {
        return Some((batch, (from, building)));
    }
    let stopped = building?.await.err()?;
    let message = format!("reading the rows of an object stopped: {stopped}");
    Some((Err(Error::new(ErrorKind::Unexpected, message)), (from, None)))
}

/// A stored table as the object whose rows it holds.
pub(crate) struct StoredRows {
    bytes: u64,
    /// As the receipt says; a file that has others is damaged, and must not make a list without an end.
    rows: Option<u64>,
    kept: Kept,
}

enum Kept {
    /// A file that is decoded batch by batch as rows are asked for.
    Parquet(Bytes),
    /// Batches in memory, or in a memory map.
    Batches(Table),
}

impl StoredRows {
    /// Takes the bytes of a Parquet file.
    pub(crate) async fn parquet(reader: &dyn Reader, rows: Option<u64>) -> Result<Self> {
        Ok(Self {
            bytes: reader.size(),
            rows,
            kept: Kept::Parquet(reader.read(0..reader.size()).await?),
        })
    }

    /// Reads a table of another format.
    pub(crate) async fn batches(bytes: u64, source: &dyn TableSource, rows: Option<u64>) -> Result<Self> {
        let table = larder_io_core::table::collect(source).await?;
        Ok(Self {
            bytes,
            rows,
            kept: Kept::Batches(table),
        })
    }

    fn open(&self) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        match &self.kept {
            Kept::Batches(table) => Ok(Box::new(table.batches().iter().cloned().map(Ok))),
            Kept::Parquet(bytes) => {
                let mut batches = guarded(PARQUET, || {
                    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
                    ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options)?
                        .with_batch_size(CHUNK_ROWS)
                        .build()
                })?;
                let mut stopped = false;
                Ok(Box::new(std::iter::from_fn(move || {
                    if stopped {
                        return None;
                    }
                    let next = guarded(PARQUET, || batches.next().transpose()).transpose();
                    stopped = !matches!(next, Some(Ok(_)));
                    next
                })))
            }
        }
    }
}

const PARQUET: &str = "parquet";

impl ObjectSource for StoredRows {
    fn with_deserializer(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut rows = Stored {
            batches: self.open()?,
            left: self.rows,
            view: None,
            row: 0,
            rows: 0,
        };
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut rows))
            .map_err(|error| damaged("table of rows", error))
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The rows of all batches as one sequence.
struct Stored<'s> {
    batches: Box<dyn Iterator<Item = Result<RecordBatch>> + 's>,
    /// Rows that the batches after this one must have, where that is known.
    left: Option<u64>,
    view: Option<View>,
    row: usize,
    rows: usize,
}

impl Stored<'_> {
    /// Whether there is another row; `view` and `row` are its place then.
    fn advance(&mut self) -> Result<bool, Refused> {
        while self.row == self.rows {
            let Some(batch) = self.batches.next() else {
                return match self.left {
                    None | Some(0) => Ok(false),
                    Some(missing) => Err(Refused(format!("{missing} rows are missing at its end"))),
                };
            };
            let batch = batch.map_err(|error| Refused(error.message().to_owned()))?;
            if let Some(left) = &mut self.left {
                let rest = left.checked_sub(batch.num_rows() as u64);
                *left = rest.ok_or_else(|| Refused("it has more rows than were stored".to_owned()))?;
            }
            (self.row, self.rows) = (0, batch.num_rows());
            self.view = Some(View::of_batch(&batch)?);
        }
        Ok(true)
    }
}

impl<'de> de::SeqAccess<'de> for Stored<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        if !self.advance()? {
            return Ok(None);
        }
        let (Some(view), row) = (&self.view, self.row) else {
            return Ok(None);
        };
        self.row += 1;
        seed.deserialize(Item { view, row }).map(Some)
    }
}

impl<'de> de::Deserializer<'de> for &mut Stored<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let value = visitor.visit_seq(&mut *self)?;
        match self.advance()? {
            false => Ok(value),
            true => refused("rows are left over at its end"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}
