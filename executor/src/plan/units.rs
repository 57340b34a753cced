//! The calls of a run: one for each step, or for each partition of it, and which of them wait for which.

use super::Plan;
use super::spaces::Follows;
use crate::definitions::Pipeline;
use larder_io_core::{PartitionKey, Result};
use larder_partitions::PartitionSet;
use std::collections::{HashMap, HashSet};

/// One call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) step: usize,
    /// What it makes; `None` for an asset without partitions.
    pub(crate) partitions: Option<PartitionSet>,
}

/// Every call of a run. Beyond them, numbers stand for gates: all calls of one step are done.
#[derive(Debug, Default)]
pub(crate) struct Units {
    pub(crate) list: Vec<Unit>,
    /// How many others each call or gate still waits for.
    pub(crate) waiting: Vec<usize>,
    /// Which calls and gates wait for each.
    pub(crate) next: Vec<Vec<usize>>,
    /// How the inputs of each step follow, by their position.
    pub(crate) follows: HashMap<usize, Vec<Option<Follows>>>,
}

/// The calls of one step.
struct OfStep {
    first: usize,
    count: usize,
    /// The call of each partition, when somebody asked.
    by_key: Option<HashMap<PartitionKey, usize>>,
    gate: Option<usize>,
}

impl Units {
    pub(crate) fn new(pipeline: &Pipeline, plan: &Plan, per_call: Option<usize>) -> Result<Self> {
        let mut units = Self::default();
        let mut steps: HashMap<usize, OfStep> = HashMap::new();
        for step in plan.steps() {
            let first = units.list.len();
            match plan.partitions(*step) {
                None => units.list.push(Unit {
                    step: *step,
                    partitions: None,
                }),
                Some(set) => {
                    let size = match (pipeline.parted(*step).many, per_call) {
                        (false, _) => 1,
                        (true, None) => usize::MAX,
                        (true, Some(size)) => size,
                    };
                    let unit = |set| Unit {
                        step: *step,
                        partitions: Some(set),
                    };
                    units.list.extend(set.chunks(size).map(unit));
                }
            }
            let count = units.list.len() - first;
            let of_step = OfStep {
                first,
                count,
                by_key: None,
                gate: None,
            };
            steps.insert(*step, of_step);
        }
        units.waiting = vec![0; units.list.len()];
        units.next = vec![Vec::new(); units.list.len()];
        for step in plan.steps() {
            units.connect(pipeline, plan, *step, &mut steps)?;
        }
        Ok(units)
    }

    fn connect(
        &mut self,
        pipeline: &Pipeline,
        plan: &Plan,
        step: usize,
        steps: &mut HashMap<usize, OfStep>,
    ) -> Result<()> {
        let Some((first, count)) = steps.get(&step).map(|own| (own.first, own.count)) else {
            return Ok(());
        };
        let follows = Follows::of_inputs(pipeline, &plan.spaces, step)?;
        for (key, follows) in pipeline.graph().nodes[step].inputs.iter().zip(&follows) {
            let up = pipeline.origin(key)?.step;
            if !steps.contains_key(&up) {
                continue;
            }
            for unit in first..first + count {
                let Some(follows) = follows else {
                    self.wait_for_all(unit, up, steps);
                    continue;
                };
                let Some(planned) = plan.partitions(up) else { continue };
                let wanted = follows
                    .upstream(self.list[unit].partitions.as_ref())?
                    .partitions
                    .intersection(planned)?;
                // A gate instead of an edge to each: all days to all months would be too many.
                if wanted.len() == planned.len() && up != step {
                    self.wait_for_all(unit, up, steps);
                } else {
                    self.wait_for(unit, up, &wanted, steps);
                }
            }
        }
        self.follows.insert(step, follows);
        Ok(())
    }

    fn wait_for(&mut self, unit: usize, up: usize, wanted: &PartitionSet, steps: &mut HashMap<usize, OfStep>) {
        let Some(of_step) = steps.get_mut(&up) else { return };
        let by_key = of_step.by_key.get_or_insert_with(|| {
            let calls = of_step.first..of_step.first + of_step.count;
            let keys = calls.filter_map(|call| Some((call, self.list[call].partitions.as_ref()?)));
            keys.flat_map(|(call, set)| set.iter().map(move |key| (key, call)))
                .collect()
        });
        let calls: HashSet<usize> = wanted.iter().filter_map(|key| by_key.get(&key).copied()).collect();
        for call in calls.into_iter().filter(|call| *call != unit) {
            self.edge(call, unit);
        }
    }

    fn wait_for_all(&mut self, unit: usize, up: usize, steps: &mut HashMap<usize, OfStep>) {
        let Some(of_step) = steps.get_mut(&up) else { return };
        let (first, count) = (of_step.first, of_step.count);
        if count == 1 {
            self.edge(first, unit);
        } else if count > 1 {
            let gate = *of_step.gate.get_or_insert_with(|| {
                self.waiting.push(0);
                self.next.push(Vec::new());
                self.waiting.len() - 1
            });
            if self.waiting[gate] == 0 {
                (first..first + count).for_each(|call| self.edge(call, gate));
            }
            self.edge(gate, unit);
        }
    }

    fn edge(&mut self, from: usize, to: usize) {
        self.next[from].push(to);
        self.waiting[to] += 1;
    }
}
