//! What a manager is told about the asset it stores or loads.

use crate::key::{AssetKey, PartitionKey, RunId, Version, WriteId};
use crate::location::{Location, Naming};
use crate::retention::Retention;
use crate::usage::Usage;
use crate::value::Form;
use std::sync::Arc;

/// What must be true of the location for a publish to take place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever is there is replaced.
    #[default]
    None,
    /// Nothing is there.
    Absent,
    /// The published value is still this version.
    Unchanged(Version),
}

/// What a manager is told when it stores.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutputContext {
    /// The asset.
    pub asset: AssetKey,
    /// The partition, for a partitioned asset.
    pub partition: Option<PartitionKey>,
    /// The stem of the location, made by the layout; the manager adds its format's suffix.
    pub location: Location,
    /// The stem of the asset as a whole, for managers that keep all of its partitions in one table. The same as `location`
    /// without a partition, or when nobody said more.
    pub asset_location: Location,
    /// The run that stores.
    pub run: RunId,
    /// The id of this write; two attempts of one write share it.
    pub write: WriteId,
    /// The version of the asset's code.
    pub code_version: Option<String>,
    /// Hash of all that the value was computed from, as in [`Receipt::fingerprint`](crate::Receipt::fingerprint).
    pub fingerprint: Option<String>,
    /// The suffix for a blob, without a dot, such as `html`; `bin` without one.
    pub extension: Option<String>,
    /// What stands at the location of an Object.
    pub naming: Naming,
    /// What must hold when the value is published.
    pub precondition: Precondition,
    /// Whether [`Staged::load`](crate::Staged::load) will be asked for the value before it is published.
    pub keep_for_checks: bool,
    /// Which versions are kept when this one is published, where the manager removes old ones itself; `None` for as its own settings say.
    pub retention: Option<Retention>,
    /// Where what it takes is counted, if anybody asks.
    pub usage: Option<Arc<Usage>>,
}

impl OutputContext {
    /// Makes a context with a new run and write id and no precondition.
    pub fn new(asset: AssetKey, partition: Option<PartitionKey>, location: Location) -> Self {
        Self::of_run(RunId::random(), asset, partition, location)
    }

    /// Makes a context within a run, with a new write id and no precondition.
    pub fn of_run(run: RunId, asset: AssetKey, partition: Option<PartitionKey>, location: Location) -> Self {
        Self {
            asset,
            partition,
            asset_location: location.clone(),
            location,
            run,
            write: WriteId::random(),
            code_version: None,
            fingerprint: None,
            extension: None,
            naming: Naming::Suffixed,
            precondition: Precondition::None,
            keep_for_checks: false,
            retention: None,
            usage: None,
        }
    }

    /// The context that loads what this one stores, in form `form`.
    pub fn to_input(&self, form: Form) -> InputContext {
        let mut input = InputContext::new(self.asset.clone(), self.partition.clone(), self.location.clone());
        input.form = Some(form);
        input.extension.clone_from(&self.extension);
        input.naming = self.naming;
        input.asset_location.clone_from(&self.asset_location);
        input.usage.clone_from(&self.usage);
        input
    }
}

/// What a manager is told when it loads, looks or deletes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InputContext {
    /// The asset.
    pub asset: AssetKey,
    /// The partition, for a partitioned asset.
    pub partition: Option<PartitionKey>,
    /// The stem of the location, made by the layout.
    pub location: Location,
    /// The stem of the asset as a whole, as in [`OutputContext::asset_location`].
    pub asset_location: Location,
    /// The form the asset is stored in; `None` when nobody knows, and the manager looks for any.
    pub form: Option<Form>,
    /// The suffix of a blob, as in [`OutputContext::extension`].
    pub extension: Option<String>,
    /// What stands at the location of an Object, as in [`OutputContext::naming`].
    pub naming: Naming,
    /// An old version instead of the published one.
    pub version: Option<Version>,
    /// Whether the stored hash is compared before a value is handed out.
    pub verify: bool,
    /// Where what it takes is counted, if anybody asks; reading a lazy value later counts there too.
    pub usage: Option<Arc<Usage>>,
}

impl InputContext {
    /// Makes a context for the published version, form unknown.
    pub fn new(asset: AssetKey, partition: Option<PartitionKey>, location: Location) -> Self {
        Self {
            asset,
            partition,
            asset_location: location.clone(),
            location,
            form: None,
            extension: None,
            naming: Naming::Suffixed,
            version: None,
            verify: false,
            usage: None,
        }
    }

    /// Asks for the value in this form.
    #[must_use]
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = Some(form);
        self
    }

    /// Asks for the value in whatever form and format it is.
    #[must_use]
    pub fn of_any_form(mut self) -> Self {
        self.form = None;
        self
    }

    /// Asks for an old version.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Asks for the stored hash to be compared.
    #[must_use]
    pub fn verified(mut self) -> Self {
        self.verify = true;
        self
    }
}
