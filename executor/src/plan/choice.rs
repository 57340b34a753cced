//! Which partitions of each selected asset are meant.

use super::spaces::{Follows, Spaces};
use crate::definitions::Pipeline;
use crate::graph::definition;
use crate::selection::Selected;
use larder_io_core::{AssetKey, Error, Result};
use larder_partitions::PartitionSet;
use std::collections::{HashMap, HashSet};

/// The partitions of every selected step that has some.
///
/// Without a text, all. A text is for the assets that are named; where some of these depend on others, for the first of them. The
/// others follow by their mappings: what is made from the chosen partitions, and for assets that come in by `+asset`, what
/// the chosen ones are made from.
pub(super) fn choose(
    pipeline: &Pipeline,
    selected: &Selected,
    text: Option<&str>,
    spaces: &Spaces,
) -> Result<HashMap<usize, PartitionSet>> {
    let parted = |step: &usize| spaces.of(*step).map(|space| (*step, space));
    let Some(text) = text else {
        return Ok(selected
            .steps
            .iter()
            .filter_map(parted)
            .map(|(step, space)| (step, space.all()))
            .collect());
    };
    let first = firsts(pipeline, selected, spaces);
    if first.is_empty() {
        return Err(definition(format!(
            "none of the selected assets has partitions, so that `{text}` says nothing"
        )));
    }
    let mut sets = HashMap::new();
    for step in &first {
        if let Some(space) = spaces.of(*step) {
            let set = space.select(text).map_err(|error| named(pipeline, *step, &error))?;
            sets.insert(*step, set);
        }
    }
    for step in selected.steps.iter().filter(|step| !first.contains(step)) {
        if let Some(set) = followed(pipeline, *step, spaces, &sets)? {
            sets.insert(*step, set);
        }
    }
    for step in selected.steps.iter().rev() {
        if !sets.contains_key(step)
            && let Some(space) = spaces.of(*step)
        {
            let set = needed(pipeline, *step, selected, spaces, &sets)?;
            sets.insert(*step, set.unwrap_or_else(|| space.all()));
        }
    }
    Ok(sets)
}

fn named(pipeline: &Pipeline, step: usize, error: &Error) -> Error {
    let key = pipeline.graph().nodes[step]
        .keys
        .first()
        .map(AssetKey::as_str)
        .unwrap_or_default();
    definition(format!("partitions of `{key}`: {}", error.message()))
}

/// Named steps with partitions that depend on no other such step, through whatever is selected.
fn firsts(pipeline: &Pipeline, selected: &Selected, spaces: &Spaces) -> HashSet<usize> {
    let mut depends: HashSet<usize> = HashSet::new();
    let is_named = |step: &usize| selected.is_named(*step) && spaces.of(*step).is_some();
    for step in &selected.steps {
        let upstream = &pipeline.graph().nodes[*step].upstream;
        let selected_here = |up: &&usize| selected.contains(**up);
        if upstream
            .iter()
            .filter(selected_here)
            .any(|up| is_named(up) || depends.contains(up))
        {
            depends.insert(*step);
        }
    }
    let first = |step: &&usize| is_named(step) && !depends.contains(step);
    selected.steps.iter().filter(first).copied().collect()
}

/// What of a step is made from partitions that were chosen.
fn followed(
    pipeline: &Pipeline,
    step: usize,
    spaces: &Spaces,
    sets: &HashMap<usize, PartitionSet>,
) -> Result<Option<PartitionSet>> {
    let mut all: Option<PartitionSet> = None;
    for (input, key) in pipeline.graph().nodes[step].inputs.iter().enumerate() {
        let up = pipeline.origin(key)?.step;
        let (Some(set), true) = (sets.get(&up), up != step) else {
            continue;
        };
        if let Some(Follows::Each(bound)) = Follows::of(pipeline, spaces, step, input)? {
            let made = bound.downstream_of(set)?;
            all = Some(match all {
                Some(all) => all.union(&made)?,
                None => made,
            });
        }
    }
    Ok(all)
}

/// What of a step the chosen partitions of its consumers are made from.
fn needed(
    pipeline: &Pipeline,
    step: usize,
    selected: &Selected,
    spaces: &Spaces,
    sets: &HashMap<usize, PartitionSet>,
) -> Result<Option<PartitionSet>> {
    let mut all: Option<PartitionSet> = None;
    for consumer in pipeline.graph().nodes[step]
        .downstream
        .iter()
        .filter(|step| selected.contains(**step))
    {
        for (input, key) in pipeline.graph().nodes[*consumer].inputs.iter().enumerate() {
            if pipeline.origin(key)?.step != step {
                continue;
            }
            let Some(follows) = Follows::of(pipeline, spaces, *consumer, input)? else {
                continue;
            };
            let wanted = follows.upstream(sets.get(consumer))?.partitions;
            all = Some(match all {
                Some(all) => all.union(&wanted)?,
                None => wanted,
            });
        }
    }
    Ok(all)
}
