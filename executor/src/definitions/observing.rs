//! Observers that the configuration and the command line name.

use super::{Definitions, Pipeline};
use crate::config::{Config, ObserveLine, ObserverReport, Surroundings};
use crate::event::Observer;
use crate::observer::{ObserverKind, ObserverTarget};
use larder_io_core::{Error, ErrorKind, Result, nearest};
use std::sync::Arc;

/// Features of the facade, and the kinds that they bring.
const FEATURES: [(&str, &str); 4] = [
    ("observe", "json_lines"),
    ("openlineage", "openlineage"),
    ("prometheus", "prometheus"),
    ("otlp", "otlp"),
];

/// Kinds of observers, and which of them are asked for.
pub(super) struct Observing {
    kinds: Vec<Arc<dyn ObserverKind>>,
    /// With what a variable that is not set says, once somebody wants to observe.
    lines: Vec<(ObserveLine, Result<ObserverTarget>)>,
}

impl Definitions {
    /// Hands over a kind of observer, so that `[observe]` and `--observe` can name it. Two of one name are refused.
    #[must_use]
    pub fn observer_kind(mut self, kind: Arc<dyn ObserverKind>) -> Self {
        self.observer_kinds.push(kind);
        self
    }

    /// Whether a kind of observer with this name was handed over.
    pub fn has_observer_kind(&self, name: &str) -> bool {
        self.observer_kinds.iter().any(|kind| kind.name() == name)
    }
}

impl Observing {
    /// Refuses names and settings that nobody knows.
    pub(super) fn new(definitions: &Definitions, config: &Config, problems: &mut Vec<Error>) -> Self {
        let kinds = definitions.observer_kinds.clone();
        let around = Surroundings {
            variable: &|name| definitions.variable(name),
            directory: &config.directory,
        };
        for line in config.observe.lines() {
            match found(&kinds, &line.name) {
                Err(message) => problems.push(line.place.wrong(message)),
                Ok(kind) => {
                    let strangers = line
                        .settings()
                        .into_iter()
                        .filter(|(name, _)| !kind.settings().contains(name));
                    problems.extend(strangers.map(|(name, place)| place.wrong(strange(kind.as_ref(), name))));
                }
            }
        }
        let lines = config.observe.lines().iter();
        Self {
            lines: lines.map(|line| (line.clone(), line.target(&around))).collect(),
            kinds,
        }
    }
}

fn found<'k>(kinds: &'k [Arc<dyn ObserverKind>], name: &str) -> Result<&'k Arc<dyn ObserverKind>, String> {
    if let Some(kind) = kinds.iter().find(|kind| kind.name() == name) {
        return Ok(kind);
    }
    let known: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let feature = FEATURES.iter().find(|(_, brings)| *brings == name);
    let hint = match (
        feature,
        nearest(name, known.iter().copied().chain(FEATURES.map(|(_, kind)| kind))),
    ) {
        (Some((feature, _)), _) => format!(
            "add the feature `{feature}` to the dependency on larder, or hand its kind over with `Definitions::observer_kind`"
        ),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) if known.is_empty() => "no kind was handed over with `Definitions::observer_kind`".to_owned(),
        (None, None) => format!("there are {}", known.join(", ")),
    };
    Err(format!("there is no observer `{name}`; {hint}"))
}

fn strange(kind: &dyn ObserverKind, name: &str) -> String {
    let (of, known) = (kind.name(), kind.settings());
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("`{of}` has no setting `{name}`; did you mean `{near}`?"),
        None if known.is_empty() => format!(
            "`{of}` has no setting `{name}`; it takes `to` alone: {}",
            kind.targets()
        ),
        None => format!("`{of}` has no setting `{name}`; there are to, {}", known.join(", ")),
    }
}

impl Pipeline {
    /// Makes the observers that `[observe]` names, and those of `named`: names of kinds and their targets, which go before
    /// `[observe]`. Relative paths of these are below the working directory. They are for [`RunOptions::observers`](crate::RunOptions::observers),
    /// of one run or of several one after another; the command line does so.
    ///
    /// # Errors
    /// `InvalidConfig` for a kind that is not there, and for a target that is wrong or cannot be opened. An endpoint that is down is no error.
    pub fn observers(&self, named: &[(String, String)]) -> Result<Vec<Arc<dyn Observer>>> {
        let Observing { kinds, lines } = &self.0.observing;
        let mut observers = Vec::new();
        for (line, target) in lines {
            if named.iter().any(|(name, _)| *name == line.name) {
                continue;
            }
            let target = target.as_ref().map_err(Error::copied)?;
            let wrong = |error: &Error| line.place.wrong(format_args!("`{}`: {}", line.name, error.message()));
            let kind = found(kinds, &line.name).map_err(|message| line.place.wrong(message))?;
            observers.push(kind.open(target).map_err(|error| wrong(&error).with_source(error))?);
        }
        for (name, to) in named {
            let wrong = |message: String| Error::new(ErrorKind::InvalidConfig, message);
            let kind = found(kinds, name).map_err(wrong)?;
            let opened = kind.open(&ObserverTarget::new(to, ""));
            observers.push(opened.map_err(|error| {
                let message = format!("the observer `{name}`: {}", error.message());
                wrong(message).with_source(error)
            })?);
        }
        Ok(observers)
    }

    /// `[observe]`, for people and programs.
    ///
    /// # Errors
    /// `InvalidConfig` for a variable that is not set.
    pub(super) fn observer_reports(&self, config: &Config) -> Result<Vec<ObserverReport>> {
        let lines = self.0.observing.lines.iter();
        lines
            .map(|(line, target)| {
                target.as_ref().map_err(Error::copied)?;
                let settings = line.settings().into_iter();
                Ok(ObserverReport {
                    name: line.name.clone(),
                    settings: settings.map(|(name, _)| name.to_owned()).collect(),
                    defined: config.told(&line.place, line.of_profile),
                })
            })
            .collect()
    }
}
