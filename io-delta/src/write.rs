//! Writing rows as data files that no commit refers to yet.

use crate::changes::CHANGES;
use crate::log::Log;
use crate::partition::VALUES;
use crate::stats;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_cast::display::ArrayFormatter;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use async_trait::async_trait;
use deltalake_core::kernel::Add;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, ContentHash, Error, ErrorKind, Result, Scan, Table, TableSource, WriteId};
use larder_io_object::files::{TableFile, TableFiles};
use object_store::ObjectStoreExt as _;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How the names of data files begin.
pub(crate) const DATA: &str = "part-";

/// What stands for the codec in the names of files.
const COMPRESSIONS: [&str; 4] = ["zstd", "snappy", "lz4", "plain"];

/// A data file that was written.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    pub(crate) add: Add,
    pub(crate) rows: u64,
    pub(crate) hash: ContentHash,
}

/// Where and how files are written.
pub(crate) struct Writer<'w> {
    pub(crate) files: &'w TableFiles,
    pub(crate) log: &'w Log,
    /// Columns of the batches.
    pub(crate) schema: SchemaRef,
    pub(crate) partition_columns: &'w [String],
    /// Values of partition columns that are the same in every row, and need not be among the columns.
    pub(crate) fixed: BTreeMap<String, Option<String>>,
    /// How the names of the files begin, below the table.
    pub(crate) prefix: &'static str,
    pub(crate) file_bytes: u64,
    /// Bytes of rows of several partitions that wait in memory.
    pub(crate) gather_bytes: u64,
    pub(crate) compression: &'static str,
}

