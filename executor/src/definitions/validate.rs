//! Validation of everything at once.

use super::Definitions;
use super::binding::{Binder, Bound, idle};
use super::observing::Observing;
use super::parted;
use super::pipeline::{Inner, Pipeline, Stored};
use super::places::{Found, locations, nested};
use super::resources::starts;
use super::run_settings;
use crate::args::missing_resource;
use crate::asset::Asset;
use crate::check::{self, Checks};
use crate::config::Config;
use crate::graph::{Graph, definition, said};
use crate::policy::root;
use crate::reference::misfit;
use larder_io_core::{AssetKey, Error, ErrorKind, Form, Forms, Location, Naming, Result};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;

/// Problems shown at most; a broken pattern in a large pipeline would bury the rest.
const PROBLEMS_SHOWN: usize = 20;

pub(super) fn build(mut definitions: Definitions) -> Result<Pipeline> {
    let config = definitions.config()?;
    // Before anything of this profile is laid over what the code says.
    let parent = definitions.parent(&config)?;
    if let Some(layout) = config.layout.as_deref().and_then(crate::layout::named) {
        definitions.layout = layout;
    }
    let mut problems = Vec::new();
    unique(
        definitions.backends.iter().flat_map(|backend| backend.schemes()),
        "backends answer to the scheme",
        &mut problems,
    );
    unique(
        definitions.managers.iter().map(|(key, _)| key.as_str()),
        "I/O managers have the key",
        &mut problems,
    );
    #[cfg(feature = "arrow")]
    queries(&mut definitions, &config, &mut problems);
    #[cfg(not(feature = "arrow"))]
    problems.extend(config.parameters.unknown(&Default::default()));
    let graph = Graph::build(&definitions.assets, &mut problems);
    run_settings::check(&definitions.assets, &mut problems);
    unique(
        definitions.observer_kinds.iter().map(|kind| kind.name()),
        "kinds of observers have the name",
        &mut problems,
    );
    let observing = Observing::new(&definitions, &config, &mut problems);
    let starts = starts(&definitions, &config, &mut problems);
    let mut stored = HashMap::new();
    let mut parted = Vec::new();
    if problems.is_empty() {
        parted = parted::parted(&definitions.assets, &graph, &mut problems);
        stored = bind(&definitions, &config, &graph, &mut problems);
    }
    if problems.is_empty() {
        let found = Found::new(&graph, &stored);
        locations(&graph, &found, &mut problems);
        if definitions.layout.naming() == Naming::Bare {
            nested(&graph, &stored, &mut problems);
        }
        inputs(&definitions, &graph, &found, &mut problems);
        resources(&definitions, &graph, &mut problems);
        memories(&definitions, &graph, &mut problems);
    }
    #[cfg(feature = "arrow")]
    if problems.is_empty() {
        crate::sql::check_declared(&definitions.assets, &graph, &parted, &mut problems);
    }
    let mut checks = Checks::default();
    if problems.is_empty() {
        let known = check::Known {
            assets: &definitions.assets,
            graph: &graph,
            stored: &stored,
            resources: &definitions.resources,
        };
        checks = check::resolve(std::mem::take(&mut definitions.checks), &known, &mut problems);
    }
    if !problems.is_empty() {
        return Err(joined(problems));
    }
    let warnings = idle(&config, &graph, |step, key| group(&definitions.assets[step], key));
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let catalog = definitions.catalog_place(&config);
    let anchors = definitions.anchors(&config);
    let targets = definitions.targets(&config);
    let mut pipeline = Pipeline::new(Inner {
        assets: definitions.assets,
        resources: Arc::new(definitions.resources.ready()),
        starts: Arc::new(starts),
        layout: definitions.layout,
        graph,
        checks,
        parted,
        stored,
        warnings,
        profile: config.profile.clone(),
        anchors,
        catalog,
        inline_bytes: config.inline_bytes.unwrap_or(definitions.inline_bytes),
        run: config.run,
        observing,
        hooks: definitions.hooks,
        targets,
        #[cfg(feature = "arrow")]
        details: definitions.details,
        #[cfg(feature = "arrow")]
        engines: definitions.engines,
    });
    if let Some(parent) = parent {
        pipeline.check_branch(&parent, &mut problems);
        if !problems.is_empty() {
            return Err(joined(problems));
        }
        pipeline.2 = Some(Box::new(parent));
    }
    Ok(pipeline)
}

