//! Which engine runs a query.

use crate::config::Config;
use larder_io_core::{SqlEngine, nearest};
use std::sync::Arc;

/// The engines that were handed over, and the one for what names none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engines {
    all: Vec<Arc<dyn SqlEngine>>,
    /// The one that the configuration names, and where.
    wanted: Option<(String, String)>,
}

/// An engine, and why that one.
pub(crate) type Chosen = (Arc<dyn SqlEngine>, String);

impl Engines {
    pub(crate) fn add(&mut self, engine: Arc<dyn SqlEngine>) {
        self.all.push(engine);
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|engine| engine.name())
    }

    pub(crate) fn configured(&mut self, config: &Config) {
        self.wanted.clone_from(&config.engine);
    }

    /// The engine that an asset asks for, else the configured one, else the first that was handed over.
    ///
    /// # Errors
    /// When it is not there: what to do.
    pub(crate) fn choose(&self, asked: Option<&str>) -> Result<Chosen, String> {
        let (name, because) = match (asked, &self.wanted) {
            (Some(name), _) => (name, "the asset says so".to_owned()),
            (None, Some((name, place))) => (name.as_str(), format!("{place} says so")),
            (None, None) => {
                let first = self.all.first().map(Arc::clone).ok_or_else(nothing)?;
                let because = match self.all.len() {
                    1 => "it is the only one there is",
                    _ => "it was handed over first",
                };
                return Ok((first, because.to_owned()));
            }
        };
        if let Some(engine) = self.all.iter().find(|engine| engine.name() == name) {
            return Ok((Arc::clone(engine), because));
        }
        if self.all.is_empty() {
            return Err(nothing());
        }
        let known: Vec<&str> = self.names().collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "there is {}; add the feature of that name to the dependency on larder",
                known.join(", ")
            ),
        };
        Err(format!("there is no engine `{name}` ({because}); {hint}"))
    }
}

fn nothing() -> String {
    "nothing here runs queries: add the feature `datafusion` to the dependency on larder, or hand an engine over with `Definitions::engine`"
        .to_owned()
}
