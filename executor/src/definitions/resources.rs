//! The resources of a pipeline: declaring them, and holding them against each other and against the configuration.

use super::validate::unique;
use super::{Definitions, Pipeline};
use crate::args::Resources;
use crate::asset::ResourceSpec;
use crate::config::{Config, Given, OWN, ResourceReport, Surroundings};
use crate::event::Emitter;
use crate::graph::definition;
use crate::resource::{Care, Declared, Held, Resource, RunResource, Start, Starts, Texts};
use larder_io_core::{AssetKey, Error, ErrorKind, Result, nearest};
use serde::de::DeserializeOwned;
use std::any::TypeId;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// What definitions say of resources.
#[derive(Clone, Default)]
pub(crate) struct ResourceSet {
    ready: Resources,
    declared: Vec<Declared>,
    /// Go before all others of their type.
    instead: Resources,
}

impl ResourceSet {
    pub(crate) fn has(&self, id: TypeId) -> bool {
        let declared = self.declared.iter().any(|declared| declared.spec.id == id);
        declared || self.ready.contains_key(&id) || self.instead.contains_key(&id)
    }

    /// Those that are ready before a run.
    pub(super) fn ready(self) -> Resources {
        let mut ready = self.ready;
        ready.extend(self.instead);
        ready
    }

    /// Names, each with those of its settings.
    pub(super) fn fields(&self) -> Vec<(&str, &'static [&'static str])> {
        let declared = self.declared.iter();
        declared
            .map(|declared| (declared.name.as_str(), declared.fields))
            .collect()
    }

    /// Those that runs open.
    fn opened(&self) -> impl Iterator<Item = &Declared> {
        let declared = self.declared.iter();
        declared.filter(|declared| !self.instead.contains_key(&declared.spec.id))
    }
}

impl Definitions {
    /// Adds a resource that is ready, which assets take as `&T`. A second one of the same type replaces the first.
    #[must_use]
    pub fn resource<T: Send + Sync + 'static>(mut self, resource: T) -> Self {
        self.resources.ready.insert(TypeId::of::<T>(), Arc::new(resource));
        self
    }

    /// Adds a [`Resource`] that each run opens once, when it is first needed, and closes at its end. Assets take it as `&T`; its settings stand in
    /// `[resources.NAME]` of `larder.toml`.
    ///
    /// Names are unique, and so are types: of two resources of one type, one is put into a newtype, as in `struct Archive(Pool)`.
    #[must_use]
    pub fn resource_named<T: Resource>(self, name: impl Into<String>) -> Self {
        self.run_resource(RunResource::<T>::of(name))
    }

    /// The same for a type that a closure opens. It is only dropped at the end of the run: [`RunResource::closed_by`] says otherwise.
    #[must_use]
    pub fn resource_with<T, S, F, Fut, E>(self, name: impl Into<String>, open: F) -> Self
    where
        T: Send + Sync + 'static,
        S: DeserializeOwned + Send + 'static,
        F: Fn(S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.run_resource(RunResource::new(name, open))
    }

    /// The same with all that can be said of it.
    #[must_use]
    pub fn run_resource<T: Send + Sync + 'static>(mut self, resource: RunResource<T>) -> Self {
        self.resources.declared.push(resource.declared);
        self
    }

    /// Gives this value to whoever takes the resource of its type, which is not opened then, and whose settings are not read: for tests.
    #[must_use]
    pub fn replace_resource<T: Send + Sync + 'static>(mut self, resource: T) -> Self {
        self.resources.instead.insert(TypeId::of::<T>(), Arc::new(resource));
        self
    }

    /// Whether anything is computed or checked: else nothing is ever opened.
    fn uses_resources(&self) -> bool {
        let computed = self.assets.iter().any(|asset| asset.function.is_some());
        (computed || !self.checks.is_empty()) && !self.as_parent.only_read()
    }

    /// Assets and checks by the resources that they take.
    fn users(&self) -> HashMap<TypeId, Vec<String>> {
        let mut users: HashMap<TypeId, Vec<String>> = HashMap::new();
        if self.resources.declared.is_empty() {
            return users;
        }
        let assets = self.assets.iter().map(|asset| {
            let key = asset.outputs.first().map(|output| format!("`{}`", output.key));
            (key.unwrap_or_default(), &asset.resources)
        });
        let checks = self.checks.iter();
        let checks = checks.map(|check| (format!("the check `{}`", check.name), &check.resources));
        for (user, resources) in assets.chain(checks) {
            for ResourceSpec { id, .. } in resources {
                users.entry(*id).or_default().push(user.clone());
            }
        }
        users
    }

    pub(super) fn resource_reports(&self, pipeline: &Pipeline, config: &Config) -> Vec<ResourceReport> {
        let starts = self.resources.opened();
        let starts = starts.filter_map(|declared| pipeline.0.starts.get(&declared.spec.id));
        starts
            .map(|start| ResourceReport {
                name: start.declared.name.clone(),
                type_name: start.declared.spec.name.to_owned(),
                defined: start.defined.clone(),
                settings: match config.resources.get(&start.declared.name) {
                    Some(table) => table.entries.iter().map(|entry| entry.key.clone()).collect(),
                    None => Vec::new(),
                },
                taken_by: start.users.clone(),
            })
            .collect()
    }
}

