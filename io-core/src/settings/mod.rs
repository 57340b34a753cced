//! Settings of a manager: from the URL, from code or a file, from the environment, into one config struct.

mod deserialize;
mod environment;
mod problem;
mod within;

use crate::backend::ManagerUrl;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;
use deserialize::Node;
pub use environment::Environment;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
pub use within::secrets_within;

/// Parts of setting names after which a value is never shown.
const SECRET_WORDS: [&str; 6] = ["secret", "key", "token", "password", "sas", "credential"];

impl ManagerUrl {
    /// Adds a setting that does not stand in the URL.
    ///
    /// A dot leads into a table or map: `tags.team`. A dot or backslash of the name itself has a backslash before it:
    /// `tags.cost\.centre`. Items of a list are numbered, `scopes.0`, or the whole list is one text with commas.
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push(Setting::open(name.into(), value.into()));
        self
    }

    /// Adds a setting as [`ManagerUrl::with_setting`] does; no message shows its value, whatever its name is.
    #[must_use]
    pub fn with_secret(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.settings.push(Setting {
            secret: true,
            ..Setting::open(name.into(), value.expose().to_owned())
        });
        self
    }

    /// Replaces the environment of the process for this URL: for tests, and for `Definitions::variables`.
    #[must_use]
    pub fn with_variables(mut self, variables: BTreeMap<String, String>) -> Self {
        self.variables = Some(variables);
        self
    }

    /// An environment variable; an empty one counts as unset.
    pub fn variable(&self, name: &str) -> Option<String> {
        let value = match &self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Names of the settings of the query and of those that were added, sorted; without their values.
    pub fn setting_names(&self) -> Vec<String> {
        let added = self.settings.iter().map(|setting| setting.name.clone());
        let mut names: Vec<String> = decoded(&self.query)
            .into_iter()
            .flatten()
            .map(|setting| setting.name)
            .chain(added)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Names among those whose values may be secret.
    pub fn secret_names(&self) -> Vec<String> {
        let added = self.settings.iter().filter(|setting| setting.secret);
        let added: Vec<&String> = added.map(|setting| &setting.name).collect();
        let mut names = self.setting_names();
        names.retain(|name| is_secret(name) || added.contains(&name));
        names
    }

    /// Adds the settings and variables of a manager's URL, but for those that this one has itself.
    ///
    /// # Errors
    /// `InvalidConfig` for a query that cannot be decoded.
    pub fn with_settings_of(mut self, manager: &Self) -> Result<Self> {
        let first = |name: &str| segments(name).first().cloned().unwrap_or_default();
        let own: Vec<String> = self.setting_names().iter().map(|name| first(name)).collect();
        let mut given = decoded(&manager.query)?;
        given.extend(manager.settings.iter().cloned());
        given.retain(|setting| !own.contains(&first(&setting.name)));
        self.settings.extend(given);
        self.variables = self.variables.or_else(|| manager.variables.clone());
        self.directory.clone_from(&manager.directory);
        Ok(self)
    }

    /// Parts the settings between two readers: the first URL gets those whose name (its first segment) is among `names`, the
    /// second one all others.
    ///
    /// # Errors
    /// `InvalidConfig` for a query that cannot be decoded.
    pub fn parted(&self, names: &[&str]) -> Result<(Self, Self)> {
        let mut given = decoded(&self.query)?;
        given.extend(self.settings.iter().cloned());
        let (own, rest) = given.into_iter().partition(|setting| {
            segments(&setting.name)
                .first()
                .is_some_and(|first| names.contains(&first.as_str()))
        });
        let with = |settings| {
            let mut url = self.clone();
            (url.query, url.settings) = (String::new(), settings);
            url
        };
        Ok((with(own), with(rest)))
    }

    /// Reads query, added settings and environment into a config struct.
    ///
    /// `environment` lists settings with the variables that give them when neither the query nor an added setting does:
    /// `[("region", &["MY_REGION"])]`, or [`Environment::of_schema`]. Values are texts: numbers, `true` and `false`, names of
    /// unit variants, lists with commas, maps as `team=data,owner=x`, texts for a type's own parsing. `#[serde(flatten)]` does
    /// not work, because it loses the types.
    ///
    /// # Errors
    /// `InvalidConfig` for a setting that is unknown, given twice, missing or wrong. The context `setting` names it.
    /// Values are shown only for numbers, booleans and names of variants, and never for names such as `access_key`.
    pub fn settings<C: DeserializeOwned>(&self, environment: impl Into<Environment>) -> Result<C> {
        let mut given = decoded(&self.query)?;
        given.extend(self.settings.iter().cloned());
        for (name, variables) in environment.into().iter() {
            let below = format!("{name}.");
            if given
                .iter()
                .any(|known| known.name == name || known.name.starts_with(&below))
            {
                continue;
            }
            let found = variables
                .iter()
                .find_map(|variable| Some((variable, self.variable(variable)?)));
            if let Some((variable, value)) = found {
                given.push(Setting {
                    variable: Some(variable.clone()),
                    ..Setting::open(name.to_owned(), value)
                });
            }
        }
        read(given, &format!("in `{self}`"))
    }
}

/// Reads texts by name into a config struct, as [`ManagerUrl::settings`] does.
///
/// # Errors
/// As [`ManagerUrl::settings`].
pub fn from_texts<C: DeserializeOwned>(texts: impl IntoIterator<Item = (String, String)>) -> Result<C> {
    read(texts.into_iter().map(|(name, value)| Setting::open(name, value)), "")
}

fn read<C: DeserializeOwned>(settings: impl IntoIterator<Item = Setting>, place: &str) -> Result<C> {
    let mut given: BTreeMap<String, Setting> = BTreeMap::new();
    let mut root = Node::default();
    for setting in settings {
        let name = setting.name.clone();
        let message = match root.insert(&segments(&name), &setting.value) {
            true => None,
            false if given.contains_key(&name) => Some(format!("the setting `{name}` is given twice; take one away")),
            false => Some(format!("the setting `{name}` is given both as a whole and in parts")),
        };
        if let Some(message) = message {
            return Err(wrong(place, &name, None, &message));
        }
        given.insert(name, setting);
    }
    C::deserialize(&root).map_err(|problem| {
        let name = problem.name();
        let setting = given.get(&name);
        let value = setting.map(|setting| setting.value.as_str());
        let secret = is_secret(&name)
            || setting.is_some_and(|setting| setting.secret || !secrets_within(&setting.value).is_empty());
        let variable = setting.and_then(|setting| setting.variable.as_deref());
        wrong(place, &name, variable, &problem.message(value, secret))
    })
}

fn wrong(place: &str, name: &str, variable: Option<&str>, message: &str) -> Error {
    let from = variable.map(|variable| format!("from the environment variable {variable}"));
    let places: Vec<&str> = [place, from.as_deref().unwrap_or_default()]
        .into_iter()
        .filter(|place| !place.is_empty())
        .collect();
    let message = match places.is_empty() {
        true => message.to_owned(),
        false => format!("{}: {message}", places.join(", ")),
    };
    let error = Error::new(ErrorKind::InvalidConfig, message);
    match name {
        "" => error,
        name => error.with_context("setting", name),
    }
}

/// One setting, and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    name: String,
    value: String,
    /// Whether the value is secret whatever the name says.
    secret: bool,
    /// The environment variable that gave it.
    variable: Option<String>,
}

