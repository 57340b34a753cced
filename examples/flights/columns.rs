//! Columns of a batch by name, as the array type that the asset's schema promises.

use arrow_array::{Array, RecordBatch};
use larder::prelude::*;

/// The column `name` of `batch` as an `A`.
///
/// # Errors
/// `InvalidData` when there is no such column or it has another type.
pub(crate) fn column<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a A> {
    let error = |found| Error::new(ErrorKind::InvalidData, format!("the column `{name}` {found}"));
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| error("is missing".to_owned()))?;
    column
        .as_any()
        .downcast_ref()
        .ok_or_else(|| error(format!("has the unexpected type {}", column.data_type())))
}
