//! Z-order: rows put together that are near each other in several columns at once.
//!
//! A column's values are ranked among a sample of them, so that every type counts alike, and the bits of the ranks are
//! interleaved (Morton, 1966). Rows are sorted in memory as long as they fit, else spread over files in the temporary
//! directory, each a range of the order, which are sorted one after the other.

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Result, Scan, TableSource};
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek};

/// Values of each column that are looked at to rank the others.
const SAMPLE: usize = 16 << 10;
/// Bits of a rank: with as many columns as bits fit, eight.
const RANK_BITS: u32 = 16;
/// Columns whose ranks fit one number.
const COLUMNS: usize = 8;
/// Bytes of rows that are sorted at once.
const SORTED_BYTES: usize = 256 << 20;
/// Rows of one batch that is given.
const BATCH_ROWS: usize = 16 << 10;

/// The rows of a source in the z-order of some columns; rows that are equal in them stay in their order.
pub(crate) async fn clustered(source: &dyn TableSource, columns: &[String]) -> Result<BatchStream> {
    sorted_within(source, columns, SORTED_BYTES).await
}

async fn sorted_within(source: &dyn TableSource, columns: &[String], sorted_bytes: usize) -> Result<BatchStream> {
    if columns.len() > COLUMNS {
        let message = format!(
            "rows can be ordered by {COLUMNS} columns at most, and these are {}",
            columns.len()
        );
        return Err(Error::new(ErrorKind::InvalidDefinition, message));
    }
    let order = Order::sample(source, columns).await?;
    let mut batches = source.scan(Scan::all()).await?;
    let mut held = Held::default();
    while let Some(batch) = batches.try_next().await? {
        held.push(batch);
        if held.bytes > sorted_bytes {
            let share = sorted_bytes / 2;
            let buckets = (order.rows as usize).saturating_mul(held.bytes / held.rows.max(1)) / share + 1;
            return spilled(order, source.schema(), held, batches, buckets).await;
        }
    }
    let schema = source.schema();
    let sorted = blocking(move || order.sort(&schema, &held.batches)).await?;
    Ok(pieces(sorted))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unexpected, "sorting rows stopped")))
}

fn pieces(batch: RecordBatch) -> BatchStream {
    let starts = (0..batch.num_rows()).step_by(BATCH_ROWS);
    let pieces: Vec<Result<RecordBatch>> = starts
        .map(|start| Ok(batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start))))
        .collect();
    stream::iter(pieces).boxed()
}

#[derive(Default)]
struct Held {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Held {
    fn push(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }
}

/// A place in the order for every row.
struct Order {
    columns: Vec<Ranks>,
    /// Places of rows of the sample, sorted.
    places: Vec<u128>,
    rows: u64,
}

/// The ranks of one column's values.
struct Ranks {
    name: String,
    converter: RowConverter,
    bounds: Vec<OwnedRow>,
}

impl Ranks {
    fn of(&self, values: &ArrayRef) -> Result<Vec<u32>> {
        let rows = self.converter.convert_columns(std::slice::from_ref(values))?;
        let rank = |row: arrow_row::Row<'_>| self.bounds.partition_point(|bound| bound.row() < row) as u32;
        Ok(rows.iter().map(rank).collect())
    }
}

impl Order {
    /// Reads only the columns, and keeps a sample of the rows: every one as likely as any other (Vitter's algorithm R).
    async fn sample(source: &dyn TableSource, columns: &[String]) -> Result<Self> {
        let request = Scan::all().select(columns.iter().map(String::as_str));
        let schema = request.schema(&source.schema())?;
        let mut batches = source.scan(request).await?;
        let converter = |index: usize| RowConverter::new(vec![SortField::new(schema.field(index).data_type().clone())]);
        let mut ranks = Vec::new();
        for (index, name) in columns.iter().enumerate() {
            ranks.push(Ranks {
                name: name.clone(),
                converter: converter(index)?,
                bounds: Vec::new(),
            });
        }
        let mut kept: Vec<Vec<OwnedRow>> = Vec::new();
        let mut seen = 0;
        while let Some(batch) = batches.try_next().await? {
            let mut rows = Vec::new();
            for (column, ranks) in batch.columns().iter().zip(&ranks) {
                rows.push(ranks.converter.convert_columns(std::slice::from_ref(column))?);
            }
            for row in 0..batch.num_rows() {
                let values = || rows.iter().map(|rows| rows.row(row).owned()).collect();
                seen += 1;
                if kept.len() < SAMPLE {
                    kept.push(values());
                } else if let Some(place) = kept.get_mut(fastrand::usize(0..seen)) {
                    *place = values();
                }
            }
        }
        for (index, ranks) in ranks.iter_mut().enumerate() {
            ranks.bounds = kept.iter().map(|row| row[index].clone()).collect();
            ranks.bounds.sort_unstable();
            ranks.bounds.dedup();
        }
        let rank = |ranks: &Ranks, value: &OwnedRow| ranks.bounds.partition_point(|bound| bound < value) as u32;
        let place = |row: &Vec<OwnedRow>| {
            let columns: Vec<u32> = row
                .iter()
                .zip(&ranks)
                .map(|(value, ranks)| rank(ranks, value))
                .collect();
            interleaved(&columns)
        };
        let mut places: Vec<u128> = kept.iter().map(place).collect();
        places.sort_unstable();
        Ok(Self {
            columns: ranks,
            places,
            rows: seen as u64,
        })
    }

