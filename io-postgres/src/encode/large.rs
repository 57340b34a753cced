//! Values and rows that the server does not take.

use super::keys;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Schema};
use larder_io_core::{Error, ErrorKind};

/// Bytes of a value, and of a row, that the server takes and gives back. Its own limit is 1 GiB less one byte, with what it adds:
/// lengths, padding, a header. <https://www.postgresql.org/docs/current/limits.html> ("field size")
pub(super) const LARGEST: usize = (1 << 30) - (1 << 16);

/// Gives the bytes of a value that may have many; 0 for any other.
pub(super) type Size<'a> = Box<dyn Fn(usize) -> usize + 'a>;

pub(super) fn size(array: &ArrayRef) -> Size<'_> {
    use DataType as T;
    match array.data_type() {
        T::Utf8 => Box::new(move |row| array.as_string::<i32>().value_length(row) as usize),
        T::LargeUtf8 => Box::new(move |row| array.as_string::<i64>().value_length(row) as usize),
        T::Utf8View => Box::new(move |row| array.as_string_view().value(row).len()),
        T::Binary => Box::new(move |row| array.as_binary::<i32>().value_length(row) as usize),
        T::LargeBinary => Box::new(move |row| array.as_binary::<i64>().value_length(row) as usize),
        T::BinaryView => Box::new(move |row| array.as_binary_view().value(row).len()),
        T::FixedSizeBinary(bytes) => {
            let bytes = usize::try_from(*bytes).unwrap_or(0);
            Box::new(move |_| bytes)
        }
        T::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let (key, size) = (keys(dictionary.keys()), size(dictionary.values()));
            Box::new(move |row| size(key(row)))
        }
        _ => Box::new(|_| 0),
    }
}

/// Whether a row's values are small enough, each and together; says what is not.
pub(super) fn check(
    schema: &Schema,
    sizes: &[Size<'_>],
    nulls: &[Option<NullBuffer>],
    row: usize,
) -> std::result::Result<(), String> {
    let mut all = 0_usize;
    for (index, (size, nulls)) in sizes.iter().zip(nulls).enumerate() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            continue;
        }
        let bytes = size(row);
        if bytes > LARGEST {
            return Err(format!(
                "in column `{}` it holds a value of {bytes} bytes",
                schema.field(index).name()
            ));
        }
        all = all.saturating_add(bytes);
    }
    match all > LARGEST {
        true => Err(format!("its values have {all} bytes together")),
        false => Ok(()),
    }
}

pub(super) fn refused(row: u64, why: &str) -> Error {
    let message = format!(
        "row {row} (the first is 1) is too large: {why}, and PostgreSQL takes {LARGEST} in a value and in a row (1 GiB with what it adds); part it, or bind the asset to a manager of files"
    );
    Error::new(ErrorKind::Unsupported, message)
}
