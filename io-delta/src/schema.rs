//! Which type Delta has for an Arrow type, and the exact way there and back.

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use deltalake_core::kernel::StructType;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use larder_io_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;
use std::collections::HashSet;
use std::sync::Arc;

/// A cast that fails instead of giving nulls.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: arrow_cast::display::FormatOptions::new(),
};

/// The schema that a Delta table has for a table of this schema. What Delta has no type for is kept as a wider one, whose
/// values are cast back when they are loaded.
///
/// # Errors
/// `Unsupported` for a type that has no place in Delta; `InvalidDefinition` for names that Delta cannot tell apart.
pub(crate) fn natural(schema: &Schema) -> Result<SchemaRef> {
    let mut names = HashSet::new();
    for field in schema.fields() {
        if !names.insert(field.name().to_lowercase()) {
            let message = format!(
                "Delta does not tell upper from lower case: two columns are called `{}`",
                field.name()
            );
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
    }
    if names.is_empty() {
        let message = "a Delta table needs at least one column; store the table with another I/O manager";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let fields = schema.fields().iter().map(|field| {
        natural_field(field).ok_or_else(|| {
            let message = format!(
                "Delta has no type for the column `{}` of type {}; cast it, or bind the asset to an I/O manager with files",
                field.name(),
                field.data_type()
            );
            Error::new(ErrorKind::Unsupported, message)
        })
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<FieldRef>>>()?)))
}

/// Without metadata: Delta gives a meaning to some of it.
fn natural_field(field: &FieldRef) -> Option<FieldRef> {
    let data_type = natural_type(field.data_type())?;
    Some(Arc::new(Field::new(field.name(), data_type, field.is_nullable())))
}

fn natural_type(data_type: &DataType) -> Option<DataType> {
    use DataType as T;
    let item = |item: &FieldRef| {
        let inner = natural_type(item.data_type())?;
        Some(T::List(Arc::new(Field::new("element", inner, item.is_nullable()))))
    };
    Some(match data_type {
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 | T::Date32 => {
            data_type.clone()
        }
        T::UInt8 => T::Int16,
        T::UInt16 => T::Int32,
        T::UInt32 => T::Int64,
        T::UInt64 => T::Decimal128(20, 0),
        T::Float16 => T::Float32,
        T::Date64 => T::Date32,
        T::Timestamp(_, None) => T::Timestamp(TimeUnit::Microsecond, None),
        T::Timestamp(_, Some(_)) => T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => T::Binary,
        T::Decimal32(precision, scale)
        | T::Decimal64(precision, scale)
        | T::Decimal128(precision, scale)
        | T::Decimal256(precision, scale) => {
            let fits = *precision <= 38 && *scale >= 0 && i32::from(*scale) <= i32::from(*precision);
            fits.then_some(T::Decimal128(*precision, *scale))?
        }
        T::Dictionary(_, value) => natural_type(value)?,
        T::List(inner) | T::LargeList(inner) | T::FixedSizeList(inner, _) => item(inner)?,
        T::Struct(fields) if !fields.is_empty() => T::Struct(fields.iter().map(natural_field).collect::<Option<_>>()?),
        T::Map(entries, _) => {
            let T::Struct(pair) = entries.data_type() else {
                return None;
            };
            let [key, value] = &pair[..] else { return None };
            let key = Field::new("key", natural_type(key.data_type())?, false);
            let value = Field::new("value", natural_type(value.data_type())?, value.is_nullable());
            let pair = Field::new("key_value", T::Struct(vec![key, value].into()), false);
            T::Map(Arc::new(pair), false)
        }
        _ => return None,
    })
}

/// The same as the library's own schema.
pub(crate) fn kernel(schema: &Schema) -> Result<StructType> {
    schema.try_into_kernel().map_err(|cause| {
        Error::new(
            ErrorKind::Unsupported,
            format!("Delta cannot keep this schema: {cause}"),
        )
        .with_source(cause)
    })
}

/// Lets the columns of a table's new schema, as the log has it, keep what others say of them: comments, lengths of texts. A
/// column of another type is another column.
pub(crate) fn carry(old: &Json, new: &mut Json) {
    let Some(fields) = new.get_mut("fields").and_then(Json::as_array_mut) else {
        // A list or map of such.
        for inner in ["elementType", "keyType", "valueType"] {
            if new[inner].is_object() {
                carry(&old[inner], &mut new[inner]);
            }
        }
        return;
    };
    for field in fields {
        let known = old["fields"].as_array().into_iter().flatten();
        let Some(old) = known.into_iter().find(|known| known["name"] == field["name"]) else {
            continue;
        };
        let kind = |field: &Json| match &field["type"] {
            Json::Object(nested) => nested.get("type").cloned(),
            plain => Some(plain.clone()),
        };
        if kind(old) != kind(field) {
            continue;
        }
        field["metadata"] = old["metadata"].clone();
        if field["type"].is_object() {
            carry(&old["type"], &mut field["type"]);
        }
    }
}

/// Casts a batch to the table's types, so that every value comes back as it is.
///
/// # Errors
/// `Unsupported` for a value that the table's type cannot hold.
pub(crate) fn to_natural(batch: &RecordBatch, natural: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(natural.fields()).map(|(array, field)| {
        if array.data_type() == field.data_type() {
            return Ok(Arc::clone(array));
        }
        let inexact = |why: String| {
            let message = format!(
                "the column `{}` of type {} has a value that Delta's {} cannot hold: {why}",
                field.name(),
                array.data_type(),
                field.data_type()
            );
            Error::new(ErrorKind::Unsupported, message)
        };
        let cast = cast_with_options(array, field.data_type(), &STRICT).map_err(|cause| inexact(cause.to_string()))?;
        if may_round(array.data_type()) {
            let back =
                cast_with_options(&cast, array.data_type(), &STRICT).map_err(|cause| inexact(cause.to_string()))?;
            if &back != array {
                return Err(inexact("it is finer than a microsecond, or than a day".to_owned()));
            }
        }
        Ok(cast)
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
    assemble(natural, columns, batch.num_rows())
}

/// Whether a cast to the natural type may lose a part of a value without an error.
fn may_round(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Date64 | T::Timestamp(TimeUnit::Nanosecond, _) => true,
        T::List(inner) | T::LargeList(inner) | T::FixedSizeList(inner, _) | T::Map(inner, _) => {
            may_round(inner.data_type())
        }
        T::Struct(fields) => fields.iter().any(|field| may_round(field.data_type())),
        T::Dictionary(_, value) => may_round(value),
        _ => false,
    }
}

/// Brings a batch of a file into a schema, column by column by name; what the file does not have is null.
///
/// # Errors
/// `InvalidData` for a value that does not fit, or a null where there may be none.
pub(crate) fn into_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let columns = schema.fields().iter().map(|field| {
        let Some(array) = batch.column_by_name(field.name()) else {
            return Ok(new_null_array(field.data_type(), rows));
        };
        if array.data_type() == field.data_type() {
            return Ok(Arc::clone(array));
        }
        cast_with_options(array, field.data_type(), &STRICT).map_err(|cause| {
            let message = format!(
                "the column `{}` of a file does not fit the table's schema: {cause}",
                field.name()
            );
            Error::new(ErrorKind::InvalidData, message).with_source(cause)
        })
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
    assemble(schema, columns, rows)
}

pub(crate) fn assemble(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|cause| {
        let message = format!("a batch does not fit the table's schema: {cause}");
        Error::new(ErrorKind::InvalidData, message).with_source(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_of_the_same_type_keep_what_is_said_of_them() {
        let schema = |told: fn(&str) -> Json, kind: &str| {
            let inner = json!({ "name": "x", "type": "string", "nullable": true, "metadata": told("x") });
            let inner = json!({ "type": "struct", "fields": [inner] });
            let list = json!({ "type": "array", "elementType": inner, "containsNull": true });
            let map = json!({ "type": "map", "keyType": "string", "valueType": list, "valueContainsNull": true });
            json!({ "type": "struct", "fields": [
                { "name": "m", "type": map, "nullable": true, "metadata": told("m") },
                { "name": "k", "type": kind, "nullable": true, "metadata": {} },
            ] })
        };
        let said = |name: &str| json!({ "comment": name });
        let mut old = schema(said, "string");
        old["fields"][1]["metadata"] = said("k");
        let mut new = schema(|_| json!({}), "integer");
        carry(&old, &mut new);
        assert_eq!(new, schema(said, "integer"));
    }
}
