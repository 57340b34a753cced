//! One column: values as they come, an array at the end.

use super::broken;
use crate::{numeric, times, types};
use arrow_array::builder::*;
use arrow_array::types::*;
use arrow_array::{ArrayRef, ArrowPrimitiveType, NullArray};
use arrow_buffer::{IntervalDayTime, IntervalMonthDayNano, i256};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use larder_io_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Takes values of one column.
pub(super) struct Column {
    name: String,
    data_type: DataType,
    values: Box<dyn Values>,
}

/// Values of one type. `None` of a push is a value that the type cannot be.
trait Values: Send {
    fn push(&mut self, value: Option<&[u8]>) -> Option<()>;
    fn finish(&mut self) -> ArrayRef;
}

impl Column {
    pub(super) fn new(field: &Field) -> Result<Self> {
        let data_type = field.data_type().clone();
        let values = values(types::values(&data_type)).ok_or_else(|| {
            let message = format!(
                "column `{}` is recorded with the type {data_type}, which is never stored in PostgreSQL; the bookkeeping was changed by others, or by a later version of larder",
                field.name()
            );
            Error::new(ErrorKind::InvalidData, message)
        })?;
        Ok(Self {
            name: field.name().clone(),
            data_type,
            values,
        })
    }

    pub(super) fn push(&mut self, value: Option<&[u8]>) -> Result<()> {
        self.values.push(value).ok_or_else(|| {
            let Self { name, data_type, .. } = self;
            broken(&format!("column `{name}` has a value that is none of type {data_type}"))
        })
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef> {
        let array = self.values.finish();
        match &self.data_type {
            // A dictionary of the values of this batch.
            DataType::Dictionary(..) => cast(&array, &self.data_type).map_err(Into::into),
            _ => Ok(array),
        }
    }
}

struct Primitive<T: ArrowPrimitiveType, F> {
    builder: PrimitiveBuilder<T>,
    read: F,
}

impl<T: ArrowPrimitiveType, F: Fn(&[u8]) -> Option<T::Native> + Send> Values for Primitive<T, F> {
    fn push(&mut self, value: Option<&[u8]>) -> Option<()> {
        match value {
            None => self.builder.append_null(),
            Some(bytes) => self.builder.append_value((self.read)(bytes)?),
        }
        Some(())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct Nulls(usize);

impl Values for Nulls {
    fn push(&mut self, value: Option<&[u8]>) -> Option<()> {
        self.0 += 1;
        value.is_none().then_some(())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(NullArray::new(std::mem::take(&mut self.0)))
    }
}

macro_rules! appending {
    ($($builder:ty: |$bytes:ident| $value:expr),* $(,)?) => {$(
        impl Values for $builder {
            fn push(&mut self, value: Option<&[u8]>) -> Option<()> {
                match value {
                    None => self.append_null(),
                    Some($bytes) => self.append_value($value),
                }
                Some(())
            }

            fn finish(&mut self) -> ArrayRef {
                Arc::new(<$builder>::finish(self))
            }
        }
    )*};
}
appending! {
    StringBuilder: |bytes| std::str::from_utf8(bytes).ok()?,
    LargeStringBuilder: |bytes| std::str::from_utf8(bytes).ok()?,
    StringViewBuilder: |bytes| std::str::from_utf8(bytes).ok()?,
    BinaryBuilder: |bytes| bytes,
    LargeBinaryBuilder: |bytes| bytes,
    BinaryViewBuilder: |bytes| bytes,
    BooleanBuilder: |bytes| match bytes {
        [0] => false,
        [1] => true,
        _ => return None,
    },
}

impl Values for FixedSizeBinaryBuilder {
    fn push(&mut self, value: Option<&[u8]>) -> Option<()> {
        match value {
            None => self.append_null(),
            Some(bytes) => self.append_value(bytes).ok()?,
        }
        Some(())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(Self::finish(self))
    }
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: &DataType,
    read: impl Fn(&[u8]) -> Option<T::Native> + Send + 'static,
) -> Box<dyn Values> {
    let builder = PrimitiveBuilder::<T>::new().with_data_type(data_type.clone());
    Box::new(Primitive { builder, read })
}

fn small(bytes: &[u8]) -> Option<i16> {
    Some(i16::from_be_bytes(bytes.try_into().ok()?))
}

fn int(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

fn big(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

/// Microseconds, days and months of an `interval`.
fn interval(bytes: &[u8]) -> Option<(i64, i32, i32)> {
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    Some((big(&bytes[..8])?, int(&bytes[8..12])?, int(&bytes[12..])?))
}

/// A decimal of no more digits than its type has.
fn decimal<T: DecimalType>(
    data_type: &DataType,
    (digits, scale): (u8, i8),
    narrow: impl Fn(i256) -> Option<T::Native> + Send + 'static,
) -> Box<dyn Values> {
    primitive::<T>(data_type, move |bytes| {
        let value = narrow(numeric::read(bytes, scale)?)?;
        T::is_valid_decimal_precision(value, digits).then_some(value)
    })
}

fn values(data_type: &DataType) -> Option<Box<dyn Values>> {
    use DataType as T;
    use TimeUnit as U;
    let t = data_type;
    let stamp = |unit: TimeUnit| move |bytes: &[u8]| times::count(big(bytes)?, unit);
    let time = |unit: TimeUnit| move |bytes: &[u8]| times::time_count(big(bytes)?, unit);
    Some(match data_type {
        T::Null => Box::new(Nulls(0)),
        T::Boolean => Box::new(BooleanBuilder::new()),
        T::Int8 => primitive::<Int8Type>(t, |b| i8::try_from(small(b)?).ok()),
        T::UInt8 => primitive::<UInt8Type>(t, |b| u8::try_from(small(b)?).ok()),
        T::Int16 => primitive::<Int16Type>(t, small),
        T::UInt16 => primitive::<UInt16Type>(t, |b| u16::try_from(int(b)?).ok()),
        T::Int32 => primitive::<Int32Type>(t, int),
        T::UInt32 => primitive::<UInt32Type>(t, |b| u32::try_from(big(b)?).ok()),
        T::Int64 => primitive::<Int64Type>(t, big),
        T::UInt64 => primitive::<UInt64Type>(t, |b| u64::try_from(numeric::read(b, 0)?.to_i128()?).ok()),
        T::Float32 => primitive::<Float32Type>(t, |b| Some(f32::from_be_bytes(b.try_into().ok()?))),
        T::Float64 => primitive::<Float64Type>(t, |b| Some(f64::from_be_bytes(b.try_into().ok()?))),
        T::Utf8 => Box::new(StringBuilder::new()),
        T::LargeUtf8 => Box::new(LargeStringBuilder::new()),
        T::Utf8View => Box::new(StringViewBuilder::new()),
        T::Binary => Box::new(BinaryBuilder::new()),
        T::LargeBinary => Box::new(LargeBinaryBuilder::new()),
        T::BinaryView => Box::new(BinaryViewBuilder::new()),
        T::FixedSizeBinary(size) if *size >= 0 => Box::new(FixedSizeBinaryBuilder::new(*size)),
        T::Date32 => primitive::<Date32Type>(t, |b| times::days(int(b)?)),
        T::Date64 => primitive::<Date64Type>(t, stamp(U::Millisecond)),
        T::Time32(U::Second) => {
            let time = time(U::Second);
            primitive::<Time32SecondType>(t, move |b| i32::try_from(time(b)?).ok())
        }
        T::Time32(_) => {
            let time = time(U::Millisecond);
            primitive::<Time32MillisecondType>(t, move |b| i32::try_from(time(b)?).ok())
        }
        T::Time64(U::Microsecond) => primitive::<Time64MicrosecondType>(t, time(U::Microsecond)),
        T::Time64(_) => primitive::<Time64NanosecondType>(t, big),
        T::Timestamp(U::Second, _) => primitive::<TimestampSecondType>(t, stamp(U::Second)),
        T::Timestamp(U::Millisecond, _) => primitive::<TimestampMillisecondType>(t, stamp(U::Millisecond)),
        T::Timestamp(U::Microsecond, _) => primitive::<TimestampMicrosecondType>(t, stamp(U::Microsecond)),
        T::Timestamp(U::Nanosecond, _) => primitive::<TimestampNanosecondType>(t, big),
        T::Duration(U::Second) => primitive::<DurationSecondType>(t, big),
        T::Duration(U::Millisecond) => primitive::<DurationMillisecondType>(t, big),
        T::Duration(U::Microsecond) => primitive::<DurationMicrosecondType>(t, big),
        T::Duration(U::Nanosecond) => primitive::<DurationNanosecondType>(t, big),
        T::Interval(IntervalUnit::YearMonth) => primitive::<IntervalYearMonthType>(t, |b| match interval(b)? {
            (0, 0, months) => Some(months),
            _ => None,
        }),
        T::Interval(IntervalUnit::DayTime) => primitive::<IntervalDayTimeType>(t, |b| match interval(b)? {
            (micros, days, 0) => {
                let millis = i32::try_from(times::exactly(micros, 1000)?).ok()?;
                Some(IntervalDayTime::new(days, millis))
            }
            _ => None,
        }),
        T::Interval(IntervalUnit::MonthDayNano) => primitive::<IntervalMonthDayNanoType>(t, |b| {
            let (micros, days, months) = interval(b)?;
            Some(IntervalMonthDayNano::new(months, days, micros.checked_mul(1000)?))
        }),
        T::Decimal32(digits, scale) => {
            decimal::<Decimal32Type>(t, (*digits, *scale), |value| i32::try_from(value.to_i128()?).ok())
        }
        T::Decimal64(digits, scale) => {
            decimal::<Decimal64Type>(t, (*digits, *scale), |value| i64::try_from(value.to_i128()?).ok())
        }
        T::Decimal128(digits, scale) => decimal::<Decimal128Type>(t, (*digits, *scale), i256::to_i128),
        T::Decimal256(digits, scale) => decimal::<Decimal256Type>(t, (*digits, *scale), Some),
        _ => return None,
    })
}
