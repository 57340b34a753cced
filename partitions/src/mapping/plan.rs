//! What a mapping means for two definitions, before any key is known.

use super::Mapping;
use crate::definition::{Dimension, Kind, Partitioning};
use crate::selection::Selection;
use crate::{Keyspace, invalid};
use larder_io_core::{Result, nearest};
use std::collections::BTreeMap;

/// A mapping in terms of dimensions.
pub(super) enum Plan<'a> {
    /// For each upstream dimension in order: the downstream dimension that it follows, and how.
    Each(Vec<(Option<usize>, Rule<'a>)>),
    /// Whole keys of several dimensions.
    Keys(&'a [String]),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Rule<'a> {
    Same,
    All,
    Last,
    Keys(&'a [String]),
    Table(&'a BTreeMap<String, Vec<String>>),
    Windows(i64, i64),
    Previous,
}

pub(super) fn plan<'a>(mapping: &'a Mapping, up: &Partitioning, down: Option<&Partitioning>) -> Result<Plan<'a>> {
    let downs = down.map_or(&[][..], Partitioning::dimensions);
    let ups = up.dimensions();
    match mapping {
        Mapping::Dimensions(_) => each(mapping, up, downs),
        Mapping::All => Ok(Plan::Each(ups.iter().map(|_| (None, Rule::All)).collect())),
        Mapping::Keys(keys) if ups.len() > 1 => {
            for key in keys {
                values(key, up)?
                    .iter()
                    .zip(ups)
                    .try_for_each(|(value, dimension)| accepts(dimension, value))?;
            }
            Ok(Plan::Keys(keys))
        }
        Mapping::Identity if ups.len() > 1 && ups.len() == downs.len() => {
            let follow = ups.iter().map(|dimension| {
                let from = place(downs, &dimension.name)?;
                follows(Rule::Same, dimension, &downs[from])?;
                Ok((Some(from), Rule::Same))
            });
            Ok(Plan::Each(follow.collect::<Result<_>>()?))
        }
        _ => {
            let rule = rule(mapping)?;
            let [dimension] = ups else {
                return Err(several(mapping, up, "input"));
            };
            let from = match (rule, downs) {
                (Rule::All | Rule::Last | Rule::Keys(_), _) => None,
                (_, []) => return Err(no_partitions(mapping)),
                (_, [_]) => Some(0),
                _ => return Err(several(mapping, down.unwrap_or(up), "asset")),
            };
            match from {
                Some(from) => follows(rule, dimension, &downs[from])?,
                None => constant(rule, dimension)?,
            }
            Ok(Plan::Each(vec![(from, rule)]))
        }
    }
}

fn several(mapping: &Mapping, partitioning: &Partitioning, whose: &str) -> larder_io_core::Error {
    invalid(format!(
        "the mapping `{mapping}` is of one dimension, and the {whose} has several ({partitioning}); use `Mapping::Dimensions`"
    ))
}

fn no_partitions(mapping: &Mapping) -> larder_io_core::Error {
    let message = "needs an asset with partitions; without, an input is taken by `all`, `last` or `keys`";
    invalid(format!("the mapping `{mapping}` {message}"))
}

fn rule(mapping: &Mapping) -> Result<Rule<'_>> {
    Ok(match mapping {
        Mapping::Identity => Rule::Same,
        Mapping::All => Rule::All,
        Mapping::Last => Rule::Last,
        Mapping::Keys(keys) => Rule::Keys(keys),
        Mapping::Table(table) => Rule::Table(table),
        Mapping::Windows {
            start_offset,
            end_offset,
        } => Rule::Windows((*start_offset).into(), (*end_offset).into()),
        Mapping::Previous => Rule::Previous,
        Mapping::Dimensions(_) => return Err(invalid("the mapping of one dimension is itself one of dimensions")),
    })
}

fn each<'a>(mapping: &'a Mapping, up: &Partitioning, downs: &[Dimension]) -> Result<Plan<'a>> {
    let Mapping::Dimensions(rules) = mapping else {
        return Ok(Plan::Each(Vec::new()));
    };
    let mut plan = vec![None; up.dimensions().len()];
    for one in rules {
        let at = place(up.dimensions(), &one.upstream)?;
        let dimension = &up.dimensions()[at];
        let rule = rule(&one.mapping)?;
        let from = match (&one.downstream, rule) {
            (None, Rule::All | Rule::Last | Rule::Keys(_)) => {
                constant(rule, dimension)?;
                None
            }
            (None, _) => {
                let message = format!(
                    "say which dimension of the asset it follows, in the mapping `{}`",
                    one.mapping
                );
                return Err(invalid(format!(
                    "the dimension `{}` of the input: {message}",
                    one.upstream
                )));
            }
            (Some(_), _) if downs.is_empty() => return Err(no_partitions(&one.mapping)),
            // A constant follows nothing, whatever was said.
            (Some(name), Rule::All | Rule::Last | Rule::Keys(_)) => {
                let message = format!(
                    "the mapping `{}` is the same for every partition and follows nothing",
                    one.mapping
                );
                return Err(invalid(format!(
                    "the dimension `{}` of the input cannot follow `{name}`: {message}",
                    one.upstream
                )));
            }
            (Some(name), _) => {
                let from = place(downs, name)?;
                follows(rule, dimension, &downs[from])?;
                Some(from)
            }
        };
        if plan[at].replace((from, rule)).is_some() {
            return Err(invalid(format!(
                "the dimension `{}` of the input is mapped twice",
                one.upstream
            )));
        }
    }
    for (slot, dimension) in plan.iter_mut().zip(up.dimensions()) {
        if slot.is_some() {
            continue;
        }
        *slot = Some(match downs.iter().position(|down| down.name == dimension.name) {
            None => (None, Rule::All),
            Some(from) => {
                let rule = match (&dimension.kind, &downs[from].kind) {
                    (Kind::Time(up), Kind::Time(down)) if !up.same_windows(down) => Rule::Windows(0, 0),
                    _ => Rule::Same,
                };
                follows(rule, dimension, &downs[from])?;
                (Some(from), rule)
            }
        });
    }
    Ok(Plan::Each(plan.into_iter().flatten().collect()))
}

