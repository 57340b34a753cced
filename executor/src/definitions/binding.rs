//! Which manager gets an asset, and why.

use super::Definitions;
use super::opening::{Opener, Refused};
use super::own_settings::{Layers, OwnSettings};
use crate::asset::OutputSpec;
use crate::config::{Binding, Config, DEFAULT_KEY, Line, Pattern};
use crate::graph::Graph;
use larder_io_core::{AssetKey, Error, ErrorKind, IoManager, Retention, nearest};
use std::collections::HashMap;
use std::sync::Arc;

/// A manager and the reason for it.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) key: String,
    pub(crate) manager: Arc<dyn IoManager>,
    pub(crate) because: String,
    /// Where the configuration defines it.
    pub(crate) defined: Option<String>,
    /// Names of the settings given there.
    pub(crate) settings: Vec<String>,
    /// Settings of single assets, each with who gives it.
    pub(crate) own_settings: Vec<String>,
    /// Names and values of those, as one hash: values may be secret.
    pub(crate) own_digest: String,
    /// How long its versions are kept, where that is said of all that it stores.
    pub(crate) retention: Option<Retention>,
}

/// Finds the manager of each asset.
pub(crate) struct Binder<'d> {
    definitions: &'d Definitions,
    config: &'d Config,
    opener: Opener<'d>,
    default: Option<Result<Option<Arc<Bound>>, Refused>>,
    /// Managers with settings for some assets, so that those with the same ones share one.
    set: HashMap<(String, Layers), Arc<dyn IoManager>>,
    everything: Option<Arc<Bound>>,
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

impl<'d> Binder<'d> {
    pub(crate) fn new(definitions: &'d Definitions, config: &'d Config) -> Self {
        Self {
            definitions,
            config,
            opener: Opener::new(definitions, config),
            default: None,
            set: HashMap::new(),
            everything: None,
        }
    }

    /// Refuses policies of managers that are not there, and lines of `[bind]` that name such.
    pub(super) fn check(&self, problems: &mut Vec<Error>) {
        let mut known = self.opener.keys();
        known.push(DEFAULT_KEY);
        let policies = self.definitions.policies.keys().map(|key| ("policies are", key));
        let retentions = self.definitions.retentions.keys().map(|key| ("a retention is", key));
        for (what, key) in policies
            .chain(retentions)
            .filter(|(_, key)| !known.contains(&key.as_str()))
        {
            let hint = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            let message = format!("{what} set for the I/O manager `{key}`, which is not there; {hint}");
            problems.push(wrong(message));
        }
        let named = self.config.bindings.all().map(|(binding, _)| self.named(binding));
        problems.extend(named.filter_map(Result::err));
    }

    pub(super) fn definitions(&self) -> &Definitions {
        self.definitions
    }

    pub(super) fn config(&self) -> &Config {
        self.config
    }

    /// The key that a line of `[bind]` names.
    pub(super) fn named(&self, binding: &Binding) -> Result<String, Error> {
        let place = &binding.manager_place;
        let key = self.opener.filled(&binding.manager, place)?;
        let hint = match key.contains(':') {
            true => "; for a URL, write a table `[io_managers.NAME]` and bind `NAME`",
            false => "",
        };
        match self.opener.known(&key) {
            Ok(()) => Ok(key),
            Err(message) => Err(place.wrong(format_args!("{message}{hint}"))),
        }
    }

    /// The most specific wins: the asset's own, a pattern of the profile, a pattern of the base, its group's, the
    /// default. Settings for single assets come from the asset, and over those from the pattern that won.
    pub(crate) fn bind(
        &mut self,
        output: &OutputSpec,
        key: &AssetKey,
        group: Option<&str>,
    ) -> Result<Arc<Bound>, Refused> {
        if let Some(manager) = &self.definitions.everything {
            return self.everything(manager);
        }
        if let Some(own) = &output.io_manager {
            let bound = self.keyed(own, "the asset names it".to_owned());
            let bound = bound.map_err(|refused| refused.about("io_manager"))?;
            return self.set(bound, OwnSettings::of(&output.settings));
        }
        let binding = self.config.bindings.of(key, group).map_err(Refused::placed)?;
        if let Some((binding, of_profile)) = binding {
            let manager = self.named(binding).map_err(Refused::placed)?;
            let at = self.config.told(&binding.place, of_profile);
            let resolved = self.opener.settings(binding).map_err(Refused::placed)?;
            let bound = self.keyed(&manager, format!("{at} binds `{}` to it", binding.pattern.as_str()))?;
            return self.set(bound, OwnSettings::of(&output.settings).over_by(resolved, at));
        }
        let bound = self.unsaid(group)?;
        self.set(bound, OwnSettings::of(&output.settings))
    }

