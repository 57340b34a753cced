//! Which manager gets an asset, and why.

use super::{Definitions, ManagerSpec};
use crate::home;
use larder_io_core::{Error, ErrorKind, IoManager, ManagerUrl, Result, nearest};
use std::collections::HashMap;
use std::sync::Arc;

/// A manager and the reason for it.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) key: String,
    pub(crate) manager: Arc<dyn IoManager>,
    pub(crate) because: String,
}

/// Opens managers, each once.
pub(crate) struct Binder<'d> {
    definitions: &'d Definitions,
    opened: HashMap<String, Result<Arc<dyn IoManager>, String>>,
    default: Option<Result<Arc<Bound>, String>>,
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

impl<'d> Binder<'d> {
    pub(crate) fn new(definitions: &'d Definitions) -> Self {
        Self {
            definitions,
            opened: HashMap::new(),
            default: None,
        }
    }

    /// The most specific wins: the asset's own, its group's, the default.
    pub(crate) fn bind(&mut self, own: Option<&str>, group: Option<&str>) -> Result<Arc<Bound>, String> {
        if let Some(manager) = &self.definitions.everything {
            let because = "every asset is stored there".to_owned();
            return Ok(Arc::new(Bound {
                key: "everything".to_owned(),
                manager: Arc::clone(manager),
                because,
            }));
        }
        if let Some(key) = own {
            let manager = self.by_key(key)?;
            return Ok(Arc::new(Bound {
                key: key.to_owned(),
                manager,
                because: "the asset names it".to_owned(),
            }));
        }
        let bound = group.and_then(|group| self.definitions.groups.iter().rev().find(|(name, _)| name == group));
        if let Some((group, key)) = bound {
            let manager = self.by_key(key)?;
            return Ok(Arc::new(Bound {
                key: key.clone(),
                manager,
                because: format!("the group `{group}` is bound to it"),
            }));
        }
        if self.default.is_none() {
            self.default = Some(self.open_default().map(Arc::new));
        }
        self.default
            .clone()
            .unwrap_or_else(|| Err("there is no default I/O manager".to_owned()))
    }

    fn by_key(&mut self, key: &str) -> Result<Arc<dyn IoManager>, String> {
        if let Some(opened) = self.opened.get(key) {
            return opened.clone();
        }
        let spec = self
            .definitions
            .managers
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, spec)| spec);
        let opened = match spec {
            Some(spec) => self.open(spec).map_err(|error| error.message().to_owned()),
            None => {
                let known = self.definitions.managers.iter().map(|(key, _)| key.as_str());
                Err(match nearest(key, known.clone()) {
                    Some(near) => format!("there is no I/O manager `{key}`; did you mean `{near}`?"),
                    None if self.definitions.managers.is_empty() => {
                        format!(
                            "there is no I/O manager `{key}`; add one with `Definitions::io_manager(\"{key}\", ..)`"
                        )
                    }
                    None => format!(
                        "there is no I/O manager `{key}`; there are {}",
                        known.collect::<Vec<_>>().join(", ")
                    ),
                })
            }
        };
        self.opened.insert(key.to_owned(), opened.clone());
        opened
    }

    /// The environment, what was configured, the built-in local disk.
    fn open_default(&self) -> Result<Bound, String> {
        let text = |error: Error| error.message().to_owned();
        let bound = |manager, because| Bound {
            key: "io_manager".to_owned(),
            manager,
            because,
        };
        if let Some(url) = self.definitions.variable(home::DEFAULT_MANAGER_VARIABLE) {
            let because = format!("the environment variable {} names it", home::DEFAULT_MANAGER_VARIABLE);
            let opened = self.open(&ManagerSpec::Url(url));
            return opened
                .map(|manager| bound(manager, because))
                .map_err(|error| format!("{}: {}", home::DEFAULT_MANAGER_VARIABLE, text(error)));
        }
        if let Some(spec) = &self.definitions.default {
            return self
                .open(spec)
                .map(|manager| bound(manager, "it is the configured default".to_owned()))
                .map_err(text);
        }
        let here =
            std::env::current_dir().map_err(|error| format!("the working directory cannot be found: {error}"))?;
        let (home, why) = home::find(self.definitions.variable(home::HOME_VARIABLE), &here);
        let url = ManagerUrl::new("file", home.join("storage").display().to_string(), "");
        if !self.definitions.has_backend("file") {
            return Err("there is no default I/O manager; set one with `Definitions::default_io_manager`, or add the local disk with `Definitions::backend(larder_io_fs::backend())`".to_owned());
        }
        let opened = self.open_url(&url).map_err(text)?;
        Ok(bound(
            opened,
            format!("it is the built-in default; its home is {} ({why})", home.display()),
        ))
    }

    fn open(&self, spec: &ManagerSpec) -> Result<Arc<dyn IoManager>> {
        match spec {
            ManagerSpec::Instance(manager) => Ok(Arc::clone(manager)),
            ManagerSpec::Url(url) => self.open_url(&url.parse()?),
        }
    }

    fn open_url(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        let backend = self
            .definitions
            .backends
            .iter()
            .find(|backend| backend.scheme() == url.scheme());
        let Some(backend) = backend else {
            let known: Vec<&str> = self
                .definitions
                .backends
                .iter()
                .map(|backend| backend.scheme())
                .collect();
            let crates = [
                ("file", "fs"),
                ("memory", "memory"),
                ("s3", "s3"),
                ("gs", "gcs"),
                ("abfss", "adls"),
            ];
            let hint = match crates.iter().find(|(scheme, _)| *scheme == url.scheme()) {
                Some((_, feature)) => format!(
                    "turn on larder's feature `{feature}` if it has one, or hand its backend over with `Definitions::backend`"
                ),
                None => format!(
                    "known are {}",
                    if known.is_empty() {
                        "none".to_owned()
                    } else {
                        known.join(", ")
                    }
                ),
            };
            return Err(config(format!(
                "no backend answers to the scheme `{}`; {hint}",
                url.scheme()
            )));
        };
        backend.open(url)
    }
}
