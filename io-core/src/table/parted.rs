//! The partitions of an asset as one table, with columns that say the partition.

use super::{AtRest, BatchStream, Bounds, Predicate, Scan, Statistics, TableSource};
use crate::error::{Error, ErrorKind, Result};
use crate::key::PartitionKey;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

/// Partitions that are opened while rows of an earlier one are read.
const AHEAD: usize = 2;

/// The partitions of an asset as one table: their rows in the order of the partitions, then a text column for each
/// dimension, unless the rows have one of that name already. A predicate on these columns leaves out whole partitions.
pub struct PartedTable {
    schema: SchemaRef,
    /// How many columns are the rows' own.
    own: usize,
    parts: Vec<Part>,
}

impl std::fmt::Debug for PartedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartedTable({} partitions)", self.parts.len())
    }
}

#[derive(Clone)]
struct Part {
    /// The values of the added columns.
    values: Vec<String>,
    source: Arc<dyn TableSource>,
}

impl PartedTable {
    /// Makes one table of these.
    ///
    /// # Errors
    /// `NotFound` without a partition, because nobody knows the columns; `InvalidData` for a partition whose columns are
    /// not those of the first.
    pub fn new(parts: Vec<(PartitionKey, Arc<dyn TableSource>)>) -> Result<Self> {
        let Some((first_key, first)) = parts.first() else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "a table of no partitions has no columns",
            ));
        };
        let (first_key, rows) = (first_key.clone(), first.schema());
        let added: Vec<String> = first_key
            .dimensions()
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| rows.field_with_name(name).is_err())
            .collect();
        let mut fields = rows.fields().to_vec();
        fields.extend(
            added
                .iter()
                .map(|name| Arc::new(Field::new(name, DataType::Utf8, false))),
        );
        let part = |(key, source): (PartitionKey, Arc<dyn TableSource>)| {
            if source.schema().fields() != rows.fields() {
                let message = format!(
                    "the partitions have different columns: `{first_key}` has {}, `{key}` has {}; materialize the older ones again",
                    columns(&rows),
                    columns(&source.schema())
                );
                return Err(Error::new(ErrorKind::InvalidData, message));
            }
            let value = |name: &String| key.get(name).unwrap_or_default().to_owned();
            Ok(Part {
                values: added.iter().map(value).collect(),
                source,
            })
        };
        Ok(Self {
            own: rows.fields().len(),
            parts: parts.into_iter().map(part).collect::<Result<_>>()?,
            schema: Arc::new(Schema::new_with_metadata(fields, rows.metadata().clone())),
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.schema.fields()[self.own..]
            .iter()
            .map(|field| field.name().as_str())
    }

    /// The partitions in which rows can match.
    fn matching(&self, predicate: Option<&Predicate>) -> Vec<Part> {
        let verdicts = predicate.map(|predicate| predicate.verdicts(self));
        let never = |index: usize| verdicts.as_ref().is_some_and(|verdicts| verdicts[index].never());
        let parts = self.parts.iter().enumerate();
        parts
            .filter(|(index, _)| !never(*index))
            .map(|(_, part)| part.clone())
            .collect()
    }

    /// What of the request the rows themselves can answer.
    fn inner(&self, request: &Scan, columns: &[usize]) -> Scan {
        let own = |index: &usize| (*index < self.own).then(|| self.schema.field(*index).name().clone());
        let mut inner = Scan::all().select(columns.iter().filter_map(own));
        for conjunct in request.predicate.iter().flat_map(Predicate::conjuncts) {
            let added = conjunct
                .columns()
                .into_iter()
                .any(|column| self.names().any(|name| name == column));
            if !added {
                inner = inner.filter(conjunct.clone());
            }
        }
        match (request.limit, &request.predicate) {
            (Some(limit), None) => inner.limit(limit),
            _ => inner,
        }
    }
}

fn columns(schema: &Schema) -> String {
    let column = |field: &Arc<Field>| {
        let null = if field.is_nullable() { "" } else { " not null" };
        format!("{} {}{null}", field.name(), field.data_type())
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

/// One group for each partition, of which the added columns are known.
impl Statistics for PartedTable {
    fn rows(&self) -> Vec<Option<u64>> {
        self.parts.iter().map(|part| part.source.rows()).collect()
    }

    fn bounds(&self, column: &str) -> Option<Bounds> {
        let place = self.names().position(|name| name == column)?;
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(
            self.parts.iter().map(|part| &part.values[place]),
        ));
        let nulls = UInt64Array::from(vec![0; self.parts.len()]);
        Some(Bounds::new(Arc::clone(&values), values, nulls))
    }
}

#[async_trait]
impl TableSource for PartedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        self.parts.iter().all(|part| part.source.replayable())
    }

    fn rows(&self) -> Option<u64> {
        self.parts.iter().map(|part| part.source.rows()).sum()
    }

    fn at_rest(&self) -> Option<AtRest> {
        let part = |part: &Part| {
            let added = self.names().map(str::to_owned).zip(part.values.iter().cloned());
            Some((part.source.at_rest()?, added.collect()))
        };
        self.parts.iter().map(part).collect::<Option<_>>().map(AtRest::Parts)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let mut wanted = match request.projection(&self.schema)? {
            Some(wanted) => wanted,
            None => (0..self.schema.fields().len()).collect(),
        };
        if let Some(predicate) = &request.predicate {
            predicate.check(&self.schema)?;
            let looked_at = Scan::all().select(predicate.columns()).projection(&self.schema)?;
            wanted.extend(looked_at.unwrap_or_default());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let schema = Arc::new(self.schema.project(&wanted)?);
        let inner = self.inner(&request, &wanted);
        let added: Vec<usize> = wanted.iter().filter_map(|index| index.checked_sub(self.own)).collect();
        let target = Arc::clone(&schema);
        let batches = stream::iter(self.matching(request.predicate.as_ref()))
            .map(move |part| {
                let (inner, added, schema) = (inner.clone(), added.clone(), Arc::clone(&target));
                async move {
                    let values: Vec<String> = added.iter().map(|place| part.values[*place].clone()).collect();
                    let batches = part.source.scan(inner).await?;
                    Ok::<_, Error>(batches.map(move |batch| with_columns(&batch?, &schema, &values)))
                }
            })
            .buffered(AHEAD)
            .try_flatten();
        request.apply(&schema, batches.boxed())
    }
}