    /// The manager of an asset that nothing is said of: its group's, else the default.
    fn unsaid(&mut self, group: Option<&str>) -> Result<Arc<Bound>, Refused> {
        let bound = group.and_then(|group| self.definitions.groups.iter().rev().find(|(name, _)| name == group));
        if let Some((group, key)) = bound {
            return self.keyed(key, format!("the group `{group}` is bound to it"));
        }
        self.default()?.ok_or_else(|| {
            "there is no default I/O manager; set one with `Definitions::default_io_manager`, or add the local disk with `Definitions::backend(larder_io_fs::backend())`".to_owned().into()
        })
    }

    /// The manager with settings for single assets.
    fn set(&mut self, bound: Arc<Bound>, own: OwnSettings) -> Result<Arc<Bound>, Refused> {
        let layers = own.layers();
        if layers.is_empty() {
            return Ok(bound);
        }
        let known = (bound.key.clone(), layers);
        let manager = match self.set.get(&known) {
            Some(manager) => Arc::clone(manager),
            None => {
                let manager = own.laid_over(&bound.manager);
                let manager = manager.map_err(|error| own.refused(&bound.key, error))?;
                self.set.insert(known, Arc::clone(&manager));
                manager
            }
        };
        Ok(Arc::new(Bound {
            manager,
            own_settings: own.told(),
            own_digest: own.digest(),
            ..Bound::clone(&bound)
        }))
    }

    /// The manager of whatever nothing else is said of, if there is one.
    pub(super) fn default(&mut self) -> Result<Option<Arc<Bound>>, Refused> {
        if let Some(known) = &self.default {
            return known.clone();
        }
        let default = self.opener.default().map(|default| {
            default.map(|(key, opened, because)| {
                Arc::new(Bound {
                    key,
                    manager: opened.manager,
                    because,
                    defined: opened.defined,
                    settings: opened.settings,
                    own_settings: Vec::new(),
                    own_digest: String::new(),
                    retention: opened.retention,
                })
            })
        });
        self.default.insert(default).clone()
    }

    /// The manager with a key.
    pub(super) fn keyed(&mut self, key: &str, because: String) -> Result<Arc<Bound>, Refused> {
        let opened = self.opener.by_key(key)?;
        Ok(Arc::new(Bound {
            key: key.to_owned(),
            manager: opened.manager,
            because,
            defined: opened.defined,
            settings: opened.settings,
            own_settings: Vec::new(),
            own_digest: String::new(),
            retention: opened.retention,
        }))
    }

    /// Every manager with a key that can be bound, used or not.
    pub(super) fn every(&mut self) -> Vec<(&'d str, Result<Arc<Bound>, Refused>)> {
        let keys = self.opener.keys().into_iter();
        keys.map(|key| (key, self.keyed(key, String::new()))).collect()
    }

    fn everything(&mut self, manager: &Arc<dyn IoManager>) -> Result<Arc<Bound>, Refused> {
        if let Some(bound) = &self.everything {
            return Ok(Arc::clone(bound));
        }
        let key = "everything".to_owned();
        let manager = match self.definitions.everything_as_is {
            true => Arc::clone(manager),
            false => self.opener.guarded(&key, Arc::clone(manager), None)?,
        };
        let bound = Arc::new(Bound {
            key,
            manager,
            because: "every asset is stored there".to_owned(),
            defined: None,
            settings: Vec::new(),
            own_settings: Vec::new(),
            own_digest: String::new(),
            retention: None,
        });
        Ok(Arc::clone(self.everything.insert(bound)))
    }
}

/// Lines of `[bind]` and `[retention]` that fit no asset, for people: another pipeline may share the file, or it is a slip.
pub(super) fn idle(config: &Config, graph: &Graph, group: impl Fn(usize, &AssetKey) -> Option<String>) -> Vec<String> {
    let fits = |pattern: &Pattern| {
        let nodes = graph.nodes.iter().enumerate();
        nodes
            .flat_map(|(step, node)| node.keys.iter().map(move |key| (step, key)))
            .any(|(step, key)| pattern.fits(key, group(step, key).as_deref()))
    };
    let bindings = config.bindings.all().map(|(line, of)| (line as &dyn Line, of));
    let lines = bindings.chain(config.retention.all().map(|(line, of)| (line as &dyn Line, of)));
    let idle = lines.filter(|(line, _)| !fits(line.pattern()));
    idle.map(|(line, of_profile)| {
        let at = config.told(line.place(), of_profile);
        format!("{at}: `{}` fits no asset of this pipeline", line.pattern().as_str())
    })
    .collect()
}
