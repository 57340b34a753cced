//! Opening managers, each once: from code, from the configuration, by URL.

use super::{Definitions, ManagerSpec};
use crate::config::{Binding, Config, DEFAULT_KEY, ManagerTable, Place, Resolved, Surroundings};
use crate::home;
use crate::policy::{Policies, assemble_by_default};
use larder_io_core::{Error, ErrorKind, IoManager, ManagerUrl, Result, Retention, nearest};
use std::collections::HashMap;
use std::sync::Arc;

/// A manager, and where it is defined.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) manager: Arc<dyn IoManager>,
    /// The place in the configuration, for people.
    pub(super) defined: Option<String>,
    /// Names of the settings given there.
    pub(super) settings: Vec<String>,
    /// How long its versions are kept, where that is said.
    pub(super) retention: Option<Retention>,
}

/// Why a manager cannot be had.
#[derive(Clone)]
pub(super) struct Refused {
    pub(super) message: String,
    /// Whether the message begins with a place of the configuration.
    pub(super) placed: bool,
    /// What the asset says that it is about, as a header of a query names it.
    pub(super) about: Option<String>,
}

impl Refused {
    /// An error about something that the asset says.
    pub(super) fn about(self, setting: impl Into<String>) -> Self {
        Self {
            about: Some(setting.into()),
            ..self
        }
    }

    /// An error whose message begins with its place.
    pub(super) fn placed(error: Error) -> Self {
        Self {
            placed: true,
            ..Self::from(error)
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        error.message().to_owned().into()
    }
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self {
            message,
            placed: false,
            about: None,
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        wrong(refused.message)
    }
}

/// The default manager: its key, itself, and why it is the default.
pub(super) type Default = (String, Opened, String);

pub(super) struct Opener<'d> {
    definitions: &'d Definitions,
    config: &'d Config,
    opened: HashMap<String, Result<Opened, Refused>>,
}

impl<'d> Opener<'d> {
    pub(super) fn new(definitions: &'d Definitions, config: &'d Config) -> Self {
        Self {
            definitions,
            config,
            opened: HashMap::new(),
        }
    }

