//! Tables as files, both ways.

mod arrow_read;
#[cfg(test)]
mod arrow_tests;
mod arrow_write;
#[cfg(test)]
mod counted;
mod parquet_column;
mod parquet_encoders;
mod parquet_group;
mod parquet_prune;
mod parquet_read;
mod parquet_room;
#[cfg(test)]
mod parquet_tests;
mod parquet_write;
#[cfg(test)]
mod parquet_write_tests;
mod parts;
mod producer;
mod rows;
mod seat;
mod write;

pub(crate) use arrow_read::ArrowSource;
pub(crate) use parquet_read::ParquetSource;
pub use producer::apart;
pub(crate) use rows::{RowFormat, RowSource};
pub(crate) use seat::Seat;
pub(crate) use write::{write, write_at};

use arrow_schema::ArrowError;
use larder_io_core::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The error of a damaged file.
pub(crate) fn damaged(format: &str, error: impl std::fmt::Display) -> Error {
    let message = format!(
        "the stored table is no valid {format} file: {error}; restore an old version or materialize the asset again"
    );
    Error::new(ErrorKind::InvalidData, message)
}

/// Runs a decoder of a library on bytes that may be hostile; its panic is damage too.
pub(crate) fn guarded<T, E: std::fmt::Display>(format: &str, decode: impl FnOnce() -> Result<T, E>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| damaged(format, error)),
        Err(_) => Err(damaged(format, "its reader gave up on it")),
    }
}

/// The error of a value that a format cannot keep.
fn unwritable(format: &str, error: &ArrowError) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the table cannot be kept as {format}: {error}; set another table format, or change the column's type"),
    )
}
