//! `engine`, `[engines]` and `[parameters]`: what runs queries, where that is, and what they are given.

use super::item::{Item, Value};
use super::place::Place;
use larder_io_core::{Error, Result, SqlValue, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// The key of the engine.
pub(super) const ENGINE: &str = "engine";
/// The table of engines that have an address.
pub(super) const ENGINES: &str = "engines";
/// The table of parameters.
pub(super) const PARAMETERS: &str = "parameters";

/// One parameter.
#[derive(Clone, Debug)]
pub(crate) struct ParameterLine {
    pub(crate) value: SqlValue,
    pub(crate) place: Place,
}

/// All parameters by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParameterTable(BTreeMap<String, ParameterLine>);

impl ParameterTable {
    /// # Errors
    /// `InvalidConfig` with the place of what is no value.
    pub(super) fn read(item: Item) -> Result<Self> {
        let mut lines = BTreeMap::new();
        for entry in item.table("`parameters`, which has a value for each parameter of queries,")? {
            let value = value(&entry.key, &entry.item)?;
            lines.insert(
                entry.key,
                ParameterLine {
                    value,
                    place: entry.place,
                },
            );
        }
        Ok(Self(lines))
    }

    /// What the profile says goes before what the base says.
    pub(super) fn merged(base: Self, profile: Self) -> Self {
        let mut lines = base.0;
        lines.extend(profile.0);
        Self(lines)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ParameterLine> {
        self.0.get(name)
    }

    /// An error for each that no query takes.
    pub(crate) fn unknown(&self, taken: &BTreeSet<String>) -> impl Iterator<Item = Error> {
        let unknown = self.0.iter().filter(|(name, _)| !taken.contains(*name));
        unknown.map(|(name, line)| {
            let near = nearest(name, taken.iter().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            line.place
                .wrong(format_args!("no query takes the parameter `{name}`{hint}"))
        })
    }
}

fn value(name: &str, item: &Item) -> Result<SqlValue> {
    let found = match &item.value {
        Value::Text(text) => Some(text.as_str().into()),
        Value::Scalar(text, "a boolean") => text.parse::<bool>().ok().map(Into::into),
        Value::Scalar(text, "an integer") => text.parse::<i64>().ok().map(Into::into),
        Value::Scalar(text, "a number") => text.parse::<f64>().ok().map(Into::into),
        Value::Scalar(text, _) => text.parse::<jiff::Timestamp>().ok().map(Into::into),
        Value::List(_) | Value::Table(_) => None,
    };
    found.ok_or_else(|| {
        item.place.wrong(format_args!(
            "the parameter `{name}` is a boolean, a number, a string or a time with its offset, not {}",
            item.kind()
        ))
    })
}

/// The JSON schema of the table.
pub(super) fn schema() -> serde_json::Value {
    serde_json::json!({
        "description": "Values of parameters that queries take as `$name`",
        "type": "object",
        "additionalProperties": { "type": ["boolean", "number", "string"] },
    })
}
