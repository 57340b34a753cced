//! What the configuration comes to, for people and programs.

use serde::Serialize;
use std::path::PathBuf;

/// What the configuration comes to under the profile that was asked for.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ConfigReport {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The profile that is used.
    pub profile: Option<String>,
    /// The profiles that can be asked for.
    pub profiles: Vec<String>,
    /// Every manager by key, also those that code registers and those that no asset uses.
    pub io_managers: Vec<ManagerReport>,
    /// The lines of `[bind]`, the profile's first.
    pub bindings: Vec<BindingReport>,
    /// The lines of `[run]`, those of the profile first.
    pub run: Vec<SettingReport>,
    /// The lines of `[observe]`, those of the profile first.
    pub observers: Vec<ObserverReport>,
    /// Every resource that runs open, in the order of the definitions.
    pub resources: Vec<ResourceReport>,
    /// Every asset that a query makes, in the order of the definitions.
    pub queries: Vec<QueryReport>,
}

/// One asset that a query makes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct QueryReport {
    /// The asset.
    pub asset: String,
    /// The file that the query stands in; `None` for one in code.
    pub file: Option<String>,
    /// The engine that runs it.
    pub engine: String,
    /// Why that engine.
    pub because: String,
    /// Its parameters with their values, as `least = 1.5`, but for those that a partition gives.
    pub parameters: Vec<String>,
}

/// One resource that runs open.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ResourceReport {
    /// Its name.
    pub name: String,
    /// Its type, by which assets take it.
    pub type_name: String,
    /// Where its settings stand; `None` when it has none there.
    pub defined: Option<String>,
    /// Names of the settings given there; their values may be secret.
    pub settings: Vec<String>,
    /// The assets and checks that take it.
    pub taken_by: Vec<String>,
}

/// One line of `[observe]`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ObserverReport {
    /// The name of its kind.
    pub name: String,
    /// Names of the settings given there.
    pub settings: Vec<String>,
    /// Where it stands.
    pub defined: String,
}

/// One setting.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SettingReport {
    /// Its name, as `retry.attempts`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it stands.
    pub defined: String,
}

/// One I/O manager.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ManagerReport {
    /// The key; `io_manager` for a default that has none.
    pub key: String,
    /// Its scheme and root.
    pub root: String,
    /// Where the configuration defines it; `None` when only code or the environment does.
    pub defined: Option<String>,
    /// Names of the settings given there.
    pub settings: Vec<String>,
    /// How many assets are stored in it.
    pub assets: usize,
    /// Why it is the default; `None` when it is not.
    pub default: Option<String>,
}

/// One line of `[bind]`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BindingReport {
    /// The pattern.
    pub pattern: String,
    /// The key it is bound to.
    pub io_manager: String,
    /// Where it stands.
    pub defined: String,
    /// How many assets the pattern fits; a more specific one may still go before it.
    pub assets: usize,
}