/// Makes every query a function of the assets it names.
#[cfg(feature = "arrow")]
fn queries(definitions: &mut Definitions, config: &Config, problems: &mut Vec<Error>) {
    unique(definitions.engines.names(), "engines have the name", problems);
    let mut engines = std::mem::take(&mut definitions.engines);
    let around = crate::config::Surroundings {
        variable: &|name| definitions.variable(name),
        directory: &config.directory,
    };
    let asked = definitions
        .assets
        .iter()
        .filter_map(|asset| asset.sql.as_ref()?.engine.as_deref());
    engines.configured(config, &around, definitions.variables.as_ref(), asked, problems);
    definitions.engines = engines;
    crate::sql::resolve(
        &mut definitions.assets,
        &definitions.engines,
        &config.parameters,
        problems,
    );
}

/// One error of many, each on a line.
pub(crate) fn joined(mut problems: Vec<Error>) -> Error {
    if problems.len() == 1 {
        return problems.remove(0);
    }
    let only_config = problems
        .iter()
        .all(|problem| problem.kind() == ErrorKind::InvalidConfig);
    let kind = if only_config {
        ErrorKind::InvalidConfig
    } else {
        ErrorKind::InvalidDefinition
    };
    let mut message = format!("{} problems:", problems.len());
    for problem in problems.iter().take(PROBLEMS_SHOWN) {
        message.push_str(&format!("\n  - {}", problem.message()));
    }
    if problems.len() > PROBLEMS_SHOWN {
        message.push_str(&format!("\n  - and {} more", problems.len() - PROBLEMS_SHOWN));
    }
    Error::new(kind, message)
}

pub(super) fn unique<'a>(names: impl Iterator<Item = &'a str>, what: &str, problems: &mut Vec<Error>) {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            problems.push(Error::new(
                ErrorKind::InvalidConfig,
                format!("two {what} `{name}`; take one away"),
            ));
        }
    }
}

pub(super) fn group(asset: &Asset, key: &AssetKey) -> Option<String> {
    asset.group.clone().or_else(|| key.prefix().map(str::to_owned))
}

/// Finds manager, form and location of every asset.
fn bind(
    definitions: &Definitions,
    config: &Config,
    graph: &Graph,
    problems: &mut Vec<Error>,
) -> HashMap<AssetKey, Stored> {
    let mut binder = Binder::new(definitions, config);
    binder.check(problems);
    let mut stored = HashMap::with_capacity(graph.origins.len());
    // A manager that cannot be opened is one problem, not one for each asset.
    let mut told: HashSet<String> = problems.iter().map(|problem| problem.message().to_owned()).collect();
    for (asset, node) in definitions.assets.iter().zip(&graph.nodes) {
        for (output, key) in asset.outputs.iter().zip(&node.keys) {
            let located = own_location(asset).unwrap_or_else(|| definitions.layout.locate(key, None));
            let location = match located {
                Ok(location) => location,
                Err(error) => {
                    problems.push(definition(format!("`{key}`: {}", error.message())));
                    continue;
                }
            };
            if let Some(extension) = &output.extension
                && let Err(error) = location.with_suffix(extension)
            {
                problems.push(definition(format!("`{key}`: {}", error.message())));
            }
            #[cfg(feature = "arrow")]
            if output.columns.is_some() && output.forms.first() != Some(Form::Table) {
                problems.push(definition(format!(
                    "`{key}` declares columns, but is a value of form {}: only tables have columns",
                    output.forms
                )));
            }
            let group = group(asset, key);
            if output.forms.first() == Some(Form::Nothing) {
                stored.insert(
                    key.clone(),
                    Stored {
                        bound: None,
                        form: Form::Nothing,
                        refers: false,
                        location,
                        extension: None,
                        group,
                        kept: None,
                    },
                );
                continue;
            }
            let bound = binder.bind(output, key, group.as_deref());
            let bound = bound.and_then(|bound| Ok((binder.kept(output, key, group.as_deref(), &bound)?, bound)));
            let (kept, bound) = match bound {
                Ok(bound) => bound,
                Err(refused) => {
                    if told.insert(refused.message.clone()) {
                        // A place says more than the first asset that met the problem.
                        let said = said(asset, refused.about.as_deref().unwrap_or_default());
                        let message = match refused.placed {
                            true => refused.message,
                            false => format!("`{key}`{said}: {}", refused.message),
                        };
                        problems.push(Error::new(ErrorKind::InvalidConfig, message));
                    }
                    continue;
                }
            };
            let info = bound.manager.info();
            if let Err(error) = atomic(definitions, &bound, format_args!("`{key}`"))
                && told.insert(bound.key.clone())
            {
                problems.push(error);
            }
            match stored_form(output.forms, info.forms) {
                Some(form) => {
                    let extension = output.extension.clone();
                    let refers = output.refers;
                    stored.insert(key.clone(), Stored { bound: Some(bound), form, refers, location, extension, group, kept });
                }
                None => problems.push(definition(format!(
                    "`{key}`{} is a value of form {}, but its I/O manager `{}` ({}) takes {}; give the asset another manager with `io_manager = \"..\"`",
                    said(asset, "io_manager"), output.forms, bound.key, info.scheme, info.forms
                ))),
            }
        }
    }
    stored
}

