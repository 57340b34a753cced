//! Validated definitions: what can be run, listed and explained.

use super::Parted;
use super::binding::Bound;
use super::retention::Kept;
use crate::args::Resources;
use crate::asset::Asset;
use crate::check::Checks;
use crate::config::RunTable;
use crate::graph::{Graph, Origin, definition};
use crate::policy::{describe, root};
use crate::reference::Targets;
use crate::resource::Starts;
use larder_catalog::Catalog;
use larder_io_core::{AssetKey, Error, Form, Layout, Location, Naming, Result, Usage, nearest};
use larder_partitions::Partitioning;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where and how an asset is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// `None` for an asset of form Nothing.
    pub(crate) bound: Option<Arc<Bound>>,
    pub(crate) form: Form,
    /// Whether the value is a reference.
    pub(crate) refers: bool,
    pub(crate) location: Location,
    pub(crate) extension: Option<String>,
    pub(crate) group: Option<String>,
    /// Which versions are kept, where anybody says.
    pub(crate) kept: Option<Kept>,
}

/// Validated definitions.
#[derive(Clone)]
pub struct Pipeline(
    pub(crate) Arc<Inner>,
    Option<Catalog>,
    pub(super) Option<Box<Self>>,
    /// Where what managers take is counted, for a step that is asked.
    pub(super) Option<Arc<Usage>>,
);

pub(crate) struct Inner {
    pub(crate) assets: Vec<Asset>,
    /// Those that are ready, and those that runs open.
    pub(crate) resources: Arc<Resources>,
    pub(crate) starts: Arc<Starts>,
    pub(super) layout: Arc<dyn Layout>,
    pub(super) graph: Graph,
    pub(crate) checks: Checks,
    pub(crate) parted: Vec<Parted>,
    pub(super) stored: HashMap<AssetKey, Stored>,
    pub(super) warnings: Vec<String>,
    pub(crate) profile: Option<String>,
    /// Directories that move with the pipeline: its home, and that of its configuration.
    pub(super) anchors: Vec<PathBuf>,
    pub(super) catalog: Option<super::catalog::Wanted>,
    /// Largest value of which the catalogue keeps a copy, in bytes.
    pub(crate) inline_bytes: usize,
    /// `[run]`.
    pub(super) run: RunTable,
    pub(super) observing: super::observing::Observing,
    pub(crate) hooks: crate::hook::Hooks,
    /// What references point to.
    pub(crate) targets: Targets,
    #[cfg(feature = "arrow")]
    pub(crate) details: crate::table_facts::Wanted,
    #[cfg(feature = "arrow")]
    pub(crate) engines: crate::sql::Engines,
}

/// An asset in a list.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AssetInfo {
    /// The key.
    pub key: AssetKey,
    /// The group.
    pub group: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Whether something else makes it.
    pub external: bool,
    /// The form it is stored in.
    pub form: Form,
    /// Whether its value is a reference to data elsewhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reference: bool,
    /// The assets it takes.
    pub inputs: Vec<AssetKey>,
    /// Assets that the same function makes.
    pub together_with: Vec<AssetKey>,
    /// The version of its code.
    pub code_version: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Where an asset is stored, and why there.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// What the list shows.
    #[serde(flatten)]
    pub info: AssetInfo,
    /// The key of the manager; `None` for an asset that is not stored.
    pub io_manager: Option<String>,
    /// Why that one.
    pub because: String,
    /// Where the configuration defines it; `None` when only code does.
    pub defined: Option<String>,
    /// Names of the settings given there; their values may be secret.
    pub settings: Vec<String>,
    /// Settings that the manager has for this asset alone, each with who gives it.
    pub own_settings: Vec<String>,
    /// The manager's scheme and root.
    pub root: Option<String>,
    /// The format's name.
    pub format: Option<String>,
    /// The stem of the location.
    pub location: Location,
    /// What runs its query, and why that; `None` for an asset that is no query.
    pub engine: Option<String>,
    /// The parameters of its query, but for those that a partition gives.
    pub parameters: Vec<String>,
    /// Where it is read from in a branch that has none of its own: scheme and root of the parent's manager.
    pub inherits: Option<String>,
    /// Resources that it takes, by name and type; of those that are ready before a run the type alone.
    pub resources: Vec<String>,
    /// How it is executed, where it or `[run]` says so: retries, timeout.
    pub execution: Vec<String>,
    /// Which versions are kept, and who says so; `None` where the manager's own settings do.
    pub retention: Option<String>,
    /// By what it is parted.
    pub partitions: Option<String>,
    /// Which partitions of each input that has some.
    pub mappings: Vec<String>,
    /// The layout that made it.
    pub layout: String,
    /// What the version of the code covers.
    pub code: String,
}

