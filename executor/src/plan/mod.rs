//! What a run will make: steps in order, the partitions of each, and who waits for whom.

mod choice;
mod failed;
mod runs;
mod spaces;
mod units;

pub(crate) use failed::PARTITIONS;
pub(crate) use spaces::{Follows, Spaces};
pub(crate) use units::{Unit, Units};

use crate::definitions::Pipeline;
use crate::run::RunOptions;
use crate::selection::{Selected, Selection};
use jiff::Timestamp;
use larder_io_core::Result;
use larder_partitions::PartitionSet;
use std::collections::{BTreeMap, HashMap};

/// What a run will make.
#[derive(Debug)]
pub struct Plan {
    pub(crate) selected: Selected,
    pub(crate) spaces: Spaces,
    pub(crate) sets: HashMap<usize, PartitionSet>,
    /// The values of dynamic partitions.
    pub(crate) dynamic: BTreeMap<String, Vec<String>>,
    /// The selection as it was given.
    pub(crate) words: String,
    /// The selection of partitions as it was given.
    pub(crate) text: Option<String>,
}

impl Plan {
    /// The steps, in an order in which they can run.
    pub fn steps(&self) -> &[usize] {
        &self.selected.steps
    }

    /// The partitions of a step; `None` for one without.
    pub fn partitions(&self, step: usize) -> Option<&PartitionSet> {
        self.sets.get(&step)
    }

    /// The time as of which partitions exist.
    pub fn as_of(&self) -> Timestamp {
        self.spaces.as_of
    }
}

impl Pipeline {
    /// What a run of this selection would make. Runs nothing and reads nothing that is stored, but for dynamic partitions, which are
    /// in the catalogue, what failed in another run, and the columns that inputs of queries had.
    ///
    /// # Errors
    /// `InvalidDefinition` for a selection of assets or partitions that fits nothing, and for a query that does not fit its inputs' columns; whatever the catalogue gives.
    pub async fn plan(&self, selection: impl Into<Selection>, options: &RunOptions) -> Result<Plan> {
        let selection = selection.into();
        let selected = selection.resolve(self)?;
        let as_of = options.as_of.unwrap_or_else(Timestamp::now);
        let dynamic = self.dynamic_keys(self.partitionings()).await?;
        let spaces = Spaces::resolve(self, &selected.steps, as_of, &dynamic)?;
        let sets = choice::choose(self, &selected, options.partitions.as_deref(), &spaces)?;
        let mut plan = Plan {
            selected,
            spaces,
            sets,
            dynamic,
            words: selection.to_string(),
            text: options.partitions.clone(),
        };
        if let Some(run) = &options.from_failure {
            plan.narrow(self, &self.recorded(run).await?)?;
        }
        #[cfg(feature = "arrow")]
        self.check_queries(plan.steps()).await?;
        Ok(plan)
    }
}
