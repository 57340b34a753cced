//! `[resources]`: settings of what a run opens, and how patiently.

use super::item::{Entry, Item};
use super::layer::ManagerTable;
use super::manager::{Resolved, Surroundings};
use crate::resource::{Care, Texts};
use larder_io_core::{Error, Result, duration, from_texts};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// The table.
pub(super) const RESOURCES: &str = "resources";
/// Keys of a resource's table that are not its own settings.
pub(crate) const OWN: [&str; 4] = ["retries", "retry", "timeout", "close_timeout"];
/// What turns a timeout off.
const OFF: &str = "off";

/// # Errors
/// `InvalidConfig` for what is no table.
pub(super) fn read(item: Item) -> Result<Vec<ManagerTable>> {
    let tables = item.table("`resources`, which holds a table for each resource,")?;
    let tables = tables.into_iter().map(|Entry { key, place, item }| {
        let entries = item.table(&format!("the resource `{key}`"))?;
        Ok(ManagerTable {
            key,
            place,
            profile: None,
            entries,
        })
    });
    tables.collect()
}

/// What the table of one resource comes to. It has no `Debug`: it holds secrets.
pub(crate) struct Given(Resolved);

impl Given {
    /// Puts variables and references in.
    ///
    /// # Errors
    /// `InvalidConfig` with the place of a variable that is not set, or of a file that cannot be read.
    pub(crate) fn of(table: &ManagerTable, around: &Surroundings<'_>) -> Result<Self> {
        Resolved::plain(table, &OWN, around).map(Self)
    }

    /// The settings of its type.
    pub(crate) fn texts(&self) -> Texts {
        self.0.texts()
    }

    /// Values that no message shows.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.0.secrets()
    }

    /// An error about one of the settings, at its place, without a value that came from elsewhere.
    pub(crate) fn placed(&self, error: Error, about: &str) -> Error {
        let error = self.0.veiled(error);
        let setting = error.context("setting").map(str::to_owned);
        let told = Error::new(error.kind(), format!("{about}: {}", error.message()));
        self.0.located(match setting {
            Some(setting) => told.with_context("setting", setting),
            None => told,
        })
    }

    /// What the file says of attempts and times goes before what the code says: `retry` the whole of it, `retries` the number alone.
    ///
    /// # Errors
    /// `InvalidConfig` for what is unknown or wrong; the context `setting` says where.
    pub(crate) fn care(&self, mut care: Care) -> Result<Care> {
        let texts = self.0.apart().map(|(name, text)| (name.to_owned(), text.to_owned()));
        let own: Own = from_texts(texts)?;
        if let Some(retry) = own.retry {
            care.retry = retry;
        }
        if let Some(retries) = own.retries {
            if self.0.apart().any(|(name, _)| name == "retry.attempts") {
                let message = "`retries` says again what `retry.attempts` says; leave one of them out";
                return Err(super::wrong(message.to_owned()).with_context("setting", "retries"));
            }
            care.retry.attempts = retries.saturating_add(1);
        }
        if let Some(most) = own.timeout {
            care.timeout = most.0;
        }
        if let Some(most) = own.close_timeout {
            care.close_timeout = most;
        }
        care.retry
            .validate()
            .map_err(|error| error.with_context("setting", "retry"))?;
        Ok(care)
    }
}

/// The keys that are larder's own.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    retries: Option<u32>,
    retry: Option<crate::policy::RetryPolicy>,
    timeout: Option<Limit>,
    #[serde(deserialize_with = "some_time")]
    close_timeout: Option<Duration>,
}

/// A time that is not zero, or none.
struct Limit(Option<Duration>);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            OFF => Ok(Self(None)),
            _ => time(&text).map(|most| Self(Some(most))),
        }
    }
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    time(&String::deserialize(deserializer)?).map(Some)
}

fn time<E: serde::de::Error>(text: &str) -> Result<Duration, E> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err(E::custom("0 is no time in which anything could be done")),
        Ok(most) => Ok(most),
        Err(error) => Err(E::custom(error.message())),
    }
}

/// The JSON schema of the table; `known` are resources with the names of their settings.
pub(super) fn schema<'r>(known: impl Iterator<Item = (&'r str, &'static [&'static str])>) -> serde_json::Value {
    let duration = |description: &str| serde_json::json!({ "description": description, "type": "string" });
    let mut resources = serde_json::Map::new();
    for (name, fields) in known {
        let mut properties = serde_json::Map::new();
        properties.extend(fields.iter().map(|field| ((*field).to_owned(), serde_json::json!({}))));
        let own = serde_json::json!({
            "retries": {
                "description": "How often opening that failed is tried again. Default 4",
                "type": "integer",
                "minimum": 0,
            },
            "retry": { "$ref": "#/$defs/retry" },
            "timeout": duration("How long one attempt at opening may take, or `off`. Default 60s"),
            "close_timeout": duration("How long closing may take. Default 5s"),
        });
        if let serde_json::Value::Object(own) = own {
            properties.extend(own);
        }
        // A type that does not tell its fields may have any.
        let table = serde_json::json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": fields.is_empty(),
        });
        resources.insert(name.to_owned(), table);
    }
    serde_json::json!({
        "description": "Settings of the resources that a run opens, by their names",
        "type": "object",
        "properties": resources,
        "additionalProperties": false,
    })
}
