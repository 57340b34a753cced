//! One manager's table, with variables and references put in.

use super::interpolate::fill;
use super::item::{Entry, Item, Value};
use super::layer::{ManagerTable, POLICIES, RETENTION, URL, retention};
use super::place::Place;
use crate::policy::Policies;
use larder_io_core::{Error, ErrorKind, ManagerUrl, Result, Retention, Secret, from_texts, is_secret, secrets_within};
use std::collections::BTreeMap;
use std::path::Path;

/// Keys of a table that stands for a value kept elsewhere.
const REFERENCES: [&str; 2] = ["env", "file"];

/// What values may refer to.
pub(crate) struct Surroundings<'s> {
    pub(crate) variable: &'s dyn Fn(&str) -> Option<String>,
    /// What relative paths are below.
    pub(crate) directory: &'s Path,
}

/// A text and its place; whether it came from elsewhere, so that no message may show it.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) text: String,
    place: Place,
    referred: bool,
}

/// A manager's table, ready to be used. It has no `Debug`: it holds secrets.
pub(crate) struct Resolved {
    place: Place,
    url: Option<Setting>,
    settings: Vec<Setting>,
    policies: Vec<Setting>,
    retention: Option<Retention>,
}

impl Resolved {
    /// Puts variables and references in.
    ///
    /// # Errors
    /// `InvalidConfig` with the place of a variable that is not set, or of a file that cannot be read.
    pub(crate) fn of(table: &ManagerTable, around: &Surroundings<'_>) -> Result<Self> {
        let mut resolved = Self::nothing_of(table);
        for entry in &table.entries {
            if entry.key == URL {
                resolved.url = Some(address(entry, around)?);
                continue;
            }
            if entry.key == RETENTION {
                resolved.retention = Some(retention(entry.item.clone())?);
                continue;
            }
            let settings = match POLICIES.contains(&entry.key.as_str()) {
                true => &mut resolved.policies,
                false => &mut resolved.settings,
            };
            flatten(&escaped(&entry.key), &entry.place, &entry.item, around, settings)?;
        }
        Ok(resolved)
    }

    /// The table of an engine, which has no policies and keeps nothing: every key but the address is a setting of its own, so that one that means
    /// nothing to it is refused.
    ///
    /// # Errors
    /// As [`Resolved::of`].
    pub(crate) fn of_engine(table: &ManagerTable, around: &Surroundings<'_>) -> Result<Self> {
        let mut resolved = Self::nothing_of(table);
        for entry in &table.entries {
            match entry.key == URL {
                true => resolved.url = Some(address(entry, around)?),
                false => flatten(
                    &escaped(&entry.key),
                    &entry.place,
                    &entry.item,
                    around,
                    &mut resolved.settings,
                )?,
            }
        }
        Ok(resolved)
    }

    fn nothing_of(table: &ManagerTable) -> Self {
        Self {
            place: table.place.clone(),
            url: None,
            settings: Vec::new(),
            policies: Vec::new(),
            retention: None,
        }
    }

    /// A table without an address, as a resource has: every key is a setting, but for those `apart`.
    ///
    /// # Errors
    /// As [`Resolved::of`].
    pub(super) fn plain(table: &ManagerTable, apart: &[&str], around: &Surroundings<'_>) -> Result<Self> {
        let mut resolved = Self::nothing_of(table);
        for entry in &table.entries {
            let settings = match apart.contains(&entry.key.as_str()) {
                true => &mut resolved.policies,
                false => &mut resolved.settings,
            };
            flatten(&escaped(&entry.key), &entry.place, &entry.item, around, settings)?;
        }
        Ok(resolved)
    }

    /// The settings that are none of a backend, as texts by name.
    pub(super) fn apart(&self) -> impl Iterator<Item = (&str, &str)> {
        let apart = self.policies.iter();
        apart.map(|setting| (setting.name.as_str(), setting.text.as_str()))
    }

    /// Values that no message shows: of settings that come from elsewhere, or have a name for what is secret, and passwords within others.
    pub(super) fn secrets(&self) -> Vec<String> {
        let secrets = |setting: &Setting| {
            let mut secrets = secrets_within(&setting.text);
            if setting.referred || is_secret(&setting.name) {
                secrets.push(setting.text.clone());
            }
            secrets
        };
        self.settings.iter().flat_map(secrets).collect()
    }

