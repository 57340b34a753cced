//! The rows of a query that stands in a file: its errors name the file.

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::StreamExt;
use larder_io_core::{BatchStream, Error, ErrorKind, Fill, Filled, NewPlace, Result, Scan, TableSource};
use std::sync::Arc;

/// The context that names the file.
pub(super) const QUERY: &str = "query";

pub(super) struct OfFile {
    pub(super) rows: Arc<dyn TableSource>,
    pub(super) file: String,
}

#[async_trait]
impl TableSource for OfFile {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn replayable(&self) -> bool {
        self.rows.replayable()
    }

    fn rows(&self) -> Option<u64> {
        self.rows.rows()
    }

    fn fill(&self) -> Option<&dyn Fill> {
        self.rows.fill().map(|_| self as &dyn Fill)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let file = self.file.clone();
        let told = move |error: Error| error.with_context(QUERY, &file);
        let rows = self.rows.scan(request).await.map_err(&told)?;
        Ok(rows.map(move |batch| batch.map_err(&told)).boxed())
    }
}

#[async_trait]
impl Fill for OfFile {
    fn reaches(&self, place: &NewPlace) -> bool {
        self.rows.fill().is_some_and(|fill| fill.reaches(place))
    }

    async fn fill(&self, place: &NewPlace) -> Result<Filled> {
        let fill = self.rows.fill().ok_or_else(|| {
            let message = "a query was asked to fill a place that it does not reach; this is a defect of the manager";
            Error::new(ErrorKind::Unexpected, message)
        })?;
        let filled = fill.fill(place).await;
        filled.map_err(|error| error.with_context(QUERY, &self.file))
    }
}