    /// Every key, of code and configuration.
    pub(super) fn keys(&self) -> Vec<&'d str> {
        let of_code = self.definitions.managers.iter().map(|(key, _)| key.as_str());
        let mut keys: Vec<&str> = of_code.chain(self.config.managers.keys().map(String::as_str)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Refuses a key that nothing has.
    pub(super) fn known(&self, key: &str) -> Result<(), String> {
        let keys = self.keys();
        if keys.contains(&key) {
            return Ok(());
        }
        Err(match nearest(key, keys.iter().copied()) {
            Some(near) => format!("there is no I/O manager `{key}`; did you mean `{near}`?"),
            None if keys.is_empty() => format!(
                "there is no I/O manager `{key}`; add one with `Definitions::io_manager(\"{key}\", ..)`, or as `[io_managers.{key}]` in {}",
                home::CONFIG_FILE
            ),
            None => format!("there is no I/O manager `{key}`; there are {}", keys.join(", ")),
        })
    }

    pub(super) fn by_key(&mut self, key: &str) -> Result<Opened, Refused> {
        if let Some(opened) = self.opened.get(key) {
            return opened.clone();
        }
        let specs = self.definitions.managers.iter();
        let spec = specs.filter(|(known, _)| known == key).map(|(_, spec)| spec).next();
        let opened = match (self.config.managers.get(key), spec) {
            (Some(table), spec) => self.configured(table, spec),
            (None, Some(spec)) => self.of_code(key, spec).map_err(Refused::from),
            (None, None) => Err(self.known(key).err().unwrap_or_default().into()),
        };
        self.opened.insert(key.to_owned(), opened.clone());
        opened
    }

    /// The environment, what was configured, the built-in local disk; `None` without a backend for that.
    pub(super) fn default(&mut self) -> Result<Option<Default>, Refused> {
        let variable = home::DEFAULT_MANAGER_VARIABLE;
        if let Some(text) = self.definitions.variable(variable) {
            let because = format!("the environment variable {variable} names it");
            return self.named(&text, because, None).map(Some).map_err(|refused| Refused {
                message: format!("{variable}: {}", refused.message),
                placed: false,
                about: None,
            });
        }
        if let Some((text, place, of_profile)) = &self.config.default {
            let because = format!("{} makes it the default", self.config.told(place, *of_profile));
            let text = self.filled(text, place).map_err(Refused::placed)?;
            return self.named(&text, because, Some(place)).map(Some);
        }
        if let Some(spec) = &self.definitions.default {
            let because = "it is the default in code".to_owned();
            return Ok(Some((
                DEFAULT_KEY.to_owned(),
                self.of_code(DEFAULT_KEY, spec)?,
                because,
            )));
        }
        if !self.definitions.has_backend("file") {
            return Ok(None);
        }
        let here =
            std::env::current_dir().map_err(|error| format!("the working directory cannot be found: {error}"))?;
        let file = self.config.file.clone().or_else(|| home::config_file(&here));
        let (home, why) = home::find(self.definitions.variable(home::HOME_VARIABLE), file.as_deref(), &here);
        let url = ManagerUrl::new("file", home.join("storage").display().to_string(), "");
        let because = format!("it is the built-in default; its home is {} ({why})", home.display());
        Ok(Some((DEFAULT_KEY.to_owned(), self.by_url(url)?, because)))
    }

    /// The default by key or by URL.
    pub(super) fn named(&mut self, text: &str, because: String, place: Option<&Place>) -> Result<Default, Refused> {
        let at = |error: Error| match place {
            Some(place) => Refused::placed(place.wrong(error.message())),
            None => error.into(),
        };
        let known = self.known(text);
        if known.is_ok() {
            return Ok((text.to_owned(), self.by_key(text)?, because));
        }
        let url = match (text.contains(':'), known) {
            (true, _) => text.parse::<ManagerUrl>().map_err(at)?,
            (false, known) => return Err(at(wrong(known.err().unwrap_or_default()))),
        };
        let url = match place {
            Some(_) => url.with_directory(&self.config.directory),
            None => url,
        };
        let opened = self.by_url(url).map_err(at)?;
        Ok((DEFAULT_KEY.to_owned(), opened, because))
    }

    /// A text of the configuration with variables put in.
    pub(super) fn filled(&self, text: &str, place: &Place) -> Result<String> {
        crate::config::fill(text, |name| self.definitions.variable(name))
            .map(|filled| filled.text)
            .map_err(|problem| place.wrong(problem))
    }

    /// The settings of a line of `[bind]`, with variables and references put in.
    pub(super) fn settings(&self, binding: &Binding) -> Result<Resolved> {
        let around = Surroundings {
            variable: &|name| self.definitions.variable(name),
            directory: &self.config.directory,
        };
        let table = ManagerTable {
            key: binding.manager.clone(),
            place: binding.place.clone(),
            profile: None,
            entries: binding.settings.clone(),
        };
        Resolved::of(&table, &around)
    }

    /// Puts the policies around a manager that was opened.
    pub(super) fn guarded(
        &self,
        key: &str,
        manager: Arc<dyn IoManager>,
        configured: Option<&Policies>,
    ) -> Result<Arc<dyn IoManager>> {
        let policies = configured.or(self.policies_of_code(key));
        if let Some(policies) = policies {
            policies
                .validate()
                .map_err(|error| wrong(format!("the policies of the I/O manager `{key}`: {}", error.message())))?;
        }
        Ok(assemble_by_default(manager, key, policies))
    }

    fn policies_of_code(&self, key: &str) -> Option<&'d Policies> {
        let own = self.definitions.policies.get(key);
        own.or(self.definitions.default_policies.as_ref())
    }

    fn of_code(&self, key: &str, spec: &ManagerSpec) -> Result<Opened> {
        let manager = match spec {
            ManagerSpec::Instance(manager) => Arc::clone(manager),
            ManagerSpec::Url(url) => self.open(url.parse()?)?,
        };
        Ok(self.undefined(key, self.guarded(key, manager, None)?))
    }

    fn by_url(&self, url: ManagerUrl) -> Result<Opened> {
        let manager = self.open(url)?;
        Ok(self.undefined(DEFAULT_KEY, self.guarded(DEFAULT_KEY, manager, None)?))
    }