impl Writer<'_> {
    /// Writes all rows; at least one file when `even_empty`. After an error what was written is removed.
    pub(crate) async fn write(&self, batches: BatchStream, even_empty: bool) -> Result<Vec<DataFile>> {
        let mut written = Vec::new();
        match self.run(batches, even_empty, &mut written).await {
            Ok(()) => Ok(written),
            Err(error) => {
                remove(self.log, &written).await;
                Err(error)
            }
        }
    }

    /// Partition columns of which rows have several values.
    pub(crate) fn varying(&self) -> Vec<&String> {
        let columns = self.partition_columns.iter();
        columns.filter(|column| !self.fixed.contains_key(*column)).collect()
    }

    async fn run(&self, batches: BatchStream, even_empty: bool, written: &mut Vec<DataFile>) -> Result<()> {
        let varying = self.varying();
        if varying.is_empty() {
            return self.in_order(batches, even_empty, written).await;
        }
        self.split(batches, &varying, written).await?;
        match written.is_empty() && even_empty {
            // Nobody can say which partition no row is in; the first write of a table has a file all the same.
            true => {
                let strict = |column: &&&String| {
                    self.schema
                        .field_with_name(column)
                        .is_ok_and(|field| !field.is_nullable())
                };
                if let Some(column) = varying.iter().find(strict) {
                    // Readers refuse a table with such a file.
                    let message = format!(
                        "a table without rows is in no partition of `{column}`, which takes no nulls; let the column be null, or leave it out of `partition_by`"
                    );
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                let nulls = varying.iter().map(|column| ((*column).clone(), None)).collect();
                let none = Table::new(self.stored_schema(), Vec::new())?;
                written.push(self.file(&none, self.values(nulls)).await?);
                Ok(())
            }
            false => Ok(()),
        }
    }

    /// One file after the other, as the rows come.
    async fn in_order(&self, batches: BatchStream, even_empty: bool, written: &mut Vec<DataFile>) -> Result<()> {
        let schema = self.stored_schema();
        let indices = self.stored_columns();
        let batches = batches.map(move |batch| batch.and_then(|batch| batch.project(&indices).map_err(Error::from)));
        let rest = Arc::new(Mutex::new(Rest {
            batches: batches.boxed(),
            next: None,
        }));
        loop {
            let more = rest.lock().await.peek().await?;
            let needed = written.is_empty() && even_empty;
            if !(more || needed) {
                return Ok(());
            }
            let part = Part {
                schema: Arc::clone(&schema),
                rest: Arc::clone(&rest),
                bytes: self.file_bytes,
            };
            written.push(self.file(&part, self.values(HashMap::new())).await?);
        }
    }

    /// Rows gathered by the values of partition columns; the fullest gathering becomes a file when memory is short.
    async fn split(&self, mut batches: BatchStream, varying: &[&String], written: &mut Vec<DataFile>) -> Result<()> {
        let indices = self.stored_columns();
        let most = self.gather_bytes.min(self.file_bytes);
        let mut gathered: BTreeMap<Values, Gathered> = BTreeMap::new();
        let mut bytes = 0;
        while let Some(batch) = batches.try_next().await? {
            for (values, rows) in groups(&batch, varying)? {
                let taken = take_record_batch(&batch.project(&indices)?, &UInt32Array::from(rows))?;
                let size = taken.get_array_memory_size() as u64;
                bytes += size;
                let into = gathered.entry(values).or_default();
                into.bytes += size;
                into.batches.push(taken);
            }
            while bytes > most {
                let fullest = gathered
                    .iter()
                    .max_by_key(|(_, gathered)| gathered.bytes)
                    .map(|(values, _)| values.clone());
                let Some((values, full)) = fullest.and_then(|values| gathered.remove_entry(&values)) else {
                    break;
                };
                bytes -= full.bytes;
                written.push(self.gathered(varying, values, full).await?);
            }
        }
        for (values, rest) in gathered {
            written.push(self.gathered(varying, values, rest).await?);
        }
        Ok(())
    }

    async fn gathered(&self, varying: &[&String], values: Values, rows: Gathered) -> Result<DataFile> {
        let table = Table::new(self.stored_schema(), rows.batches)?;
        let values = varying.iter().map(|column| (*column).clone()).zip(values).collect();
        self.file(&table, self.values(values)).await
    }

    /// Partition columns stand in the log and not in files.
    fn stored_columns(&self) -> Vec<usize> {
        let stored = |name: &str| !self.partition_columns.iter().any(|column| column == name);
        let fields = self.schema.fields().iter().enumerate();
        fields
            .filter(|(_, field)| stored(field.name()))
            .map(|(index, _)| index)
            .collect()
    }

    pub(crate) fn stored_schema(&self) -> SchemaRef {
        let fields = self
            .stored_columns()
            .into_iter()
            .map(|index| Arc::clone(&self.schema.fields()[index]));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    pub(crate) fn values(&self, mut values: HashMap<String, Option<String>>) -> HashMap<String, Option<String>> {
        for column in self.partition_columns {
            if let Some(fixed) = self.fixed.get(column) {
                values.insert(column.clone(), fixed.clone());
            }
        }
        values
    }

    async fn file(&self, source: &dyn TableSource, values: HashMap<String, Option<String>>) -> Result<DataFile> {
        let id = WriteId::random();
        let name = name(self.prefix, &id, self.compression);
        let path = self.log.path(&name)?;
        let file = self.files.write(&path, &id, source).await?;
        Ok(self.written(name, file, values, &source.schema()))
    }

    /// A file as the log has it.
    pub(crate) fn written(
        &self,
        name: String,
        file: TableFile,
        values: HashMap<String, Option<String>>,
        schema: &Schema,
    ) -> DataFile {
        let add = Add {
            path: name,
            partition_values: values,
            size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
            modification_time: jiff::Timestamp::now().as_millisecond(),
            data_change: true,
            stats: Some(stats::written(&file.metadata, schema)),
            ..Add::default()
        };
        DataFile {
            add,
            rows: file.rows,
            hash: file.stored_hash,
        }
    }
}

/// The name of a file below its table. A random id, so that nobody replaces a file that a commit may refer to.
pub(crate) fn name(prefix: &str, id: &WriteId, compression: &str) -> String {
    format!("{prefix}{id}.{compression}.parquet")
}

/// Whether a file is called as [`name`] calls those of larder. Others' begin so too, and may be of commits that are under way:
/// `cdc-00000-<uuid>.c000.snappy.parquet`.
pub(crate) fn is_own(name: &str) -> bool {
    let ids = [DATA, CHANGES]
        .into_iter()
        .filter_map(|prefix| name.strip_prefix(prefix));
    ids.filter_map(|rest| rest.strip_suffix(".parquet")?.split_once('.'))
        .any(|(id, compression)| {
            let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            id.len() == 32 && id.bytes().all(digit) && COMPRESSIONS.contains(&compression)
        })
}

/// Removes files that no commit refers to; what stays is found by `gc`.
pub(crate) async fn remove(log: &Log, files: &[DataFile]) {
    for file in files {
        let _ = log
            .objects()
            .delete(&object_store::path::Path::from(file.add.path.as_str()))
            .await;
    }
}

#[derive(Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    bytes: u64,
}

