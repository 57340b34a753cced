//! By what assets are parted, and which partitions of its inputs each is made from.

use crate::asset::{Asset, InputSpec};
use crate::graph::{Graph, Origin, definition, said};
use larder_io_core::{Arity, AssetKey, Error, Form, Forms};
use larder_partitions::{Mapping, Partitioning};

/// The partitions of one step.
#[derive(Debug, Default)]
pub(crate) struct Parted {
    /// By what it is parted.
    pub(crate) partitioning: Option<Partitioning>,
    /// For each input that has partitions: which of them.
    pub(crate) inputs: Vec<Option<Taken>>,
    /// Whether one call makes many partitions.
    pub(crate) many: bool,
}

/// Which partitions of an input are taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) mapping: Mapping,
    /// Whether it is never more than one.
    pub(crate) single: bool,
}

/// Finds it for every step. Problems are gathered.
pub(super) fn parted(assets: &[Asset], graph: &Graph, problems: &mut Vec<Error>) -> Vec<Parted> {
    let mut all: Vec<Parted> = Vec::with_capacity(assets.len());
    for (asset, node) in assets.iter().zip(&graph.nodes) {
        let many = asset.outputs.iter().any(|output| output.arity == Arity::Many);
        let name = || node.keys.first().map(ToString::to_string).unwrap_or_default();
        let partitioning = match &asset.partitions {
            Some(Ok(partitioning)) => Some(partitioning.clone()),
            Some(Err(problem)) => {
                problems.push(definition(format!(
                    "`{}`{}: {problem}",
                    name(),
                    said(asset, "partitions")
                )));
                None
            }
            None if many => {
                let advice = "say by what it is parted, with `partitions = ..`, or return the value itself";
                problems.push(definition(format!(
                    "`{}` returns `Partitions`, but has no partitions; {advice}",
                    name()
                )));
                None
            }
            None => None,
        };
        all.push(Parted {
            partitioning,
            inputs: Vec::new(),
            many,
        });
    }
    for step in 0..all.len() {
        let node = &graph.nodes[step];
        let inputs = assets[step].inputs.iter().zip(&node.inputs).zip(&node.made);
        let taken = inputs.map(|((input, key), origin)| {
            taken(&all, step, input, key, *origin).unwrap_or_else(|problem| {
                let consumer = graph.nodes[step]
                    .keys
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let said = said(&assets[step], "partitions");
                let what = format!("`{consumer}`{said} takes `{}: {}`", input.argument, input.type_name);
                problems.push(definition(format!("{what}, but {problem}")));
                None
            })
        });
        all[step].inputs = taken.collect();
    }
    all
}

fn taken(
    all: &[Parted],
    step: usize,
    input: &InputSpec,
    key: &AssetKey,
    origin: Origin,
) -> Result<Option<Taken>, String> {
    let own = all[step].partitioning.as_ref();
    let Some(upstream) = &all[origin.step].partitioning else {
        return match (&input.mapping, input.arity) {
            (Some(mapping), _) => Err(format!("`{key}` has no partitions of which `{mapping}` could be some")),
            (None, Arity::Many) => Err(format!("`{key}` has no partitions; take the value itself")),
            (None, _) => Ok(None),
        };
    };
    let said = |error: Error| format!("of `{key}`: {}", error.message());
    let mapping = match &input.mapping {
        Some(mapping) => mapping.clone(),
        None => Mapping::default_for(upstream, own).map_err(said)?,
    };
    mapping.check(upstream, own).map_err(said)?;
    if origin.step == step {
        if !mapping.is_earlier(upstream).map_err(said)? {
            return Err(format!(
                "by `{mapping}` it would be made from itself; use `Mapping::Previous`, or windows that end before: `Mapping::windows(-7, -1)`"
            ));
        }
        if all[step].many {
            return Err(
                "it makes many partitions in one call, none of which could see another; return one value".to_owned(),
            );
        }
    }
    // A call that makes many partitions takes what all of them are made from.
    let single = mapping.is_single(upstream, own).map_err(said)? && !all[step].many;
    let table = input.forms.contains(Form::Table);
    let waits = input.forms == Forms::of([Form::Nothing]);
    match input.arity {
        Arity::Maybe if !single => Err(format!(
            "by `{mapping}` it may be made from many partitions of `{key}`; take `Partitions<T>` with `#[allow_missing]`"
        )),
        Arity::One if !single && !table && !waits => Err(format!(
            "by `{mapping}` it may be made from many partitions of `{key}`; take `Partitions<T>`"
        )),
        Arity::One if single && input.allow_missing => {
            Err("of one partition there is nothing to leave out; take `Maybe<T>`".to_owned())
        }
        _ => Ok(Some(Taken { mapping, single })),
    }
}
