//! What Polars writes beside a field of words, so that an `Enum` or a named `Categorical` comes back as it was.

use crate::types::Place;
use arrow_schema::Field;
use larder_io_core::{Error, ErrorKind, Result};
use polars_core::datatypes::{CategoricalPhysical, Categories, DataType, FrozenCategories};
use std::collections::HashMap;

/// Polars' own keys, which its readers of Parquet and Arrow files know.
const ENUM: [&str; 2] = ["_PL_ENUM_VALUES2", "_PL_ENUM_VALUES"];
const CATEGORICAL: &str = "_PL_CATEGORICAL2";

/// The metadata of a column of this type.
pub(crate) fn of(dtype: &DataType) -> HashMap<String, String> {
    let metadata = dtype.to_arrow_field_metadata().unwrap_or_default();
    let pairs = metadata.into_iter();
    pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// The type of a dictionary of texts: an `Enum` or a `Categorical` where Polars wrote one, else a `Categorical` of the
/// process.
///
/// # Errors
/// `InvalidData` for metadata that Polars does not write.
pub(crate) fn words(place: &Place<'_>, field: &Field) -> Result<DataType> {
    let metadata = field.metadata();
    if let Some(text) = ENUM.iter().find_map(|key| metadata.get(*key)) {
        let words = listed(text).ok_or_else(|| damaged(place, "Enum"))?;
        let categories = FrozenCategories::new(words).map_err(|_| damaged(place, "Enum"))?;
        return Ok(DataType::from_frozen_categories(categories));
    }
    let categories = match metadata.get(CATEGORICAL) {
        None => Categories::global(),
        Some(text) => named(text).ok_or_else(|| damaged(place, "Categorical"))?,
    };
    Ok(DataType::from_categories(categories))
}

/// Texts behind their lengths: `2;ab1;c`.
fn listed(mut text: &str) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    while !text.is_empty() {
        let (word, rest) = next(text)?;
        words.push(word);
        text = rest;
    }
    Some(words)
}

fn next(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(';')?;
    rest.split_at_checked(length.parse().ok()?)
}

/// A name, a namespace and a width: `1;n2;nsu32;`.
fn named(text: &str) -> Option<std::sync::Arc<Categories>> {
    let (name, rest) = next(text)?;
    let (namespace, rest) = next(rest)?;
    let (width, _) = rest.split_once(';')?;
    let width: CategoricalPhysical = width.parse().ok()?;
    Some(Categories::new(name.into(), namespace.into(), width))
}

fn damaged(place: &Place<'_>, what: &str) -> Error {
    let message = format!(
        "the column `{place}` has metadata of a Polars {what} that cannot be read; materialize the asset again, or cast the column to text"
    );
    Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_polars_writes_and_nothing_else() {
        for words in [vec![], vec!["a"], vec!["", "b;1", "ü", "12;34"]] {
            let dtype = DataType::from_frozen_categories(FrozenCategories::new(words.clone()).expect("are distinct"));
            let text = of(&dtype).remove(ENUM[0]).expect("is written");
            assert_eq!(listed(&text), Some(words), "{text}");
        }
        for damaged in ["a", "2;a", "1;ü", "-1;a", "99999999999999999999;a", "1;a2", ";"] {
            assert_eq!(listed(damaged), None, "{damaged}");
        }
        let categories = Categories::new("na;me".into(), "spáce".into(), CategoricalPhysical::U8);
        let text = of(&DataType::from_categories(categories.clone()));
        let read = named(&text[CATEGORICAL]).expect("is read");
        assert!(std::sync::Arc::ptr_eq(&read, &categories));
        for damaged in ["", "1;n", "1;n0;", "1;n0;u64;", "5;n0;u8;", "1;n0;u8"] {
            assert!(named(damaged).is_none(), "{damaged}");
        }
    }
}