    fn places(&self, batch: &RecordBatch) -> Result<Vec<u128>> {
        let mut ranks = Vec::new();
        for column in &self.columns {
            let values = batch.column_by_name(&column.name).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidData,
                    format!("the rows have no column `{}`", column.name),
                )
            })?;
            ranks.push(column.of(values)?);
        }
        let place = |row: usize| interleaved(&ranks.iter().map(|column| column[row]).collect::<Vec<_>>());
        Ok((0..batch.num_rows()).map(place).collect())
    }

    fn sort(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
        let whole = concat_batches(schema, batches)?;
        let places = self.places(&whole)?;
        let mut rows: Vec<u32> = (0..whole.num_rows() as u32).collect();
        rows.sort_by_key(|row| places[*row as usize]);
        Ok(take_record_batch(&whole, &UInt32Array::from(rows))?)
    }

    /// Where each of `buckets` ranges begins, but the first.
    fn bounds(&self, buckets: usize) -> Vec<u128> {
        let at = |bucket: usize| self.places[bucket * self.places.len() / buckets];
        let mut bounds: Vec<u128> = (1..buckets).map(at).collect();
        bounds.dedup();
        bounds
    }
}

/// The bits of several numbers in turns, the highest first.
fn interleaved(numbers: &[u32]) -> u128 {
    let mut place = 0;
    for bit in (0..RANK_BITS).rev() {
        for number in numbers {
            place = place << 1 | u128::from(number >> bit & 1);
        }
    }
    place
}

/// A range of the order on disk; the file has no name, and is gone with the process.
type Bucket = StreamWriter<BufWriter<File>>;

fn no_space(cause: std::io::Error) -> Error {
    let message = format!(
        "rows that do not fit memory are sorted in the temporary directory ({}), which failed: {cause}; set TMPDIR to one with room",
        std::env::temp_dir().display()
    );
    Error::new(ErrorKind::Unavailable, message).with_source(cause)
}

fn unspilled(cause: ArrowError) -> Error {
    match cause {
        ArrowError::IoError(_, cause) => no_space(cause),
        other => other.into(),
    }
}

/// Spreads rows over files, and sorts one after the other.
async fn spilled(
    order: Order,
    schema: SchemaRef,
    held: Held,
    mut batches: BatchStream,
    buckets: usize,
) -> Result<BatchStream> {
    let bounds = order.bounds(buckets);
    let mut files: Vec<Bucket> = Vec::new();
    for _ in 0..=bounds.len() {
        let file = tempfile::tempfile().map_err(no_space)?;
        files.push(StreamWriter::try_new(BufWriter::new(file), &schema).map_err(unspilled)?);
    }
    let mut state = (order, bounds, files);
    for batch in held.batches {
        state = blocking(move || spread(state, &batch)).await?;
    }
    while let Some(batch) = batches.try_next().await? {
        state = blocking(move || spread(state, &batch)).await?;
    }
    let (order, _, files) = state;
    let sorted = stream::try_unfold((order, files.into_iter()), move |(order, mut files)| {
        let schema = schema.clone();
        async move {
            let Some(file) = files.next() else { return Ok(None) };
            let (order, sorted) = blocking(move || {
                let batches = reread(file)?;
                let sorted = order.sort(&schema, &batches)?;
                Ok((order, sorted))
            })
            .await?;
            Ok::<_, Error>(Some((pieces(sorted), (order, files))))
        }
    });
    Ok(sorted.try_flatten().boxed())
}

