//! What a run would compute, and why: by the catalogue, without looking at what is stored.

use super::{Known, Recompute, fingerprint};
use crate::definitions::Pipeline;
use crate::plan::{Follows, Plan};
use crate::run::RunOptions;
use crate::selection::Selection;
use larder_catalog::{InputVersions, State};
use larder_io_core::{AssetKey, Form, PartitionKey, Result};
use larder_partitions::PartitionSet;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::OnceLock;
use tokio::sync::OnceCell;

/// Why something would be computed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Everything that is selected is.
    Asked,
    /// Nothing is recorded of it.
    Missing,
    /// Nobody knows the version of its code.
    CodeUnknown,
    /// Its code is another.
    CodeChanged {
        /// The version that made the value.
        was: String,
        /// The version now.
        now: String,
    },
    /// It is kept elsewhere or otherwise, its partitions mean other windows, or it takes other assets than before.
    DefinitionChanged,
    /// Something it is made from has another value.
    InputChanged {
        /// The inputs.
        inputs: Vec<AssetKey>,
    },
    /// Something it is made from is computed before; only if that comes out different, this is too.
    InputRuns {
        /// The inputs.
        inputs: Vec<AssetKey>,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |inputs: &[AssetKey]| inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Asked => f.write_str("asked for"),
            Self::Missing => f.write_str("missing"),
            Self::CodeUnknown => f.write_str("code version unknown"),
            Self::CodeChanged { was, now } => write!(f, "code changed: {was} is now {now}"),
            Self::DefinitionChanged => {
                f.write_str("definition changed: its place, format, settings, partitions or inputs")
            }
            Self::InputChanged { inputs } => write!(f, "input changed: {}", list(inputs)),
            Self::InputRuns { inputs } => write!(f, "if {} comes out different", list(inputs)),
        }
    }
}

/// One step that would run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Previewed {
    /// The assets it makes.
    pub assets: Vec<AssetKey>,
    /// The partitions that would be made; `None` for assets without.
    pub partitions: Option<PartitionSet>,
    /// Why.
    pub reason: Reason,
    /// What it took the last time, where that is recorded; `None` for partitions.
    pub last: Option<Last>,
}

/// What a computation took the last time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Last {
    /// Seconds of computing, loading and storing.
    pub seconds: f64,
    /// Bytes stored.
    pub bytes: u64,
}

impl Pipeline {
    /// What a run with these options would compute, and why, in an order in which it could.
    ///
    /// The catalogue is believed: what was changed behind its back is found when the run looks at the storage. Only external assets are looked
    /// at, because nobody records them.
    ///
    /// # Errors
    /// As [`Pipeline::plan`]; whatever the catalogue gives.
    pub async fn preview(&self, selection: impl Into<Selection>, options: &RunOptions) -> Result<Vec<Previewed>> {
        let plan = self.plan(selection, options).await?;
        let mut preview = Preview {
            pipeline: self,
            plan: &plan,
            options,
            known: Known::new(self),
            runs: HashMap::new(),
            own: HashSet::new(),
            follows: Vec::new(),
            common: Common::default(),
        };
        let mut all = Vec::new();
        for step in plan.steps() {
            all.extend(preview.step(*step).await?);
        }
        Ok(all)
    }
}

struct Preview<'p> {
    pipeline: &'p Pipeline,
    plan: &'p Plan,
    options: &'p RunOptions,
    known: Known,
    /// What of each step would run; `None` for a step without partitions.
    runs: HashMap<usize, Option<PartitionSet>>,
    /// What of the step at hand would run, of an asset that takes its own earlier partitions.
    own: HashSet<PartitionKey>,
    /// How the inputs of the step at hand follow, by their position.
    follows: Vec<Option<Follows>>,
    /// What every partition of the step at hand has in common.
    common: Common,
}

/// What need not be asked again for each of a million partitions.
#[derive(Default)]
struct Common {
    /// The version of the code.
    code: Option<String>,
    /// No input has partitions.
    fixed: bool,
    /// Then the inputs, and which of them run before.
    sources: OnceCell<(Vec<InputVersions>, Vec<AssetKey>)>,
    /// Where and how each asset is kept, by its profile's place in the lineage; with fixed inputs, the fingerprint too.
    configs: HashMap<(usize, AssetKey), (String, OnceLock<String>)>,
}

