//! The document's known parts: the base and the profiles.

use super::item::{Entry, Item, Value, parse};
use super::observe::{OBSERVE, ObserveTable};
use super::pattern::{Binding, Kept, Pattern};
use super::place::Place;
use super::resources::{self, RESOURCES};
use super::run::{RUN, RunTable};
use super::sql::{ENGINE, ENGINES, PARAMETERS, ParameterTable};
use larder_io_core::{Error, Result, Retention, nearest};

/// What the base or one profile says.
#[derive(Default)]
pub(super) struct Layer {
    /// The default manager.
    pub(super) io_manager: Option<(String, Place)>,
    /// The layout's name.
    pub(super) layout: Option<(String, Place)>,
    pub(super) managers: Vec<ManagerTable>,
    pub(super) resources: Vec<ManagerTable>,
    pub(super) bindings: Vec<Binding>,
    pub(super) retention: Vec<Kept>,
    pub(super) inline_bytes: Option<usize>,
    pub(super) run: RunTable,
    pub(super) observe: ObserveTable,
    pub(super) engine: Option<(String, Place)>,
    pub(super) engines: Vec<ManagerTable>,
    pub(super) parameters: ParameterTable,
    /// Of a profile: the one from which it reads what it lacks.
    pub(super) parent: Option<(String, Place)>,
}

/// One table of `[io_managers]`, `[engines]` or `[resources]`.
#[derive(Clone)]
pub(crate) struct ManagerTable {
    pub(crate) key: String,
    pub(crate) place: Place,
    /// Where the profile speaks of it; the same as `place` when only the profile does.
    pub(crate) profile: Option<Place>,
    pub(crate) entries: Vec<Entry>,
}

/// A profile's name, its place and what it says.
pub(super) type Profile = (String, Place, Layer);

/// What the default manager is called.
pub(crate) const DEFAULT_KEY: &str = "io_manager";
const LAYOUT: &str = "layout";
const PARTS: [&str; 12] = [
    DEFAULT_KEY,
    LAYOUT,
    "io_managers",
    RESOURCES,
    "bind",
    RETENTION,
    INLINE,
    RUN,
    OBSERVE,
    ENGINE,
    ENGINES,
    PARAMETERS,
];
const PROFILE: &str = "profile";
/// How large a value may be of which the catalogue keeps a copy.
const INLINE: &str = "inline_bytes";
/// Bytes of such a value at most: a question for the history of a value reads up to a thousand of them.
pub(crate) const INLINE_MOST: usize = 64 << 10;
/// What a branch names.
const PARENT: &str = "parent";
/// The table of retention by pattern, and the key of it in a manager's table.
pub(super) const RETENTION: &str = "retention";

/// Reads a document.
///
/// # Errors
/// `InvalidConfig` with the place of what is no TOML, unknown, or of a wrong type.
pub(super) fn read(file: &str, text: &str) -> Result<(Layer, Vec<Profile>)> {
    let (own, profiles): (Vec<Entry>, Vec<Entry>) =
        parse(file, text)?.into_iter().partition(|entry| entry.key != PROFILE);
    let mut named = Vec::new();
    for entry in profiles {
        for profile in entry.item.table("`profile`, which holds a table for each profile,")? {
            let what = format!("the profile `{}`", profile.key);
            named.push((
                profile.key,
                profile.place,
                layer(profile.item.table(&what)?, &[PARENT])?,
            ));
        }
    }
    Ok((layer(own, &[PROFILE])?, named))
}

