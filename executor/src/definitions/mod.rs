//! Everything a pipeline is made of, and its validation as a whole before anything runs.

mod access;
mod asset_partition;
mod binding;
mod branch;
mod catalog;
mod configured;
mod contexts;
mod contract;
#[cfg(feature = "arrow")]
mod details;
mod observing;
mod opening;
mod own_settings;
mod parted;
mod pipeline;
mod places;
mod resources;
mod retention;
mod run_settings;
mod validate;

pub(crate) use access::one_table;
pub(crate) use asset_partition::AT_ONCE;
pub use asset_partition::AssetPartition;
pub(crate) use configured::Managers;
pub(crate) use parted::Parted;
pub(crate) use pipeline::Stored;
pub use pipeline::{AssetInfo, Explanation, Pipeline};
pub(crate) use resources::ResourceSet;
pub(crate) use validate::joined;

use crate::asset::Asset;
use crate::check::Check;
use crate::config::Source;
use crate::layout::HiveLayout;
use crate::policy::Policies;
use larder_io_core::{Backend, IoManager, Layout, Result, Retention};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// An I/O manager, or the URL to open one by.
#[derive(Clone)]
pub(crate) enum ManagerSpec {
    Instance(Arc<dyn IoManager>),
    Url(String),
}

/// Assets, I/O managers, resources: what a pipeline is made of.
///
/// Nothing is checked before [`Definitions::build`], which checks everything and reports every problem at once.
#[derive(Clone)]
pub struct Definitions {
    assets: Vec<Asset>,
    checks: Vec<Check>,
    backends: Vec<Arc<dyn Backend>>,
    managers: Vec<(String, ManagerSpec)>,
    default: Option<ManagerSpec>,
    groups: Vec<(String, String)>,
    resources: ResourceSet,
    layout: Arc<dyn Layout>,
    allow_non_atomic: bool,
    policies: BTreeMap<String, Policies>,
    default_policies: Option<Policies>,
    retentions: BTreeMap<String, Retention>,
    inline_bytes: usize,
    #[cfg(feature = "arrow")]
    details: crate::table_facts::Wanted,
    everything: Option<Arc<dyn IoManager>>,
    /// Whether that one has its policies already.
    everything_as_is: bool,
    variables: Option<BTreeMap<String, String>>,
    source: Source,
    profile: Option<String>,
    chosen_profile: Option<String>,
    as_parent: branch::AsParent,
    catalog: catalog::Place,
    observer_kinds: Vec<Arc<dyn crate::observer::ObserverKind>>,
    pub(crate) hooks: crate::hook::Hooks,
    #[cfg(feature = "arrow")]
    engines: crate::sql::Engines,
}

impl Default for Definitions {
    fn default() -> Self {
        Self::new()
    }
}

