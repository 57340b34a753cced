//! Content hashes of logical values: equal values are equal on every backend and in every format.

#[cfg(feature = "arrow")]
mod blocks;
mod object;
#[cfg(test)]
mod object_tests;
#[cfg(feature = "arrow")]
mod table;
#[cfg(all(test, feature = "arrow"))]
mod table_tests;
#[cfg(feature = "arrow")]
mod views;

pub use object::{Losses, ObjectDigest, digest_object};
#[cfg(feature = "arrow")]
pub use table::{ColumnDigest, TableDigest};