/// Values of partition columns, as the protocol writes them.
type Values = Vec<Option<String>>;

/// The rows of each combination of values, in their order.
fn groups(batch: &RecordBatch, columns: &[&String]) -> Result<Vec<(Values, Vec<u32>)>> {
    let texts = columns.iter().map(|name| {
        let column = batch.column_by_name(name).ok_or_else(|| {
            let message = format!("the rows have no column `{name}`, by which the table is partitioned");
            Error::new(ErrorKind::InvalidDefinition, message)
        })?;
        texts(name, column)
    });
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let mut order: Vec<(Values, Vec<u32>)> = Vec::new();
    let mut places: HashMap<Values, usize> = HashMap::new();
    for row in 0..batch.num_rows() {
        let values: Values = texts.iter().map(|column| column[row].clone()).collect();
        let place = *places.entry(values.clone()).or_insert_with(|| {
            order.push((values, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(row as u32);
    }
    Ok(order)
}

/// The values of a partition column as the protocol writes them.
fn texts(name: &str, column: &ArrayRef) -> Result<Vec<Option<String>>> {
    use arrow_schema::DataType as T;
    let refused = |why: &str| {
        let message = format!(
            "the column `{name}` of type {} cannot be one that a table is partitioned by: {why}",
            column.data_type()
        );
        Error::new(ErrorKind::Unsupported, message)
    };
    match column.data_type() {
        T::Utf8
        | T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::Date32
        | T::Timestamp(..)
        | T::Decimal128(..) => {}
        T::Float32 | T::Float64 => return Err(refused("NaN equals nothing, and floats are not exact")),
        _ => return Err(refused("its values have no exact text")),
    }
    let shown = ArrayFormatter::try_new(column, &VALUES).map_err(Error::from)?;
    let value = |row| match column.is_null(row) {
        true => Ok(None),
        false => match shown.value(row).to_string() {
            empty if empty.is_empty() => Err(refused("an empty text cannot be told from a null there")),
            text => Ok(Some(text)),
        },
    };
    (0..column.len()).map(value).collect()
}

/// Batches that are still to come.
struct Rest {
    batches: BatchStream,
    next: Option<RecordBatch>,
}

impl Rest {
    async fn peek(&mut self) -> Result<bool> {
        if self.next.is_none() {
            self.next = self.batches.try_next().await?;
        }
        Ok(self.next.is_some())
    }
}

/// The next so many bytes of rows as a table.
struct Part {
    schema: SchemaRef,
    rest: Arc<Mutex<Rest>>,
    bytes: u64,
}

#[async_trait]
impl TableSource for Part {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        false
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let batches = stream::try_unfold((Arc::clone(&self.rest), self.bytes), |(rest, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let mut locked = rest.lock().await;
            if !locked.peek().await? {
                return Ok(None);
            }
            let batch = locked.next.take();
            drop(locked);
            Ok(batch.map(|batch| {
                let left = left.saturating_sub(batch.get_array_memory_size() as u64);
                (batch, (rest, left))
            }))
        });
        request.apply(&self.schema, batches.boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_files() {
        for prefix in [DATA, CHANGES] {
            for compression in COMPRESSIONS {
                assert!(is_own(&name(prefix, &WriteId::random(), compression)));
            }
        }
        let id = WriteId::random();
        for others in [
            format!("part-00000-{id}.c000.snappy.parquet"),
            format!("part-{id}.c000.zstd.parquet"),
            format!("part-{id}.parquet"),
            format!("part-x/{id}.zstd.parquet"),
            format!("_change_data/day=1/cdc-{id}.zstd.parquet"),
            format!("day=1/part-{id}.zstd.parquet"),
            format!("part-{}.zstd.parquet", id.as_str().to_uppercase()),
        ] {
            assert!(!is_own(&others), "{others}");
        }
    }
}