    /// A table of the configuration; without a URL it adds to what code registers under the same key.
    fn configured(&self, table: &ManagerTable, spec: Option<&ManagerSpec>) -> Result<Opened, Refused> {
        let around = Surroundings {
            variable: &|name| self.definitions.variable(name),
            directory: &self.config.directory,
        };
        let resolved = Resolved::of(table, &around).map_err(Refused::placed)?;
        let policies = resolved
            .policies(self.policies_of_code(&table.key))
            .map_err(Refused::placed)?;
        let place = self.config.place(table);
        let (manager, defined) = match spec {
            Some(ManagerSpec::Instance(manager)) if !resolved.has_url() => {
                if let Some((setting, place)) = resolved.first_setting() {
                    let problem = format!(
                        "`{setting}` is a setting, but code makes the I/O manager `{}` itself; here it takes policies only, or a `url` that replaces it",
                        table.key
                    );
                    return Err(Refused::placed(place.wrong(problem)));
                }
                (Arc::clone(manager), format!("in code, with policies of {place}"))
            }
            spec => {
                let base = match spec {
                    Some(ManagerSpec::Url(url)) => Some(url.as_str()),
                    _ => None,
                };
                let url = resolved.url(base, &around).map_err(Refused::placed)?;
                let manager = self
                    .open(url)
                    .map_err(|error| Refused::placed(resolved.located(error)))?;
                let defined = match (resolved.has_url(), spec) {
                    (true, Some(_)) => format!("at {place}, replacing the one that code registers"),
                    (false, _) => format!("in code, with settings of {place}"),
                    (true, None) => format!("at {place}"),
                };
                (manager, defined)
            }
        };
        Ok(Opened {
            manager: self.guarded(&table.key, manager, policies.as_ref())?,
            defined: Some(defined),
            settings: resolved.setting_names().map(str::to_owned).collect(),
            retention: resolved
                .retention()
                .or(self.definitions.retentions.get(&table.key).copied()),
        })
    }

    fn undefined(&self, key: &str, manager: Arc<dyn IoManager>) -> Opened {
        Opened {
            manager,
            defined: None,
            settings: Vec::new(),
            retention: self.definitions.retentions.get(key).copied(),
        }
    }

    /// The addresses of all managers that have one, with their settings. What cannot be made out is told where it is used.
    pub(super) fn urls(&self) -> Vec<ManagerUrl> {
        let around = Surroundings {
            variable: &|name| self.definitions.variable(name),
            directory: &self.config.directory,
        };
        let of_code = |key: &str| {
            let mut specs = self.definitions.managers.iter();
            match specs.find(|(known, _)| known == key)? {
                (_, ManagerSpec::Url(url)) => Some(url.as_str()),
                (_, ManagerSpec::Instance(_)) => None,
            }
        };
        let url = |key: &str| match self.config.managers.get(key) {
            Some(table) => Resolved::of(table, &around).ok()?.url(of_code(key), &around).ok(),
            None => of_code(key)?.parse().ok(),
        };
        let mut urls: Vec<ManagerUrl> = self.keys().into_iter().filter_map(url).collect();
        let variable = self.definitions.variable(home::DEFAULT_MANAGER_VARIABLE);
        let configured = self
            .config
            .default
            .as_ref()
            .map(|(text, place, _)| self.filled(text, place).ok());
        let of_code = match &self.definitions.default {
            Some(ManagerSpec::Url(url)) => Some(url.clone()),
            _ => None,
        };
        // A key is no URL, and is among the others.
        let defaults = [variable, configured.flatten(), of_code];
        urls.extend(defaults.into_iter().flatten().filter_map(|text| text.parse().ok()));
        urls
    }

    fn open(&self, url: ManagerUrl) -> Result<Arc<dyn IoManager>> {
        let backends = &self.definitions.backends;
        let Some(backend) = backends
            .iter()
            .find(|backend| backend.schemes().contains(&url.scheme()))
        else {
            let known: Vec<&str> = backends.iter().flat_map(|backend| backend.schemes()).collect();
            return Err(wrong(unknown_scheme(url.scheme(), &known)));
        };
        backend.open(&match &self.definitions.variables {
            Some(variables) => url.with_variables(variables.clone()),
            None => url,
        })
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

/// Features of the facade, and the schemes that they bring.
const FEATURES: [(&str, &[&str]); 5] = [
    ("fs", &["file"]),
    ("memory", &["memory"]),
    ("s3", &["s3", "s3a"]),
    ("gcs", &["gs"]),
    ("adls", &["abfss", "abfs", "az"]),
];

fn unknown_scheme(scheme: &str, known: &[&str]) -> String {
    let feature = FEATURES.iter().find(|(_, schemes)| schemes.contains(&scheme));
    let hint = match (feature, nearest(scheme, known.iter().copied())) {
        (Some((feature, _)), _) => format!(
            "add the feature `{feature}` to the dependency on larder, or hand its backend over with `Definitions::backend`"
        ),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) if known.is_empty() => "no backend was handed over with `Definitions::backend`".to_owned(),
        (None, None) => format!("known are {}", known.join(", ")),
    };
    format!("no backend answers to the scheme `{scheme}`; {hint}")
}
