//! Sequences of structs as tables, and back.
//!
//! A manager does not know the Rust type of an object: it sees the tokens that serde gives. Those of a row are gathered in a
//! [`Cell`]; the cells of all rows give a [`Shape`], which is an Arrow schema; rows are then built chunk by chunk, and
//! each chunk is read back through the same deserializer that a load uses and compared with its cells before anything is
//! published. What a load gives a type is so what the type gave: numbers by value, names of variants as text, bytes as bytes.
//! Whatever fits no column, or does not come back, leaves the object to the manager's object format.
//!
//! | Rust | column |
//! |---|---|
//! | `bool`, integers up to 64 bits, `f32`, `f64`, text, `char`, bytes | that type |
//! | wider integers, and several widths in one column | `Int64` or `UInt64`, where all values fit |
//! | `Option`, `()` | nulls; a column without any value is of type `Null` |
//! | sequences, tuples of one type | `List` |
//! | structs | `Struct`; a field that is left out in some rows is null there, and marked |
//! | an enum: variants without fields; with fields | text; a `Struct` with one field for each variant |
//! | maps | `Map`; as a row, and flattened structs as a row, a column for each key |

mod build;
mod cell;
mod compare;
mod name;
mod read;
mod rows;
mod shape;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use source::{StoredRows, as_rows};

use std::fmt;

/// Columns and fields of a table at most. Maps as rows may have any number of keys.
const MOST_FIELDS: usize = 1_000;
/// Nesting at most; recursive types go deeper.
const MOST_DEPTH: usize = 24;
/// The metadata of a field whose nulls stand for a field that is not there.
const ABSENT: (&str, &str) = ("larder.null", "absent");

/// Why a value is no table, or does not come back from one.
#[derive(Debug)]
pub(crate) struct Refused(String);

fn refused<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl serde::ser::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}