impl Definitions {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            assets: Vec::new(),
            checks: Vec::new(),
            backends: Vec::new(),
            managers: Vec::new(),
            default: None,
            groups: Vec::new(),
            resources: ResourceSet::default(),
            layout: Arc::new(HiveLayout),
            allow_non_atomic: false,
            policies: BTreeMap::new(),
            default_policies: None,
            retentions: BTreeMap::new(),
            inline_bytes: 0,
            #[cfg(feature = "arrow")]
            details: crate::table_facts::Wanted::default(),
            everything: None,
            everything_as_is: false,
            variables: None,
            source: Source::default(),
            profile: None,
            chosen_profile: None,
            as_parent: branch::AsParent::default(),
            catalog: catalog::Place::default(),
            observer_kinds: Vec::new(),
            hooks: crate::hook::Hooks::default(),
            #[cfg(feature = "arrow")]
            engines: crate::sql::Engines::default(),
        }
    }

    /// Adds assets, as `assets![..]` gives them.
    #[must_use]
    pub fn assets(mut self, assets: impl IntoIterator<Item = Asset>) -> Self {
        self.assets.extend(assets);
        self
    }

    /// Adds one asset.
    #[must_use]
    pub fn asset(mut self, asset: impl Into<Asset>) -> Self {
        self.assets.push(asset.into());
        self
    }

    /// Adds checks, as `checks![..]` and [`check::table`](crate::check) give them.
    #[must_use]
    pub fn checks(mut self, checks: impl IntoIterator<Item = Check>) -> Self {
        self.checks.extend(checks);
        self
    }

    /// Hands over a backend, so that its scheme can be used in URLs. Two that answer to one scheme are
    /// refused.
    #[must_use]
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backends.push(backend);
        self
    }

    /// Whether a backend that answers to this scheme was handed over.
    pub fn has_backend(&self, scheme: &str) -> bool {
        self.backends.iter().any(|backend| backend.schemes().contains(&scheme))
    }

    /// Whether one of the assets has this key.
    pub fn has_asset(&self, key: &str) -> bool {
        self.assets
            .iter()
            .any(|asset| asset.outputs.iter().any(|output| output.key == key))
    }

    /// Adds an I/O manager under a key that assets name with `io_manager = "key"`.
    #[must_use]
    pub fn io_manager(mut self, key: impl Into<String>, manager: Arc<dyn IoManager>) -> Self {
        self.managers.push((key.into(), ManagerSpec::Instance(manager)));
        self
    }

    /// The same by URL, such as `file:///data/warehouse?table=arrow`.
    #[must_use]
    pub fn io_manager_url(mut self, key: impl Into<String>, url: impl Into<String>) -> Self {
        self.managers.push((key.into(), ManagerSpec::Url(url.into())));
        self
    }

    /// The manager of every asset that nothing else is said of. `LARDER_DEFAULT_IO_MANAGER` goes before it.
    #[must_use]
    pub fn default_io_manager(mut self, manager: Arc<dyn IoManager>) -> Self {
        self.default = Some(ManagerSpec::Instance(manager));
        self
    }

    /// The same by URL.
    #[must_use]
    pub fn default_io_manager_url(mut self, url: impl Into<String>) -> Self {
        self.default = Some(ManagerSpec::Url(url.into()));
        self
    }

    /// Binds every asset of a group that names no manager itself.
    #[must_use]
    pub fn bind_group(mut self, group: impl Into<String>, io_manager: impl Into<String>) -> Self {
        self.groups.push((group.into(), io_manager.into()));
        self
    }

    /// A layout of your own; default [`HiveLayout`].
    #[must_use]
    pub fn layout(mut self, layout: impl Layout) -> Self {
        self.layout = Arc::new(layout);
        self
    }

    /// Allows managers that cannot publish atomically, which are refused otherwise: a crash may then leave neither the
    /// old value nor the new one.
    #[must_use]
    pub fn allow_non_atomic(mut self) -> Self {
        self.allow_non_atomic = true;
        self
    }

    /// Sets the policies of the manager with this key; `io_manager` is the key of the default one. They replace
    /// [`Definitions::default_policies`] as a whole.
    #[must_use]
    pub fn policies(mut self, key: impl Into<String>, policies: Policies) -> Self {
        self.policies.insert(key.into(), policies);
        self
    }

    /// Sets the policies of every manager that has none of its own. Without them managers that are reached over a
    /// network have [`Policies::default`], and others have none.
    #[must_use]
    pub fn default_policies(mut self, policies: Policies) -> Self {
        self.default_policies = Some(policies);
        self
    }

    /// Stores everything in one manager, whatever assets and environment say: for tests.
    #[must_use]
    pub fn with_every_asset_in(mut self, manager: Arc<dyn IoManager>) -> Self {
        self.everything = Some(manager);
        self
    }

    /// Replaces the environment's variables: for tests.
    #[must_use]
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables = Some(variables.into_iter().collect());
        self
    }

    /// Hands over what runs queries. Two of one name are refused; the first one is for queries that name none, unless the configuration
    /// says another.
    #[cfg(feature = "arrow")]
    #[must_use]
    pub fn engine(mut self, engine: Arc<dyn larder_io_core::SqlEngine>) -> Self {
        self.engines.add(engine);
        self
    }

    /// Hands over what opens an engine that `[engines]` of the configuration gives an address.
    #[cfg(feature = "arrow")]
    #[must_use]
    pub fn engine_backend(mut self, backend: Arc<dyn larder_io_core::EngineBackend>) -> Self {
        self.engines.add_backend(backend);
        self
    }

    /// Whether an engine of this name was handed over.
    #[cfg(feature = "arrow")]
    pub fn has_engine(&self, name: &str) -> bool {
        self.engines.names().any(|known| known == name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = match &self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Reads the configuration, checks everything and opens the managers that are used. Opening does no more I/O than looking at a root.
    ///
    /// # Errors
    /// `InvalidDefinition` or `InvalidConfig` with every problem, one on a line.
    pub fn build(self) -> Result<Pipeline> {
        validate::build(self)
    }

    /// Builds and runs a selection, such as `"*"` or `"+reports/summary"`.
    ///
    /// # Errors
    /// As [`Definitions::build`] and [`Pipeline::run`]. A failed asset is no error here: it stands in the report.
    pub async fn run(self, selection: impl Into<crate::Selection>) -> Result<crate::RunReport> {
        self.build()?.run(selection).await
    }
}

impl fmt::Debug for Definitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Definitions({} assets, {} I/O managers)",
            self.assets.len(),
            self.managers.len()
        )
    }
}
