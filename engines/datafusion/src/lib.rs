//! SQL over tables, by Apache DataFusion.
//!
//! [`DataFusion`] is a [`SqlEngine`]; [`LazyTableProvider`] makes a table that larder keeps one of DataFusion's own, for
//! programs that have a session of their own.
//!
//! | file | what it holds |
//! |---|---|
//! | `engine` | what a query is asked for: its tables, columns, plan, rows |
//! | `parse` | a query's text |
//! | `plan` | tables, values of parameters, declared columns |
//! | `provider` | a table of larder's as one of DataFusion's: columns, filters and limits are pushed down |
//! | `filter` | which of DataFusion's filters larder can take over |
//! | `error` | errors both ways |
//!
//! [`SqlEngine`]: larder_io_core::SqlEngine

mod engine;
mod error;
mod filter;
mod parse;
mod plan;
mod provider;

pub use engine::DataFusion;
pub use provider::LazyTableProvider;
