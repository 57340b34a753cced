//! Which type the other side has for a type.

use crate::metadata;
use arrow_schema::{DataType as T, Field, Fields, TimeUnit as ArrowUnit};
use larder_io_core::{Error, ErrorKind, Result};
use polars_core::datatypes::{CategoricalPhysical, DataType, Field as PolarsField, TimeUnit, TimeZone};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A column, or what is within it, for messages: `flight.carrier`, `stops[]`.
pub(crate) enum Place<'a> {
    Column(&'a str),
    Field(&'a Self, &'a str),
    Items(&'a Self),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => f.write_str(name),
            Self::Field(outer, name) => write!(f, "{outer}.{name}"),
            Self::Items(outer) => write!(f, "{outer}[]"),
        }
    }
}

/// The Arrow field of a Polars column. Polars knows no column without nulls, so every field may be null.
///
/// # Errors
/// `Unsupported` for a type that Arrow does not have.
pub(crate) fn to_arrow(place: &Place<'_>, name: &str, dtype: &DataType) -> Result<Field> {
    let items = |items: &DataType| to_arrow(&Place::Items(place), Field::LIST_FIELD_DEFAULT_NAME, items).map(Arc::new);
    let data_type = match dtype {
        DataType::Boolean => T::Boolean,
        DataType::UInt8 => T::UInt8,
        DataType::UInt16 => T::UInt16,
        DataType::UInt32 => T::UInt32,
        DataType::UInt64 => T::UInt64,
        DataType::Int8 => T::Int8,
        DataType::Int16 => T::Int16,
        DataType::Int32 => T::Int32,
        DataType::Int64 => T::Int64,
        DataType::Float32 => T::Float32,
        DataType::Float64 => T::Float64,
        // At most 38 digits, by Polars' own invariant.
        DataType::Decimal(digits, scale) => T::Decimal128(*digits as u8, *scale as i8),
        DataType::String => T::Utf8View,
        DataType::Binary => T::BinaryView,
        DataType::Date => T::Date32,
        DataType::Datetime(unit, zone) => {
            T::Timestamp(arrow_unit(*unit), zone.as_ref().map(|zone| zone.as_str().into()))
        }
        DataType::Duration(unit) => T::Duration(arrow_unit(*unit)),
        DataType::Time => T::Time64(ArrowUnit::Nanosecond),
        DataType::Null => T::Null,
        DataType::List(inner) => T::LargeList(items(inner)?),
        DataType::Array(inner, width) => match i32::try_from(*width) {
            Ok(width) => T::FixedSizeList(items(inner)?, width),
            Err(_) => return Err(no_arrow(place, dtype)),
        },
        DataType::Struct(fields) => {
            let field = |field: &PolarsField| to_arrow(&Place::Field(place, field.name()), field.name(), field.dtype());
            T::Struct(fields.iter().map(field).collect::<Result<Fields>>()?)
        }
        DataType::Categorical(categories, _) => dictionary(categories.physical()),
        DataType::Enum(categories, _) => dictionary(categories.physical()),
        other => return Err(no_arrow(place, other)),
    };
    Ok(Field::new(name, data_type, true).with_metadata(metadata::of(dtype)))
}

fn dictionary(width: CategoricalPhysical) -> T {
    let key = match width {
        CategoricalPhysical::U8 => T::UInt8,
        CategoricalPhysical::U16 => T::UInt16,
        CategoricalPhysical::U32 => T::UInt32,
    };
    T::Dictionary(Box::new(key), Box::new(T::Utf8))
}

fn arrow_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Milliseconds => ArrowUnit::Millisecond,
        TimeUnit::Microseconds => ArrowUnit::Microsecond,
        TimeUnit::Nanoseconds => ArrowUnit::Nanosecond,
    }
}

