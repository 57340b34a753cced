//! Which partitions exist as of the time of a run: asked once, one answer for all of it.

use crate::definitions::Pipeline;
use jiff::Timestamp;
use larder_io_core::Result;
use larder_partitions::{BoundMapping, DynamicKeys, Keyspace, PartitionSet, Upstream};
use std::collections::HashMap;

/// The partitions of every step that has some.
#[derive(Debug)]
pub(crate) struct Spaces {
    pub(crate) as_of: Timestamp,
    of_step: HashMap<usize, Keyspace>,
}

impl Spaces {
    /// Resolves the partitions of these steps and of what they take. Assets that are parted alike share one keyspace.
    pub(crate) fn resolve(
        pipeline: &Pipeline,
        steps: &[usize],
        as_of: Timestamp,
        dynamic: &dyn DynamicKeys,
    ) -> Result<Self> {
        let mut known: Vec<Keyspace> = Vec::new();
        let mut of_step = HashMap::new();
        let mut wanted: Vec<usize> = Vec::new();
        for step in steps {
            wanted.push(*step);
            wanted.extend(&pipeline.graph().nodes[*step].upstream);
        }
        for step in wanted {
            let Some(partitioning) = &pipeline.parted(step).partitioning else {
                continue;
            };
            if of_step.contains_key(&step) {
                continue;
            }
            let found = known.iter().find(|space| space.partitioning() == partitioning);
            let space = match found {
                Some(space) => space.clone(),
                None => {
                    let space = partitioning.at(as_of, dynamic).map_err(|error| {
                        let key = pipeline.graph().nodes[step].keys.first();
                        match key {
                            Some(key) => error.with_context("asset", key),
                            None => error,
                        }
                    })?;
                    known.push(space.clone());
                    space
                }
            };
            of_step.insert(step, space);
        }
        Ok(Self { as_of, of_step })
    }

    /// The partitions of a step; `None` for one without.
    pub(crate) fn of(&self, step: usize) -> Option<&Keyspace> {
        self.of_step.get(&step)
    }
}

/// How partitions of an input follow those of a step.
#[derive(Clone, Debug)]
pub(crate) enum Follows {
    /// The step has partitions too.
    Each(BoundMapping),
    /// The step has none and takes these.
    Whole(Upstream),
}

impl Follows {
    /// The mapping of each input of a step, where the input has partitions.
    pub(crate) fn of_inputs(pipeline: &Pipeline, spaces: &Spaces, step: usize) -> Result<Vec<Option<Self>>> {
        let inputs = 0..pipeline.graph().nodes[step].inputs.len();
        inputs.map(|input| Self::of(pipeline, spaces, step, input)).collect()
    }

    /// The mapping of an input of a step, if the input has partitions.
    pub(crate) fn of(pipeline: &Pipeline, spaces: &Spaces, step: usize, input: usize) -> Result<Option<Self>> {
        let Some(taken) = &pipeline.parted(step).inputs[input] else {
            return Ok(None);
        };
        let key = &pipeline.graph().nodes[step].inputs[input];
        let Some(up) = spaces.of(pipeline.origin(key)?.step) else {
            return Ok(None);
        };
        Ok(Some(match spaces.of(step) {
            Some(down) => Self::Each(taken.mapping.bind(up, down)?),
            None => Self::Whole(taken.mapping.whole(up)?),
        }))
    }

    /// What some partitions of the step are made from; all of the step without any.
    pub(crate) fn upstream(&self, of: Option<&PartitionSet>) -> Result<Upstream> {
        match (self, of) {
            (Self::Each(bound), Some(set)) => bound.upstream_of(set),
            (Self::Each(bound), None) => bound.upstream_of(&bound.downstream().all()),
            (Self::Whole(upstream), _) => Ok(upstream.clone()),
        }
    }
}
