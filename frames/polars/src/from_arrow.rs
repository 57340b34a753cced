//! Arrays of Arrow as chunks of Polars.

use crate::dictionary;
use crate::memory::{bitmap, to_polars, validity};
use crate::types::{Place, is_text};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, ByteViewType, Decimal32Type, Decimal64Type, Decimal256Type, Int32Type, Int64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, GenericByteViewArray, GenericListArray, OffsetSizeTrait, PrimitiveArray,
    StringViewArray,
};
use arrow_buffer::{ArrowNativeType, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType as T, TimeUnit};
use larder_io_core::{Error, ErrorKind, Result};
use polars_arrow::array::{self as polars, Array as Chunk};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::offset::OffsetsBuffer;
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_core::datatypes::DataType;
use polars_core::error::PolarsError;
use polars_core::prelude::CompatLevel;
use std::sync::Arc;

/// An array as a chunk of `dtype`, which [`crate::types::to_polars`] has for it.
///
/// # Errors
/// `Unsupported` for a value that Polars' type cannot hold.
pub(crate) fn chunk(place: &Place<'_>, array: &ArrayRef, dtype: &DataType) -> Result<Box<dyn Chunk>> {
    let physical = dtype.to_physical().to_arrow(CompatLevel::newest());
    let validity = || validity(array.nulls());
    let broken = |cause: PolarsError| broken(place, &cause);
    Ok(match (array.data_type(), dtype) {
        (T::Null, _) => polars::NullArray::new(physical, array.len()).boxed(),
        (T::Boolean, _) => {
            let values = bitmap(array.as_boolean().values());
            polars::BooleanArray::try_new(physical, values, validity())
                .map_err(broken)?
                .boxed()
        }
        (T::Int8, _) => shared::<i8>(place, array, physical)?,
        (T::Int16, _) => shared::<i16>(place, array, physical)?,
        (T::Int32 | T::Date32, _) => shared::<i32>(place, array, physical)?,
        (T::UInt8, _) => shared::<u8>(place, array, physical)?,
        (T::UInt16, _) => shared::<u16>(place, array, physical)?,
        (T::UInt32, _) => shared::<u32>(place, array, physical)?,
        (T::UInt64, _) => shared::<u64>(place, array, physical)?,
        (T::Float32, _) => shared::<f32>(place, array, physical)?,
        (T::Float64, _) => shared::<f64>(place, array, physical)?,
        (T::Decimal128(..), _) => shared::<i128>(place, array, physical)?,
        (T::Timestamp(TimeUnit::Second, _) | T::Duration(TimeUnit::Second), _) => {
            scaled::<Int64Type>(place, array, 1_000, physical)?
        }
        (T::Time32(TimeUnit::Second), _) => scaled::<Int32Type>(place, array, 1_000_000_000, physical)?,
        (T::Time32(_), _) => scaled::<Int32Type>(place, array, 1_000_000, physical)?,
        (T::Time64(TimeUnit::Microsecond), _) => scaled::<Int64Type>(place, array, 1_000, physical)?,
        (T::Int64 | T::Date64 | T::Timestamp(..) | T::Duration(_) | T::Time64(_), _) => {
            shared::<i64>(place, array, physical)?
        }
        (T::Decimal32(..), _) => wide::<Decimal32Type>(place, array, |value| Some(value.into()), physical)?,
        (T::Decimal64(..), _) => wide::<Decimal64Type>(place, array, |value| Some(value.into()), physical)?,
        (T::Decimal256(..), _) => wide::<Decimal256Type>(place, array, |value| value.to_i128(), physical)?,
        (T::Utf8, _) => texts(place, &StringViewArray::from(array.as_string::<i32>()))?,
        (T::LargeUtf8, _) => texts(place, &StringViewArray::from(array.as_string::<i64>()))?,
        (T::Utf8View, _) => texts(place, array.as_string_view())?,
        (T::Binary, _) => bytes(place, &BinaryViewArray::from(array.as_binary::<i32>()))?,
        (T::LargeBinary, _) => bytes(place, &BinaryViewArray::from(array.as_binary::<i64>()))?,
        (T::BinaryView, _) => bytes(place, array.as_binary_view())?,
        (T::FixedSizeBinary(_), _) => bytes(place, &array.as_fixed_size_binary().iter().collect())?,
        (T::Dictionary(_, value), _) if is_text(value) => dictionary::keys(place, array, dtype)?,
        (T::Dictionary(..), _) => chunk(place, &decoded(place, array)?, dtype)?,
        (T::List(_), DataType::List(inner)) => listed::<i32>(place, array.as_list(), inner, physical)?,
        (T::LargeList(_), DataType::List(inner)) => listed::<i64>(place, array.as_list(), inner, physical)?,
        (T::Map(..), DataType::List(inner)) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            list(place, map.offsets(), &entries, validity(), inner, physical)?
        }
        (T::FixedSizeList(..), DataType::Array(inner, _)) => {
            let values = chunk(&Place::Items(place), array.as_fixed_size_list().values(), inner)?;
            polars::FixedSizeListArray::try_new(physical, array.len(), values, validity())
                .map_err(broken)?
                .boxed()
        }
        (T::Struct(_), DataType::Struct(fields)) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let columns =
                columns.map(|(column, field)| chunk(&Place::Field(place, field.name()), column, field.dtype()));
            let columns = columns.collect::<Result<_>>()?;
            polars::StructArray::try_new(physical, array.len(), columns, validity())
                .map_err(broken)?
                .boxed()
        }
        (found, _) => {
            let message = format!("the column `{place}` of type {found} was promised to Polars as {dtype}");
            return Err(Error::new(ErrorKind::Unexpected, message));
        }
    })
}

