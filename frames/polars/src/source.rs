//! A frame as something that can be scanned.

use crate::to_arrow::Plan;
use crate::types::{Place, to_arrow};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use futures_util::stream::{self, StreamExt};
use larder_io_core::{BatchStream, Result, Scan, Table, TableSource, async_trait};
use polars_core::frame::DataFrame;
use polars_core::series::Series;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// Rows that a scan gives at once: small enough that no reader waits long for the first, large enough for columns.
const BATCH_ROWS: usize = 1 << 16;

/// The schema that a frame has as a table.
///
/// # Errors
/// `Unsupported` for a column that Arrow has no type for.
pub(crate) fn schema(frame: &DataFrame) -> Result<SchemaRef> {
    let fields = frame
        .columns()
        .iter()
        .map(|column| to_arrow(&Place::Column(column.name()), column.name(), column.dtype()));
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<Field>>>()?)))
}

/// The whole frame as a table, with a batch for each of its chunks.
///
/// # Errors
/// As [`schema`].
pub(crate) fn table(frame: &DataFrame) -> Result<Table> {
    let schema = schema(frame)?;
    let all = (0..schema.fields().len()).collect();
    let batches = Batches::new(frame, &schema, all, usize::MAX)?;
    Table::new(schema, batches.collect::<Result<_>>()?)
}

/// A frame whose columns Arrow has types for.
pub(crate) struct FrameSource {
    frame: DataFrame,
    schema: SchemaRef,
    table: OnceLock<Option<Table>>,
}

impl FrameSource {
    /// # Errors
    /// As [`schema`].
    pub(crate) fn new(frame: DataFrame) -> Result<Self> {
        Ok(Self {
            schema: schema(&frame)?,
            frame,
            table: OnceLock::new(),
        })
    }
}

#[async_trait]
impl TableSource for FrameSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        Some(self.frame.height() as u64)
    }

    fn in_memory(&self) -> Option<Table> {
        self.table.get_or_init(|| table(&self.frame).ok()).clone()
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        request.schema(&self.schema)?;
        if let Some(predicate) = &request.predicate {
            predicate.check(&self.schema)?;
        }
        let filtered = request.predicate.iter().flat_map(|predicate| predicate.columns());
        let wanted = request.columns.as_ref().map(|columns| {
            let columns = columns.iter().map(String::as_str);
            columns.chain(filtered).collect::<HashSet<_>>()
        });
        let indices = (0..self.schema.fields().len()).filter(|index| {
            let name = self.schema.field(*index).name().as_str();
            wanted.as_ref().is_none_or(|wanted| wanted.contains(name))
        });
        let batches = Batches::new(&self.frame, &self.schema, indices.collect(), BATCH_ROWS)?;
        let schema = Arc::clone(&batches.schema);
        request.apply(&schema, stream::iter(batches).boxed())
    }
}

/// A frame's rows, converted when they are asked for.
struct Batches {
    schema: SchemaRef,
    columns: Vec<Column>,
    left: usize,
    rows: usize,
}

/// A column, and how far it was given.
struct Column {
    series: Series,
    plan: Plan,
    chunk: usize,
    row: usize,
}

impl Batches {
    /// The columns at `indices`, in batches of `rows` at most, none of which crosses a chunk of a column.
    fn new(frame: &DataFrame, schema: &Schema, indices: Vec<usize>, rows: usize) -> Result<Self> {
        let schema = Arc::new(schema.project(&indices)?);
        let columns = indices.iter().zip(schema.fields()).map(|(index, field)| {
            let series = frame.columns()[*index].as_materialized_series().clone();
            let plan = Plan::new(field, series.dtype(), series.chunks())?;
            Ok(Column {
                series,
                plan,
                chunk: 0,
                row: 0,
            })
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            schema,
            left: frame.height(),
            rows,
        })
    }

    fn batch(&mut self) -> Result<RecordBatch> {
        let ends = self.columns.iter_mut().map(Column::until_end);
        let rows = ends.fold(self.rows.min(self.left), usize::min);
        self.left -= rows;
        let columns = self
            .columns
            .iter_mut()
            .map(|column| column.take(rows))
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.left > 0).then(|| self.batch())
    }
}

impl Column {
    /// Rows that are left of the chunk, which is not empty.
    fn until_end(&mut self) -> usize {
        let chunks = self.series.chunks();
        while chunks.get(self.chunk).is_some_and(|chunk| chunk.len() == self.row) {
            (self.chunk, self.row) = (self.chunk + 1, 0);
        }
        chunks
            .get(self.chunk)
            .map_or(usize::MAX, |chunk| chunk.len() - self.row)
    }

    fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        let slice = self.series.chunks()[self.chunk].sliced(self.row, rows);
        self.row += rows;
        self.plan.convert(slice.as_ref())
    }
}