    /// The settings as texts by name, for assets that have some of their own.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        let pairs = self.settings.iter();
        pairs
            .map(|setting| (setting.name.clone(), setting.text.clone()))
            .collect()
    }

    /// The URL with its settings; `base` is that of a manager which code registers under the key.
    ///
    /// # Errors
    /// `InvalidConfig` for a table without a URL, or one that is none.
    pub(crate) fn url(&self, base: Option<&str>, around: &Surroundings<'_>) -> Result<ManagerUrl> {
        let mut url = match (&self.url, base) {
            (Some(url), _) => {
                let parsed: ManagerUrl = url
                    .text
                    .parse()
                    .map_err(|error: Error| url.place.wrong(error.message()))?;
                parsed.with_directory(around.directory)
            }
            (None, Some(base)) => base.parse()?,
            (None, None) => return Err(self.place.wrong("this table has no `url`")),
        };
        for setting in &self.settings {
            url = match setting.referred {
                true => url.with_secret(&setting.name, Secret::new(&setting.text)),
                false => url.with_setting(&setting.name, &setting.text),
            };
        }
        Ok(url)
    }

    pub(crate) fn retention(&self) -> Option<Retention> {
        self.retention
    }

    pub(crate) fn has_url(&self) -> bool {
        self.url.is_some()
    }

    /// The place of a setting, for a manager that takes none.
    pub(crate) fn first_setting(&self) -> Option<(&str, &Place)> {
        self.settings
            .first()
            .map(|setting| (setting.name.as_str(), &setting.place))
    }

    /// Lays the policies of the file over those of the code: each of the three names replaces the whole of it.
    ///
    /// # Errors
    /// `InvalidConfig` with the place of what is unknown or wrong.
    pub(crate) fn policies(&self, base: Option<&Policies>) -> Result<Option<Policies>> {
        if self.policies.is_empty() {
            return Ok(None);
        }
        let texts = self
            .policies
            .iter()
            .map(|setting| (setting.name.clone(), setting.text.clone()));
        let given: Policies = from_texts(texts).map_err(|error| self.located(self.veiled(error)))?;
        let mut policies = base.cloned().unwrap_or_default();
        let names = |name: &str| {
            let below = format!("{name}.");
            self.policies
                .iter()
                .any(|setting| setting.name == name || setting.name.starts_with(&below))
        };
        if names("retry") {
            policies.retry = given.retry;
        }
        if names("timeout") {
            policies.timeout = given.timeout;
        }
        if names("max_concurrent") {
            policies.max_concurrent = given.max_concurrent;
        }
        let first = self.policies.first().map_or(&self.place, |setting| &setting.place);
        policies.validate().map_err(|error| first.wrong(error.message()))?;
        Ok(Some(policies))
    }

    /// Hides what an error says of a value that came from elsewhere.
    pub(crate) fn veiled(&self, error: Error) -> Error {
        let name = error.context("setting").unwrap_or_default().to_owned();
        let mut all = self.settings.iter().chain(&self.policies);
        let referred = all.any(|setting| setting.referred && setting.name == name);
        match referred {
            true => {
                let message = format!("the setting `{name}` has a value that cannot be used");
                Error::new(ErrorKind::InvalidConfig, message).with_context("setting", name)
            }
            false => error,
        }
    }

    /// Names of the settings, for people.
    pub(crate) fn setting_names(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().map(|setting| setting.name.as_str())
    }

    /// Puts the place of the setting that an error is about in front of it.
    pub(crate) fn located(&self, error: Error) -> Error {
        let all = || self.settings.iter().chain(&self.policies);
        let place = error.context("setting").map(|name| {
            let exact = all().find(|setting| setting.name == name);
            let part = || all().find(|setting| related(&setting.name, name));
            exact.or_else(part).or(self.url.as_ref()).map(|setting| &setting.place)
        });
        let place = match place {
            Some(Some(place)) => place,
            Some(None) => &self.place,
            None => self.url.as_ref().map_or(&self.place, |url| &url.place),
        };
        place.wrong(error.message()).with_source(error)
    }
}

/// The address of a table.
fn address(entry: &Entry, around: &Surroundings<'_>) -> Result<Setting> {
    let (text, place) = entry.item.clone().text("`url`")?;
    let filled = fill(&text, around.variable).map_err(|problem| place.wrong(problem))?;
    Ok(Setting {
        name: URL.to_owned(),
        text: filled.text,
        place,
        referred: filled.from_environment,
    })
}

/// Whether one dotted name is above the other.
fn related(one: &str, other: &str) -> bool {
    let below = |name: &str, above: &str| name.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'));
    below(one, other) || below(other, one)
}

pub(super) fn escaped(segment: &str) -> String {
    segment.replace('\\', "\\\\").replace('.', "\\.")
}

pub(super) fn flatten(
    name: &str,
    place: &Place,
    item: &Item,
    around: &Surroundings<'_>,
    into: &mut Vec<Setting>,
) -> Result<()> {
    let mut push = |text: String, referred| {
        let (name, place) = (name.to_owned(), place.clone());
        into.push(Setting {
            name,
            text,
            place,
            referred,
        });
    };
    match &item.value {
        Value::Text(text) => {
            let filled = fill(text, around.variable).map_err(|problem| item.place.wrong(problem))?;
            push(filled.text, filled.from_environment);
        }
        Value::Scalar(text, _) => push(text.clone(), false),
        Value::List(items) if items.is_empty() => push(String::new(), false),
        Value::List(items) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&format!("{name}.{number}"), &item.place, item, around, into)?;
            }
        }
        Value::Table(entries) => match reference(entries) {
            Some(entry) => push(referred(entry, around)?, true),
            None => {
                for entry in entries {
                    let name = format!("{name}.{}", escaped(&entry.key));
                    flatten(&name, &entry.place, &entry.item, around, into)?;
                }
            }
        },
    }
    Ok(())
}

/// `{ env = ".." }` or `{ file = ".." }`.
fn reference(entries: &[Entry]) -> Option<&Entry> {
    match entries {
        [only] if REFERENCES.contains(&only.key.as_str()) && matches!(only.item.value, Value::Text(_)) => Some(only),
        _ => None,
    }
}

fn referred(entry: &Entry, around: &Surroundings<'_>) -> Result<String> {
    let (text, place) = entry.item.clone().text(&entry.key)?;
    let name = fill(&text, around.variable)
        .map_err(|problem| place.wrong(problem))?
        .text;
    if entry.key == "env" {
        let unset = || place.wrong(format_args!("the environment variable {name} is not set"));
        return (around.variable)(&name).ok_or_else(unset);
    }
    let path = around.directory.join(name);
    let content = std::fs::read_to_string(&path)
        .map_err(|error| place.wrong(format_args!("the file `{}` cannot be read: {error}", path.display())))?;
    // Editors end files with a line break; a secret has none.
    let content = content.strip_suffix('\n').unwrap_or(&content);
    Ok(content.strip_suffix('\r').unwrap_or(content).to_owned())
}
