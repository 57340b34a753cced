//! A frame, batch by batch.

use crate::from_arrow::chunk;
use crate::types::{Place, distinct, to_polars};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use larder_io_core::{Error, ErrorKind, Result};
use polars_core::datatypes::DataType;
use polars_core::error::PolarsError;
use polars_core::frame::DataFrame;
use polars_core::series::Series;

/// A frame that grows by a chunk for each batch.
pub(crate) struct Builder {
    columns: Vec<(Series, DataType)>,
    rows: usize,
}

impl Builder {
    /// A frame without rows.
    ///
    /// # Errors
    /// `Unsupported` for a column that Polars has no type or no name for.
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        distinct(schema.fields().iter().map(|field| field.name().as_str()), None)?;
        let columns = schema.fields().iter().map(|field| {
            let dtype = to_polars(&Place::Column(field.name()), field)?;
            Ok((Series::new_empty(field.name().as_str().into(), &dtype), dtype))
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            rows: 0,
        })
    }

    /// Adds a batch of the schema.
    ///
    /// # Errors
    /// `Unsupported` for a value that Polars' type cannot hold.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        for ((series, dtype), array) in self.columns.iter_mut().zip(batch.columns()) {
            let name = series.name().clone();
            let chunk = chunk(&Place::Column(&name), array, dtype)?;
            let more = Series::from_chunk_and_dtype(name, chunk, dtype).map_err(refused)?;
            match self.rows {
                0 => *series = more,
                _ => drop(series.append_owned(more).map_err(refused)?),
            }
        }
        self.rows += batch.num_rows();
        Ok(())
    }

    /// Ends the frame.
    ///
    /// # Errors
    /// `Unexpected` when Polars refuses it.
    pub(crate) fn finish(self) -> Result<DataFrame> {
        let columns = self.columns.into_iter().map(|(series, _)| series.into());
        DataFrame::new(self.rows, columns.collect()).map_err(refused)
    }
}

fn refused(cause: PolarsError) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("Polars refuses a column that should fit it: {cause}"),
    )
}