impl Pipeline {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner), None, None, None)
    }

    /// Records runs in this catalogue, and looks dynamic partitions up in it.
    #[must_use]
    pub fn with_catalog(mut self, catalog: Catalog) -> Self {
        self.1 = Some(catalog);
        self
    }

    /// The catalogue, if there is one.
    pub fn catalog(&self) -> Option<&Catalog> {
        self.1.as_ref()
    }

    /// Every partitioning.
    pub(crate) fn partitionings(&self) -> impl Iterator<Item = &Partitioning> {
        self.0.parted.iter().filter_map(|parted| parted.partitioning.as_ref())
    }

    /// What is no mistake but may be a slip: lines of the configuration that fit no asset.
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// Whether a step stands for an asset that something else makes.
    pub fn is_external(&self, step: usize) -> bool {
        self.0.assets.get(step).is_none_or(|asset| asset.function.is_none())
    }

    /// By what an asset is parted; `None` for one value.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key.
    pub fn partitioning(&self, key: &AssetKey) -> Result<Option<&Partitioning>> {
        Ok(self.parted(self.origin(key)?.step).partitioning.as_ref())
    }

    /// The version of a step's code, with the build where that counts.
    pub(crate) fn code_of(&self, step: usize, build: Option<&str>) -> Option<String> {
        match (build, self.0.assets[step].code_version.text()) {
            (None, own) => own,
            (Some(build), Some(own)) => Some(format!("{own}+{build}")),
            (Some(build), None) => Some(format!("build-{build}")),
        }
    }

    /// Which partitions of each input a step is made from, as text.
    fn mappings(&self, step: usize) -> Vec<String> {
        let inputs = self.0.graph.nodes[step].inputs.iter().zip(&self.parted(step).inputs);
        inputs
            .filter_map(|(key, taken)| Some(format!("{key}: {}", taken.as_ref()?.mapping)))
            .collect()
    }

    pub(crate) fn parted(&self, step: usize) -> &Parted {
        &self.0.parted[step]
    }

    /// The group of a step's first asset.
    pub fn group(&self, step: usize) -> Option<&str> {
        let key = self.0.graph.nodes.get(step)?.keys.first()?;
        self.0.stored.get(key)?.group.as_deref()
    }

    /// A key by its text.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown one, with the nearest known one.
    pub fn key(&self, text: &str) -> Result<AssetKey> {
        let found = text
            .parse::<AssetKey>()
            .ok()
            .filter(|key| self.0.graph.origins.contains_key(key));
        found.ok_or_else(|| {
            let names: Vec<String> = self.0.graph.origins.keys().map(ToString::to_string).collect();
            let by_name = || {
                names
                    .iter()
                    .map(String::as_str)
                    .filter(|name| name.rsplit('/').next() == Some(text))
                    .min()
            };
            match nearest(text, names.iter().map(String::as_str)).or_else(by_name) {
                Some(near) => definition(format!("there is no asset `{text}`; did you mean `{near}`?")),
                None => definition(format!("there is no asset `{text}`; `list` shows all of them")),
            }
        })
    }

    pub(crate) fn origin(&self, key: &AssetKey) -> Result<Origin> {
        match self.0.graph.origins.get(key) {
            Some(origin) => Ok(*origin),
            None => self.key(&key.to_string()).and_then(|key| self.origin(&key)),
        }
    }

    pub(crate) fn stored(&self, key: &AssetKey) -> Result<&Stored> {
        self.0
            .stored
            .get(key)
            .ok_or_else(|| definition(format!("there is no asset `{key}`")))
    }

    /// Every asset, in the order of the definitions.
    pub fn assets(&self) -> Vec<AssetInfo> {
        self.0
            .graph
            .nodes
            .iter()
            .flat_map(|node| &node.keys)
            .filter_map(|key| self.info(key).ok())
            .collect()
    }

    /// One asset.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key.
    pub fn info(&self, key: &AssetKey) -> Result<AssetInfo> {
        let origin = self.origin(key)?;
        let (asset, node) = (&self.0.assets[origin.step], &self.0.graph.nodes[origin.step]);
        let stored = self.stored(key)?;
        Ok(AssetInfo {
            key: key.clone(),
            group: stored.group.clone(),
            description: asset.description.clone(),
            external: asset.function.is_none(),
            form: stored.form,
            reference: stored.refers,
            inputs: node.inputs.clone(),
            together_with: node.keys.iter().filter(|other| *other != key).cloned().collect(),
            code_version: asset.code_version.text(),
            tags: asset.tags.clone(),
        })
    }

    /// Where an asset is stored, and why there.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key.
    pub fn explain(&self, key: &AssetKey) -> Result<Explanation> {
        let stored = self.stored(key)?;
        let asset = &self.0.assets[self.origin(key)?.step];
        let info = stored.bound.as_ref().map(|bound| bound.manager.info());
        let format = info.and_then(|info| {
            let name = stored.form.name();
            // A manager without formats keeps values as they are, whatever the layout.
            if stored.form == Form::Object && self.naming(key).is_ok_and(|naming| naming == Naming::Bare) {
                return (!info.formats.is_empty()).then(|| "pickle".to_owned());
            }
            info.formats
                .iter()
                .find(|(form, _)| *form == name)
                .map(|(_, format)| format.clone())
        });
        Ok(Explanation {
            info: self.info(key)?,
            io_manager: stored.bound.as_ref().map(|bound| bound.key.clone()),
            because: match &stored.bound {
                Some(bound) => bound.because.clone(),
                None => "it returns `()`: its materialization is recorded, nothing is stored".to_owned(),
            },
            defined: stored.bound.as_ref().and_then(|bound| bound.defined.clone()),
            own_settings: stored
                .bound
                .as_ref()
                .map(|bound| bound.own_settings.clone())
                .unwrap_or_default(),
            settings: stored
                .bound
                .as_ref()
                .map(|bound| bound.settings.clone())
                .unwrap_or_default(),
            root: info.map(root),
            format,
            location: stored.location.clone(),
            #[cfg(feature = "arrow")]
            engine: self
                .resolved(self.origin(key)?.step)
                .map(|query| format!("{}, because {}", query.engine.name(), query.because)),
            #[cfg(feature = "arrow")]
            parameters: self
                .resolved(self.origin(key)?.step)
                .map(|query| query.parameters.told())
                .unwrap_or_default(),
            #[cfg(not(feature = "arrow"))]
            engine: None,
            #[cfg(not(feature = "arrow"))]
            parameters: Vec::new(),
            inherits: self.parent().and_then(|parent| {
                parent
                    .stored(key)
                    .ok()?
                    .bound
                    .as_ref()
                    .map(|bound| root(bound.manager.info()))
            }),
            resources: self.resources_of(key)?,
            execution: self.execution(key)?,
            retention: stored
                .kept
                .as_ref()
                .map(|kept| format!("{}, because {}", kept.retention, kept.because)),
            partitions: self.partitioning(key)?.map(ToString::to_string),
            mappings: self.mappings(self.origin(key)?.step),
            layout: match asset.location {
                Some(_) => "the asset names its location itself".to_owned(),
                None => self.0.layout.name().to_owned(),
            },
            code: match asset.function {
                Some(_) => asset.code_version.describe(),
                None => "external: larder does not make it".to_owned(),
            },
        })
    }

    /// Adds what an error is about that no manager gave, or that is needed to tell: asset, manager, location.
    pub(crate) fn explain_error(&self, error: Error, key: &AssetKey, operation: &'static str) -> Error {
        let error = error.with_context("operation", operation).with_context("asset", key);
        match self.0.stored.get(key) {
            Some(Stored {
                bound: Some(bound),
                location,
                ..
            }) => error
                .with_context("io_manager", describe(&bound.key, bound.manager.info()))
                .with_context("location", location),
            _ => error,
        }
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipeline({} assets)", self.0.graph.origins.len())
    }
}
