//! What a run is told, and what came of it.

use super::executor::{Executor, StepCommand};
use super::limits::Limit;
use super::stop::Stop;
use crate::check::Checked;
use crate::event::{Materialization, Observer};
use crate::freshness::Recompute;
use crate::policy::RetryPolicy;
use jiff::Timestamp;
use larder_io_core::{AssetKey, Error, RunId};
use larder_partitions::PartitionSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How to run.
#[derive(Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// How many steps run at once. Default: the number of cores; at least 1.
    pub max_concurrent: usize,
    /// How many run at once of those that take a resource or carry a tag. Default: no limits.
    pub limits: Vec<Limit>,
    /// How many bytes of memory steps may need together. Each reserves what its asset declares
    /// ([`AssetBuilder::memory`](crate::AssetBuilder::memory)), else three times the largest of the values that it stored lately, else an equal share, and waits until
    /// so much is free; one that needs more than all runs alone. What of it nobody reserves keeps values for their consumers in the run. Default: no budget, and every
    /// input is loaded from where it is stored.
    pub memory_budget: Option<u64>,
    /// Publish also over a value that somebody else changed since the step began, or that larder did not write.
    pub force: bool,
    /// Which partitions, as a selection: `2024-01-01..2024-03-31`. It is for the assets that are named; where some of these
    /// depend on others, for the first of them, and the rest follow by their mappings. Default: all that exist.
    pub partitions: Option<String>,
    /// The time as of which partitions exist: a window exists once it is over. Default: now.
    pub as_of: Option<Timestamp>,
    /// How many partitions one call makes at most, of functions that return `Partitions<T>`. Default: all of a run.
    pub partitions_per_call: Option<usize>,
    /// Which of the selected ones are computed. Default: all.
    pub recompute: Recompute,
    /// Only what failed in this run, and what was skipped because of it, as the catalogue has it. With the selection, the partitions and the time of
    /// that run: [`Pipeline::from_failure`](crate::Pipeline::from_failure). Default: none.
    pub from_failure: Option<RunId>,
    /// The id of the build, so that any rebuild counts as changed code, and assets of unknown code have a version. Default: none.
    pub build_id: Option<String>,
    /// How often a failed computation is tried again, of assets that do not say themselves; what their storage refuses is tried again by the
    /// policies of the I/O manager, and never computed again. Default: not at all.
    pub retry: Option<RetryPolicy>,
    /// How long one attempt of a step may take, of assets that do not say themselves: load, compute and store; what has begun to publish comes to
    /// its end. A blocking function is
    /// ended only where steps are processes; elsewhere its thread goes on, and its value is dropped. Default: as long as it likes.
    pub step_timeout: Option<Duration>,
    /// How long the run may take. What runs then is stopped, what has not begun does not begin, and all of it has failed. Default: as long as it
    /// likes.
    pub timeout: Option<Duration>,
    /// Where steps are executed. Default: in this process.
    pub executor: Executor,
    /// How a process for a step is started, where steps are processes. Default: this program with its own arguments.
    pub step_command: Option<StepCommand>,
    /// Who may stop the run. Default: nobody; dropping it stops it too, without a report.
    pub stop: Option<Stop>,
    /// Who is told what happens.
    pub observers: Vec<Arc<dyn Observer>>,
}

impl Default for RunOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            max_concurrent: cores,
            limits: Vec::new(),
            memory_budget: None,
            force: false,
            partitions: None,
            as_of: None,
            partitions_per_call: None,
            recompute: Recompute::All,
            from_failure: None,
            build_id: None,
            retry: None,
            step_timeout: None,
            timeout: None,
            executor: Executor::default(),
            step_command: None,
            stop: None,
            observers: Vec::new(),
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("max_concurrent", &self.max_concurrent)
            .field("limits", &self.limits)
            .field("memory_budget", &self.memory_budget)
            .field("force", &self.force)
            .field("partitions", &self.partitions)
            .field("as_of", &self.as_of)
            .field("partitions_per_call", &self.partitions_per_call)
            .field("recompute", &self.recompute)
            .field("from_failure", &self.from_failure)
            .field("build_id", &self.build_id)
            .field("retry", &self.retry)
            .field("step_timeout", &self.step_timeout)
            .field("timeout", &self.timeout)
            .field("executor", &self.executor)
            .finish_non_exhaustive()
    }
}

/// How a step ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StepStatus {
    /// Everything it makes is published.
    Succeeded(Vec<Arc<Materialization>>),
    /// Everything it makes is as it would be made again, and stays.
    Fresh,
    /// It failed; old values are as they were, unless the error says otherwise.
    Failed(Arc<Error>),
    /// It was not run.
    Skipped {
        /// The asset whose failure is the reason.
        because: AssetKey,
    },
}

/// One step of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepReport {
    /// The assets it makes.
    pub assets: Vec<AssetKey>,
    /// The partitions it makes; `None` for assets without.
    pub partitions: Option<PartitionSet>,
    /// How it ended.
    pub status: StepStatus,
    /// The checks that were made, of every attempt, in that order.
    pub checks: Vec<Arc<Checked>>,
}

/// What came of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// The steps, in an order in which they could run.
    pub steps: Vec<StepReport>,
    /// Time of the whole run.
    pub duration: Duration,
    /// What kept the run from being recorded; what it made is stored all the same.
    pub unrecorded: Option<Arc<Error>>,
    /// Resources that could not be closed, or not in their time. It is no failure of the run.
    pub unclosed: Vec<Arc<Error>>,
}

impl RunReport {
    /// Whether every step succeeded.
    pub fn succeeded(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step.status, StepStatus::Succeeded(_) | StepStatus::Fresh))
    }

    /// Steps that were not needed, because what they make is as it would be made again.
    pub fn fresh(&self) -> usize {
        self.steps
            .iter()
            .filter(|step| matches!(step.status, StepStatus::Fresh))
            .count()
    }

    /// Steps that succeeded, failed, were skipped; those that were fresh are in none.
    pub fn counts(&self) -> [usize; 3] {
        self.steps.iter().fold([0; 3], |mut counts, step| {
            match step.status {
                StepStatus::Succeeded(_) => counts[0] += 1,
                StepStatus::Failed(_) => counts[1] += 1,
                StepStatus::Skipped { .. } => counts[2] += 1,
                StepStatus::Fresh => {}
            }
            counts
        })
    }

    /// The materialization of one asset, when it was made; of its first partition.
    pub fn materialization(&self, key: &str) -> Option<&Arc<Materialization>> {
        self.materializations(key).next()
    }

    /// The materializations of one asset, one for each partition that was made, in the order of the steps.
    pub fn materializations(&self, key: &str) -> impl Iterator<Item = &Arc<Materialization>> {
        let made = self.steps.iter().filter_map(|step| match &step.status {
            StepStatus::Succeeded(made) => Some(made),
            _ => None,
        });
        made.flatten().filter(move |made| made.asset.as_str() == key)
    }

    /// The checks that were made, in the order of the steps.
    pub fn checks(&self) -> impl Iterator<Item = &Arc<Checked>> {
        self.steps.iter().flat_map(|step| &step.checks)
    }

    /// The error of one asset, when it failed; of its first partition that did.
    pub fn error(&self, key: &str) -> Option<&Arc<Error>> {
        self.steps
            .iter()
            .filter(|step| step.assets.iter().any(|asset| asset.as_str() == key))
            .find_map(|step| match &step.status {
                StepStatus::Failed(error) => Some(error),
                _ => None,
            })
    }
}
