//! The types of Python that serde does not have: sets, and the dates and times of the `datetime` module.
//!
//! In a pickle each is the Python object it is named for. In every other format a set is the collection inside it, and
//! a date or time is its ISO 8601 text. The pickle serializer knows them by the name of a newtype struct, so they keep
//! their type through a type-erased serializer too.

mod calendar;
mod iso;

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::error::{Error, ErrorKind};
pub use calendar::{Date, DateTime, Offset, Time, TimeDelta};

/// The newtype names by which the pickle serializer knows these types.
#[doc(hidden)]
pub mod marker {
    #![allow(missing_docs)]
    pub const SET: &str = "larder::python::Set";
    pub const FROZEN_SET: &str = "larder::python::FrozenSet";
    pub const DATE_TIME: &str = "larder::python::DateTime";
    pub const DATE: &str = "larder::python::Date";
    pub const TIME: &str = "larder::python::Time";
    pub const TIME_DELTA: &str = "larder::python::TimeDelta";
}

/// A collection that is a `set` in a pickle, and itself in every other format.
///
/// It must serialize as a sequence, such as a `BTreeSet`, a `HashSet` or a `Vec`. Reading takes any sequence, so data
/// that was a list before still reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename = "larder::python::Set")]
pub struct Set<T>(pub T);

impl<T> From<T> for Set<T> {
    fn from(inner: T) -> Self {
        Self(inner)
    }
}

/// A collection that is a `frozenset` in a pickle, and itself in every other format; in a pickle it may be a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename = "larder::python::FrozenSet")]
pub struct FrozenSet<T>(pub T);

impl<T> From<T> for FrozenSet<T> {
    fn from(inner: T) -> Self {
        Self(inner)
    }
}

/// Takes the text of a date or time, with or without the newtype around it.
struct TextVisitor<T>(PhantomData<T>);

impl<'de, T: FromStr<Err = Error>> Visitor<'de> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ISO 8601 text")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error: Error| E::custom(error.message()))
    }
}

/// Makes a type its ISO 8601 text within a newtype of this name.
macro_rules! as_text {
    ($type:ty, $name:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($name, &self.to_string())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_newtype_struct($name, TextVisitor(PhantomData))
            }
        }
    };
}

as_text!(DateTime, marker::DATE_TIME);
as_text!(Date, marker::DATE);
as_text!(Time, marker::TIME);
as_text!(TimeDelta, marker::TIME_DELTA);

/// The error of a text or of parts that stand for no such value.
fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

/// A text as an error shows it: escaped, and cut when long.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}
