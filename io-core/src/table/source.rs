//! Something that can be scanned for rows.

use super::{AtRest, Fill, Scan, Table};
use crate::error::Result;
use crate::hash::TableDigest;
use crate::receipt::ContentHash;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::stream::{BoxStream, TryStreamExt};

/// Batches of one schema that is known before the first batch. Row counts are free, batches may be empty; the stream
/// ends after its first error and may be dropped early.
pub type BatchStream = BoxStream<'static, Result<RecordBatch>>;

/// Something that can be scanned: a file, batches in memory, a stream that can be read once.
#[async_trait]
pub trait TableSource: Send + Sync {
    /// The schema of a scan without a selection of columns.
    fn schema(&self) -> SchemaRef;

    /// Whether it can be scanned again.
    fn replayable(&self) -> bool;

    /// The number of rows, when it is known without reading them.
    fn rows(&self) -> Option<u64> {
        None
    }

    /// The table when it is in memory already.
    fn in_memory(&self) -> Option<Table> {
        None
    }

    /// Where its rows are at rest, for engines that can read them there; `None` where only the source itself can.
    fn at_rest(&self) -> Option<AtRest> {
        None
    }

    /// Who writes its rows into a place of their manager without taking them through the process, where there is one. A manager that has no
    /// such place [scans](TableSource::scan) instead.
    fn fill(&self) -> Option<&dyn Fill> {
        None
    }

    /// Reads rows, in order: those that match the predicate, at most the limit, only the columns asked for. The
    /// answer is exact; a source that cannot push down applies [`Scan::apply`].
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown column or a literal that does not fit it; `Unsupported` for a second scan
    /// of a stream; `InvalidData` for damage.
    async fn scan(&self, request: Scan) -> Result<BatchStream>;
}

/// Reads a whole table into memory.
///
/// # Errors
/// As [`TableSource::scan`].
pub async fn collect(source: &dyn TableSource) -> Result<Table> {
    if let Some(table) = source.in_memory() {
        return Ok(table);
    }
    let batches = source.scan(Scan::all()).await?.try_collect().await?;
    Table::new(source.schema(), batches)
}

/// Hashes a table by its logical values while reading it once; gives the rows too.
///
/// # Errors
/// As [`TableSource::scan`].
pub async fn hash_table(source: &dyn TableSource) -> Result<(Option<ContentHash>, u64)> {
    let mut digest = TableDigest::new(source.schema());
    let mut batches = source.scan(Scan::all()).await?;
    while let Some(batch) = batches.try_next().await? {
        digest.update(&batch);
    }
    let rows = digest.rows();
    Ok((digest.finish(), rows))
}
