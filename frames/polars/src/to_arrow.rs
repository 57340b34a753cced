//! Chunks of Polars as arrays of Arrow.

use crate::dictionary::{compacted, used};
use crate::memory::{bits, nulls, to_arrow};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, LargeListArray, NullArray, StringArray, StructArray, make_array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType as T, Field, FieldRef, Fields};
use larder_io_core::{Error, ErrorKind, Result};
use polars_arrow::array::{self as polars, Array as Chunk, PrimitiveArray, View};
use polars_core::datatypes::DataType;
use std::sync::Arc;

/// How the chunks of a column, or of what is within it, become arrays. Made of all chunks at once, because all arrays of a
/// column of words have one dictionary: files of Arrow allow no other.
pub(crate) enum Plan {
    /// The buffers as they are.
    Leaf(T),
    /// Keys of a dictionary; `positions` of the words that are used, unless the keys are positions already.
    Words {
        data_type: T,
        words: ArrayRef,
        positions: Option<Vec<u32>>,
    },
    List(FieldRef, Box<Self>),
    Array(FieldRef, i32, Box<Self>),
    Struct(Fields, Vec<Self>),
}

impl Plan {
    /// Plans for chunks of `dtype`, whose Arrow field is `field`.
    ///
    /// # Errors
    /// `Unexpected` when a chunk is not what its type says.
    pub(crate) fn new(field: &Field, dtype: &DataType, chunks: &[Box<dyn Chunk>]) -> Result<Self> {
        Ok(match (field.data_type(), dtype) {
            (T::LargeList(items), DataType::List(inner)) => {
                let values = chunks.iter().map(|chunk| Ok(within(cast(chunk.as_ref())?)));
                let plan = Self::new(items, inner, &values.collect::<Result<Vec<_>>>()?)?;
                Self::List(Arc::clone(items), Box::new(plan))
            }
            (T::FixedSizeList(items, width), DataType::Array(inner, _)) => {
                let values = chunks
                    .iter()
                    .map(|chunk| Ok(cast::<polars::FixedSizeListArray>(chunk.as_ref())?.values().clone()));
                let plan = Self::new(items, inner, &values.collect::<Result<Vec<_>>>()?)?;
                Self::Array(Arc::clone(items), *width, Box::new(plan))
            }
            (T::Struct(fields), DataType::Struct(inner)) => {
                let plans = fields.iter().zip(inner).enumerate().map(|(index, (field, inner))| {
                    let values = chunks
                        .iter()
                        .map(|chunk| Ok(cast::<polars::StructArray>(chunk.as_ref())?.values()[index].clone()));
                    Self::new(field, inner.dtype(), &values.collect::<Result<Vec<_>>>()?)
                });
                Self::Struct(fields.clone(), plans.collect::<Result<_>>()?)
            }
            (data_type, DataType::Enum(categories, _)) => Self::Words {
                data_type: data_type.clone(),
                words: Arc::new(StringArray::from_iter_values(categories.categories().values_iter())),
                positions: None,
            },
            (data_type, DataType::Categorical(_, mapping)) => {
                let (words, positions) = used(mapping, chunks)?;
                Self::Words {
                    data_type: data_type.clone(),
                    words,
                    positions: Some(positions),
                }
            }
            (data_type, _) => Self::Leaf(data_type.clone()),
        })
    }

