//! Types that formats of rows have: an encoding or a zone of an Arrow type is put back when rows are read.

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use std::sync::Arc;

/// The type whose values a row shows.
pub(super) fn portable_type(data_type: &DataType) -> DataType {
    use DataType as T;
    let item = |field: &FieldRef| Arc::new(portable_field(field));
    match data_type {
        T::Dictionary(_, value) => portable_type(value),
        T::Utf8View | T::LargeUtf8 => T::Utf8,
        T::BinaryView | T::LargeBinary => T::Binary,
        T::Duration(_) => T::Int64,
        // The same moments: the zone is kept in the schema.
        T::Timestamp(unit, Some(_)) => T::Timestamp(*unit, Some("+00:00".into())),
        T::List(field) | T::LargeList(field) => T::List(item(field)),
        T::FixedSizeList(field, length) => T::FixedSizeList(item(field), *length),
        T::Struct(fields) => T::Struct(fields.iter().map(item).collect()),
        T::Map(entries, sorted) => T::Map(item(entries), *sorted),
        other => other.clone(),
    }
}

fn portable_field(field: &FieldRef) -> Field {
    field.as_ref().clone().with_data_type(portable_type(field.data_type()))
}

/// The schema that a row shows.
pub(super) fn portable_schema(schema: &Schema) -> SchemaRef {
    let fields: Fields = schema.fields().iter().map(portable_field).collect();
    Arc::new(Schema::new(fields))
}

/// Converts every column, or says which one could not be.
pub(super) fn convert(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.num_columns() != schema.fields().len() {
        let (found, wanted) = (batch.num_columns(), schema.fields().len());
        return Err(ArrowError::SchemaError(format!(
            "it has {found} columns instead of {wanted}"
        )));
    }
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Vec<ArrayRef> = columns
        .map(|(column, field)| {
            convert_column(column, field.data_type())
                .map_err(|error| ArrowError::CastError(format!("column `{}`: {error}", field.name())))
        })
        .collect::<Result<_, _>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)
}

/// Converts one column. A value that does not fit is an error, never a null.
pub(super) fn convert_column(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == to {
        return Ok(Arc::clone(column));
    }
    let exact = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, to, &exact)
}