impl Preview<'_> {
    async fn step(&mut self, step: usize) -> Result<Vec<Previewed>> {
        let keys = self.pipeline.graph().nodes[step].keys.clone();
        self.follows = Follows::of_inputs(self.pipeline, &self.plan.spaces, step)?;
        self.prepare(step, &keys)?;
        let mut groups: Vec<(Reason, Vec<PartitionKey>)> = Vec::new();
        let Some(set) = self.plan.partitions(step) else {
            let Some(reason) = self.reason(step, &keys, None).await? else {
                return Ok(Vec::new());
            };
            self.runs.insert(step, None);
            let last = self.last(&keys, None).await?;
            return Ok(vec![Previewed {
                assets: keys,
                partitions: None,
                reason,
                last,
            }]);
        };
        if self.options.recompute == Recompute::All {
            self.runs.insert(step, Some(set.clone()));
            return Ok(vec![Previewed {
                assets: keys,
                partitions: Some(set.clone()),
                reason: Reason::Asked,
                last: None,
            }]);
        }
        self.own.clear();
        for partition in set.iter() {
            if let Some(reason) = self.reason(step, &keys, Some(&partition)).await? {
                self.own.insert(partition.clone());
                match groups.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, partitions)) => partitions.push(partition),
                    None => groups.push((reason, vec![partition])),
                }
            }
        }
        let mut all = Vec::with_capacity(groups.len());
        let mut runs = set.keyspace().none();
        for (reason, partitions) in groups {
            let partitions = set.keyspace().set(&partitions)?;
            runs = runs.union(&partitions)?;
            all.push(Previewed {
                assets: keys.clone(),
                partitions: Some(partitions),
                reason,
                last: None,
            });
        }
        if !runs.is_empty() {
            self.runs.insert(step, Some(runs));
        }
        Ok(all)
    }

    /// Why a partition would be made; `None` when it is as it would be made again.
    async fn reason(&self, step: usize, keys: &[AssetKey], partition: Option<&PartitionKey>) -> Result<Option<Reason>> {
        if self.options.recompute == Recompute::All {
            return Ok(Some(Reason::Asked));
        }
        let mut states = Vec::with_capacity(keys.len());
        for key in keys {
            match self.recorded(key, partition).await? {
                Some((at, state)) => states.push((at, key, state)),
                None => return Ok(Some(Reason::Missing)),
            }
        }
        if self.options.recompute == Recompute::Missing {
            return Ok(None);
        }
        let Some(now) = &self.common.code else {
            return Ok(Some(Reason::CodeUnknown));
        };
        for (_, _, state) in &states {
            let was = state.code_version().unwrap_or_default();
            if was != now.as_str() {
                let (was, now) = (was.into_owned(), now.clone());
                return Ok(Some(Reason::CodeChanged { was, now }));
            }
        }
        let own;
        let (sources, runs) = match self.common.fixed {
            true => self.common.sources.get_or_try_init(|| self.sources(step, None)).await?,
            false => {
                own = self.sources(step, partition).await?;
                &own
            }
        };
        if !runs.is_empty() {
            return Ok(Some(Reason::InputRuns { inputs: runs.clone() }));
        }
        for (depth, key, state) in states {
            let fresh = self
                .common
                .configs
                .get(&(depth, key.clone()))
                .is_some_and(|(config, wanted)| {
                    let own = || fingerprint(now, config, sources);
                    match self.common.fixed {
                        true => state.fingerprint().as_deref() == Some(wanted.get_or_init(own)),
                        false => state.fingerprint().as_deref() == Some(&own()),
                    }
                });
            if !fresh {
                return self.changed(depth, key, partition, sources).await.map(Some);
            }
        }
        Ok(None)
    }

    fn prepare(&mut self, step: usize, keys: &[AssetKey]) -> Result<()> {
        self.common = Common {
            code: self.pipeline.code_of(step, self.options.build_id.as_deref()),
            fixed: self.follows.iter().all(Option::is_none),
            ..Common::default()
        };
        for (depth, pipeline) in self.pipeline.lineage().enumerate() {
            for key in keys {
                let known = (pipeline.storage_config(key)?, OnceLock::new());
                self.common.configs.insert((depth, key.clone()), known);
            }
        }
        Ok(())
    }

    /// What is recorded of a value that outlives the process: in this profile, else in its parent, so deep in the lineage.
    async fn recorded(&self, key: &AssetKey, partition: Option<&PartitionKey>) -> Result<Option<(usize, State)>> {
        let known = std::iter::successors(Some(&self.known), |known| known.parent());
        for (depth, (pipeline, known)) in self.pipeline.lineage().zip(known).enumerate() {
            let bound = pipeline.stored(key)?.bound.as_ref();
            // What is kept in memory is gone with the process.
            if bound.is_none_or(|bound| bound.manager.info().capabilities.persistent)
                && let Some(state) = known.state(key, partition).await?
            {
                return Ok(Some((depth, state)));
            }
        }
        Ok(None)
    }

    /// The data versions of the inputs by the catalogue, and which inputs would run before.
    async fn sources(
        &self,
        step: usize,
        partition: Option<&PartitionKey>,
    ) -> Result<(Vec<InputVersions>, Vec<AssetKey>)> {
        let (mut sources, mut runs) = (Vec::new(), Vec::new());
        for (key, follows) in self.pipeline.graph().nodes[step].inputs.iter().zip(&self.follows) {
            let up = self.pipeline.origin(key)?.step;
            let mut versions = Vec::new();
            match follows {
                None => {
                    if self.runs.contains_key(&up) {
                        runs.push(key.clone());
                    }
                    versions.extend(self.version(key, None).await?.map(|version| (None, version)));
                }
                Some(follows) => {
                    let one = match (self.plan.spaces.of(step), partition) {
                        (Some(space), Some(partition)) => Some(space.set([partition])?),
                        _ => None,
                    };
                    let wanted = follows.upstream(one.as_ref())?.partitions;
                    let runs_before = match self.runs.get(&up) {
                        _ if up == step => wanted.iter().any(|partition| self.own.contains(&partition)),
                        Some(Some(running)) => !running.intersection(&wanted)?.is_empty(),
                        _ => false,
                    };
                    if runs_before {
                        runs.push(key.clone());
                    }
                    for partition in wanted.iter() {
                        let version = self.version(key, Some(&partition)).await?;
                        versions.extend(version.map(|version| (Some(partition), version)));
                    }
                }
            }
            sources.push(InputVersions::new(key.clone(), versions));
        }
        Ok((sources, runs))
    }

    async fn version(&self, key: &AssetKey, partition: Option<&PartitionKey>) -> Result<Option<String>> {
        let external = self.pipeline.is_external(self.pipeline.origin(key)?.step);
        if external && self.pipeline.stored(key)?.form != Form::Nothing {
            return self.known.data_version(self.pipeline, key, partition).await;
        }
        self.known.recorded_version(key, partition).await
    }

    /// What is another than when the value was made.
    async fn changed(
        &self,
        depth: usize,
        key: &AssetKey,
        partition: Option<&PartitionKey>,
        now: &[InputVersions],
    ) -> Result<Reason> {
        let entry = match self.pipeline.lineage().nth(depth).and_then(Pipeline::catalog) {
            Some(catalog) => catalog.latest_of(key, partition).await?,
            None => None,
        };
        let before = entry.map(|entry| entry.inputs).unwrap_or_default();
        let other = |input: &&InputVersions| {
            let was = before.iter().find(|was| was.asset == input.asset);
            was.is_some_and(|was| was.digest != input.digest)
        };
        let inputs: Vec<AssetKey> = now.iter().filter(other).map(|input| input.asset.clone()).collect();
        Ok(match inputs.is_empty() {
            true => Reason::DefinitionChanged,
            false => Reason::InputChanged { inputs },
        })
    }

    async fn last(&self, keys: &[AssetKey], partition: Option<&PartitionKey>) -> Result<Option<Last>> {
        let Some(catalog) = self.pipeline.catalog() else {
            return Ok(None);
        };
        let mut last: Option<Last> = None;
        for key in keys {
            if let Some(entry) = catalog.latest_of(key, partition).await? {
                let took = entry.durations;
                let last = last.get_or_insert_default();
                last.seconds += (took.compute + took.load + took.store).as_secs_f64();
                last.bytes += entry.receipt.map_or(0, |receipt| receipt.bytes);
            }
        }
        Ok(last)
    }
}