fn place(dimensions: &[Dimension], name: &str) -> Result<usize> {
    dimensions
        .iter()
        .position(|dimension| *dimension.name == *name)
        .ok_or_else(|| {
            let names: Vec<&str> = dimensions.iter().map(|dimension| &*dimension.name).collect();
            let near = nearest(name, names.iter().copied());
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            invalid(format!(
                "a mapping names the dimension `{name}`, and there are `{}`{near}",
                names.join("`, `")
            ))
        })
}

/// Refuses a rule that cannot take one dimension to the other.
fn follows(rule: Rule<'_>, up: &Dimension, down: &Dimension) -> Result<()> {
    let pair = format!("the input's {up} and the asset's {down}");
    match (rule, &up.kind, &down.kind) {
        (Rule::Same, Kind::Time(one), Kind::Time(other)) if one.same_windows(other) => Ok(()),
        (Rule::Same, Kind::Time(_), Kind::Time(_)) => Err(invalid(format!(
            "{pair} are not the same windows; use `Mapping::Windows`"
        ))),
        (Rule::Same, Kind::Time(_), _) | (Rule::Same, _, Kind::Time(_)) => {
            let message = "have nothing in common; use `Mapping::All`, `Last`, `Keys` or `Table`";
            Err(invalid(format!("{pair} {message}")))
        }
        (Rule::Same, Kind::Fixed(one), Kind::Fixed(other)) => {
            match other.iter().find(|value| one.index_of(value).is_none()) {
                None => Ok(()),
                Some(lacks) => {
                    let problem = one.problem(lacks);
                    Err(invalid(format!(
                        "{pair} are not the same: the input has no `{lacks}`, {problem}; use `Mapping::Table`"
                    )))
                }
            }
        }
        (Rule::Same, Kind::Dynamic(one), Kind::Dynamic(other)) if one != other => Err(invalid(format!(
            "{pair} are different sets of dynamic values; use `Mapping::All`, `Last` or `Keys`"
        ))),
        (Rule::Same, ..) => Ok(()),
        (Rule::Windows(start, end), Kind::Time(_), Kind::Time(_)) => match start <= end {
            true => Ok(()),
            false => Err(invalid(format!(
                "windows shifted by {start} at the start and {end} at the end are empty"
            ))),
        },
        (Rule::Windows(..), ..) => Err(invalid(format!(
            "{pair} are not both windows of time, as `Mapping::Windows` needs"
        ))),
        (Rule::Previous, Kind::Dynamic(_), _) => Err(invalid(format!(
            "{pair}: dynamic values come and go, so that none has another before it for good"
        ))),
        (Rule::Previous, one, other) if one == other => Ok(()),
        (Rule::Previous, ..) => Err(invalid(format!(
            "{pair} differ; `Mapping::Previous` is of one and the same, use `Mapping::windows(-1, -1)`"
        ))),
        (Rule::Table(_), _, Kind::Time(_)) => Err(invalid(format!(
            "{pair}: a table is for lists of values, not for windows"
        ))),
        (Rule::Table(table), _, down_kind) => {
            table.values().flatten().try_for_each(|value| accepts(up, value))?;
            let Kind::Fixed(values) = down_kind else {
                return Ok(());
            };
            table.keys().try_for_each(|key| accepts(down, key))?;
            match values.iter().find(|value| !table.contains_key(*value)) {
                None => Ok(()),
                Some(lacks) => {
                    let message = "say what it is made from, or an empty list if nothing";
                    Err(invalid(format!(
                        "the table of a mapping has no `{lacks}`, a value of the asset's {down}; {message}"
                    )))
                }
            }
        }
        (Rule::All | Rule::Last | Rule::Keys(_), ..) => constant(rule, up),
    }
}

