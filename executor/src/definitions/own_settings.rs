//! Settings that single assets have of their own.

use super::opening::Refused;
use crate::config::Resolved;
use larder_io_core::{ContentHash, Error, IoManager};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings by name, each layer over the one before it.
pub(super) type Layers = Vec<BTreeMap<String, String>>;

/// What the asset says, and over it what the line of `[bind]` says that won.
pub(super) struct OwnSettings {
    /// Both as one.
    texts: BTreeMap<String, String>,
    asset: BTreeMap<String, String>,
    binding: Option<(Resolved, String)>,
}

impl OwnSettings {
    /// Those of the asset.
    pub(super) fn of(settings: &BTreeMap<String, String>) -> Self {
        Self {
            texts: settings.clone(),
            asset: settings.clone(),
            binding: None,
        }
    }

    /// Lays those of a line over them; a list or table replaces the whole of it.
    pub(super) fn over_by(mut self, line: Resolved, at: String) -> Self {
        let given = line.texts();
        self.texts
            .retain(|name, _| !given.keys().any(|other| first(other) == first(name)));
        self.texts.extend(given);
        self.binding = Some((line, at));
        self
    }

    /// What is said, the asset's first and the line's over it; nothing where neither says anything.
    pub(super) fn layers(&self) -> Layers {
        let line = self.binding.as_ref().map(|(line, _)| line.texts());
        let layers = [Some(self.asset.clone()), line].into_iter().flatten();
        layers.filter(|layer| !layer.is_empty()).collect()
    }

    /// The manager with these settings.
    ///
    /// The line is laid over what the asset's settings make of the manager, so that a line with another mode takes away what
    /// only the asset's mode needs. Where that makes no sense, such as a mode of one and its columns of the other, both are
    /// laid over the manager as one.
    pub(super) fn laid_over(&self, manager: &Arc<dyn IoManager>) -> Result<Arc<dyn IoManager>, Error> {
        let mut layers = self.layers().into_iter();
        let one_by_one = layers.try_fold(Arc::clone(manager), |manager, layer| manager.with_settings(&layer));
        one_by_one.or_else(|_| manager.with_settings(&self.texts))
    }

    /// A hash of all names and values, wherever they are said.
    pub(super) fn digest(&self) -> String {
        let mut text = Vec::new();
        for part in self.texts.iter().flat_map(|(name, value)| [name, value]) {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        ContentHash::of(&text).to_string()
    }

    fn of_line(&self, name: &str) -> Option<&(Resolved, String)> {
        let given = |(line, _): &&(Resolved, String)| line.texts().keys().any(|other| first(other) == first(name));
        self.binding.as_ref().filter(given)
    }

    /// Each setting once, with who gives it.
    pub(super) fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for name in self.texts.keys() {
            let by = self.of_line(name).map_or("the asset", |(_, at)| at);
            let line = format!("{} ({by})", first(name));
            if told.last() != Some(&line) {
                told.push(line);
            }
        }
        told
    }

    /// What the manager says of them, at the place that gives the setting it is about.
    pub(super) fn refused(&self, manager: &str, error: Error) -> Refused {
        let of_line = match error.context("setting") {
            Some(name) => self.of_line(name),
            None => self.texts.keys().find_map(|name| self.of_line(name)),
        };
        match of_line {
            Some((line, _)) => Refused::placed(line.located(line.veiled(error))),
            None => {
                let message = format!(
                    "its own settings do not fit the I/O manager `{manager}`: {}",
                    error.message()
                );
                let name = error.context("setting").map(str::to_owned);
                let name = name.filter(|name| self.asset.contains_key(name));
                let name = name.or_else(|| self.asset.keys().next().cloned());
                Refused::from(message).about(format!("setting: {}", name.unwrap_or_default()))
            }
        }
    }
}

/// The name above the first dot.
fn first(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pairs: &[(&str, &str)]) -> String {
        let texts = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        OwnSettings::of(&texts.collect()).digest()
    }

    #[test]
    fn values_count_and_are_not_shown() {
        let append = digest(&[("mode", "append")]);
        assert_eq!(append, digest(&[("mode", "append")]));
        assert_ne!(append, digest(&[("mode", "overwrite")]));
        assert_ne!(digest(&[("a", "bc")]), digest(&[("ab", "c")]));
        assert!(!append.contains("append"));
    }
}