/// Refuses names, types and settings that do not fit; what is left can be opened.
pub(super) fn starts(definitions: &Definitions, config: &Config, problems: &mut Vec<Error>) -> Starts {
    let set = &definitions.resources;
    unique(
        set.declared.iter().map(|declared| declared.name.as_str()),
        "resources have the name",
        problems,
    );
    for (position, declared) in set.declared.iter().enumerate() {
        alone(declared, &set.declared[..position], set, problems);
    }
    let reads = definitions.everything.is_none() && definitions.uses_resources();
    if reads {
        strangers(set, config, problems);
    }
    let around = Surroundings {
        variable: &|name| definitions.variable(name),
        directory: &config.directory,
    };
    let mut users = definitions.users();
    let mut starts = Starts::new();
    for declared in set.opened() {
        let (settings, secrets, care) = match settings(declared, config, &around) {
            Ok((texts, secrets, care)) => (Ok(texts), secrets, care),
            Err(error) => {
                let told = error.copied();
                if reads {
                    problems.push(error);
                }
                (Err(told), Vec::new(), declared.care.clone())
            }
        };
        let table = config.resources.get(&declared.name);
        let start = Start {
            declared: declared.clone(),
            settings,
            secrets,
            care,
            defined: table.map(|table| config.place(table)),
            users: users.remove(&declared.spec.id).unwrap_or_default(),
        };
        starts.insert(declared.spec.id, Arc::new(start));
    }
    starts
}

/// Whether a resource can be told from the others.
fn alone(declared: &Declared, before: &[Declared], set: &ResourceSet, problems: &mut Vec<Error>) {
    let (name, id, of) = (&declared.name, declared.spec.id, declared.spec.name);
    if name.is_empty() {
        let message = format!("the resource of type `{of}` has an empty name; give it one, for `[resources.NAME]`");
        problems.push(definition(message));
    }
    if let Some(other) = before.iter().find(|other| other.spec.id == id && other.name != *name) {
        problems.push(definition(format!(
            "the resources `{}` and `{name}` are both of type `{of}`, and assets take a resource by its type; put one of them into a type of its own, as in `struct Other({})`",
            other.name,
            of.rsplit("::").next().unwrap_or(of)
        )));
    }
    if set.ready.contains_key(&id) && !set.instead.contains_key(&id) {
        problems.push(definition(format!(
            "there are two resources of type `{of}`: runs open `{name}`, and `Definitions::resource` gives a value; take one away, or say `replace_resource` in a test"
        )));
    }
    for taken in declared.fields.iter().filter(|field| OWN.contains(field)) {
        problems.push(definition(format!(
            "the settings of the resource `{name}` (`{of}`) have a field `{taken}`, which in `[resources.{name}]` is larder's own; rename it, by `#[serde(rename = \"..\")]`"
        )));
    }
}

/// Tables of resources that nobody declared.
fn strangers(set: &ResourceSet, config: &Config, problems: &mut Vec<Error>) {
    let names = || set.declared.iter().map(|declared| declared.name.as_str());
    for (name, table) in &config.resources {
        if names().any(|known| known == name) {
            continue;
        }
        let known: Vec<&str> = names().collect();
        let hint = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "`Definitions::resource_named` declares one".to_owned(),
            None => format!("there are {}", known.join(", ")),
        };
        let place = table.profile.as_ref().unwrap_or(&table.place);
        problems.push(place.wrong(format_args!("there is no resource `{name}`; {hint}")));
    }
}

/// Settings, those of their values that are secret, and patience.
fn settings(declared: &Declared, config: &Config, around: &Surroundings<'_>) -> Result<(Texts, Vec<String>, Care)> {
    let about = format!("the resource `{}` (`{}`)", declared.name, declared.spec.name);
    let Some(table) = config.resources.get(&declared.name) else {
        let wrong = |error: Error| {
            let message = format!(
                "{about}: {}; settings of it stand in `[resources.{}]` of larder.toml",
                error.message(),
                declared.name
            );
            Error::new(ErrorKind::InvalidConfig, message)
        };
        declared.check(&Texts::new()).map_err(wrong)?;
        let in_code = |error: Error| definition(format!("{about}: {}", error.message()));
        declared.care.retry.validate().map_err(in_code)?;
        return Ok((Texts::new(), Vec::new(), declared.care.clone()));
    };
    let given = Given::of(table, around)?;
    let placed = |error: Error| given.placed(error, &about);
    declared.check(&given.texts()).map_err(placed)?;
    let care = given.care(declared.care.clone()).map_err(placed)?;
    Ok((given.texts(), given.secrets(), care))
}

impl Pipeline {
    /// What a run opens; nothing yet.
    pub(crate) fn hold(&self, emitter: &Emitter) -> Arc<Held> {
        Held::new(&self.0.resources, &self.0.starts, emitter.clone())
    }

    /// How long the end of a run may take at most because of resources that are to be closed.
    pub fn closing_time(&self) -> Duration {
        let starts = self.0.starts.values();
        let times = starts.map(|start| start.care.close_timeout);
        times.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The resources that an asset takes, for people.
    pub(super) fn resources_of(&self, key: &AssetKey) -> Result<Vec<String>> {
        let asset = &self.0.assets[self.origin(key)?.step];
        let specs = asset.resources.iter();
        let named = specs.map(|spec| match self.0.starts.get(&spec.id) {
            Some(start) => format!("{} (`{}`)", start.declared.name, spec.name),
            None => format!("`{}`", spec.name),
        });
        Ok(named.collect())
    }
}
