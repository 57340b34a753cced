//! Which asset a check is of, and whether it can take what it asks for.

use super::Check;
use crate::args::missing_resource;
use crate::asset::Asset;
use crate::definitions::{ResourceSet, Stored};
use crate::graph::{Graph, definition};
use crate::reference::misfit;
use larder_io_core::{Arity, AssetKey, Error};
use std::collections::HashMap;
use std::sync::Arc;

/// A check with the assets that it means.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) check: Check,
    /// What it takes besides the value that is checked, by argument.
    pub(crate) others: Vec<(String, AssetKey)>,
}

/// The checks of each asset, in the order of the definitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks(HashMap<AssetKey, Vec<Arc<Resolved>>>);

impl Checks {
    /// The checks of one asset.
    pub(crate) fn of(&self, key: &AssetKey) -> &[Arc<Resolved>] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether one of them may keep a value of the asset back.
    pub(crate) fn blocks(&self, key: &AssetKey) -> bool {
        self.of(key).iter().any(|it| it.check.blocking)
    }

    /// How many earlier values the checks of an asset want to be told of.
    pub(crate) fn history(&self, key: &AssetKey) -> usize {
        self.of(key).iter().map(|it| it.check.history).max().unwrap_or(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Everything that checks refer to.
pub(crate) struct Known<'k> {
    pub(crate) assets: &'k [Asset],
    pub(crate) graph: &'k Graph,
    pub(crate) stored: &'k HashMap<AssetKey, Stored>,
    pub(crate) resources: &'k ResourceSet,
}

/// Finds the asset of each check. Problems are gathered, not only the first.
pub(crate) fn resolve(checks: Vec<Check>, known: &Known<'_>, problems: &mut Vec<Error>) -> Checks {
    let mut found = Checks::default();
    for check in checks {
        let name = check.name.clone();
        match one(check, known) {
            Ok((key, resolved)) => {
                let of = found.0.entry(key.clone()).or_default();
                if of.iter().any(|other| other.check.name == name) {
                    problems.push(definition(format!(
                        "`{key}` has two checks of the name `{name}`; give one of them another, by `.named(..)` or `#[check(name = \"..\")]`"
                    )));
                }
                of.push(Arc::new(resolved));
            }
            Err(message) => problems.push(definition(format!("the check `{name}`: {message}"))),
        }
    }
    found
}

fn one(check: Check, known: &Known<'_>) -> Result<(AssetKey, Resolved), String> {
    let Known {
        assets,
        graph,
        stored,
        resources,
    } = known;
    if check.name.is_empty() {
        return Err("a check has a name".to_owned());
    }
    let find = |argument: &str, from: Option<&str>| graph.find(argument, from, &[]);
    let (key, origin) = match (&check.asset, check.inputs.first()) {
        (Some(asset), _) => find(asset, Some(asset))?,
        (None, Some(first)) => find(&first.argument, first.from.as_deref())?,
        (None, None) => return Err("say of which asset it is: `asset = \"..\"`".to_owned()),
    };
    if check.blocking && assets[origin.step].function.is_none() {
        return Err(format!(
            "`{key}` is external, so that there is nothing that a check could block; leave out `blocking`"
        ));
    }
    let mut others = Vec::new();
    for (position, input) in check.inputs.iter().enumerate() {
        let (other, origin) = match position {
            0 => (key.clone(), origin),
            _ => find(&input.argument, input.from.as_deref())?,
        };
        if let Some(problem) = stored.get(&other).and_then(|stored| misfit(input, &other, stored)) {
            return Err(format!("it {problem}"));
        }
        match position {
            0 if input.arity != Arity::One => {
                return Err(format!(
                    "it is made of one value at a time: take `{}` as a value, not as `{}`",
                    input.argument, input.type_name
                ));
            }
            0 => {}
            _ if input.arity == Arity::Many || assets[origin.step].partitions.is_some() => {
                return Err(format!(
                    "`{other}` has partitions; besides its own value a check takes assets without"
                ));
            }
            _ => others.push((input.argument.clone(), other)),
        }
    }
    if let Some(lacks) = check.resources.iter().find(|it| !resources.has(it.id)) {
        return Err(missing_resource(lacks.name).message().to_owned());
    }
    Ok((key, Resolved { check, others }))
}