/// Numbers that both sides hold alike. Shares them.
fn shared<N: NativeType + ArrowNativeType>(
    place: &Place<'_>,
    array: &ArrayRef,
    physical: ArrowDataType,
) -> Result<Box<dyn Chunk>> {
    let data = array.to_data();
    let values = to_polars(ScalarBuffer::<N>::new(
        data.buffers()[0].clone(),
        data.offset(),
        data.len(),
    ));
    primitive(place, values, array, physical)
}

/// Counts of a unit that Polars does not have, as counts of a smaller one.
fn scaled<A>(place: &Place<'_>, array: &ArrayRef, factor: i64, physical: ArrowDataType) -> Result<Box<dyn Chunk>>
where
    A: ArrowPrimitiveType,
    A::Native: Into<i64>,
{
    let data = array.to_data();
    let counts = PrimitiveArray::<A>::new(
        ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len()),
        data.nulls().cloned(),
    );
    let scaled = exact(place, array, counts.iter(), |count| count.into().checked_mul(factor))?;
    primitive(place, scaled.into(), array, physical)
}

/// Decimals of another width.
fn wide<A: ArrowPrimitiveType>(
    place: &Place<'_>,
    array: &ArrayRef,
    widen: impl Fn(A::Native) -> Option<i128>,
    physical: ArrowDataType,
) -> Result<Box<dyn Chunk>> {
    let wide = exact(place, array, array.as_primitive::<A>().iter(), widen)?;
    primitive(place, wide.into(), array, physical)
}

/// Every value by `change`, which has one for each but those that do not fit.
fn exact<V: Copy, N: Default>(
    place: &Place<'_>,
    array: &ArrayRef,
    values: impl Iterator<Item = Option<V>>,
    change: impl Fn(V) -> Option<N>,
) -> Result<Vec<N>> {
    let changed = values.enumerate().map(|(row, value)| match value {
        None => Ok(N::default()),
        Some(value) => change(value).ok_or_else(|| {
            let message = format!(
                "the column `{place}` of type {} has a value in row {row} of a batch that Polars' type cannot hold; cast the column, or leave it out with `LazyTable::select`",
                array.data_type()
            );
            Error::new(ErrorKind::Unsupported, message)
        }),
    });
    changed.collect()
}

fn primitive<N: NativeType>(
    place: &Place<'_>,
    values: Buffer<N>,
    array: &ArrayRef,
    physical: ArrowDataType,
) -> Result<Box<dyn Chunk>> {
    let chunk = polars::PrimitiveArray::try_new(physical, values, validity(array.nulls()));
    Ok(chunk.map_err(|cause| broken(place, &cause))?.boxed())
}

fn texts(place: &Place<'_>, array: &StringViewArray) -> Result<Box<dyn Chunk>> {
    let (views, data) = views(array);
    let chunk = polars::Utf8ViewArray::try_new(ArrowDataType::Utf8View, views, data, validity(array.nulls()));
    Ok(chunk.map_err(|cause| broken(place, &cause))?.boxed())
}

fn bytes(place: &Place<'_>, array: &BinaryViewArray) -> Result<Box<dyn Chunk>> {
    let (views, data) = views(array);
    let chunk = polars::BinaryViewArray::try_new(ArrowDataType::BinaryView, views, data, validity(array.nulls()));
    Ok(chunk.map_err(|cause| broken(place, &cause))?.boxed())
}

/// Views are laid out alike; shares them and what they show.
fn views<V: ByteViewType + ?Sized>(array: &GenericByteViewArray<V>) -> (Buffer<polars::View>, Buffer<Buffer<u8>>) {
    let views = to_polars(array.views().clone());
    let views = views
        .try_transmute()
        .unwrap_or_else(|_| unreachable!("both are 16 bytes"));
    let data = array
        .data_buffers()
        .iter()
        .map(|buffer| to_polars(ScalarBuffer::<u8>::from(buffer.clone())));
    (views, data.collect())
}

fn listed<O: OffsetSizeTrait>(
    place: &Place<'_>,
    array: &GenericListArray<O>,
    inner: &DataType,
    physical: ArrowDataType,
) -> Result<Box<dyn Chunk>> {
    list(
        place,
        array.offsets(),
        array.values(),
        validity(array.nulls()),
        inner,
        physical,
    )
}

fn list<O: OffsetSizeTrait>(
    place: &Place<'_>,
    offsets: &OffsetBuffer<O>,
    values: &ArrayRef,
    validity: Option<polars_arrow::bitmap::Bitmap>,
    inner: &DataType,
    physical: ArrowDataType,
) -> Result<Box<dyn Chunk>> {
    // A slice has the values of the whole.
    let (first, last) = (offsets[0].as_usize(), offsets[offsets.len() - 1].as_usize());
    let values = chunk(&Place::Items(place), &values.slice(first, last - first), inner)?;
    let offsets: Vec<i64> = offsets
        .iter()
        .map(|offset| (offset.as_usize() - first) as i64)
        .collect();
    let list = OffsetsBuffer::try_from(offsets)
        .and_then(|offsets| polars::ListArray::try_new(physical, offsets, values, validity));
    Ok(list.map_err(|cause| broken(place, &cause))?.boxed())
}

/// A dictionary of other values than texts, taken apart.
fn decoded(place: &Place<'_>, array: &ArrayRef) -> Result<ArrayRef> {
    let dictionary = array.as_any_dictionary();
    arrow_select::take::take(dictionary.values(), dictionary.keys(), None).map_err(|cause: ArrowError| {
        let message = format!("the column `{place}` is no valid dictionary: {cause}");
        Error::new(ErrorKind::InvalidData, message).with_source(cause)
    })
}

fn broken(place: &Place<'_>, cause: &PolarsError) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("the column `{place}` is not what Polars takes: {cause}"),
    )
}
