//! What is wrong with a setting, before it becomes an error: serde's own words would show values.

use super::dotted;
use crate::text::nearest;
use serde::de::{Error, Expected, Unexpected};
use std::fmt;

/// A mistake, and the setting it is about.
#[derive(Debug)]
pub(super) struct Problem {
    /// From the root to the setting; filled in from the inside.
    path: Vec<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Not one of the fields of the struct that the path leads to.
    Unknown {
        field: String,
        known: &'static [&'static str],
    },
    /// Not one of the names of an enum.
    Variant {
        known: &'static [&'static str],
    },
    Missing {
        field: &'static str,
    },
    /// Not the number or boolean that was expected.
    Scalar {
        expected: String,
    },
    /// A table where a value was expected, or the other way round.
    Shape {
        expected: String,
    },
    /// A type's own words, which its author answers for.
    Own(String),
}

impl Problem {
    pub(super) fn scalar(expected: impl fmt::Display) -> Self {
        What::Scalar {
            expected: expected.to_string(),
        }
        .into()
    }

    pub(super) fn shape(expected: impl fmt::Display) -> Self {
        What::Shape {
            expected: expected.to_string(),
        }
        .into()
    }

    /// Puts a segment in front of the path.
    pub(super) fn within(mut self, segment: &str) -> Self {
        self.path.insert(0, segment.to_owned());
        self
    }

    /// The setting's dotted name; empty for a mistake about the whole.
    pub(super) fn name(&self) -> String {
        let mut path = self.path.clone();
        match &self.what {
            What::Unknown { field, .. } => path.push(field.clone()),
            What::Missing { field } => path.push((*field).to_owned()),
            _ => {}
        }
        dotted(&path)
    }

    /// A sentence; `value` is the text that was given.
    pub(super) fn message(&self, value: Option<&str>, secret: bool) -> String {
        let name = self.name();
        let found = match value.filter(|_| !secret) {
            Some(value) => format!(", not `{value}`"),
            None => String::new(),
        };
        match &self.what {
            What::Unknown { field, known } => match nearest(field, known.iter().copied()) {
                Some(near) => {
                    let mut path = self.path.clone();
                    path.push(near.to_owned());
                    format!("there is no setting `{name}`; did you mean `{}`?", dotted(&path))
                }
                None if known.is_empty() => format!("there is no setting `{name}`; none is known here"),
                None => format!("there is no setting `{name}`; there are {}", known.join(", ")),
            },
            What::Variant { known } => {
                let near = value.and_then(|value| nearest(value, known.iter().copied()));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                format!("the setting `{name}` takes one of {}{found}{hint}", known.join(", "))
            }
            What::Missing { .. } => format!("the setting `{name}` is missing"),
            What::Scalar { expected } => format!("the setting `{name}` takes {expected}{found}"),
            What::Shape { expected } => format!("the setting `{name}` takes {expected}"),
            // Its author may have quoted the value.
            What::Own(_) if secret => format!("the setting `{name}` has a value that cannot be used"),
            What::Own(words) if name.is_empty() => words.clone(),
            What::Own(words) => format!("the setting `{name}` is wrong: {words}"),
        }
    }
}

impl From<What> for Problem {
    fn from(what: What) -> Self {
        Self { path: Vec::new(), what }
    }
}

impl Error for Problem {
    fn custom<T: fmt::Display>(words: T) -> Self {
        What::Own(words.to_string()).into()
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::shape(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::scalar(expected)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        What::Variant { known }.into()
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let field = field.to_owned();
        What::Unknown { field, known }.into()
    }

    fn missing_field(field: &'static str) -> Self {
        What::Missing { field }.into()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(None, true))
    }
}

impl std::error::Error for Problem {}
