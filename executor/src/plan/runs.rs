//! Many partitions in several runs.

use crate::definitions::Pipeline;
use crate::graph::definition;
use crate::run::RunOptions;
use crate::selection::Selection;
use larder_io_core::{PartitionKey, Result};
use std::num::NonZeroUsize;

impl Pipeline {
    /// The options of several runs, of which each makes at most so many of the partitions that one run with these options would make: to be run in
    /// this order. All see the partitions that exist now.
    ///
    /// # Errors
    /// `InvalidDefinition` for a selection of more than one function, because what it makes would be made from values that a later run makes, and
    /// for one without partitions; else as [`Pipeline::plan`].
    pub async fn in_runs_of(
        &self,
        selection: impl Into<Selection>,
        options: &RunOptions,
        partitions: NonZeroUsize,
    ) -> Result<Vec<RunOptions>> {
        let plan = self.plan(selection, options).await?;
        let names = |step: &usize| self.graph().nodes[*step].keys.first().map(ToString::to_string);
        let [step] = plan.steps() else {
            let named: Vec<String> = plan.steps().iter().take(3).filter_map(names).collect();
            let message = format!(
                "several runs make one asset at a time, and {} are selected ({}{}); name one of them",
                plan.steps().len(),
                named.join(", "),
                if plan.steps().len() > 3 { ", .." } else { "" }
            );
            return Err(definition(message));
        };
        let Some(set) = plan.partitions(*step) else {
            let name = names(step).unwrap_or_default();
            return Err(definition(format!(
                "`{name}` has no partitions that several runs could make"
            )));
        };
        let keys: Vec<PartitionKey> = set.iter().collect();
        if keys.is_empty() {
            return Ok(vec![options.clone()]);
        }
        let runs = keys.chunks(partitions.get()).map(|keys| {
            let mut options = options.clone();
            options.partitions = Some(set.keyspace().set(keys)?.to_string());
            options.as_of = Some(plan.as_of());
            Ok(options)
        });
        runs.collect()
    }
}
