//! How much of a memory budget each step reserves.

use crate::capacity::SizeUnits;
use crate::definitions::{AT_ONCE, Pipeline};
use crate::event::{Emitter, Event, Level};
use crate::plan::{Plan, Unit};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_catalog::Catalog;
use larder_io_core::{AssetKey, Result};
use std::collections::{HashMap, HashSet};

/// Materializations of an asset that are looked at, the newest: what was stored long ago tells little of what comes.
const LOOKED_AT: usize = 20;
/// Bytes in memory for each that was stored, as `capacity` counts: the value, its encoding, and what it was made from.
const FACTOR: u64 = 3;
/// Sizes by history are told apart by whole MiB, so that steps that are nearly alike wait in one line.
const GRAIN: u64 = 1 << 20;

/// What each step reserves, in bytes.
#[derive(Debug)]
pub(crate) struct Reservations {
    budget: u64,
    /// For a call of each step, or for each partition of it.
    of: HashMap<usize, Reserved>,
    /// Of steps that nobody knows anything of.
    share: u64,
    told: HashSet<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Reserved {
    bytes: u64,
    declared: bool,
}

impl Reservations {
    /// What is declared; else by history; else an equal share of the budget.
    ///
    /// # Errors
    /// Whatever keeps the catalogue from being read.
    pub(crate) async fn of(pipeline: &Pipeline, plan: &Plan, budget: u64, at_once: usize) -> Result<Self> {
        let each = stream::iter(plan.steps().iter().copied()).map(|step| async move {
            let reserved = match (pipeline.0.assets[step].memory(), pipeline.catalog()) {
                (Some(bytes), _) => Some(Reserved { bytes, declared: true }),
                (None, Some(catalog)) => by_history(pipeline, catalog, step).await?,
                (None, None) => None,
            };
            Ok::<_, larder_io_core::Error>(reserved.map(|reserved| (step, reserved)))
        });
        let of: Vec<_> = each.buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(Self {
            budget,
            of: of.into_iter().flatten().collect(),
            share: budget.div_ceil(at_once.max(1) as u64).max(1),
            told: HashSet::new(),
        })
    }

    /// What a call reserves.
    pub(crate) fn of_call(&self, call: &Unit) -> u64 {
        match self.of.get(&call.step) {
            None => self.share,
            Some(reserved) if reserved.declared => reserved.bytes,
            Some(reserved) => {
                let partitions = call.partitions.as_ref().map_or(1, |set| set.len().max(1));
                reserved.bytes.saturating_mul(partitions)
            }
        }
    }

    /// Says of a step, once, that it alone exceeds the budget.
    pub(crate) fn tell(&mut self, call: &Unit, asset: &AssetKey, emitter: &Emitter) {
        let bytes = self.of_call(call);
        if bytes <= self.budget || !self.told.insert(call.step) {
            return;
        }
        let units = SizeUnits::Binary;
        let by = match self.of.get(&call.step) {
            Some(Reserved { declared: true, .. }) => "it declares that much",
            _ => "by its history; `memory = \"..\"` says otherwise",
        };
        let message = format!(
            "the step reserves {} and the budget is {} ({by}): it runs alone",
            units.bytes(bytes),
            units.bytes(self.budget)
        );
        tracing::warn!(%asset, "{message}");
        emitter.emit(|| Event::Log {
            asset: asset.clone(),
            partitions: call.partitions.clone(),
            level: Level::Warn,
            message,
        });
    }
}

/// By the largest values that were stored lately, of all that the function makes; `None` where no bytes are recorded.
async fn by_history(pipeline: &Pipeline, catalog: &Catalog, step: usize) -> Result<Option<Reserved>> {
    let mut stored = 0_u64;
    for key in &pipeline.graph().nodes[step].keys {
        let entries = catalog.materializations(key, None, LOOKED_AT).await?;
        let bytes = entries.iter().filter_map(|entry| Some(entry.receipt.as_ref()?.bytes));
        stored = stored.saturating_add(bytes.max().unwrap_or(0));
    }
    Ok((stored > 0).then(|| Reserved {
        bytes: stored.saturating_mul(FACTOR).div_ceil(GRAIN).saturating_mul(GRAIN),
        declared: false,
    }))
}
