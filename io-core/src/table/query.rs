//! SQL over tables.

use super::{LazyTable, TableStream};
use crate::error::Result;
use async_trait::async_trait;
use std::fmt;

/// The tables that a query may name.
#[async_trait]
pub trait Tables: Send + Sync {
    /// The table of a name as a query writes it: `delays`, `reports.delays`, or `"reports/delays"` as one part.
    ///
    /// # Errors
    /// `InvalidDefinition` for a name that nothing or more than one thing has, with the nearest known one; whatever the
    /// storage gives.
    async fn table(&self, name: &[&str]) -> Result<LazyTable>;
}

/// Runs queries over tables that larder keeps. It reads, and never writes.
#[async_trait]
pub trait QueryEngine: fmt::Debug + Send + Sync + 'static {
    /// What it is called, for people.
    fn name(&self) -> &'static str;

    /// Runs one query. Only the tables, columns and rows that it needs are read, while its rows are taken.
    ///
    /// # Errors
    /// `InvalidDefinition` for what is no query, or does not fit its tables; `Unsupported` for a statement that writes, or
    /// that the engine cannot run; whatever the tables give.
    ///
    /// # Cancel safety
    /// A dropped future or stream leaves nothing behind.
    async fn query(&self, sql: &str, tables: &dyn Tables) -> Result<TableStream>;
}
