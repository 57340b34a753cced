//! Tables: whole, as a stream, or as a handle that reads only what is asked for.

mod at_rest;
mod columns;
mod contract;
mod lazy;
mod parted;

mod predicate;
mod scan;
mod source;
mod statistics;
mod stream;
mod whole;

pub use at_rest::{AtRest, Fill, Filled, NewPlace, PlaceColumn, filler};
#[doc(hidden)]
pub use columns::derived;
pub use columns::{ColumnType, TableSchema};
pub use contract::conforming;
pub use lazy::LazyTable;
pub use parted::PartedTable;
pub use predicate::{Column, Comparison, Literal, Predicate, col};
pub use scan::Scan;
pub use source::{BatchStream, TableSource, collect, hash_table};
pub use statistics::{Bounds, Statistics, Verdict};
pub use stream::TableStream;
pub use whole::Table;
