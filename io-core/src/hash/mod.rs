//! Content hashes of logical values: equal values are equal on every backend and in every format.

mod object;
#[cfg(feature = "arrow")]
mod table;

pub use object::{Losses, ObjectDigest, digest_object};
#[cfg(feature = "arrow")]
pub use table::{ColumnDigest, TableDigest};