/// A batch with the values of its partition.
fn with_columns(batch: &RecordBatch, schema: &SchemaRef, values: &[String]) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let mut columns = batch.columns().to_vec();
    let column = |value: &String| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows))) as ArrayRef;
    columns.extend(values.iter().map(column));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, col, collect};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, RecordBatch};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts its scans.
    struct Counted(Table, Arc<AtomicUsize>);

    #[async_trait]
    impl TableSource for Counted {
        fn schema(&self) -> SchemaRef {
            Arc::clone(self.0.schema())
        }

        fn replayable(&self) -> bool {
            true
        }

        fn rows(&self) -> Option<u64> {
            Some(self.0.rows() as u64)
        }

        async fn scan(&self, request: Scan) -> Result<BatchStream> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.scan(request).await
        }
    }

    fn key(date: &str) -> PartitionKey {
        PartitionKey::single("date", date).expect("is a key")
    }

    fn table(name: &str, values: Vec<i64>) -> Table {
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        let batch = RecordBatch::try_from_iter([(name, column)]).expect("is a batch");
        Table::new(batch.schema(), vec![batch]).expect("is a table")
    }

    fn three() -> (PartedTable, Arc<AtomicUsize>) {
        let scans = Arc::new(AtomicUsize::new(0));
        let part = |(date, values): (&str, Vec<i64>)| {
            let source = Counted(table("n", values), Arc::clone(&scans));
            (key(date), Arc::new(source) as Arc<dyn TableSource>)
        };
        let parts = [
            ("2024-01-01", vec![1, 2]),
            ("2024-01-02", vec![]),
            ("2024-01-03", vec![3]),
        ];
        (
            PartedTable::new(parts.into_iter().map(part).collect()).expect("fit"),
            scans,
        )
    }

    async fn rows(parted: &PartedTable, request: Scan) -> Vec<(i64, String)> {
        let batches: Vec<RecordBatch> = parted
            .scan(request)
            .await
            .expect("scans")
            .try_collect()
            .await
            .expect("reads");
        let of = |batch: &RecordBatch| {
            let n = batch
                .column_by_name("n")
                .expect("is there")
                .as_primitive::<Int64Type>()
                .clone();
            let date = batch
                .column_by_name("date")
                .expect("is there")
                .as_string::<i32>()
                .clone();
            (0..batch.num_rows())
                .map(|row| (n.value(row), date.value(row).to_owned()))
                .collect::<Vec<_>>()
        };
        batches.iter().flat_map(of).collect()
    }

    #[tokio::test]
    async fn rows_come_in_order_with_their_partition() {
        let (parted, _) = three();
        assert_eq!(TableSource::rows(&parted), Some(3));
        let wanted = [(1, "2024-01-01"), (2, "2024-01-01"), (3, "2024-01-03")].map(|(n, date)| (n, date.to_owned()));
        assert_eq!(rows(&parted, Scan::all()).await, wanted);
        assert_eq!(rows(&parted, Scan::all().limit(2)).await, wanted[..2]);
        let last = Scan::all().filter(col("n").gt(1).and(col("date").gt("2024-01-02")));
        assert_eq!(rows(&parted, last).await, wanted[2..]);
        let only = parted.scan(Scan::all().select(["date"])).await.expect("scans");
        let only: Vec<RecordBatch> = only.try_collect().await.expect("reads");
        assert_eq!(only.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
        assert_eq!(only[0].num_columns(), 1);
    }

    #[tokio::test]
    async fn other_partitions_are_not_read() {
        let (parted, scans) = three();
        rows(&parted, Scan::all().filter(col("date").eq("2024-01-03"))).await;
        assert_eq!(scans.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_column_of_the_rows_stays_theirs() {
        let source: Arc<dyn TableSource> = Arc::new(table("date", vec![7]));
        let parted = PartedTable::new(vec![(key("2024-01-01"), source)]).expect("fits");
        let whole = collect(&parted).await.expect("reads");
        assert_eq!(whole.batches()[0].column(0).as_primitive::<Int64Type>().value(0), 7);
        assert_eq!(whole.schema().fields().len(), 1);
    }

    #[test]
    fn other_columns_and_no_partitions_are_refused() {
        let one: Arc<dyn TableSource> = Arc::new(table("n", vec![1]));
        let other: Arc<dyn TableSource> = Arc::new(table("m", vec![1]));
        let error = PartedTable::new(vec![(key("a"), one), (key("b"), other)]).expect_err("differ");
        assert!(error.message().contains("`date=b` has m Int64"), "{error}");
        let error = PartedTable::new(Vec::new()).expect_err("none");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
