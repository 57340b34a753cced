//! What keeps steps waiting that could begin: limits of resources and tags, and the memory budget.
//!
//! | module | owns |
//! |---|---|
//! | `limit` | limits as they are written, and which steps they are for |
//! | `queue` | which call begins next |
//! | `reserve` | how much memory each step reserves |
//! | `keep` | values that are kept for their consumers |

mod keep;
mod limit;
mod queue;
#[cfg(test)]
mod queue_tests;
mod reserve;

pub(super) use keep::Keeper;
pub use limit::Limit;

use super::inputs::{SharedInput, SharedInputs};
use super::report::RunOptions;
use crate::definitions::Pipeline;
use crate::event::Emitter;
use crate::plan::{Plan, Unit};
use larder_io_core::{Error, ErrorKind, Result};
use queue::{Need, Queue};
pub(super) use reserve::Reservations;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Refuses limits that nothing could run within, or that are for nothing.
///
/// # Errors
/// `InvalidConfig`.
pub(super) fn check(pipeline: &Pipeline, options: &RunOptions) -> Result<()> {
    if options.memory_budget == Some(0) {
        let message = "memory_budget is 0, so that nothing could ever run; leave it out for no limit";
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    limit::check(&options.limits, pipeline)
}

/// What the steps of a plan reserve; `None` without a budget.
///
/// # Errors
/// Whatever keeps the catalogue from being read.
pub(super) async fn reservations(
    pipeline: &Pipeline,
    plan: &Plan,
    options: &RunOptions,
) -> Result<Option<Reservations>> {
    match options.memory_budget {
        Some(budget) => Reservations::of(pipeline, plan, budget, options.max_concurrent)
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// The calls that could begin, and what there is for them.
#[derive(Debug, Default)]
pub(super) struct Ready {
    queue: Queue,
    /// Since when nothing but limits stands before each call.
    since: Vec<Instant>,
    memory: Option<Memory>,
}

/// A memory budget.
#[derive(Debug)]
struct Memory {
    pipeline: Pipeline,
    /// Its place among the limits.
    limit: usize,
    reserved: Reservations,
    /// Where values pass in memory.
    keeper: Option<Keeper>,
}

impl Ready {
    /// Nothing yet. With inputs, values are kept for their consumers as far as the budget allows.
    pub(super) fn new(
        pipeline: &Pipeline,
        options: &RunOptions,
        reserved: Option<Reservations>,
        calls: &[Unit],
        inputs: Option<&SharedInputs>,
    ) -> Self {
        if options.limits.is_empty() && reserved.is_none() {
            return Self {
                since: vec![Instant::now(); calls.len()],
                ..Self::default()
            };
        }
        let mut sizes: Vec<u64> = options.limits.iter().map(|limit| limit.at_once() as u64).collect();
        let limits_of = |step: usize| -> Vec<Need> {
            let limits = options.limits.iter().enumerate();
            let limits = limits.filter(|(_, limit)| limit.is_for(step, pipeline));
            limits.map(|(of, _)| Need { of, amount: 1 }).collect()
        };
        // Calls of one step stand together.
        let mut last: Option<(usize, Vec<Need>)> = None;
        let needs = calls.iter().map(|call| {
            if last.as_ref().is_none_or(|(step, _)| *step != call.step) {
                last = Some((call.step, limits_of(call.step)));
            }
            let mut needs = last.as_ref().map(|(_, needs)| needs.clone()).unwrap_or_default();
            needs.extend(reserved.as_ref().map(|reserved| Need {
                of: sizes.len(),
                amount: reserved.of_call(call),
            }));
            needs
        });
        let needs: Vec<Vec<Need>> = needs.collect();
        let memory = reserved.zip(options.memory_budget).map(|(reserved, budget)| {
            sizes.push(budget);
            Memory {
                pipeline: pipeline.clone(),
                limit: sizes.len() - 1,
                reserved,
                keeper: inputs.map(|inputs| inputs.keeper()),
            }
        });
        Self {
            queue: Queue::limited(&sizes, needs, options.max_concurrent),
            since: vec![Instant::now(); calls.len()],
            memory,
        }
    }

    /// A call could begin.
    pub(super) fn push(&mut self, call: usize) {
        if let Some(since) = self.since.get_mut(call) {
            *since = Instant::now();
        }
        self.queue.push(call);
    }

    /// How long ago a call could begin, but for limits.
    pub(super) fn waited(&self, call: usize) -> Duration {
        self.since.get(call).map(Instant::elapsed).unwrap_or_default()
    }

    /// The call that begins now; `None` when there is none that has room.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.queue.begin()
    }

    /// Whether more than one call is ready, room or not.
    pub(super) fn has_several(&self) -> bool {
        self.queue.has_several()
    }

    /// A call that will not run, because the time is over.
    pub(super) fn give_up(&mut self) -> Option<usize> {
        self.queue.give_up()
    }

    /// A call begins: where it puts what others in this run wait for.
    pub(super) fn begins(&mut self, call: &Unit, emitter: &Emitter) -> Vec<Arc<SharedInput>> {
        let Some(memory) = &mut self.memory else {
            return Vec::new();
        };
        let node = &memory.pipeline.graph().nodes[call.step];
        if let Some(first) = node.keys.first() {
            memory.reserved.tell(call, first, emitter);
        }
        let Some(keeper) = &mut memory.keeper else {
            return Vec::new();
        };
        keeper.takes(&node.inputs);
        keeper.shrink(self.queue.room(memory.limit));
        keeper.makes(&node.keys)
    }

    /// A call that could begin will not.
    pub(super) fn forget(&mut self, call: usize) {
        self.queue.forget(call);
    }

    /// A call ended, or will never begin.
    pub(super) fn ended(&mut self, number: usize, call: &Unit) {
        let began = self.queue.end(number);
        let Some(memory) = &mut self.memory else { return };
        let Some(keeper) = &mut memory.keeper else { return };
        let node = &memory.pipeline.graph().nodes[call.step];
        match began {
            true => keeper.ended(node.keys.iter().chain(&node.inputs), self.queue.room(memory.limit)),
            false => keeper.skipped(&node.inputs),
        }
    }
}
