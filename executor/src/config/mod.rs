//! `larder.toml`: managers, profiles and bindings outside of the code.
//!
//! Strings are kept as they stand until a manager is opened: a variable or a file that only another profile needs may be
//! missing.

mod interpolate;
mod item;
mod layer;
mod manager;
mod observe;
mod pattern;
mod place;
mod report;
mod resources;
mod run;
mod schema;
mod sql;

pub(crate) use interpolate::fill;
pub(crate) use layer::{DEFAULT_KEY, INLINE_MOST, ManagerTable};
pub(crate) use manager::{Resolved, Surroundings};
pub(crate) use observe::{ObserveLine, ObserveTable};
pub(crate) use pattern::{Binding, Kept, Line, Lines, Pattern};
pub(crate) use place::Place;
pub use report::{
    BindingReport, ConfigReport, ManagerReport, ObserverReport, QueryReport, ResourceReport, SettingReport,
};
pub(crate) use resources::{Given, OWN};
pub(crate) use run::RunTable;
pub(crate) use schema::schema;
pub(crate) use sql::ParameterTable;

use crate::home;
use larder_io_core::{Backend, Error, ErrorKind, Result, nearest};
use layer::Layer;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the configuration is read from.
#[derive(Clone, Default)]
pub(crate) enum Source {
    /// `LARDER_CONFIG`, else `larder.toml` here or above.
    #[default]
    Search,
    /// `LARDER_CONFIG`, else this file.
    File(PathBuf),
    /// This text.
    Text(String),
    /// Nowhere.
    Nothing,
}

/// A profile that was asked for, and by what.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) by: String,
}

/// Whose values a branch reads where it has none.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    /// `None` for the file without a profile.
    pub(crate) profile: Option<String>,
    pub(crate) place: Place,
}

/// What stands for the file without a profile.
const BASE: &str = "base";

/// What the configuration says under one profile.
#[derive(Default)]
pub(crate) struct Config {
    /// The file, when there is one.
    pub(crate) file: Option<PathBuf>,
    /// What relative paths are below.
    pub(crate) directory: PathBuf,
    pub(crate) profile: Option<String>,
    /// The profile from which this one reads what it lacks.
    pub(crate) parent: Option<Parent>,
    /// All that can be asked for.
    pub(crate) profiles: Vec<String>,
    /// The default manager, before variables are put in, and whether the profile names it.
    pub(crate) default: Option<(String, Place, bool)>,
    /// The layout's name, when one is given.
    pub(crate) layout: Option<String>,
    pub(crate) managers: BTreeMap<String, ManagerTable>,
    /// `[resources]`.
    pub(crate) resources: BTreeMap<String, ManagerTable>,
    /// `[bind]`.
    pub(crate) bindings: Lines<Binding>,
    /// `[retention]`.
    pub(crate) retention: Lines<Kept>,
    /// How large a value may be of which the catalogue keeps a copy, where that is said.
    pub(crate) inline_bytes: Option<usize>,
    /// `[run]`.
    pub(crate) run: RunTable,
    /// `[observe]`.
    pub(crate) observe: ObserveTable,
    /// What runs queries that name no engine, and who says so.
    pub(crate) engine: Option<(String, String)>,
    /// `[engines]`.
    pub(crate) engines: BTreeMap<String, ManagerTable>,
    /// `[parameters]`.
    pub(crate) parameters: ParameterTable,
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

impl Config {
    /// Finds and reads the configuration.
    ///
    /// # Errors
    /// `InvalidConfig` for a file that cannot be read or is wrong, with the place; for a profile that is not there.
    pub(crate) fn read(
        source: &Source,
        variable: &dyn Fn(&str) -> Option<String>,
        wanted: Option<Wanted>,
        backends: &[Arc<dyn Backend>],
    ) -> Result<Self> {
        let here = std::env::current_dir()
            .map_err(|error| wrong(format!("the working directory cannot be found: {error}")))?;
        let (file, text) = match source {
            Source::Nothing => return Ok(Self::default()),
            Source::Text(text) => (None, text.clone()),
            Source::Search | Source::File(_) => match located(source, variable, &here) {
                Some((file, by)) => {
                    let text = std::fs::read_to_string(&file)
                        .map_err(|error| wrong(format!("`{}`, {by}, cannot be read: {error}", file.display())))?;
                    (Some(file), text)
                }
                None => match wanted {
                    Some(Wanted { name, by }) => {
                        let message = format!(
                            "{by} asks for the profile `{name}`, but there is no {} in {} or above; write one, or name it with {}",
                            home::CONFIG_FILE,
                            here.display(),
                            home::CONFIG_VARIABLE
                        );
                        return Err(wrong(message));
                    }
                    None => return Ok(Self::default()),
                },
            },
        };
        let shown = match &file {
            Some(file) => file.strip_prefix(&here).unwrap_or(file).display().to_string(),
            None => home::CONFIG_FILE.to_owned(),
        };
        let mut parent = None;
        let directory = file.as_deref().and_then(Path::parent).unwrap_or(&here).to_path_buf();
        let (base, mut profiles) = layer::read(&shown, &text)?;
        let names: Vec<String> = profiles.iter().map(|(name, _, _)| name.clone()).collect();
        let chosen = match &wanted {
            None => None,
            Some(wanted) => match profiles.iter().position(|(name, _, _)| *name == wanted.name) {
                Some(at) => {
                    let mut chosen = profiles.swap_remove(at).2;
                    parent = chosen
                        .parent
                        .take()
                        .map(|(name, place)| parent_of(&wanted.name, name, place, &names))
                        .transpose()?;
                    Some(chosen)
                }
                None => return Err(unknown_profile(wanted, &names, &shown)),
            },
        };
        let merged = Self {
            file,
            directory,
            profile: wanted.map(|wanted| wanted.name),
            parent,
            profiles: names,
            ..Self::default()
        };
        merged.layered(base, chosen.unwrap_or_default(), backends)
    }

