//! A handle that reads only what is asked for.

use super::{AtRest, BatchStream, Predicate, Scan, Table, TableSource, TableStream};
use crate::error::Result;
use crate::value::{Access, AssetValue, Form, Forms, Value};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::stream::TryStreamExt;
use std::fmt;
use std::sync::Arc;

/// A table that is not read yet. [`select`](Self::select), [`filter`](Self::filter) and [`limit`](Self::limit) only
/// narrow what will be read; the methods that return rows read it, each time anew.
#[derive(Clone)]
pub struct LazyTable {
    source: Arc<dyn TableSource>,
    request: Scan,
    schema: SchemaRef,
}

impl LazyTable {
    /// Wraps a source.
    pub fn new(source: Arc<dyn TableSource>) -> Self {
        let schema = source.schema();
        Self {
            source,
            request: Scan::all(),
            schema,
        }
    }

    /// The schema of the rows it gives.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Where all the rows that it gives are at rest; `None` where that is nowhere, or it was narrowed.
    pub fn at_rest(&self) -> Option<AtRest> {
        match self.request == Scan::all() {
            true => self.source.at_rest(),
            false => None,
        }
    }

    /// Only these columns, in this order.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown column.
    pub fn select<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Result<Self> {
        let narrowed = Scan::all().select(columns);
        self.schema = narrowed.schema(&self.schema)?;
        self.request.columns = narrowed.columns;
        Ok(self)
    }

    /// Only rows that match; the predicate may name columns that are not selected.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown column, or a literal that does not fit it.
    pub fn filter(mut self, predicate: Predicate) -> Result<Self> {
        predicate.check(&self.source.schema())?;
        if self.request.limit.is_some() {
            // A limit comes after the filter of one scan, so an earlier limit needs a scan of its own.
            self = Self::new(Arc::new(Nested(self)));
            predicate.check(&self.schema)?;
        }
        self.request = self.request.filter(predicate);
        Ok(self)
    }

    /// At most so many rows.
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.request = self.request.limit(rows);
        self
    }

    /// Reads the first `rows` rows.
    ///
    /// # Errors
    /// As [`TableSource::scan`].
    pub async fn head(&self, rows: usize) -> Result<Table> {
        self.clone().limit(rows).collect().await
    }

    /// Counts the rows, reading none where the source knows.
    ///
    /// # Errors
    /// As [`TableSource::scan`].
    pub async fn count(&self) -> Result<u64> {
        if let (None, Some(rows)) = (&self.request.predicate, self.source.rows()) {
            return Ok(self.request.limit.map_or(rows, |limit| rows.min(limit as u64)));
        }
        // No column is wanted, only the batches' lengths.
        let request = Scan {
            columns: Some(Vec::new()),
            ..self.request.clone()
        };
        let batches = self.source.scan(request).await?;
        batches
            .try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows() as u64) })
            .await
    }

    /// Reads batch by batch.
    ///
    /// # Errors
    /// As [`TableSource::scan`].
    pub async fn stream(&self) -> Result<TableStream> {
        Ok(TableStream::new(
            Arc::clone(&self.schema),
            self.source.scan(self.request.clone()).await?,
        ))
    }

    /// Reads everything that was asked for into memory.
    ///
    /// # Errors
    /// As [`TableSource::scan`].
    pub async fn collect(&self) -> Result<Table> {
        let batches = self.source.scan(self.request.clone()).await?.try_collect().await?;
        Table::new(Arc::clone(&self.schema), batches)
    }
}

impl fmt::Debug for LazyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LazyTable({:?})", self.request)
    }
}

/// A narrowed table as a source: what is stored when an asset returns a `LazyTable`.
struct Nested(LazyTable);

#[async_trait]
impl TableSource for Nested {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn replayable(&self) -> bool {
        self.0.source.replayable()
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let batches = self.0.source.scan(self.0.request.clone()).await?;
        request.apply(&self.0.schema, batches)
    }
}

#[async_trait]
impl AssetValue for LazyTable {
    fn forms() -> Forms {
        Forms::of([Form::Table])
    }

    fn access() -> Access {
        Access::Streamed
    }

    fn into_value(self) -> Value {
        match self.request == Scan::all() {
            true => Value::Table(self.source),
            false => Value::Table(Arc::new(Nested(self))),
        }
    }

    async fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Table(source) => Ok(Self::new(source)),
            other => Err(other.mismatch("a table")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::table::col;
    use arrow_array::{Int64Array, RecordBatch, StringArray};
    use arrow_schema::{DataType, Field, Schema};

    fn lazy() -> LazyTable {
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("t", DataType::Utf8, true),
        ]);
        let numbers = Int64Array::from_iter_values(0..10);
        let texts = StringArray::from_iter((0..10).map(|n| (n % 2 == 0).then(|| format!("t{n}"))));
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(texts)]).expect("fits");
        LazyTable::new(Arc::new(Table::from(batch)))
    }

    #[tokio::test]
    async fn narrows_exactly() {
        let narrowed = lazy()
            .filter(col("n").gt(3).and(col("t").is_not_null()))
            .expect("fits")
            .select(["t"])
            .expect("fits");
        assert_eq!(narrowed.count().await.expect("counts"), 3);
        assert_eq!(narrowed.head(2).await.expect("reads").rows(), 2);
        assert_eq!(narrowed.schema().fields().len(), 1);
        let limited = lazy().limit(5).filter(col("n").gt(3)).expect("fits");
        assert_eq!(limited.count().await.expect("counts"), 1, "the limit came first");
        assert_eq!(lazy().limit(3).count().await.expect("counts"), 3);
    }

    #[tokio::test]
    async fn floats_compare_as_numbers() {
        let numbers = arrow_array::Float64Array::from(vec![-0.0, 0.0, -f64::NAN, f64::NAN, f64::INFINITY]);
        let batch = RecordBatch::try_from_iter([("x", Arc::new(numbers) as _)]).expect("fits");
        let table = LazyTable::new(Arc::new(Table::from(batch)));
        for (predicate, rows) in [
            (col("x").eq(0.0), 2),
            (col("x").eq(-0.0), 2),
            (col("x").lt(0.0), 0),
            (col("x").gt(f64::INFINITY), 2),
            (col("x").eq(f64::NAN), 2),
            (col("x").not_eq(f64::NAN), 3),
        ] {
            let found = table
                .clone()
                .filter(predicate.clone())
                .expect("fits")
                .count()
                .await
                .expect("counts");
            assert_eq!(found, rows, "{predicate:?}");
        }
    }

    #[test]
    fn names_the_nearest_column() {
        let error = lazy().select(["nn"]).expect_err("is unknown");
        assert!(error.message().contains("did you mean `n`"), "{error}");
        let error = lazy().filter(col("t").eq(1)).expect_err("does not fit");
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    }
}
