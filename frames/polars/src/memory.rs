//! Buffers that both sides read, and bits, which are copied.

use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer as ArrowBuffer, NullBuffer, ScalarBuffer};
use bytes::Bytes;
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;

/// The memory of a Polars buffer, held by an Arrow one. Copies nothing.
pub(crate) fn to_arrow<T>(buffer: &Buffer<T>) -> ArrowBuffer
where
    T: Clone,
    Buffer<T>: IntoBytes,
{
    ArrowBuffer::from(Bytes::from_owner(buffer.clone().into_bytes()))
}

/// A buffer of plain values, as their bytes.
pub(crate) trait IntoBytes {
    /// The same memory.
    fn into_bytes(self) -> Buffer<u8>;
}

macro_rules! into_bytes {
    ($($type:ty),*) => {$(
        impl IntoBytes for Buffer<$type> {
            fn into_bytes(self) -> Buffer<u8> {
                self.try_transmute().unwrap_or_else(|_| unreachable!("bytes have no alignment"))
            }
        }
    )*};
}
into_bytes!(
    u8,
    u16,
    u32,
    u64,
    i8,
    i16,
    i32,
    i64,
    i128,
    f32,
    f64,
    polars_arrow::array::View
);

/// The memory of an Arrow buffer, held by a Polars one. Copies nothing.
pub(crate) fn to_polars<T: ArrowNativeType + NativeType>(values: ScalarBuffer<T>) -> Buffer<T> {
    Buffer::from_owner(values)
}

/// Arrow's nulls of a Polars column. Copies nothing.
pub(crate) fn nulls(validity: Option<&Bitmap>) -> Option<NullBuffer> {
    validity.map(|validity| NullBuffer::new(bits(validity)))
}

/// Bits of Polars as bits of Arrow. Copies nothing.
pub(crate) fn bits(bitmap: &Bitmap) -> BooleanBuffer {
    let (buffer, offset, length) = bitmap.as_buffer();
    BooleanBuffer::new(to_arrow(&buffer), offset, length)
}

/// The validity of an Arrow column. Copies a bit for each row.
pub(crate) fn validity(nulls: Option<&NullBuffer>) -> Option<Bitmap> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0)?;
    Some(bitmap(nulls.inner()))
}

/// Bits of Arrow as bits of Polars. Copies them: Polars has no safe way to share them.
pub(crate) fn bitmap(bits: &BooleanBuffer) -> Bitmap {
    Bitmap::from_u8_vec(bits.sliced().to_vec(), bits.len())
}
