//! SQL over tables, by Apache DataFusion.
//!
//! [`DataFusion`] is a [`QueryEngine`]; [`LazyTableProvider`] makes a table that larder keeps one of DataFusion's own, for
//! programs that have a session of their own.
//!
//! | file | what it holds |
//! |---|---|
//! | `engine` | a query from its text to its rows |
//! | `provider` | a table of larder's as one of DataFusion's: columns, filters and limits are pushed down |
//! | `filter` | which of DataFusion's filters larder can take over |
//! | `error` | errors both ways |
//!
//! [`QueryEngine`]: larder_io_core::QueryEngine

mod engine;
mod error;
mod filter;
mod provider;

pub use engine::DataFusion;
pub use provider::LazyTableProvider;
