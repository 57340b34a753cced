//! Observers by name: what `[observe]` of `larder.toml` and `--observe` may name.

use crate::event::Observer;
use larder_io_core::{Error, ErrorKind, Result, duration};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Makes observers of one kind. It is handed over with [`Definitions::observer_kind`](crate::Definitions::observer_kind), as a backend is.
pub trait ObserverKind: Send + Sync {
    /// Its name, as `json_lines`.
    fn name(&self) -> &'static str;

    /// What it writes to, for people: `a file`.
    fn targets(&self) -> &'static str;

    /// Names of the settings that it takes besides; `headers` stands for `headers.x-api-key` too. Others are refused before
    /// [`ObserverKind::open`].
    fn settings(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes one, for the runs of one command. Opens what is on this machine, and tries no endpoint: one that is down is no reason not to run.
    ///
    /// # Errors
    /// `InvalidConfig` for a target or a setting that is wrong, without showing settings: they may be secret.
    fn open(&self, target: &ObserverTarget) -> Result<Arc<dyn Observer>>;
}

/// What an observer writes to, and its settings.
#[derive(Clone)]
pub struct ObserverTarget {
    to: String,
    settings: BTreeMap<String, String>,
    directory: PathBuf,
}

impl ObserverTarget {
    /// A target without settings; relative paths are below `directory`.
    pub fn new(to: impl Into<String>, directory: impl Into<PathBuf>) -> Self {
        Self {
            to: to.into(),
            settings: BTreeMap::new(),
            directory: directory.into(),
        }
    }

    /// Adds a setting.
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// The target as it was written.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// The target as a file: a path, or `file:` and a path; `None` for another URL.
    pub fn path(&self) -> Option<PathBuf> {
        let path = match self.to.split_once(':') {
            Some(("file", path)) => path.strip_prefix("//").unwrap_or(path),
            Some((scheme, rest)) if rest.starts_with("//") && !scheme.is_empty() => return None,
            _ => &self.to,
        };
        Some(self.directory.join(Path::new(path)))
    }

    /// A setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The names of all settings.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    /// Settings below a name, as `headers.x-api-key` below `headers`, by what follows.
    pub fn below<'t>(&'t self, name: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
        let above = format!("{name}.");
        let pairs = self.settings.iter();
        pairs.filter_map(move |(name, value)| Some((name.strip_prefix(&above)?, value.as_str())))
    }

    /// A setting that is a time, longer than none.
    ///
    /// # Errors
    /// `InvalidConfig` for what is no such time.
    pub fn time(&self, name: &str) -> Result<Option<Duration>> {
        let Some(text) = self.setting(name) else {
            return Ok(None);
        };
        match duration::parse(text)? {
            Duration::ZERO => {
                let message = format!("the setting `{name}` leaves no time at all");
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
            time => Ok(Some(time)),
        }
    }
}

impl fmt::Debug for ObserverTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both may hold a secret.
        let names: Vec<&str> = self.names().collect();
        write!(f, "ObserverTarget([redacted], {names:?})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_paths_or_urls() {
        let path = |to: &str| ObserverTarget::new(to, "/base").path();
        for (to, wanted) in [
            ("events.ndjson", Some("/base/events.ndjson")),
            ("file:events.ndjson", Some("/base/events.ndjson")),
            ("file:/var/log/x", Some("/var/log/x")),
            ("file:///var/log/x", Some("/var/log/x")),
            ("/var/log/x", Some("/var/log/x")),
            ("a:b", Some("/base/a:b")),
            ("http://host/x", None),
        ] {
            assert_eq!(path(to), wanted.map(PathBuf::from), "{to}");
        }
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let target = ObserverTarget::new("http://user:hunter2@host", "/base").with_setting("token", "hunter2");
        assert!(!format!("{target:?}").contains("hunter2"));
    }
}
