//! Rows and cells of tables as JSON.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};
use larder_io_core::{Error, ErrorKind, Result, Table};
use serde_json::{Map, Value as Json};

/// Turns instants of a named time zone into ones that can be shown in UTC; `None` where they can be shown as they are. Arrow knows only numeric offsets without a database of zones. The
/// instants are the same, and the column's type still tells the zone.
pub fn in_utc(array: &dyn Array) -> Option<ArrayRef> {
    let DataType::Timestamp(unit, Some(zone)) = array.data_type() else {
        return None;
    };
    if zone.starts_with(['+', '-']) {
        return None;
    }
    let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
    let data = array.to_data().into_builder().data_type(utc).build().ok()?;
    Some(arrow_array::make_array(data))
}

fn cannot_show(kind: &DataType, error: ArrowError) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("a column of type {kind} cannot be shown: {error}"),
    )
    .with_source(error)
}

/// Shows every row as an object. What JSON has no form for (timestamps, decimals, bytes, NaN) is text.
///
/// # Errors
/// `Unsupported` for a column of a type that cannot be shown.
pub fn rows(table: &Table) -> Result<Vec<Json>> {
    let names = names(table);
    let mut rows = Vec::with_capacity(table.rows());
    for batch in table.batches() {
        let columns = batch.columns().iter().map(plain).collect::<Result<Vec<ArrayRef>>>()?;
        for row in 0..batch.num_rows() {
            let mut object = Map::new();
            for (name, column) in names.iter().zip(&columns) {
                object.insert(name.clone(), json(column.as_ref(), row)?);
            }
            rows.push(Json::Object(object));
        }
    }
    Ok(rows)
}

/// The columns' names; one that comes again gets a number, because an object holds each name once.
pub(crate) fn names(table: &Table) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for field in table.schema().fields() {
        let numbered = (2..).map(|number| format!("{}#{number}", field.name()));
        let free = std::iter::once(field.name().clone())
            .chain(numbered)
            .find(|name| !names.contains(name));
        names.extend(free);
    }
    names
}

/// A dictionary's values instead of its keys.
pub(crate) fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        kind @ DataType::Dictionary(_, value) => {
            arrow_cast::cast(array, value).map_err(|error| cannot_show(kind, error))
        }
        _ => Ok(ArrayRef::clone(array)),
    }
}

pub(crate) fn json(array: &dyn Array, row: usize) -> Result<Json> {
    macro_rules! number {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row).into()
        };
    }
    if array.is_null(row) {
        return Ok(Json::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Json::Null,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref())?,
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(row).as_ref())?,
        DataType::Struct(fields) => {
            let values = array.as_struct().columns().iter();
            let pairs = fields
                .iter()
                .zip(values)
                .map(|(field, value)| Ok((field.name().clone(), json(value, row)?)));
            Json::Object(pairs.collect::<Result<_>>()?)
        }
        kind => {
            let options = FormatOptions::new();
            let in_utc = in_utc(array);
            let array = in_utc.as_deref().unwrap_or(array);
            let shown = ArrayFormatter::try_new(array, &options).map_err(|error| cannot_show(kind, error))?;
            shown
                .value(row)
                .try_to_string()
                .map_err(|error| cannot_show(kind, error))?
                .into()
        }
    })
}

fn list(items: &dyn Array) -> Result<Json> {
    (0..items.len()).map(|row| json(items, row)).collect()
}

fn float(value: f64) -> Json {
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int32Type as Key;
    use arrow_array::{DictionaryArray, Float64Array, ListArray, RecordBatch, TimestampMicrosecondArray};
    use std::sync::Arc;

    #[test]
    fn json_keeps_what_it_can() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Key, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]));
        let codes: ArrayRef = Arc::new(
            [Some("a"), None, Some("a")]
                .into_iter()
                .collect::<DictionaryArray<Key>>(),
        );
        let times = TimestampMicrosecondArray::from(vec![Some(1_356_998_400_000_000), None, None]);
        let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
        let batch =
            RecordBatch::try_from_iter([("f", floats), ("l", lists), ("d", codes), ("t", times)]).expect("fits");
        let rows = rows(&Table::from(batch)).expect("can be shown");
        assert_eq!(
            Json::Array(rows),
            serde_json::json!([
                { "f": 1.5, "l": [1, null], "d": "a", "t": "2013-01-01T00:00:00Z" },
                { "f": "NaN", "l": null, "d": null, "t": null },
                { "f": null, "l": [], "d": "a", "t": null },
            ])
        );
    }
}