fn constant(rule: Rule<'_>, up: &Dimension) -> Result<()> {
    match rule {
        Rule::Keys(keys) => keys.iter().try_for_each(|value| accepts(up, value)),
        _ => Ok(()),
    }
}

/// Refuses a value that will never be one.
fn accepts(dimension: &Dimension, value: &str) -> Result<()> {
    let problem = match &dimension.kind {
        Kind::Fixed(list) if list.index_of(value).is_none() => list.problem(value),
        Kind::Time(spec) => match spec.never(value) {
            Some(problem) => problem,
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let shown = value.escape_debug();
    Err(invalid(format!(
        "a mapping names `{shown}`, which is no value of {dimension}: {problem}"
    )))
}

/// The values of a key of several dimensions, in their order.
pub(super) fn values(key: &str, partitioning: &Partitioning) -> Result<Vec<String>> {
    let mut given = key.parse::<Selection>()?.one().ok_or_else(|| {
        let names: Vec<&str> = partitioning.names().collect();
        invalid(format!(
            "a mapping names `{key}`, which is no key; write one as in `{}=..`",
            names.join("=..,")
        ))
    })?;
    let mut values = Vec::new();
    for name in partitioning.names() {
        let place = given.iter().position(|(known, _)| known.as_deref() == Some(name));
        let place = place.ok_or_else(|| invalid(format!("a mapping names the key `{key}`, which has no `{name}`")))?;
        values.push(given.swap_remove(place).1);
    }
    match given.first() {
        None => Ok(values),
        Some((name, _)) => {
            let name = name.as_deref().unwrap_or_default();
            Err(invalid(format!(
                "a mapping names the key `{key}`, and there is no dimension `{name}`"
            )))
        }
    }
}

/// The point of a key of several dimensions; `None` when it does not exist yet.
pub(super) fn point(key: &str, space: &Keyspace) -> Result<Option<Vec<u64>>> {
    let values = values(key, space.partitioning())?;
    Ok(space
        .axes()
        .iter()
        .zip(&values)
        .map(|(axis, value)| axis.index_of(value))
        .collect())
}
