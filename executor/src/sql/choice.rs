//! Which engine runs a query.

use crate::config::{Config, Resolved, Surroundings};
use larder_io_core::{EngineBackend, Error, ManagerUrl, SqlEngine, nearest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The engines that were handed over, and the one for what names none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engines {
    all: Vec<Arc<dyn SqlEngine>>,
    backends: Vec<Arc<dyn EngineBackend>>,
    /// Those of the backends that are used, or why they cannot be.
    opened: BTreeMap<String, Result<Arc<dyn SqlEngine>, String>>,
    /// The one that the configuration names, and where.
    wanted: Option<(String, String)>,
    /// Those whose address the configuration has.
    addressed: Vec<String>,
}

/// An engine, and why that one.
pub(crate) type Chosen = (Arc<dyn SqlEngine>, String);

impl Engines {
    pub(crate) fn add(&mut self, engine: Arc<dyn SqlEngine>) {
        self.all.push(engine);
    }

    pub(crate) fn add_backend(&mut self, backend: Arc<dyn EngineBackend>) {
        self.backends.push(backend);
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let of_backends = self.backends.iter().map(|backend| backend.name());
        self.all.iter().map(|engine| engine.name()).chain(of_backends)
    }

    /// The settings of each backend, as a JSON schema.
    pub(crate) fn schemas(&self) -> Vec<(String, serde_json::Value)> {
        let backends = self.backends.iter();
        backends
            .map(|backend| (backend.name().to_owned(), backend.schema()))
            .collect()
    }

    /// Opens what is used: what the configuration names, and what assets ask for. Tables of engines that nobody has are problems.
    pub(crate) fn configured<'a>(
        &mut self,
        config: &'a Config,
        around: &Surroundings<'_>,
        variables: Option<&BTreeMap<String, String>>,
        asked: impl Iterator<Item = &'a str>,
        problems: &mut Vec<Error>,
    ) {
        self.wanted.clone_from(&config.engine);
        self.addressed = config.engines.keys().cloned().collect();
        for (name, table) in &config.engines {
            if self.backends.iter().all(|backend| backend.name() != name) {
                problems.push(table.place.wrong(self.stranger(name)));
            }
        }
        let wanted = config.engine.as_ref().map(|(name, _)| name.as_str());
        for name in wanted.into_iter().chain(asked) {
            let Some(backend) = self.backends.iter().find(|backend| backend.name() == name) else {
                continue;
            };
            if !self.opened.contains_key(name) {
                let opened = open(backend.as_ref(), config, around, variables);
                self.opened.insert(name.to_owned(), opened);
            }
        }
    }

    fn stranger(&self, name: &str) -> String {
        if self.all.iter().any(|engine| engine.name() == name) {
            return format!("the engine `{name}` has no settings here: code makes it");
        }
        let known: Vec<&str> = self.backends.iter().map(|backend| backend.name()).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => feature(name),
        };
        format!("there is no engine `{name}`; {hint}")
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
                let first = self.all.first().map(Arc::clone).ok_or_else(|| self.unchosen())?;
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
        if let Some(opened) = self.opened.get(name) {
            return opened.clone().map(|engine| (engine, because));
        }
        if self.names().next().is_none() {
            return Err(nothing());
        }
        let known: Vec<&str> = self.names().collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is {}; {}", known.join(", "), feature(name)),
        };
        Err(format!("there is no engine `{name}` ({because}); {hint}"))
    }

    /// Why the engine that an asset asks for, or else the configuration, cannot be opened: it is the same for every asset, and no fault of theirs.
    pub(crate) fn broken(&self, asked: Option<&str>) -> Option<&str> {
        let name = asked.or(self.wanted.as_ref().map(|(name, _)| name.as_str()))?;
        let handed_over = self.all.iter().any(|engine| engine.name() == name);
        match self.opened.get(name) {
            Some(Err(problem)) if !handed_over => Some(problem),
            _ => None,
        }
    }

    /// What is missing where nothing says which engine, and every one that there is needs an address.
    fn unchosen(&self) -> String {
        let missing = |backend: &Arc<dyn EngineBackend>| {
            let (name, schemes) = (backend.name(), backend.schemes());
            let scheme = schemes.first().copied().unwrap_or(name);
            match self.addressed.iter().any(|known| known == name) {
                true => format!("`engine = \"{name}\"`, since `[engines.{name}]` is there"),
                false => {
                    format!("`engine = \"{name}\"`, and into its table `[engines.{name}]` `url = \"{scheme}://..\"`")
                }
            }
        };
        let missing: Vec<String> = self.backends.iter().map(missing).collect();
        let names: Vec<String> = self
            .backends
            .iter()
            .map(|backend| format!("`{}`", backend.name()))
            .collect();
        match names.len() {
            0 => nothing(),
            1 => format!(
                "nothing says what runs queries: there is the engine {}; write into larder.toml {}",
                names.concat(),
                missing.concat()
            ),
            _ => format!(
                "nothing says what runs queries: there are the engines {}; write into larder.toml {}",
                names.join(", "),
                missing.join("; or ")
            ),
        }
    }
}

fn nothing() -> String {
    "nothing here runs queries: add the feature `datafusion` to the dependency on larder, or `engine-postgres` where a PostgreSQL server is to, or hand an engine over with `Definitions::engine`"
        .to_owned()
}

/// The features of larder that bring an engine, and its name.
const FEATURES: [(&str, &str); 3] = [
    ("datafusion", "datafusion"),
    ("postgres", "engine-postgres"),
    ("spark", "engine-spark"),
];

fn feature(name: &str) -> String {
    match FEATURES.iter().find(|(engine, _)| *engine == name) {
        Some((_, feature)) => format!("add the feature `{feature}` to the dependency on larder"),
        None => "hand it over with `Definitions::engine` or `Definitions::engine_backend`".to_owned(),
    }
}

/// Opens an engine that has an address.
fn open(
    backend: &dyn EngineBackend,
    config: &Config,
    around: &Surroundings<'_>,
    variables: Option<&BTreeMap<String, String>>,
) -> Result<Arc<dyn SqlEngine>, String> {
    let name = backend.name();
    let Some(table) = config.engines.get(name) else {
        let scheme = backend.schemes().first().copied().unwrap_or(name).to_owned();
        return Err(format!(
            "the engine `{name}` has no address: write `url = \"{scheme}://..\"` into `[engines.{name}]` of larder.toml"
        ));
    };
    let told = |error: Error| error.message().to_owned();
    let resolved = Resolved::of_engine(table, around).map_err(told)?;
    let url: ManagerUrl = resolved.url(None, around).map_err(told)?;
    if !backend.schemes().contains(&url.scheme()) {
        let (place, schemes) = (config.place(table), backend.schemes().join("` or `"));
        return Err(format!(
            "{place}: the engine `{name}` takes a URL of the scheme `{schemes}`, not `{}`",
            url.scheme()
        ));
    }
    let url = match variables {
        Some(variables) => url.with_variables(variables.clone()),
        None => url,
    };
    backend
        .open(&url)
        .map_err(|error| told(resolved.located(resolved.veiled(error))))
}
