//! Python pickles of plain data, written and read through serde; nothing in a pickle is ever run.
//!
//! Written: protocol 4, without frames and without a memo. Read: protocols 0 to 5, as the picklers of CPython 3 make
//! them. The types of Python that serde does not have (sets, dates and times) are in [`larder_io_core::python`].
//!
//! A pickle is a program for a small stack machine that may name any function of the reader's Python and have it
//! called. The machine here knows eleven names (see `reduce.rs`), builds their values itself from checked arguments,
//! and refuses every other name, so the worst a hostile pickle can get is an [`Error`].

mod call;
mod compound;
mod decode;
mod input;
mod keys;
mod objects;
mod opcodes;
mod read;
mod reduce;
#[cfg(test)]
mod tests;
mod validate;
mod value;
mod write;

use larder_io_core::python;
use std::fmt;

pub(super) use value::Pickled;
pub(super) use write::Serializer;

/// How many lists, tuples, dicts and sets may lie inside each other, in both directions.
const MAX_DEPTH: usize = 200;

/// How many `Some` and newtype layers may lie on one path into a value; they leave no trace in a pickle, so the depth
/// does not count them, yet each takes stack.
const MAX_LAYERS: usize = 400;

/// What is wrong with a pickle, or with a value that should become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Error {
    message: String,
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<larder_io_core::Error> for Error {
    fn from(error: larder_io_core::Error) -> Self {
        Self::new(error.message())
    }
}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

#[cfg(test)]
/// Pickles a value.
fn to_vec<T: ?Sized + serde::Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut serializer = Serializer::new(&mut out);
    value.serialize(&mut serializer)?;
    serializer.finish();
    Ok(out)
}

/// Reads a pickle into a tree, which is a serde deserializer by reference: `T::deserialize(&parse(bytes)?)`.
///
/// Memory and time are bounded by the length of the input, whatever it says.
pub(super) fn parse(bytes: &[u8]) -> Result<Pickled, Error> {
    read::read(bytes)
}

/// Refuses a pickle of which Python would keep less than was written: a set with a member twice, a dict whose keys are the
/// same to Python, as `1` and `True` are.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    match parse(bytes)?.duplicates {
        true => Err(Error::new(
            "a set has a member, or a dict a key, twice, as Python compares them",
        )),
        false => Ok(()),
    }
}

/// Shows text from a pickle in an error message: escaped, and cut when long.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}