impl Setting {
    fn open(name: String, value: String) -> Self {
        Self {
            name,
            value,
            secret: false,
            variable: None,
        }
    }
}

/// Whether a setting of this name is taken for a secret, such as `access_key`: its value is in no message.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Splits at dots that have no backslash before them.
fn segments(name: &str) -> Vec<String> {
    let (mut segments, mut last) = (Vec::new(), String::new());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => last.push(chars.next().unwrap_or('\\')),
            '.' => segments.push(std::mem::take(&mut last)),
            c => last.push(c),
        }
    }
    segments.push(last);
    segments
}

/// Joins what [`segments`] splits.
fn dotted(segments: &[String]) -> String {
    let escaped: Vec<String> = segments
        .iter()
        .map(|segment| segment.replace('\\', "\\\\").replace('.', "\\."))
        .collect();
    escaped.join(".")
}

/// Pairs of a query in form encoding.
fn decoded(query: &str) -> Result<Vec<Setting>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| not_utf8("the name of a setting", None))?;
            match decode(value) {
                Some(value) => Ok(Setting::open(name, value)),
                None => Err(not_utf8(&format!("the value of the setting `{name}`"), Some(&name))),
            }
        })
        .collect()
}

fn not_utf8(what: &str, name: Option<&str>) -> Error {
    let error = Error::new(
        ErrorKind::InvalidConfig,
        format!("{what} is not UTF-8 once it is percent-decoded"),
    );
    match name {
        Some(name) => error.with_context("setting", name),
        None => error,
    }
}

/// `+` is a space, `%41` a byte; a percent sign that begins no byte stands for itself.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        decoded.push(match (byte, bytes.as_slice()) {
            (b'+', _) => b' ',
            (b'%', [high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.nth(1);
                    high << 4 | low
                }
                _ => byte,
            },
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
