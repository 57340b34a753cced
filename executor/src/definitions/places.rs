//! Assets whose values would lie at one place, or one within another.

use super::binding::Bound;
use super::pipeline::Stored;
use crate::graph::{Graph, Origin, definition};
use crate::policy::root;
use larder_io_core::{AssetKey, Error, Form};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// What is stored, by the place of an asset in the graph: most steps make one asset, which is looked up once, however often it is asked for.
pub(super) struct Found<'a> {
    stored: &'a HashMap<AssetKey, Stored>,
    firsts: Vec<Option<&'a Stored>>,
}

impl<'a> Found<'a> {
    pub(super) fn new(graph: &Graph, stored: &'a HashMap<AssetKey, Stored>) -> Self {
        let firsts = graph.nodes.iter().map(|node| stored.get(node.keys.first()?));
        Self {
            stored,
            firsts: firsts.collect(),
        }
    }

    pub(super) fn of(&self, origin: Origin, key: &AssetKey) -> Option<&'a Stored> {
        match origin.output {
            0 => self.firsts[origin.step],
            _ => self.stored.get(key),
        }
    }
}

/// Every asset with its place in the graph.
fn all(graph: &Graph) -> impl Iterator<Item = (Origin, &AssetKey)> {
    graph.nodes.iter().enumerate().flat_map(|(step, node)| {
        let keys = node.keys.iter().enumerate();
        keys.map(move |(output, key)| (Origin { step, output }, key))
    })
}

/// Refuses two assets at one place, and two that only a disk with letter case could tell apart.
pub(super) fn locations(graph: &Graph, found: &Found<'_>, problems: &mut Vec<Error>) {
    // Managers of one root are one place, however many keys they have.
    let mut roots: HashMap<(&str, &str), usize> = HashMap::new();
    let mut last: Option<(&Arc<Bound>, usize)> = None;
    let mut taken: HashMap<(usize, Cow<'_, str>), (Origin, &AssetKey)> = HashMap::with_capacity(found.stored.len());
    for (origin, key) in all(graph) {
        let Some(Stored {
            bound: Some(bound),
            location,
            ..
        }) = found.of(origin, key)
        else {
            continue;
        };
        let info = bound.manager.info();
        let at = match last {
            // Most assets have the manager of the one before.
            Some((before, at)) if Arc::ptr_eq(before, bound) => at,
            _ => {
                let next = roots.len();
                *roots.entry((info.scheme.as_str(), info.root.as_str())).or_insert(next)
            }
        };
        last = Some((bound, at));
        let lower = location
            .as_str()
            .chars()
            .all(|c| c.is_ascii() && !c.is_ascii_uppercase());
        let place = match lower {
            true => (at, Cow::Borrowed(location.as_str())),
            false => (at, Cow::Owned(location.as_str().to_lowercase())),
        };
        let Some((at, other)) = taken.insert(place, (origin, key)) else {
            continue;
        };
        let same = found.of(at, other).is_some_and(|other| other.location == *location);
        let problem = if same {
            "the same place"
        } else {
            "places that differ only in case, which many disks do not tell apart"
        };
        problems.push(definition(format!(
            "`{other}` and `{key}` would be stored at {problem}: `{location}` in {}; rename one of them",
            root(info)
        )));
    }
}

/// Refuses an asset within another, where a file has the name of a directory: neither can be stored beside the other, and
/// a partition of the one could be the other.
pub(super) fn nested(graph: &Graph, stored: &HashMap<AssetKey, Stored>, problems: &mut Vec<Error>) {
    let mut paths: HashMap<(&str, &str, String), &AssetKey> = HashMap::new();
    for key in graph.nodes.iter().flat_map(|node| &node.keys) {
        let Some((stored, bound)) = stored
            .get(key)
            .and_then(|stored| Some((stored, stored.bound.as_ref()?)))
        else {
            continue;
        };
        let info = bound.manager.info();
        let format = info.formats.iter().find(|(form, _)| *form == stored.form.name());
        let suffixes = match (stored.form, format) {
            (Form::Blob, _) => vec![stored.extension.as_deref().unwrap_or("bin")],
            // What a manager that chooses the format chooses from.
            (Form::Table, Some((_, format))) if format == "auto" => vec!["parquet", "arrow"],
            (Form::Table, Some((_, format))) => vec![format.as_str()],
            _ => vec![""],
        };
        for suffix in suffixes {
            let path = match suffix {
                "" => stored.location.to_string(),
                suffix => format!("{}.{suffix}", stored.location),
            };
            if let Some(other) = paths.insert((&info.scheme, &info.root, path.clone()), key) {
                problems.push(definition(format!(
                    "`{other}` and `{key}` would both be stored as `{path}`: in the dagster layout an object has no suffix, and its name may end as that of a table; rename one of them"
                )));
            }
        }
    }
    let places = graph.nodes.iter().flat_map(|node| &node.keys).filter_map(|key| {
        let stored = stored.get(key)?;
        let info = stored.bound.as_ref()?.manager.info();
        Some((
            (info.scheme.as_str(), info.root.as_str(), stored.location.as_str()),
            key,
        ))
    });
    let places: HashMap<_, _> = places.collect();
    for ((scheme, root, location), key) in &places {
        let parents = location.char_indices().filter(|(_, c)| *c == '/');
        for (end, _) in parents {
            if let Some(other) = places.get(&(*scheme, *root, &location[..end])) {
                problems.push(definition(format!(
                    "`{key}` would be stored within `{other}`: in the dagster layout `{}` is a file, and the partitions of `{other}` are below it; rename one of them",
                    &location[..end]
                )));
            }
        }
    }
}
