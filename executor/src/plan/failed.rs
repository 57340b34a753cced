//! A run that goes on from another one's failures.

use super::spaces::Follows;
use super::{Plan, Spaces};
use crate::definitions::Pipeline;
use crate::graph::definition;
use crate::run::RunOptions;
use crate::selection::Selection;
use larder_catalog::{RunDetail, RunSummary};
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result, RunId};
use larder_partitions::PartitionSet;
use std::collections::{HashMap, HashSet};

/// Means the last run.
const LAST: &str = "last";
/// Runs that are looked through for the beginning of an id.
const SEARCHED: usize = 10_000;

/// Steps, each with its partitions where it has some.
type Wanted = HashMap<usize, Option<PartitionSet>>;

impl Pipeline {
    /// The selection and the options of a run that makes what failed in another run, and what was skipped because of it: the selection and the
    /// partitions of that run, as of the time when it began, and [`RunOptions::from_failure`]. The run is given by its id, a beginning of it, or
    /// `last`, which is the last one of this profile.
    ///
    /// # Errors
    /// `InvalidDefinition` for a run that is not known, has not ended, had no failure, or was one of another profile; whatever the catalogue gives.
    pub async fn from_failure(&self, run: &str, mut options: RunOptions) -> Result<(Selection, RunOptions)> {
        let summary = self.failed_run(run).await?;
        let selection = match summary.selection.split_once(PARTITIONS) {
            Some((words, text)) => {
                options.partitions = Some(text.to_owned());
                words
            }
            None => summary.selection.as_str(),
        };
        options.as_of = options.as_of.or(Some(summary.started));
        options.from_failure = Some(summary.run);
        // A key may hold white space; it is then the only term.
        let whole = selection.strip_prefix("key:").unwrap_or(selection);
        let selection = match self.key(whole) {
            Ok(key) => Selection::key(&key),
            Err(_) => Selection::from(selection),
        };
        Ok((selection, options))
    }

    async fn failed_run(&self, run: &str) -> Result<RunSummary> {
        let catalog = self.catalog().ok_or_else(|| {
            let message = "no run is recorded yet, so that there is none to go on from";
            definition(message.to_owned())
        })?;
        let runs = catalog.runs(SEARCHED).await?;
        let of_profile = |known: &&RunSummary| known.profile == self.0.profile;
        let mut fits = runs
            .iter()
            .filter(|known| run == LAST && of_profile(known) || known.run.as_str().starts_with(run));
        let (Some(found), more) = (fits.next(), fits.next()) else {
            let message = match run {
                LAST => "no run is recorded yet, so that there is none to go on from".to_owned(),
                _ => format!("there is no run `{run}`; `runs` lists them"),
            };
            return Err(definition(message));
        };
        if more.is_some() && run != LAST {
            let message = format!("several runs begin with `{run}`; write more of it");
            return Err(definition(message));
        }
        let id = &found.run;
        let name = |profile: &Option<String>| match profile {
            Some(profile) => format!("the profile `{profile}`"),
            None => "no profile".to_owned(),
        };
        if !of_profile(&found) {
            let (its, ours) = (name(&found.profile), name(&self.0.profile));
            return Err(definition(format!(
                "the run `{id}` had {its} and this one has {ours}; go on with the same"
            )));
        }
        match found.finished {
            None => Err(definition(format!(
                "the run `{id}` has not ended: it still runs, or it was killed; `--stale` makes what is missing"
            ))),
            Some(end) if end.counts.failed == 0 => Err(definition(format!(
                "nothing failed in the run `{id}`, so that there is nothing to go on with"
            ))),
            Some(_) => Ok(found.clone()),
        }
    }

    /// What a run recorded.
    pub(super) async fn recorded(&self, run: &RunId) -> Result<RunDetail> {
        let unknown = || {
            Error::new(
                ErrorKind::InvalidDefinition,
                format!("there is no run `{run}`; `runs` lists them"),
            )
        };
        let catalog = self.catalog().ok_or_else(unknown)?;
        catalog.run(run).await?.ok_or_else(unknown)
    }
}

/// What stands between a selection and its partitions where a run is recorded.
pub(crate) const PARTITIONS: &str = " --partitions ";