    fn layered(mut self, base: Layer, profile: Layer, backends: &[Arc<dyn Backend>]) -> Result<Self> {
        let canonical = |scheme: &str| {
            let scheme = scheme.to_ascii_lowercase();
            let backend = backends
                .iter()
                .find(|backend| backend.schemes().contains(&scheme.as_str()));
            backend.map_or(scheme.clone(), |backend| backend.scheme().to_owned())
        };
        let of_profile = profile.io_manager.map(|(text, place)| (text, place, true));
        self.default = of_profile.or(base.io_manager.map(|(text, place)| (text, place, false)));
        self.layout = profile.layout.or(base.layout).map(|(name, _)| name);
        self.managers = laid_over(base.managers, profile.managers, |a, b| canonical(a) == canonical(b));
        self.resources = laid_over(base.resources, profile.resources, |_, _| true);
        self.bindings = Lines {
            of_profile: profile.bindings,
            of_base: base.bindings,
        };
        self.inline_bytes = profile.inline_bytes.or(base.inline_bytes);
        self.retention = Lines {
            of_profile: profile.retention,
            of_base: base.retention,
        };
        self.run = RunTable::merged(base.run, profile.run)?;
        self.observe = ObserveTable::merged(base.observe, profile.observe);
        let engine = |(name, place): (String, Place), of_profile| (name, self.told(&place, of_profile));
        let of_profile = profile.engine.map(|line| engine(line, true));
        self.engine = of_profile.or(base.engine.map(|line| engine(line, false)));
        self.engines = laid_over(base.engines, profile.engines, |a, b| a.eq_ignore_ascii_case(b));
        self.parameters = ParameterTable::merged(base.parameters, profile.parameters);
        Ok(self)
    }

    /// The place of a manager's table, and of what the profile adds to it.
    pub(crate) fn place(&self, table: &ManagerTable) -> String {
        match &table.profile {
            Some(place) if *place == table.place => self.told(place, true),
            Some(place) => format!("{} and {}", table.place, self.told(place, true)),
            None => table.place.to_string(),
        }
    }

    /// `larder.toml:3:1`, with the profile when it is the profile's.
    pub(crate) fn told(&self, place: &Place, of_profile: bool) -> String {
        match self.profile.as_deref().filter(|_| of_profile) {
            Some(profile) => format!("{place} in the profile `{profile}`"),
            None => place.to_string(),
        }
    }
}

/// Tables by key: what the profile says goes over what the base says.
fn laid_over(
    base: Vec<ManagerTable>,
    profile: Vec<ManagerTable>,
    same_backend: impl Fn(&str, &str) -> bool,
) -> BTreeMap<String, ManagerTable> {
    let base = base.into_iter().map(|table| (table.key.clone(), table));
    let mut tables: BTreeMap<String, ManagerTable> = base.collect();
    for table in profile {
        let merged = match tables.remove(&table.key) {
            Some(base) => base.overridden(&table, &same_backend),
            None => ManagerTable {
                profile: Some(table.place.clone()),
                ..table
            },
        };
        tables.insert(merged.key.clone(), merged);
    }
    tables
}

/// The parent that a profile names.
fn parent_of(profile: &str, name: String, place: Place, names: &[String]) -> Result<Parent> {
    if name == profile {
        return Err(place.wrong(format_args!("the profile `{profile}` is its own parent")));
    }
    if names.contains(&name) {
        let profile = Some(name);
        return Ok(Parent { profile, place });
    }
    match name.as_str() {
        BASE => Ok(Parent { profile: None, place }),
        _ => {
            let known = names.iter().map(String::as_str).filter(|known| *known != profile);
            let hint = match nearest(&name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("`{BASE}` means this file without a profile"),
            };
            Err(place.wrong(format_args!("there is no profile `{name}`; {hint}")))
        }
    }
}

fn located(source: &Source, variable: &dyn Fn(&str) -> Option<String>, here: &Path) -> Option<(PathBuf, String)> {
    if let Some(file) = variable(home::CONFIG_VARIABLE) {
        return Some((here.join(file), format!("which {} names", home::CONFIG_VARIABLE)));
    }
    match source {
        Source::File(file) => Some((here.join(file), "which `Definitions::config_file` names".to_owned())),
        _ => home::config_file(here).map(|file| (file, "which was found".to_owned())),
    }
}

fn unknown_profile(wanted: &Wanted, names: &[String], file: &str) -> Error {
    let Wanted { name, by } = wanted;
    let known = match names.is_empty() {
        true => format!("it has none; a profile begins with `[profile.{name}]`"),
        false => format!("there are {}", names.join(", ")),
    };
    let near = nearest(name, names.iter().map(String::as_str));
    let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    wrong(format!(
        "{file} has no profile `{name}`, which {by} asks for; {hint}{known}"
    ))
}

#[cfg(test)]
mod tests;
