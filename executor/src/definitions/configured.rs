//! Configuration outside of the code: where it is, which profile, what it comes to.

use super::binding::{Binder, Bound};
use super::opening::{Opener, Refused};
use super::run_settings;
use super::validate::{atomic, joined};
use super::{AssetInfo, Definitions, Pipeline};
use crate::config::{self, BindingReport, Config, ConfigReport, DEFAULT_KEY, ManagerReport, Source, Wanted};
use crate::home;
use crate::policy::root;
use crate::reference::Targets;
use larder_io_core::{IoManager, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Managers by key; of one that cannot be had, why.
pub(crate) type Managers = BTreeMap<String, Result<Arc<dyn IoManager>>>;

/// [`Definitions::build`] reads `larder.toml`: the file that `LARDER_CONFIG` names, else the nearest one in the working
/// directory or above. These methods say otherwise.
impl Definitions {
    /// Names the configuration file; `LARDER_CONFIG` goes before it. A relative path is below the working directory.
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source = Source::File(path.into());
        self
    }

    /// Gives the configuration itself; no file is read, whatever `LARDER_CONFIG` says. Relative paths in it are below the
    /// working directory.
    #[must_use]
    pub fn config_text(mut self, text: impl Into<String>) -> Self {
        self.source = Source::Text(text.into());
        self
    }

    /// Reads no configuration, whatever lies in the working directory: for tests, and for programs that say everything
    /// themselves.
    #[must_use]
    pub fn without_config(mut self) -> Self {
        self.source = Source::Nothing;
        self
    }

    /// The profile when nobody asks for another one; `LARDER_PROFILE` goes before it.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// The profile that the user chose, as with `--profile`; it goes before `LARDER_PROFILE` and
    /// [`Definitions::profile`].
    #[must_use]
    pub fn choose_profile(mut self, name: impl Into<String>) -> Self {
        self.chosen_profile = Some(name.into());
        self
    }

    /// Builds the same assets as they are kept in one I/O manager, whatever else is said of them: for copying from there. The manager is named by its
    /// key or given by URL; the layout is the configured one. There is no catalogue.
    ///
    /// # Errors
    /// As [`Definitions::build`]; `InvalidConfig` for a key that nothing has.
    pub fn build_within(&self, io_manager: &str) -> Result<Pipeline> {
        let config = self.config()?;
        let opened = Opener::new(self, &config).named(io_manager, String::new(), None);
        let (_, opened, _) = opened?;
        let mut definitions = self.clone();
        if let Some(layout) = config.layout.as_deref().and_then(crate::layout::named) {
            definitions.layout = layout;
        }
        definitions.everything = Some(opened.manager);
        definitions.everything_as_is = true;
        definitions.build()
    }

    /// What references may point to, with the settings of the managers that are configured.
    pub(super) fn targets(&self, config: &Config) -> Targets {
        Targets {
            backends: self.backends.clone(),
            managers: match self
                .assets
                .iter()
                .flat_map(|asset| &asset.outputs)
                .any(|output| output.refers)
            {
                true => Opener::new(self, config).urls(),
                false => Vec::new(),
            },
            variables: self.variables.clone(),
        }
    }

    /// The JSON schema of `larder.toml`, with the settings of the backends and the observers that were handed over, and of the resources.
    pub fn config_schema(&self) -> serde_json::Value {
        #[cfg(feature = "arrow")]
        let engines = self.engines.schemas();
        #[cfg(not(feature = "arrow"))]
        let engines = Vec::new();
        config::schema(&self.backends, &self.observer_kinds, &self.resources.fields(), &engines)
    }

    /// Builds, opens also those managers that no asset uses, and tells what the configuration comes to. A default that is
    /// neither there nor needed is no mistake.
    ///
    /// # Errors
    /// As [`Definitions::build`]; for every manager that cannot be opened.
    pub fn check_config(self) -> Result<ConfigReport> {
        let pipeline = self.clone().build()?;
        let config = self.config()?;
        let mut binder = Binder::new(&self, &config);
        let assets = pipeline.assets();
        let mut used: BTreeMap<String, usize> = BTreeMap::new();
        for asset in &assets {
            if let Some(key) = pipeline.explain(&asset.key)?.io_manager {
                *used.entry(key).or_default() += 1;
            }
        }
        let mut problems = Vec::new();
        let mut io_managers = Vec::new();
        let mut every = binder.every();
        let default = match binder.default() {
            Ok(Some(default)) => {
                // A default by URL has no key that could be bound.
                if every.iter().all(|(key, _)| *key != default.key) {
                    every.push((DEFAULT_KEY, Ok(Arc::clone(&default))));
                }
                Some(default)
            }
            Ok(None) => None,
            Err(refused) => {
                every.push((DEFAULT_KEY, Err(refused)));
                None
            }
        };
        for (_, bound) in every {
            match bound {
                Ok(bound) => {
                    let because = default.as_ref().filter(|default| default.key == bound.key);
                    io_managers.push(ManagerReport {
                        key: bound.key.clone(),
                        root: root(bound.manager.info()),
                        defined: bound.defined.clone(),
                        settings: bound.settings.clone(),
                        assets: used.get(&bound.key).copied().unwrap_or_default(),
                        default: because.map(|default| default.because.clone()),
                    });
                }
                Err(refused) => problems.push(refused.into()),
            }
        }
        if !problems.is_empty() {
            return Err(joined(problems));
        }
        let mut bindings = Vec::new();
        for (binding, of_profile) in config.bindings.all() {
            let fits = |asset: &&AssetInfo| binding.pattern.fits(&asset.key, asset.group.as_deref());
            bindings.push(BindingReport {
                pattern: binding.pattern.as_str().to_owned(),
                io_manager: binder.named(binding)?,
                defined: config.told(&binding.place, of_profile),
                assets: assets.iter().filter(fits).count(),
            });
        }
        Ok(ConfigReport {
            file: config.file.clone(),
            profile: config.profile.clone(),
            profiles: config.profiles.clone(),
            io_managers,
            bindings,
            run: run_settings::reports(&config),
            observers: pipeline.observer_reports(&config)?,
            resources: self.resource_reports(&pipeline, &config),
            #[cfg(feature = "arrow")]
            queries: pipeline.query_reports(),
            #[cfg(not(feature = "arrow"))]
            queries: Vec::new(),
        })
    }

    /// Every manager that has a key, of code and configuration, used or not; with its policies, and refused as an asset
    /// would be that is bound to it. One that cannot be had hides no other.
    ///
    /// # Errors
    /// `InvalidConfig` for a configuration that cannot be read.
    pub(crate) fn every_manager(&self) -> Result<Managers> {
        if self.everything.is_some() {
            return Ok(Managers::new());
        }
        let config = self.config()?;
        let every = Binder::new(self, &config).every().into_iter();
        let opened = |bound: Result<Arc<Bound>, Refused>| {
            let bound = bound?;
            atomic(self, &bound, "an asset")?;
            Ok(Arc::clone(&bound.manager))
        };
        Ok(every.map(|(key, bound)| (key.to_owned(), opened(bound))).collect())
    }

    pub(super) fn config(&self) -> Result<Config> {
        if self.everything.is_some() {
            return Ok(Config::default());
        }
        if self.as_parent.of_base {
            return Config::read(&self.source, &|name| self.variable(name), None, &self.backends);
        }
        let from_environment = || Some((self.variable(home::PROFILE_VARIABLE)?, home::PROFILE_VARIABLE));
        let chosen = self.chosen_profile.clone().map(|name| (name, "--profile"));
        let of_code = || Some((self.profile.clone()?, "`Definitions::profile`"));
        let wanted = chosen.or_else(from_environment).or_else(of_code);
        let wanted = wanted.map(|(name, by)| Wanted {
            name,
            by: by.to_owned(),
        });
        Config::read(&self.source, &|name| self.variable(name), wanted, &self.backends)
    }
}
