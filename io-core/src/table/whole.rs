//! A whole table in memory.

use super::{BatchStream, Scan, TableSource, source};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{AssetValue, Form, Forms, Value};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use std::fmt;
use std::sync::Arc;

/// A table in memory: batches of one schema. Cloning copies pointers, never rows.
#[derive(Clone, PartialEq)]
pub struct Table {
    schema: SchemaRef,
    batches: Arc<[RecordBatch]>,
}

impl Table {
    /// Makes a table; no batch is a table without rows.
    ///
    /// # Errors
    /// `InvalidDefinition` when a batch has another schema.
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Self> {
        if let Some(other) = batches.iter().find(|batch| batch.schema_ref() != &schema) {
            return Err(schema_mismatch(&schema, other.schema_ref()));
        }
        Ok(Self {
            schema,
            batches: batches.into(),
        })
    }

    /// The schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The batches, in row order.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// One batch with all rows; copies unless there is one batch already.
    ///
    /// # Errors
    /// `Unexpected` when a column grows beyond what its offsets can hold.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        if let [only] = &*self.batches {
            return Ok(only.clone());
        }
        arrow_select::concat::concat_batches(&self.schema, self.batches.iter()).map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                format!("cannot join the batches of a table: {error}"),
            )
            .with_source(error)
        })
    }
}

/// The error of a batch that does not have the schema announced, with the first difference.
pub(super) fn schema_mismatch(wanted: &SchemaRef, found: &SchemaRef) -> Error {
    let difference = wanted
        .fields()
        .iter()
        .zip(found.fields())
        .find(|(wanted, found)| wanted != found)
        .map(|(wanted, found)| format!("column {wanted} came as {found}"))
        .unwrap_or_else(|| match wanted.fields().len() == found.fields().len() {
            true => "the metadata differ".to_owned(),
            false => format!(
                "{} columns were announced, {} came",
                wanted.fields().len(),
                found.fields().len()
            ),
        });
    Error::new(
        ErrorKind::InvalidDefinition,
        format!("a batch does not have the table's schema: {difference}"),
    )
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows, {} columns)", self.rows(), self.schema.fields().len())
    }
}

impl From<RecordBatch> for Table {
    fn from(batch: RecordBatch) -> Self {
        Self {
            schema: batch.schema(),
            batches: vec![batch].into(),
        }
    }
}

#[async_trait]
impl TableSource for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        Some(Self::rows(self) as u64)
    }

    fn in_memory(&self) -> Option<Table> {
        Some(self.clone())
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let batches: Vec<Result<RecordBatch>> = self.batches.iter().cloned().map(Ok).collect();
        request.apply(&self.schema, stream::iter(batches).boxed())
    }
}

#[async_trait]
impl AssetValue for Table {
    fn forms() -> Forms {
        Forms::of([Form::Table])
    }

    fn into_value(self) -> Value {
        Value::Table(Arc::new(self))
    }

    async fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Table(table) => source::collect(table.as_ref()).await,
            other => Err(other.mismatch("a table")),
        }
    }
}
