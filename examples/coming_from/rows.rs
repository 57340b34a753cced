//! The columns of the tables, and columns by name.
// Rows only say what the columns are; nobody makes one.
#![allow(dead_code)]

use arrow_array::{Array, ArrayRef, RecordBatch};
use larder::prelude::*;

/// An order as the shop sends it.
#[derive(TableSchema)]
pub(crate) struct SentOrder {
    id: i64,
    customer: String,
    amount: Option<f64>,
    status: String,
}

/// An order that counts.
#[derive(TableSchema)]
pub(crate) struct Order {
    id: i64,
    customer: String,
    cents: i64,
}

/// What a customer ordered.
#[derive(TableSchema)]
pub(crate) struct CustomerTotal {
    customer: String,
    orders: i64,
    cents: i64,
}

/// The column `name` of `batch` as an `A`.
///
/// # Errors
/// `InvalidData` when there is no such column or it has another type.
pub(crate) fn column<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a A> {
    let column = batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidData,
            format!("there is no column `{name}` of the type that is needed"),
        )
    })
}

/// A table of rows of this kind, column by column.
///
/// # Errors
/// `InvalidData` when columns are not of one length, or not of the types of the row.
pub(crate) fn table<R: TableSchema>(columns: [ArrayRef; 3]) -> Result<Table> {
    Ok(RecordBatch::try_new(R::schema(), columns.to_vec())?.into())
}