    /// One chunk as an array.
    ///
    /// # Errors
    /// `Unexpected` when the chunk is not what its type says.
    pub(crate) fn convert(&self, chunk: &dyn Chunk) -> Result<ArrayRef> {
        let nulls = nulls(chunk.validity());
        Ok(match self {
            Self::Leaf(data_type) => return leaf(data_type, chunk),
            Self::Words {
                data_type,
                words,
                positions,
            } => {
                let keys = match positions {
                    None => numbers(chunk)?,
                    Some(positions) => compacted(chunk, positions)?,
                };
                let data = ArrayData::builder(data_type.clone()).len(chunk.len()).nulls(nulls);
                let data = data.add_buffer(keys).add_child_data(words.to_data());
                make_array(data.build().map_err(broken)?)
            }
            Self::List(items, plan) => {
                let list = cast::<polars::ListArray<i64>>(chunk)?;
                let (offsets, values) = trimmed(list);
                Arc::new(
                    LargeListArray::try_new(Arc::clone(items), offsets, plan.convert(values.as_ref())?, nulls)
                        .map_err(broken)?,
                )
            }
            Self::Array(items, width, plan) => {
                let list = cast::<polars::FixedSizeListArray>(chunk)?;
                let values = plan.convert(list.values().as_ref())?;
                let array =
                    FixedSizeListArray::try_new_with_length(Arc::clone(items), *width, values, nulls, list.len());
                Arc::new(array.map_err(broken)?)
            }
            Self::Struct(fields, plans) => {
                let rows = cast::<polars::StructArray>(chunk)?;
                let columns = plans
                    .iter()
                    .zip(rows.values())
                    .map(|(plan, values)| plan.convert(values.as_ref()));
                let columns = columns.collect::<Result<_>>()?;
                Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, rows.len()).map_err(broken)?)
            }
        })
    }
}

fn leaf(data_type: &T, chunk: &dyn Chunk) -> Result<ArrayRef> {
    let buffers = match data_type {
        T::Null => return Ok(Arc::new(NullArray::new(chunk.len()))),
        T::Boolean => {
            let values = bits(cast::<polars::BooleanArray>(chunk)?.values());
            return Ok(Arc::new(BooleanArray::new(values, nulls(chunk.validity()))));
        }
        T::Utf8View => {
            let texts = cast::<polars::Utf8ViewArray>(chunk)?;
            views(texts.views(), texts.data_buffers())
        }
        T::BinaryView => {
            let bytes = cast::<polars::BinaryViewArray>(chunk)?;
            views(bytes.views(), bytes.data_buffers())
        }
        _ => vec![numbers(chunk)?],
    };
    let data = ArrayData::builder(data_type.clone())
        .len(chunk.len())
        .nulls(nulls(chunk.validity()));
    // Polars' views need not lie as Arrow's must; where they do not, they are copied.
    let data = data.buffers(buffers).align_buffers(true).build();
    Ok(make_array(data.map_err(broken)?))
}

fn views(views: &polars_buffer::Buffer<View>, data: &polars_buffer::Buffer<polars_buffer::Buffer<u8>>) -> Vec<Buffer> {
    std::iter::once(to_arrow(views))
        .chain(data.iter().map(to_arrow))
        .collect()
}

fn numbers(chunk: &dyn Chunk) -> Result<Buffer> {
    macro_rules! shared {
        ($($type:ty),*) => {{
            let any = chunk.as_any();
            $(if let Some(numbers) = any.downcast_ref::<PrimitiveArray<$type>>() { return Ok(to_arrow(numbers.values())); })*
        }};
    }
    shared!(i64, f64, i32, u32, i128, u8, i8, u16, i16, u64, f32);
    Err(unexpected(chunk))
}

/// The offsets and values of a list's rows: a slice has the values of the whole.
fn trimmed(list: &polars::ListArray<i64>) -> (OffsetBuffer<i64>, Box<dyn Chunk>) {
    let buffer = list.offsets().buffer();
    let first = *list.offsets().first();
    let offsets = match first {
        0 => ScalarBuffer::new(to_arrow(buffer), 0, buffer.len()),
        _ => buffer.iter().map(|offset| offset - first).collect(),
    };
    (OffsetBuffer::new(offsets), within(list))
}

fn within(list: &polars::ListArray<i64>) -> Box<dyn Chunk> {
    let (first, last) = (*list.offsets().first(), *list.offsets().last());
    list.values().sliced(first as usize, (last - first) as usize)
}

fn cast<A: 'static>(chunk: &dyn Chunk) -> Result<&A> {
    chunk.as_any().downcast_ref().ok_or_else(|| unexpected(chunk))
}

pub(crate) fn unexpected(chunk: &dyn Chunk) -> Error {
    let message = format!(
        "a chunk of a Polars column came as {:?}, which its type does not allow",
        chunk.dtype()
    );
    Error::new(ErrorKind::Unexpected, message)
}

fn broken(error: ArrowError) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("a Polars column is no valid Arrow array: {error}"),
    )
    .with_source(error)
}
