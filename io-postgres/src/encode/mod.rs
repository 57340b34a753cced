//! Batches as binary COPY takes them: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

mod large;

use crate::{numeric, times, types};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow_buffer::ArrowNativeType;
use arrow_schema::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use larder_io_core::{Error, ErrorKind, Result};
use large::{LARGEST, Size};

/// What a stream begins with: the signature, no flags, no extension.
pub(crate) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with: a row of -1 columns.
pub(crate) const TRAILER: [u8; 2] = [0xff, 0xff];
/// Rows of one call at most.
const ROWS: usize = 1024;

/// Writes rows from `from` on until `out` has `bytes`, a few thousand rows at most; gives the first row that is left. `first` is
/// the number of the batch's first row among all, and `schema` that of the table.
///
/// # Errors
/// With the row and the column: `Unsupported` for a value that the column's type cannot hold, and for what is too large, of which
/// nothing is copied; `InvalidData` for a null where the schema allows none.
pub(crate) fn rows(
    batch: &RecordBatch,
    schema: &Schema,
    from: usize,
    first: u64,
    out: &mut Vec<u8>,
    bytes: usize,
) -> Result<usize> {
    check_columns(batch, schema)?;
    let length = ROWS.min(batch.num_rows() - from);
    let number = |row: usize| first + (from + row) as u64 + 1;
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| column.slice(from, length))
        .collect();
    let writers: Vec<Writer<'_>> = columns.iter().map(writer).collect::<Result<_>>()?;
    // Where all values together are no more, none is too large, and no row.
    let held: usize = columns.iter().map(|column| column.get_array_memory_size()).sum();
    let sizes: Option<Vec<Size<'_>>> = (held >= LARGEST).then(|| columns.iter().map(large::size).collect());
    // Not `is_null`, which an array of nothing but nulls answers with no.
    let nulls: Vec<_> = columns.iter().map(|column| column.logical_nulls()).collect();
    let fields = i16::try_from(columns.len()).unwrap_or(i16::MAX).to_be_bytes();
    for row in 0..length {
        if row > 0 && out.len() >= bytes {
            return Ok(from + row);
        }
        if let Some(sizes) = &sizes {
            large::check(schema, sizes, &nulls, row).map_err(|why| large::refused(number(row), &why))?;
        }
        out.extend_from_slice(&fields);
        for (index, (write, nulls)) in writers.iter().zip(&nulls).enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                if !schema.field(index).is_nullable() {
                    return Err(unexpected_null(schema.field(index), number(row)));
                }
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            }
            // The length is known afterwards.
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            write(row, out).map_err(|why| refused(schema.field(index), number(row), why))?;
            let length = (out.len() - start - 4) as u32;
            out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(from + length)
}

/// The table was made for the source's schema, and takes nothing else.
fn check_columns(batch: &RecordBatch, schema: &Schema) -> Result<()> {
    let fits = batch.num_columns() == schema.fields().len()
        && batch
            .columns()
            .iter()
            .zip(schema.fields())
            .all(|(column, field)| column.data_type() == field.data_type());
    match fits {
        true => Ok(()),
        false => {
            let message =
                "a batch has other columns than the schema of its stream says; this is a defect of what makes it";
            Err(Error::new(ErrorKind::InvalidData, message))
        }
    }
}

fn unexpected_null(field: &Field, row: u64) -> Error {
    let message = format!(
        "column `{}` has a null in row {row} (the first is 1), and its schema allows none; let the schema allow it, or fill it",
        field.name()
    );
    Error::new(ErrorKind::InvalidData, message)
}

fn refused(field: &Field, row: u64, why: &str) -> Error {
    let (name, data_type) = (field.name(), field.data_type());
    let message = format!(
        "column `{name}` of type {data_type} holds {why} in row {row} (the first is 1), which PostgreSQL cannot keep; change the value, cast the column, or bind the asset to a manager of files"
    );
    Error::new(ErrorKind::Unsupported, message)
}

/// Writes the value of a row, which is not null, or says what it holds.
type Writer<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> std::result::Result<(), &'static str> + 'a>;