fn layer(entries: Vec<Entry>, more: &[&'static str]) -> Result<Layer> {
    let mut layer = Layer::default();
    for entry in entries {
        match entry.key.as_str() {
            DEFAULT_KEY => layer.io_manager = Some(entry.item.text("`io_manager`, a manager's key or URL,")?),
            LAYOUT => layer.layout = Some(layout(entry.item)?),
            "io_managers" => {
                layer.managers = tables(entry.item, "`io_managers`", "the I/O manager")?;
                if let Some(manager) = layer.managers.iter().find(|manager| manager.key == DEFAULT_KEY) {
                    let problem = "`io_manager` means the default I/O manager; give this one another key";
                    return Err(manager.place.wrong(problem));
                }
            }
            RESOURCES => layer.resources = resources::read(entry.item)?,
            "bind" => {
                for bound in entry
                    .item
                    .table("`bind`, which has a manager's key for each pattern,")?
                {
                    layer.bindings.push(binding(bound.key, bound.place, bound.item)?);
                }
            }
            PARENT if more.contains(&PARENT) => {
                layer.parent = Some(
                    entry
                        .item
                        .text("`parent`, the profile from which a branch reads what it lacks,")?,
                );
            }
            INLINE => layer.inline_bytes = Some(entry.item.size("`inline_bytes`", INLINE_MOST)?),
            RUN => layer.run = RunTable::read(entry.item)?,
            OBSERVE => layer.observe = ObserveTable::read(entry.item)?,
            ENGINE => layer.engine = Some(entry.item.text("`engine`, the name of what runs queries,")?),
            ENGINES => {
                layer.engines = tables(
                    entry.item,
                    "`engines`, which has a table for each engine,",
                    "the engine",
                )?
            }
            PARAMETERS => layer.parameters = ParameterTable::read(entry.item)?,
            RETENTION => {
                for line in entry
                    .item
                    .table("`retention`, which says for each pattern how long versions are kept,")?
                {
                    let pattern = Pattern::parse(&line.key).map_err(|problem| line.place.wrong(problem))?;
                    layer.retention.push(Kept {
                        pattern,
                        retention: retention(line.item)?,
                        place: line.place,
                    });
                }
            }
            unknown => return Err(entry.place.wrong(stranger(unknown, more))),
        }
    }
    Ok(layer)
}

/// Tables by key, each with an address and settings.
fn tables(item: Item, what: &str, one: &str) -> Result<Vec<ManagerTable>> {
    let table = |entry: Entry| {
        let entries = entry.item.table(&format!("{one} `{}`", entry.key))?;
        Ok(ManagerTable {
            key: entry.key,
            place: entry.place,
            profile: None,
            entries,
        })
    };
    item.table(what)?.into_iter().map(table).collect()
}

/// `last 5`, `30 days`, `forever`.
pub(super) fn retention(item: Item) -> Result<Retention> {
    let (text, place) = item.text("a retention, such as `last 5`,")?;
    text.parse().map_err(|error: Error| place.wrong(error.message()))
}

/// The name of a layout that is there.
fn layout(item: Item) -> Result<(String, Place)> {
    let (name, place) = item.text("`layout`")?;
    if crate::layout::named(&name).is_some() {
        return Ok((name, place));
    }
    let known = crate::layout::NAMES;
    Err(place.wrong(match nearest(&name, known) {
        Some(near) => format!("there is no layout `{name}`; did you mean `{near}`?"),
        None => format!("there is no layout `{name}`; there are {}", known.join(", ")),
    }))
}

fn binding(pattern: String, place: Place, item: Item) -> Result<Binding> {
    let parsed = Pattern::parse(&pattern).map_err(|problem| place.wrong(problem))?;
    let mut settings = Vec::new();
    let item = match item.value {
        Value::Table(entries) => {
            let mut manager = None;
            for entry in entries {
                match entry.key.as_str() {
                    MANAGER => manager = Some(entry.item),
                    RETENTION => {
                        let problem = format!("how long versions are kept stands in `[{RETENTION}]`, for each pattern");
                        return Err(entry.place.wrong(problem));
                    }
                    known if known == URL || POLICIES.contains(&known) => {
                        let problem =
                            format!("`{known}` is of the I/O manager itself: write it into `[io_managers.KEY]`");
                        return Err(entry.place.wrong(problem));
                    }
                    _ => settings.push(entry),
                }
            }
            manager.ok_or_else(|| {
                place.wrong(format_args!(
                    "`{pattern}` is bound to nothing; write `{MANAGER} = \"..\"`, a manager's key"
                ))
            })?
        }
        _ => item,
    };
    let (manager, manager_place) = item.text(&format!("what `{pattern}` is bound to, a manager's key,"))?;
    Ok(Binding {
        pattern: parsed,
        place,
        manager,
        manager_place,
        settings,
    })
}

fn stranger(unknown: &str, more: &[&'static str]) -> String {
    let known: Vec<&str> = PARTS.iter().chain(more).copied().collect();
    match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("there is no key `{unknown}`; did you mean `{near}`?"),
        None => format!("there is no key `{unknown}` here; there are {}", known.join(", ")),
    }
}

impl ManagerTable {
    /// Adds what a profile says: its keys replace the base's. Where its URL is of another backend, the base's settings
    /// mean nothing to that one and are left out; the policies stay.
    pub(super) fn overridden(mut self, by: &Self, same_backend: impl Fn(&str, &str) -> bool) -> Self {
        let url = |table: &Self| {
            let entry = table.entries.iter().find(|entry| entry.key == URL)?;
            entry.item.clone().text(URL).ok()
        };
        if let (Some((base, _)), Some((profile, _))) = (url(&self), url(by))
            && !same_backend(scheme(&base), scheme(&profile))
        {
            self.entries
                .retain(|entry| entry.key == RETENTION || POLICIES.contains(&entry.key.as_str()));
        }
        self.entries
            .retain(|entry| !by.entries.iter().any(|other| other.key == entry.key));
        self.entries.extend(by.entries.iter().cloned());
        self.profile = Some(by.place.clone());
        self
    }
}

/// The key that names the manager where a binding has settings too.
const MANAGER: &str = "manager";
/// The key of a manager's address.
pub(super) const URL: &str = "url";
/// Keys of a manager's table that are no settings of its backend.
pub(super) const POLICIES: [&str; 3] = ["retry", "timeout", "max_concurrent"];

fn scheme(url: &str) -> &str {
    url.split_once(':').map_or(url, |(scheme, _)| scheme)
}
