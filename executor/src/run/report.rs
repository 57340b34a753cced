//! What a run is told, and what came of it.

use crate::event::{Materialization, Observer};
use larder_io_core::{AssetKey, Error, RunId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How to run.
#[derive(Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// How many steps run at once. Default: the number of cores; at least 1.
    pub max_concurrent: usize,
    /// Publish also over a value that somebody else changed since the step began, or that larder did not write.
    pub force: bool,
    /// Who is told what happens.
    pub observers: Vec<Arc<dyn Observer>>,
}

impl Default for RunOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            max_concurrent: cores,
            force: false,
            observers: Vec::new(),
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RunOptions {{ max_concurrent: {}, force: {} }}",
            self.max_concurrent, self.force
        )
    }
}

/// How a step ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StepStatus {
    /// Everything it makes is published.
    Succeeded(Vec<Arc<Materialization>>),
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
    /// How it ended.
    pub status: StepStatus,
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
}

impl RunReport {
    /// Whether every step succeeded.
    pub fn succeeded(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step.status, StepStatus::Succeeded(_)))
    }

    /// Steps that succeeded, failed, were skipped.
    pub fn counts(&self) -> [usize; 3] {
        self.steps.iter().fold([0; 3], |mut counts, step| {
            counts[match step.status {
                StepStatus::Succeeded(_) => 0,
                StepStatus::Failed(_) => 1,
                StepStatus::Skipped { .. } => 2,
            }] += 1;
            counts
        })
    }

    /// The materialization of one asset, when it was made.
    pub fn materialization(&self, key: &str) -> Option<&Arc<Materialization>> {
        let made = self.steps.iter().filter_map(|step| match &step.status {
            StepStatus::Succeeded(made) => Some(made),
            _ => None,
        });
        made.flatten().find(|made| made.asset.to_string() == key)
    }

    /// The error of one asset, when it failed.
    pub fn error(&self, key: &str) -> Option<&Arc<Error>> {
        self.steps
            .iter()
            .find(|step| step.assets.iter().any(|asset| asset.to_string() == key))
            .and_then(|step| match &step.status {
                StepStatus::Failed(error) => Some(error),
                _ => None,
            })
    }
}