/// Numbers of one width.
fn fixed<'a, T: ArrowPrimitiveType, const N: usize>(
    array: &'a ArrayRef,
    bytes: impl Fn(T::Native) -> Option<[u8; N]> + 'a,
    why: &'static str,
) -> Writer<'a> {
    let array: &PrimitiveArray<T> = array.as_primitive();
    Box::new(move |row, out| {
        out.extend_from_slice(&bytes(array.value(row)).ok_or(why)?);
        Ok(())
    })
}

fn exact<'a, T: ArrowPrimitiveType, const N: usize>(
    array: &'a ArrayRef,
    bytes: impl Fn(T::Native) -> [u8; N] + 'a,
) -> Writer<'a> {
    fixed::<T, N>(array, move |value| Some(bytes(value)), "")
}

fn decimal<'a, T: ArrowPrimitiveType<Native: ToString>>(array: &'a ArrayRef, digits: u8, scale: i8) -> Writer<'a> {
    let array: &PrimitiveArray<T> = array.as_primitive();
    Box::new(move |row, out| {
        let text = array.value(row).to_string();
        // An array does not say so of itself, and the server would say it only of columns that have a scale it knows.
        if text.trim_start_matches('-').len() > usize::from(digits) {
            return Err("a number of more digits than its type has");
        }
        numeric::write(&text, scale, out);
        Ok(())
    })
}

/// Values are written where they lie: a few large ones may stand for many rows.
fn dictionary(array: &ArrayRef) -> Result<Writer<'_>> {
    let array = array.as_any_dictionary();
    let (key, write) = (keys(array.keys()), writer(array.values())?);
    Ok(Box::new(move |row, out| write(key(row), out)))
}

/// Which value a row has, of one that has any.
fn keys(keys: &dyn Array) -> Size<'_> {
    fn of<T: ArrowPrimitiveType>(keys: &dyn Array) -> Size<'_> {
        let keys: &PrimitiveArray<T> = keys.as_primitive();
        Box::new(move |row| keys.value(row).as_usize())
    }
    use DataType as T;
    match keys.data_type() {
        T::Int8 => of::<Int8Type>(keys),
        T::Int16 => of::<Int16Type>(keys),
        T::Int32 => of::<Int32Type>(keys),
        T::UInt8 => of::<UInt8Type>(keys),
        T::UInt16 => of::<UInt16Type>(keys),
        T::UInt32 => of::<UInt32Type>(keys),
        T::UInt64 => of::<UInt64Type>(keys),
        // There is no other.
        _ => of::<Int64Type>(keys),
    }
}

/// `interval` is microseconds, days and months.
fn interval(micros: i64, days: i32, months: i32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&micros.to_be_bytes());
    bytes[8..12].copy_from_slice(&days.to_be_bytes());
    bytes[12..].copy_from_slice(&months.to_be_bytes());
    bytes
}

const NUL: &str = "a text with the character NUL";
const STAMP: &str = "a time before 4714 BC or after the year 294276";
const TIME: &str = "a time that is none of a day";

macro_rules! texts {
    ($array:expr) => {{
        let array = $array;
        Box::new(move |row, out: &mut Vec<u8>| {
            let text = array.value(row).as_bytes();
            if text.contains(&0) {
                return Err(NUL);
            }
            out.extend_from_slice(text);
            Ok(())
        })
    }};
}

macro_rules! bytes {
    ($array:expr) => {{
        let array = $array;
        Box::new(move |row, out: &mut Vec<u8>| {
            out.extend_from_slice(array.value(row));
            Ok(())
        })
    }};
}

