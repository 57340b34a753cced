//! Columns of words: keys into words of the process (Polars) or of the column (Arrow).

use crate::memory::validity;
use crate::to_arrow::unexpected;
use crate::types::Place;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::{ArrowNativeType, Buffer, ScalarBuffer};
use arrow_schema::DataType as T;
use larder_io_core::{Error, ErrorKind, Result};
use polars_arrow::array::{Array as Chunk, PrimitiveArray};
use polars_arrow::types::NativeType;
use polars_core::datatypes::{CategoricalMapping, CategoricalPhysical, DataType};
use std::sync::Arc;

/// Calls a function with the chunk as keys of their own width.
macro_rules! with_keys {
    ($chunk:expr, $of:ident($($more:expr),*)) => {{
        let any = $chunk.as_any();
        if let Some(keys) = any.downcast_ref::<PrimitiveArray<u32>>() {
            Ok($of(keys, $($more),*))
        } else if let Some(keys) = any.downcast_ref::<PrimitiveArray<u16>>() {
            Ok($of(keys, $($more),*))
        } else if let Some(keys) = any.downcast_ref::<PrimitiveArray<u8>>() {
            Ok($of(keys, $($more),*))
        } else {
            Err(unexpected($chunk))
        }
    }};
}

/// No row has the word.
const UNUSED: u32 = u32::MAX;

/// The words that some row has, in the order of rows, and where each word of the process is among them. The words of a
/// process are those of all its columns.
pub(crate) fn used(mapping: &CategoricalMapping, chunks: &[Box<dyn Chunk>]) -> Result<(ArrayRef, Vec<u32>)> {
    let mut positions = vec![UNUSED; mapping.num_cats_upper_bound()];
    let mut words = Vec::new();
    for chunk in chunks {
        with_keys!(chunk.as_ref(), find(mapping, &mut positions, &mut words))?;
    }
    Ok((Arc::new(StringArray::from_iter_values(words)), positions))
}

fn find<'m, N: NativeType + Into<u32>>(
    keys: &PrimitiveArray<N>,
    mapping: &'m CategoricalMapping,
    positions: &mut [u32],
    words: &mut Vec<&'m str>,
) {
    for key in keys.iter().flatten() {
        let key: u32 = (*key).into();
        let position = &mut positions[key as usize];
        if *position == UNUSED {
            *position = words.len() as u32;
            words.push(mapping.cat_to_str(key).unwrap_or_default());
        }
    }
}

/// The keys of a chunk as positions among the words that are used.
pub(crate) fn compacted(chunk: &dyn Chunk, positions: &[u32]) -> Result<Buffer> {
    with_keys!(chunk, moved(positions))
}

fn moved<N>(keys: &PrimitiveArray<N>, positions: &[u32]) -> Buffer
where
    N: NativeType + ArrowNativeType + Into<u32> + TryFrom<u32>,
{
    // There are at most as many words that are used as there are keys of this width.
    let position = |key: &N| N::try_from(positions[(*key).into() as usize]).unwrap_or_default();
    let moved = keys.iter().map(|key| key.map_or_else(Default::default, position));
    moved.collect::<ScalarBuffer<N>>().into_inner()
}

/// A dictionary of texts as keys of a Polars type. Words that a `Categorical` has not met are added to it.
///
/// # Errors
/// `Unsupported` for a word that an `Enum` does not have, or one too many for the width of the keys.
pub(crate) fn keys(place: &Place<'_>, array: &dyn Array, dtype: &DataType) -> Result<Box<dyn Chunk>> {
    let dictionary = array.as_any_dictionary();
    let nulls = dictionary.logical_nulls();
    let mut known: Vec<Option<u32>> = vec![None; dictionary.values().len()];
    let mut keys = vec![0_u32; dictionary.len()];
    // Without words there are no keys but null ones.
    let normalized = match known.is_empty() {
        true => Vec::new(),
        false => dictionary.normalized_keys(),
    };
    for (row, position) in normalized.into_iter().enumerate() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            continue;
        }
        keys[row] = match known[position] {
            Some(key) => key,
            None => *known[position].insert(key(place, word(dictionary.values().as_ref(), position), dtype)?),
        };
    }
    let width = dtype.cat_physical().map_err(|_| unknown(place, dtype))?;
    let validity = validity(nulls.as_ref());
    Ok(match width {
        CategoricalPhysical::U8 => PrimitiveArray::from_vec(keys.iter().map(|key| *key as u8).collect())
            .with_validity(validity)
            .boxed(),
        CategoricalPhysical::U16 => PrimitiveArray::from_vec(keys.iter().map(|key| *key as u16).collect())
            .with_validity(validity)
            .boxed(),
        CategoricalPhysical::U32 => PrimitiveArray::from_vec(keys).with_validity(validity).boxed(),
    })
}

fn word(words: &dyn Array, position: usize) -> &str {
    match words.data_type() {
        T::Utf8 => words.as_string::<i32>().value(position),
        T::LargeUtf8 => words.as_string::<i64>().value(position),
        _ => words.as_string_view().value(position),
    }
}

fn key(place: &Place<'_>, word: &str, dtype: &DataType) -> Result<u32> {
    match dtype {
        DataType::Enum(_, mapping) => mapping.get_cat(word).ok_or_else(|| {
            let message =
                format!("the column `{place}` is an Enum of Polars and has the word {word:?}, which the Enum has not");
            Error::new(ErrorKind::Unsupported, message)
        }),
        DataType::Categorical(_, mapping) => mapping.insert_cat(word).map_err(|cause| {
            let message =
                format!("the column `{place}` has more words than its Categorical of Polars can hold: {cause}");
            Error::new(ErrorKind::Unsupported, message)
        }),
        other => Err(unknown(place, other)),
    }
}

fn unknown(place: &Place<'_>, dtype: &DataType) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("the column `{place}` of words came as {dtype}"),
    )
}
