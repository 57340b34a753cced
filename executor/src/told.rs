//! A table whose errors say where its rows come from: the file of a query, the target of a reference.

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::StreamExt;
use larder_io_core::table::filler;
use larder_io_core::{AtRest, BatchStream, Error, Fill, Filled, NewPlace, Result, Scan, Table, TableSource};
use std::sync::Arc;

/// What is made of an error.
pub(crate) type Tell = Arc<dyn Fn(Error) -> Error + Send + Sync>;

pub(crate) struct ToldTable {
    pub(crate) source: Arc<dyn TableSource>,
    pub(crate) tell: Tell,
    /// Whether others may read the rows where they are, and tell their errors in their own words.
    pub(crate) rests: bool,
}

#[async_trait]
impl TableSource for ToldTable {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn replayable(&self) -> bool {
        self.source.replayable()
    }

    fn rows(&self) -> Option<u64> {
        self.source.rows()
    }

    fn in_memory(&self) -> Option<Table> {
        self.source.in_memory()
    }

    fn at_rest(&self) -> Option<AtRest> {
        self.source.at_rest().filter(|_| self.rests)
    }

    fn fill(&self) -> Option<&dyn Fill> {
        self.source.fill().map(|_| self as &dyn Fill)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let tell = Arc::clone(&self.tell);
        let batches = self.source.scan(request).await.map_err(|error| tell(error))?;
        Ok(batches.map(move |batch| batch.map_err(|error| tell(error))).boxed())
    }
}

#[async_trait]
impl Fill for ToldTable {
    fn reaches(&self, place: &NewPlace) -> bool {
        self.source.fill().is_some_and(|fill| fill.reaches(place))
    }

    async fn fill(&self, place: &NewPlace) -> Result<Filled> {
        let filled = filler(self.source.as_ref())?.fill(place).await;
        filled.map_err(|error| (self.tell)(error))
    }
}