fn writer(array: &ArrayRef) -> Result<Writer<'_>> {
    use DataType as T;
    use TimeUnit as U;
    let stamp = |unit: TimeUnit| move |value: i64| times::stamp(value, unit).map(i64::to_be_bytes);
    let time = |unit: TimeUnit| move |value: i64| times::time(value, unit).map(i64::to_be_bytes);
    Ok(match array.data_type() {
        // Each is null, whatever `is_null` says of such an array.
        T::Null => Box::new(|_, _| Err("a value that is none")),
        T::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row, out| {
                out.push(u8::from(array.value(row)));
                Ok(())
            })
        }
        T::Int8 => exact::<Int8Type, 2>(array, |n| i16::from(n).to_be_bytes()),
        T::UInt8 => exact::<UInt8Type, 2>(array, |n| i16::from(n).to_be_bytes()),
        T::Int16 => exact::<Int16Type, 2>(array, i16::to_be_bytes),
        T::UInt16 => exact::<UInt16Type, 4>(array, |n| i32::from(n).to_be_bytes()),
        T::Int32 => exact::<Int32Type, 4>(array, i32::to_be_bytes),
        T::UInt32 => exact::<UInt32Type, 8>(array, |n| i64::from(n).to_be_bytes()),
        T::Int64 => exact::<Int64Type, 8>(array, i64::to_be_bytes),
        T::UInt64 => decimal::<UInt64Type>(array, 20, 0),
        T::Float32 => exact::<Float32Type, 4>(array, f32::to_be_bytes),
        T::Float64 => exact::<Float64Type, 8>(array, f64::to_be_bytes),
        T::Utf8 => texts!(array.as_string::<i32>()),
        T::LargeUtf8 => texts!(array.as_string::<i64>()),
        T::Utf8View => texts!(array.as_string_view()),
        T::Binary => bytes!(array.as_binary::<i32>()),
        T::LargeBinary => bytes!(array.as_binary::<i64>()),
        T::BinaryView => bytes!(array.as_binary_view()),
        T::FixedSizeBinary(_) => bytes!(array.as_fixed_size_binary()),
        T::Date32 => fixed::<Date32Type, 4>(
            array,
            |days| times::date(days).map(i32::to_be_bytes),
            "a day before 4714 BC or after the year 5874897",
        ),
        T::Date64 => fixed::<Date64Type, 8>(array, stamp(U::Millisecond), STAMP),
        T::Time32(U::Second) => fixed::<Time32SecondType, 8>(array, move |n| time(U::Second)(n.into()), TIME),
        T::Time32(_) => fixed::<Time32MillisecondType, 8>(array, move |n| time(U::Millisecond)(n.into()), TIME),
        T::Time64(U::Microsecond) => fixed::<Time64MicrosecondType, 8>(array, time(U::Microsecond), TIME),
        T::Time64(_) => exact::<Time64NanosecondType, 8>(array, i64::to_be_bytes),
        T::Timestamp(U::Second, _) => fixed::<TimestampSecondType, 8>(array, stamp(U::Second), STAMP),
        T::Timestamp(U::Millisecond, _) => fixed::<TimestampMillisecondType, 8>(array, stamp(U::Millisecond), STAMP),
        T::Timestamp(U::Microsecond, _) => fixed::<TimestampMicrosecondType, 8>(array, stamp(U::Microsecond), STAMP),
        T::Timestamp(U::Nanosecond, _) => exact::<TimestampNanosecondType, 8>(array, i64::to_be_bytes),
        T::Duration(U::Second) => exact::<DurationSecondType, 8>(array, i64::to_be_bytes),
        T::Duration(U::Millisecond) => exact::<DurationMillisecondType, 8>(array, i64::to_be_bytes),
        T::Duration(U::Microsecond) => exact::<DurationMicrosecondType, 8>(array, i64::to_be_bytes),
        T::Duration(U::Nanosecond) => exact::<DurationNanosecondType, 8>(array, i64::to_be_bytes),
        T::Interval(IntervalUnit::YearMonth) => {
            exact::<IntervalYearMonthType, 16>(array, |months| interval(0, 0, months))
        }
        T::Interval(IntervalUnit::DayTime) => exact::<IntervalDayTimeType, 16>(array, |value| {
            interval(i64::from(value.milliseconds) * 1000, value.days, 0)
        }),
        T::Interval(IntervalUnit::MonthDayNano) => fixed::<IntervalMonthDayNanoType, 16>(
            array,
            |value| times::exactly(value.nanoseconds, 1000).map(|micros| interval(micros, value.days, value.months)),
            "an interval that is no whole number of microseconds",
        ),
        T::Decimal32(digits, scale) => decimal::<Decimal32Type>(array, *digits, *scale),
        T::Decimal64(digits, scale) => decimal::<Decimal64Type>(array, *digits, *scale),
        T::Decimal128(digits, scale) => decimal::<Decimal128Type>(array, *digits, *scale),
        T::Decimal256(digits, scale) => decimal::<Decimal256Type>(array, *digits, *scale),
        T::Dictionary(..) => dictionary(array)?,
        other => {
            let message = format!("the type {} is not kept in PostgreSQL", types::values(other));
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    })
}

#[cfg(test)]
mod tests;