/// Refuses a manager that could lose a value, unless that is allowed.
pub(super) fn atomic(definitions: &Definitions, bound: &Bound, value: impl Display) -> Result<()> {
    let info = bound.manager.info();
    if info.capabilities.atomic_publish || definitions.allow_non_atomic {
        return Ok(());
    }
    let message = format!(
        "the I/O manager `{}` ({}) cannot publish atomically, so that a crash could lose the old value of {value}; choose another one, or say `Definitions::allow_non_atomic()`",
        bound.key,
        root(info)
    );
    Err(Error::new(ErrorKind::InvalidConfig, message))
}

/// Refuses inputs that cannot be read as what they are stored as.
fn inputs(definitions: &Definitions, graph: &Graph, found: &Found<'_>, problems: &mut Vec<Error>) {
    for (asset, node) in definitions.assets.iter().zip(&graph.nodes) {
        let Some(consumer) = node.keys.first() else { continue };
        for ((input, key), origin) in asset.inputs.iter().zip(&node.inputs).zip(&node.made) {
            let Some(producer) = found.of(*origin, key) else {
                continue;
            };
            if let Some(problem) = misfit(input, key, producer) {
                problems.push(definition(format!("`{consumer}` {problem}")));
            }
        }
    }
}

fn resources(definitions: &Definitions, graph: &Graph, problems: &mut Vec<Error>) {
    for (asset, node) in definitions.assets.iter().zip(&graph.nodes) {
        for resource in asset
            .resources
            .iter()
            .filter(|resource| !definitions.resources.has(resource.id))
        {
            let key = node.keys.first().map(ToString::to_string).unwrap_or_default();
            problems.push(definition(format!(
                "`{key}`: {}",
                missing_resource(resource.name).message()
            )));
        }
    }
}

/// Refuses memory that is no size.
fn memories(definitions: &Definitions, graph: &Graph, problems: &mut Vec<Error>) {
    for (asset, node) in definitions.assets.iter().zip(&graph.nodes) {
        if let Some(Err(problem)) = &asset.memory {
            let key = node.keys.first().map(ToString::to_string).unwrap_or_default();
            let said = said(asset, "memory");
            problems.push(definition(format!("the memory of `{key}`{said}: {problem}")));
        }
    }
}

/// The stem that an asset wants instead of the layout's.
fn own_location(asset: &Asset) -> Option<Result<Location>> {
    asset.location.as_ref().map(|stem| stem.parse())
}

/// The form in which a value of `offered` forms is kept by a manager that takes `taken`; Nothing is never stored.
fn stored_form(offered: Forms, taken: Forms) -> Option<Form> {
    match offered.first() {
        Some(Form::Nothing) => Some(Form::Nothing),
        _ => offered.intersection(taken).first(),
    }
}