/// The Polars type of an Arrow field.
///
/// # Errors
/// `Unsupported` for a type that Polars does not have; `InvalidData` for metadata of Polars that is damaged.
pub(crate) fn to_polars(place: &Place<'_>, field: &Field) -> Result<DataType> {
    let items = |items: &Field| to_polars(&Place::Items(place), items).map(Box::new);
    Ok(match field.data_type() {
        T::Null => DataType::Null,
        T::Boolean => DataType::Boolean,
        T::UInt8 => DataType::UInt8,
        T::UInt16 => DataType::UInt16,
        T::UInt32 => DataType::UInt32,
        T::UInt64 => DataType::UInt64,
        T::Int8 => DataType::Int8,
        T::Int16 => DataType::Int16,
        T::Int32 => DataType::Int32,
        T::Int64 => DataType::Int64,
        T::Float32 => DataType::Float32,
        T::Float64 => DataType::Float64,
        T::Utf8 | T::LargeUtf8 | T::Utf8View => DataType::String,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => DataType::Binary,
        T::Date32 => DataType::Date,
        T::Date64 => DataType::Datetime(TimeUnit::Milliseconds, None),
        T::Timestamp(unit, zone) => {
            let zone = TimeZone::opt_try_new(zone.as_deref()).map_err(|cause| {
                let message = format!("the column `{place}` is in a time zone that Polars does not know: {cause}");
                Error::new(ErrorKind::Unsupported, message)
            })?;
            DataType::Datetime(polars_unit(*unit), zone)
        }
        T::Duration(unit) => DataType::Duration(polars_unit(*unit)),
        T::Time32(_) | T::Time64(_) => DataType::Time,
        T::Decimal32(digits, scale)
        | T::Decimal64(digits, scale)
        | T::Decimal128(digits, scale)
        | T::Decimal256(digits, scale)
            if (1..=38).contains(digits) && *scale >= 0 && i32::from(*scale) <= i32::from(*digits) =>
        {
            DataType::Decimal(usize::from(*digits), scale.unsigned_abs().into())
        }
        T::List(inner) | T::LargeList(inner) | T::Map(inner, _) => DataType::List(items(inner)?),
        T::FixedSizeList(inner, width) => DataType::Array(items(inner)?, width.unsigned_abs() as usize),
        T::Struct(fields) => {
            distinct(fields.iter().map(|field| field.name().as_str()), Some(place))?;
            let field = |field: &Arc<Field>| {
                let dtype = to_polars(&Place::Field(place, field.name()), field)?;
                Ok(PolarsField::new(field.name().as_str().into(), dtype))
            };
            DataType::Struct(fields.iter().map(field).collect::<Result<_>>()?)
        }
        T::Dictionary(_, value) if is_text(value) => metadata::words(place, field)?,
        T::Dictionary(_, value) => to_polars(place, &Field::new("", value.as_ref().clone(), true))?,
        other => {
            let message = format!(
                "Polars has no type for the column `{place}` of type {other}; cast the column, or leave it out with `LazyTable::select`"
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    })
}

/// Whether Polars has names for all of them: it wants each once.
///
/// # Errors
/// `Unsupported` with the first name that is there twice.
pub(crate) fn distinct<'a>(names: impl Iterator<Item = &'a str>, within: Option<&Place<'_>>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            let (what, place) = match within {
                None => ("columns", name.to_owned()),
                Some(place) => ("fields", Place::Field(place, name).to_string()),
            };
            let message = format!("two {what} are called `{place}`, and Polars wants each name once; rename one");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    }
    Ok(())
}

pub(crate) fn is_text(data_type: &T) -> bool {
    matches!(data_type, T::Utf8 | T::LargeUtf8 | T::Utf8View)
}

/// Polars has no seconds.
fn polars_unit(unit: ArrowUnit) -> TimeUnit {
    match unit {
        ArrowUnit::Second | ArrowUnit::Millisecond => TimeUnit::Milliseconds,
        ArrowUnit::Microsecond => TimeUnit::Microseconds,
        ArrowUnit::Nanosecond => TimeUnit::Nanoseconds,
    }
}

fn no_arrow(place: &Place<'_>, dtype: &DataType) -> Error {
    let message = format!(
        "Arrow has no type for the column `{place}` of Polars' type {dtype}; cast it before it is returned, to a decimal or to text, say"
    );
    Error::new(ErrorKind::Unsupported, message)
}
