//! Values in a list: fixed ones, and those that live elsewhere.

use crate::invalid;
use larder_io_core::key::MAX_KEY_BYTES;
use larder_io_core::{Result, nearest};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// Has the values of dynamic dimensions.
///
/// The order is theirs and should stay as values are added: the order in which they came.
pub trait DynamicKeys {
    /// The values of the dimension of a name.
    ///
    /// # Errors
    /// Whatever keeps it from knowing them. A name that nobody has added values to has none, which is no error.
    fn values(&self, name: &str) -> Result<Vec<String>>;
}

impl<F: Fn(&str) -> Result<Vec<String>>> DynamicKeys for F {
    fn values(&self, name: &str) -> Result<Vec<String>> {
        self(name)
    }
}

impl DynamicKeys for BTreeMap<String, Vec<String>> {
    fn values(&self, name: &str) -> Result<Vec<String>> {
        Ok(self.get(name).cloned().unwrap_or_default())
    }
}

/// There are none: for definitions without dynamic dimensions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDynamicKeys;

impl DynamicKeys for NoDynamicKeys {
    fn values(&self, name: &str) -> Result<Vec<String>> {
        Err(invalid(format!(
            "the values of the dynamic partitions `{name}` are needed, and nobody here has them"
        )))
    }
}

/// Different values in order, with an index.
#[derive(Clone)]
pub(crate) struct List {
    values: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u64>,
}

impl List {
    pub(crate) fn new(name: &str, values: impl IntoIterator<Item = String>) -> Result<Self> {
        let values: Vec<Arc<str>> = values.into_iter().map(Arc::from).collect();
        let mut places = HashMap::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            let problem = if value.is_empty() {
                "is empty".to_owned()
            } else if value.chars().any(char::is_control) {
                "has a control character in it, which no command line and not every store can hold".to_owned()
            } else if name.len() + 1 + value.len() > MAX_KEY_BYTES {
                format!(
                    "has {} bytes; with the name of its dimension {MAX_KEY_BYTES} are the limit",
                    value.len()
                )
            } else if let Some(earlier) = places.insert(value.clone(), place as u64) {
                format!("comes twice, as number {} and number {}", earlier + 1, place + 1)
            } else {
                continue;
            };
            let shown: String = value.chars().take(60).flat_map(char::escape_debug).collect();
            return Err(invalid(format!(
                "the value `{shown}` of the dimension `{name}` {problem}"
            )));
        }
        Ok(Self { values, places })
    }

    pub(crate) fn len(&self) -> u64 {
        self.values.len() as u64
    }

    pub(crate) fn nth(&self, index: u64) -> Option<&str> {
        self.values.get(usize::try_from(index).ok()?).map(|value| &**value)
    }

    pub(crate) fn index_of(&self, value: &str) -> Option<u64> {
        self.places.get(value).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| &**value)
    }

    /// Why a text is none of the values, with the nearest that is.
    pub(crate) fn problem(&self, value: &str) -> String {
        // Beyond this, looking for the nearest takes longer than a user waits.
        let candidates = self.iter().take(100_000);
        if let Some(near) = nearest(value, candidates) {
            return format!("did you mean `{near}`?");
        }
        let some: Vec<String> = self.iter().take(5).map(|value| format!("`{value}`")).collect();
        match self.len() {
            0 => "there are no values yet".to_owned(),
            1..=5 => format!("there are {}", some.join(", ")),
            many => format!("there are {many}: {} and others", some.join(", ")),
        }
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "List({} values)", self.values.len())
    }
}