impl Plan {
    /// Leaves of it what failed in a run, and what was skipped because of that.
    ///
    /// # Errors
    /// `InvalidDefinition` when nothing is left.
    pub(super) fn narrow(&mut self, pipeline: &Pipeline, ran: &RunDetail) -> Result<()> {
        let mut wanted = Wanted::new();
        // What was skipped waited for the whole call, also for what of it was published.
        let mut reached = Wanted::new();
        for failure in &ran.failures {
            let Some(step) = failure.assets.first().and_then(|key| pipeline.origin(key).ok()) else {
                continue;
            };
            let step = step.step;
            if !self.selected.contains(step) {
                continue;
            }
            let failed = match self.sets.get(&step) {
                None => None,
                Some(set) => Some(among(set, failure.partitions.iter())?),
            };
            let whole = match (&failed, self.sets.get(&step)) {
                (Some(_), Some(set)) if pipeline.parted(step).many => Some(set.clone()),
                _ => failed.clone(),
            };
            add(&mut wanted, step, failed)?;
            add(&mut reached, step, whole)?;
        }
        let made = Made::of(pipeline, ran);
        for step in self.selected.steps.clone() {
            loop {
                let Some(follows) = follow(pipeline, &self.spaces, step, &reached, self.sets.get(&step))? else {
                    break;
                };
                if !add(&mut reached, step, follows.clone())? {
                    break;
                }
                match follows {
                    None if made.whole(step) => {}
                    None => drop(add(&mut wanted, step, None)?),
                    Some(set) => {
                        let left = set.iter().filter(|partition| !made.has(step, partition));
                        let left: Vec<_> = left.collect();
                        if !left.is_empty() {
                            add(&mut wanted, step, Some(set.keyspace().set(&left)?))?;
                        }
                    }
                }
            }
        }
        self.keep(wanted, &ran.summary.run)
    }

    fn keep(&mut self, wanted: Wanted, run: &RunId) -> Result<()> {
        let is_wanted = |step: &usize| {
            wanted
                .get(step)
                .is_some_and(|set| set.as_ref().is_none_or(|set| !set.is_empty()))
        };
        let steps: Vec<usize> = self.selected.steps.iter().copied().filter(is_wanted).collect();
        if steps.is_empty() {
            return Err(definition(format!(
                "nothing of what failed in the run `{run}` is there any more: neither the assets nor the partitions"
            )));
        }
        self.selected = self.selected.narrowed(steps);
        for (step, set) in wanted {
            if let Some(set) = set {
                self.sets.insert(step, set);
            }
        }
        Ok(())
    }
}

/// Adds to what is wanted of a step; tells whether that is more than before.
fn add(wanted: &mut Wanted, step: usize, set: Option<PartitionSet>) -> Result<bool> {
    let more = match (wanted.get(&step), set) {
        (None, set) => set,
        (Some(Some(before)), Some(set)) => {
            let all = before.union(&set)?;
            if all.len() == before.len() {
                return Ok(false);
            }
            Some(all)
        }
        (Some(_), _) => return Ok(false),
    };
    wanted.insert(step, more);
    Ok(true)
}

/// Those of some partitions that are in a set.
fn among<'k>(set: &PartitionSet, keys: impl Iterator<Item = &'k PartitionKey>) -> Result<PartitionSet> {
    let there: Vec<&PartitionKey> = keys.filter(|key| set.contains(key)).collect();
    set.keyspace().set(there)
}

/// What of a step waits for what was reached; `None` for nothing of it, `Some(None)` for a step without partitions.
fn follow(
    pipeline: &Pipeline,
    spaces: &Spaces,
    step: usize,
    reached: &Wanted,
    planned: Option<&PartitionSet>,
) -> Result<Option<Option<PartitionSet>>> {
    let mut all: Option<Option<PartitionSet>> = None;
    for (input, key) in pipeline.graph().nodes[step].inputs.iter().enumerate() {
        let up = pipeline.origin(key)?.step;
        let Some(reached) = reached.get(&up) else { continue };
        let waits = match (Follows::of(pipeline, spaces, step, input)?, reached, planned) {
            (Some(Follows::Each(bound)), Some(set), Some(planned)) => {
                Some(bound.downstream_of(set)?.intersection(planned)?)
            }
            (Some(Follows::Whole(upstream)), Some(set), _) => {
                if upstream.partitions.intersection(set)?.is_empty() {
                    continue;
                }
                None
            }
            // Everything waits for what has no partitions.
            (_, _, planned) => planned.cloned(),
        };
        all = Some(match (all, waits) {
            (Some(Some(all)), Some(waits)) => Some(all.union(&waits)?),
            (_, waits) => waits,
        });
    }
    Ok(all)
}

/// What a run made, by step.
struct Made(
    HashMap<usize, HashMap<Option<PartitionKey>, HashSet<AssetKey>>>,
    HashMap<usize, usize>,
);

impl Made {
    fn of(pipeline: &Pipeline, ran: &RunDetail) -> Self {
        let mut made = Self(HashMap::new(), HashMap::new());
        for (asset, partition) in &ran.materialized {
            let Ok(origin) = pipeline.origin(asset) else { continue };
            let of_step = made.0.entry(origin.step).or_default();
            of_step.entry(partition.clone()).or_default().insert(asset.clone());
            let outputs = pipeline.graph().nodes[origin.step].keys.len();
            made.1.insert(origin.step, outputs);
        }
        made
    }

    /// Whether every output of a step was published in a partition.
    fn is(&self, step: usize, partition: &Option<PartitionKey>) -> bool {
        let published = self.0.get(&step).and_then(|made| made.get(partition)).map(HashSet::len);
        published.is_some() && published == self.1.get(&step).copied()
    }

    fn whole(&self, step: usize) -> bool {
        self.is(step, &None)
    }

    fn has(&self, step: usize, partition: &PartitionKey) -> bool {
        self.is(step, &Some(partition.clone()))
    }
}
