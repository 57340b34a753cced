//! A Polars frame as an asset's value.

use crate::builder::Builder;
use crate::source::{FrameSource, table};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use futures_util::TryStreamExt;
use larder_io_core::{
    AssetValue, BatchStream, Error, Form, Forms, LazyTable, Result, Scan, Table, TableSource, Value, async_trait,
};
use polars_core::frame::DataFrame;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A Polars frame that an asset returns or takes; it is stored as a table, by every manager that takes tables.
///
/// It is a [`DataFrame`] in all but name: `frame.height()`, `Frame::from(df)`, `DataFrame::from(frame)`. A bare `DataFrame`
/// cannot be an asset's value, because it is nobody's own type here; with Polars' feature `serde` it could, as an *object* that
/// no other program reads, so do not.
///
/// # Types
///
/// | Polars | stored as | what else becomes it |
/// |---|---|---|
/// | `Boolean`, `Int8` to `Int64`, `UInt8` to `UInt64`, `Float32`, `Float64`, `Null` | the same | |
/// | `String` | Utf8View | Utf8, LargeUtf8 |
/// | `Binary` | BinaryView | Binary, LargeBinary, FixedSizeBinary |
/// | `Date` | Date32 | |
/// | `Datetime` with its unit and zone | Timestamp | Timestamp in seconds and Date64, as milliseconds |
/// | `Duration` with its unit | Duration | Duration in seconds, as milliseconds |
/// | `Time` | Time64 in nanoseconds | Time32, Time64 in microseconds |
/// | `Decimal` | Decimal128 | Decimal32, Decimal64; Decimal256 of at most 38 digits |
/// | `List`, `Array`, `Struct` | LargeList, FixedSizeList, Struct | List; Map, as a list of structs |
/// | `Enum`, `Categorical` | a dictionary of Utf8, with Polars' own metadata | dictionaries of texts, as the `Categorical` of the process |
///
/// Dictionaries of other values become those values. Any other type is refused with the column's name: `Int128`, `UInt128`,
/// `Float16` and `Object` of Polars; Float16, intervals, unions, run ends and list views of Arrow.
///
/// Polars knows no column without nulls and no metadata, so a table that was a frame has neither.
#[derive(Clone)]
pub struct Frame(pub DataFrame);

impl Frame {
    /// Reads a table, batch by batch; the frame has a chunk for each.
    ///
    /// # Errors
    /// `Unsupported` for a column that Polars has no type or no name for, or a value that its type cannot hold; else as
    /// [`TableSource::scan`].
    pub(crate) async fn collect(schema: &Schema, mut batches: BatchStream) -> Result<Self> {
        let mut builder = Builder::new(schema)?;
        while let Some(batch) = batches.try_next().await? {
            builder.push(&batch)?;
        }
        builder.finish().map(Self)
    }
}

impl From<DataFrame> for Frame {
    fn from(frame: DataFrame) -> Self {
        Self(frame)
    }
}

impl From<Frame> for DataFrame {
    fn from(frame: Frame) -> Self {
        frame.0
    }
}

impl Deref for Frame {
    type Target = DataFrame;

    fn deref(&self) -> &DataFrame {
        &self.0
    }
}

impl DerefMut for Frame {
    fn deref_mut(&mut self) -> &mut DataFrame {
        &mut self.0
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} rows, {} columns)", self.height(), self.width())
    }
}

impl TryFrom<&Table> for Frame {
    type Error = Error;

    fn try_from(table: &Table) -> Result<Self> {
        of(table.schema(), table.batches())
    }
}

impl TryFrom<Table> for Frame {
    type Error = Error;

    fn try_from(table: Table) -> Result<Self> {
        Self::try_from(&table)
    }
}

impl TryFrom<RecordBatch> for Frame {
    type Error = Error;

    fn try_from(batch: RecordBatch) -> Result<Self> {
        of(batch.schema_ref(), std::slice::from_ref(&batch))
    }
}

fn of(schema: &Schema, batches: &[RecordBatch]) -> Result<Frame> {
    let mut builder = Builder::new(schema)?;
    batches.iter().try_for_each(|batch| builder.push(batch))?;
    builder.finish().map(Frame)
}

impl TryFrom<Frame> for Table {
    type Error = Error;

    fn try_from(frame: Frame) -> Result<Self> {
        table(&frame)
    }
}

impl TryFrom<Frame> for LazyTable {
    type Error = Error;

    fn try_from(frame: Frame) -> Result<Self> {
        Ok(Self::new(Arc::new(FrameSource::new(frame.0)?)))
    }
}

#[async_trait]
impl AssetValue for Frame {
    fn forms() -> Forms {
        Forms::of([Form::Table])
    }

    fn into_value(self) -> Value {
        match FrameSource::new(self.0) {
            Ok(source) => Value::Table(Arc::new(source)),
            Err(error) => Value::Table(Arc::new(Refused(error))),
        }
    }

    async fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Table(source) => {
                let batches = source.scan(Scan::all()).await?;
                Self::collect(&source.schema(), batches).await
            }
            other => Err(other.mismatch("a table")),
        }
    }
}

/// A frame that is no table, told to whoever reads it: handing a value over cannot fail.
struct Refused(Error);

#[async_trait]
impl TableSource for Refused {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn scan(&self, _: Scan) -> Result<BatchStream> {
        Err(self.0.copied())
    }
}
