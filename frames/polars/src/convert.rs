//! Tables into frames and back, where asset code wants both.

use crate::frame::Frame;
use crate::source::table;
use futures_util::StreamExt;
use larder_io_core::{LazyTable, Result, Table, TableStream, async_trait};
use polars_core::frame::DataFrame;

/// Tables that become frames.
///
/// ```text
/// let late = flights.select(["carrier", "delay"])?.filter(col("delay").gt(15))?.into_frame().await?;
/// ```
///
/// The frame holds the memory of the batches that were read: numbers, moments, texts and bytes are not copied. Copied are
/// validities and truth values (a bit each), offsets of lists, keys of dictionaries, and values that change their width: moments
/// and times of units that Polars does not have, decimals of other widths, binaries of a fixed size. Texts and binaries with offsets get
/// views (16 bytes for each row) and keep their bytes; what texts hold is validated again.
#[async_trait]
pub trait IntoFrame {
    /// The frame. A `LazyTable` reads only what was selected and filtered, a `TableStream` batch by batch; the frame has a
    /// chunk for each batch.
    ///
    /// # Errors
    /// `Unsupported` for a column that Polars has no type or no name for, or a value that its type cannot hold, with the column's
    /// name; else as [`larder_io_core::TableSource::scan`].
    async fn into_frame(self) -> Result<DataFrame>;
}

#[async_trait]
impl IntoFrame for Table {
    async fn into_frame(self) -> Result<DataFrame> {
        Frame::try_from(self).map(DataFrame::from)
    }
}

#[async_trait]
impl IntoFrame for TableStream {
    async fn into_frame(self) -> Result<DataFrame> {
        let schema = self.schema().clone();
        Frame::collect(&schema, self.boxed()).await.map(DataFrame::from)
    }
}

#[async_trait]
impl IntoFrame for LazyTable {
    async fn into_frame(self) -> Result<DataFrame> {
        self.stream().await?.into_frame().await
    }
}

/// Frames that become tables.
///
/// The table holds the memory of the frame. Copied are keys of a `Categorical`, and offsets of lists that are slices.
pub trait IntoTable {
    /// The table, with a batch for each chunk.
    ///
    /// # Errors
    /// `Unsupported` for a column that Arrow has no type for, with its name.
    fn into_table(self) -> Result<Table>;

    /// The table as one that is converted when it is read, and only the columns that are read then.
    ///
    /// # Errors
    /// As [`IntoTable::into_table`].
    fn into_lazy_table(self) -> Result<LazyTable>;
}

impl IntoTable for DataFrame {
    fn into_table(self) -> Result<Table> {
        table(&self)
    }

    fn into_lazy_table(self) -> Result<LazyTable> {
        Frame(self).try_into()
    }
}