type Spread = (Order, Vec<u128>, Vec<Bucket>);

fn spread((order, bounds, mut files): Spread, batch: &RecordBatch) -> Result<Spread> {
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); files.len()];
    for (row, place) in order.places(batch)?.into_iter().enumerate() {
        rows[bounds.partition_point(|bound| *bound <= place)].push(row as u32);
    }
    for (file, rows) in files.iter_mut().zip(rows) {
        if !rows.is_empty() {
            let taken = take_record_batch(batch, &UInt32Array::from(rows))?;
            file.write(&taken).map_err(unspilled)?;
        }
    }
    Ok((order, bounds, files))
}

fn reread(mut file: Bucket) -> Result<Vec<RecordBatch>> {
    file.finish().map_err(unspilled)?;
    let written = file.into_inner().map_err(unspilled)?;
    let mut file = written.into_inner().map_err(|failed| no_space(failed.into_error()))?;
    file.rewind().map_err(no_space)?;
    let reader = StreamReader::try_new(BufReader::new(file), None).map_err(unspilled)?;
    reader.collect::<std::result::Result<_, _>>().map_err(unspilled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, StringArray};
    use larder_io_core::Table;
    use std::sync::Arc;

    fn grid(side: i64, nulls: bool) -> Table {
        let rows = side * side;
        let x = Int64Array::from_iter((0..rows).map(|n| (!nulls || n % 7 != 3).then_some(n % side)));
        let y = StringArray::from_iter((0..rows).map(|n| Some(format!("{:05}", n / side))));
        let id = Int64Array::from_iter_values(0..rows);
        let columns: [(&str, ArrayRef); 3] = [("id", Arc::new(id)), ("x", Arc::new(x)), ("y", Arc::new(y))];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)));
        let batch = batch.expect("fits");
        let step = 1000;
        let batches = (0..batch.num_rows()).step_by(step);
        let batches = batches.map(|start| batch.slice(start, step.min(batch.num_rows() - start)));
        Table::new(batch.schema(), batches.collect()).expect("one schema")
    }

    fn ids(batches: &[RecordBatch]) -> Vec<i64> {
        let column = |batch: &RecordBatch| batch.column(0).as_any().downcast_ref::<Int64Array>().cloned();
        batches
            .iter()
            .filter_map(column)
            .flat_map(|ids| ids.values().to_vec())
            .collect()
    }

    #[tokio::test]
    async fn keeps_every_row_in_memory_and_on_disk() {
        let table = grid(100, true);
        let columns = ["x".to_owned(), "y".to_owned()];
        let in_memory: Vec<RecordBatch> = sorted_within(&table, &columns, usize::MAX)
            .await
            .expect("sorts")
            .try_collect()
            .await
            .expect("reads");
        let spilled: Vec<RecordBatch> = sorted_within(&table, &columns, 64 << 10)
            .await
            .expect("sorts")
            .try_collect()
            .await
            .expect("reads");
        let (one, other) = (ids(&in_memory), ids(&spilled));
        assert_eq!(one, other, "the order is the same");
        let mut all = one.clone();
        all.sort_unstable();
        assert_eq!(all, (0..10_000).collect::<Vec<_>>());
        assert_ne!(one, all);
    }

    #[tokio::test]
    async fn puts_near_rows_together() {
        let table = grid(64, false);
        let columns = ["x".to_owned(), "y".to_owned()];
        let sorted = sorted_within(&table, &columns, usize::MAX).await.expect("sorts");
        let sorted: Vec<RecordBatch> = sorted.try_collect().await.expect("reads");
        // Of 16 stretches of rows, each a square, four have one value of either column.
        let ids = ids(&sorted);
        let stretches: Vec<&[i64]> = ids.chunks(256).collect();
        let with = |holds: &dyn Fn(i64) -> bool| stretches.iter().filter(|ids| ids.iter().any(|id| holds(*id))).count();
        assert_eq!((with(&|id| id % 64 == 40), with(&|id| id / 64 == 40)), (4, 4));
    }

    #[test]
    fn interleaves() {
        assert_eq!(interleaved(&[0b11, 0b00]), 0b1010);
        assert_eq!(interleaved(&[0b01, 0b10]), 0b0110);
    }
}
