//! Runs as the catalogue remembers them: which one is meant, and what each of its steps took.

#[cfg(test)]
pub(crate) mod test;

use larder_catalog::{Catalog, Check, Entry, Failure, RunSummary};
use larder_executor::{ColumnFacts, StepRecord, measures};
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result, RunId};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Runs that are looked through for the beginning of an id.
const SEARCHED: usize = 10_000;
/// Values of a run that are looked at: what a page or a table can still show.
const VALUES: usize = 100_000;
/// Partitions that a step names.
const NAMED: usize = 3;

/// The run that is meant: `last`, `previous` for the one before it, or the beginning of an id that fits no other.
///
/// # Errors
/// `InvalidDefinition` where there is no such run, or more than one.
pub(crate) async fn find(catalog: &Catalog, wanted: &str) -> Result<RunId> {
    let wrong = |message: String| Error::new(ErrorKind::InvalidDefinition, message);
    let back = match wanted {
        "last" => Some(0),
        "previous" => Some(1),
        _ => None,
    };
    if let Some(back) = back {
        let run = catalog.runs(back + 1).await?.into_iter().nth(back);
        return run.map(|run| run.run).ok_or_else(|| match back {
            0 => wrong("there is no run yet; `materialize` makes one".to_owned()),
            _ => wrong("there is no run before the last one; `runs` lists them".to_owned()),
        });
    }
    let runs = catalog.runs(SEARCHED).await?;
    let mut fits = runs.into_iter().filter(|run| run.run.as_str().starts_with(wanted));
    match (fits.next(), fits.count()) {
        (Some(run), 0) => Ok(run.run),
        (Some(_), more) => Err(wrong(format!(
            "{} runs begin with `{wanted}`; write more of it",
            more + 1
        ))),
        (None, _) => Err(wrong(format!(
            "there is no run `{wanted}`; `runs` lists them, and `last` and `previous` are two of them"
        ))),
    }
}

/// A run with what each of its steps took.
pub(crate) struct Past {
    pub(crate) summary: RunSummary,
    /// In the order in which they began.
    pub(crate) steps: Vec<PastStep>,
    /// The checks that were made, in that order.
    pub(crate) checks: Vec<Check>,
    /// Values that were published beyond those that are looked at.
    pub(crate) more: usize,
}

/// One step: a call of a function for one or many partitions.
#[derive(Debug)]
pub(crate) struct PastStep {
    pub(crate) assets: Vec<AssetKey>,
    /// Its partitions, shortly; empty for assets without.
    pub(crate) partitions: String,
    /// Since the run began.
    pub(crate) began: Duration,
    /// When it had published everything, or failed; none while it runs, and for ever after it was killed.
    pub(crate) ended: Option<Duration>,
    pub(crate) phases: Phases,
    pub(crate) sizes: Sizes,
    pub(crate) attempts: u32,
    /// What was measured at the value that was published last.
    pub(crate) record: Option<StepRecord>,
    pub(crate) failure: Option<Failure>,
    /// Of its tables, of one partition each.
    pub(crate) tables: Vec<PastTable>,
    /// How many values it published.
    pub(crate) published: usize,
}

/// What is told of a table.
#[derive(Debug)]
pub(crate) struct PastTable {
    pub(crate) asset: String,
    pub(crate) partition: Option<String>,
    pub(crate) rows: Option<u64>,
    pub(crate) columns: Vec<ColumnFacts>,
    /// The first rows, as objects.
    pub(crate) preview: Vec<Json>,
}

impl PastTable {
    /// Of an asset whose table is not among these yet.
    fn of(entry: &Entry, known: &[Self]) -> Option<Self> {
        let asset = entry.asset.to_string();
        if known.iter().any(|table| table.asset == asset) {
            return None;
        }
        let read = |name| entry.metadata.get(name).cloned();
        let columns = read(measures::COLUMNS).and_then(|columns| serde_json::from_value(columns).ok());
        let preview = read(measures::PREVIEW).and_then(|rows| serde_json::from_value(rows).ok());
        (columns.is_some() || preview.is_some()).then(|| Self {
            asset,
            partition: entry.partition.as_ref().map(ToString::to_string),
            rows: entry.receipt.as_ref().and_then(|receipt| receipt.rows),
            columns: columns.unwrap_or_default(),
            preview: preview.unwrap_or_default(),
        })
    }
}

/// Where the time of a step went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phases {
    pub(crate) queue: Duration,
    pub(crate) lost: Duration,
    pub(crate) load: Duration,
    pub(crate) compute: Duration,
    pub(crate) check: Duration,
    pub(crate) store: Duration,
}

/// How much went through a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) bytes_in: Option<u64>,
    pub(crate) rows_in: Option<u64>,
    /// As stored; none of values that have no bytes of their own.
    pub(crate) bytes: Option<u64>,
    pub(crate) rows: Option<u64>,
    /// In memory, on its way to storage.
    pub(crate) value_bytes: Option<u64>,
    /// Requests to storage.
    pub(crate) requests: Option<u64>,
    /// Most that larder's own buffers held.
    pub(crate) buffered: Option<u64>,
}

impl Phases {
    pub(crate) fn named(&self) -> [(&'static str, Duration); 6] {
        [
            ("queue", self.queue),
            ("lost", self.lost),
            ("load", self.load),
            ("compute", self.compute),
            ("check", self.check),
            ("store", self.store),
        ]
    }

    /// All of it but the time in the queue.
    pub(crate) fn busy(&self) -> Duration {
        self.lost + self.load + self.compute + self.check + self.store
    }
}

impl PastStep {
    /// Asset and partitions.
    pub(crate) fn name(&self) -> String {
        let assets: Vec<String> = self.assets.iter().map(ToString::to_string).collect();
        match self.partitions.as_str() {
            "" => assets.join(", "),
            partitions => format!("{} [{partitions}]", assets.join(", ")),
        }
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

/// Bytes of a stored value. A value that is kept in memory as it is has none of its own.
pub(crate) fn stored_bytes(entry: &Entry) -> Option<u64> {
    let receipt = entry.receipt.as_ref()?;
    (receipt.bytes > 0 || receipt.form == larder_io_core::Form::Blob).then_some(receipt.bytes)
}

/// A run with its steps.
///
/// # Errors
/// `NotFound` when its beginning was not recorded; else whatever the catalogue gives.
pub(crate) async fn load(catalog: &Catalog, run: &RunId) -> Result<Past> {
    let detail = catalog.run(run).await?;
    let detail = detail.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the run `{run}` is gone")))?;
    let entries = catalog.run_entries(run, VALUES).await?;
    let checks = catalog.run_checks(run, VALUES).await?;
    let more = detail.materialized.len().saturating_sub(entries.len());
    let since = |at: jiff::Timestamp| {
        let elapsed = at.duration_since(detail.summary.started);
        Duration::try_from(elapsed).unwrap_or_default()
    };
    let mut made: HashMap<(&AssetKey, Option<&PartitionKey>), Vec<&Entry>> = HashMap::new();
    for entry in &entries {
        made.entry((&entry.asset, entry.partition.as_ref()))
            .or_default()
            .push(entry);
    }
    let mut failures: HashMap<&[AssetKey], Vec<&Failure>> = HashMap::new();
    for failure in &detail.failures {
        failures.entry(&failure.assets).or_default().push(failure);
    }
    let mut steps: Vec<PastStep> = Vec::with_capacity(detail.steps.len());
    for step in &detail.steps {
        let partitions: Vec<Option<&PartitionKey>> = match step.partitions.is_empty() {
            true => vec![None],
            false => step.partitions.iter().map(Some).collect(),
        };
        let mut past = PastStep {
            assets: step.assets.clone(),
            partitions: shortly(&step.partitions),
            began: since(step.at),
            ended: None,
            phases: Phases::default(),
            sizes: Sizes::default(),
            attempts: 1,
            record: None,
            failure: None,
            tables: Vec::new(),
            published: 0,
        };
        for asset in &step.assets {
            // Assets of one function share the time in it; of many partitions each has its part.
            let (mut load, mut compute) = (Duration::ZERO, Duration::ZERO);
            for partition in &partitions {
                for entry in made.get(&(asset, *partition)).into_iter().flatten() {
                    load += entry.durations.load;
                    compute += entry.durations.compute;
                    past.add(entry, since(entry.at));
                }
            }
            past.phases.load = past.phases.load.max(load);
            past.phases.compute = past.phases.compute.max(compute);
        }
        past.failure = failures.get_mut(step.assets.as_slice()).and_then(|of_step| {
            let fits = |failure: &&Failure| {
                failure.partitions.is_empty() == step.partitions.is_empty()
                    && failure
                        .partitions
                        .iter()
                        .all(|partition| step.partitions.contains(partition))
            };
            let at = of_step.iter().position(fits)?;
            Some(of_step.remove(at).clone())
        });
        if let Some(failure) = &past.failure {
            past.ended = Some(since(failure.at));
        }
        steps.push(past);
    }
    // What failed before it began, where its inputs were looked at.
    for failure in failures.into_values().flatten() {
        steps.push(PastStep {
            assets: failure.assets.clone(),
            partitions: shortly(&failure.partitions),
            began: since(failure.at),
            ended: Some(since(failure.at)),
            phases: Phases::default(),
            sizes: Sizes::default(),
            attempts: 1,
            record: None,
            failure: Some(failure.clone()),
            tables: Vec::new(),
            published: 0,
        });
    }
    steps.sort_by_key(|step| step.began);
    Ok(Past {
        summary: detail.summary,
        steps,
        checks,
        more,
    })
}

impl PastStep {
    fn add(&mut self, entry: &Entry, at: Duration) {
        self.published += 1;
        self.ended = Some(self.ended.map_or(at, |ended| ended.max(at)));
        self.phases.store += entry.durations.store;
        add(&mut self.sizes.bytes, stored_bytes(entry));
        add(
            &mut self.sizes.rows,
            entry.receipt.as_ref().and_then(|receipt| receipt.rows),
        );
        self.tables.extend(PastTable::of(entry, &self.tables));
        if let Some(record) = StepRecord::of(entry) {
            let measures = &record.measures;
            self.phases.queue = self.phases.queue.max(measures.queue);
            self.phases.lost = self.phases.lost.max(measures.lost);
            self.phases.check = self.phases.check.max(measures.check);
            self.attempts = self.attempts.max(measures.attempts);
            self.sizes.requests = self.sizes.requests.max(measures.requests);
            self.sizes.buffered = self.sizes.buffered.max(measures.buffered_bytes);
            self.sizes.bytes_in = self.sizes.bytes_in.max(measures.bytes_in);
            self.sizes.rows_in = self.sizes.rows_in.max(measures.rows_in);
            add(&mut self.sizes.value_bytes, measures.value_bytes);
            let last = self.record.as_ref().and_then(|before| before.peak_memory_bytes);
            if last <= record.peak_memory_bytes {
                self.record = Some(record);
            }
        }
    }
}

fn shortly(partitions: &[PartitionKey]) -> String {
    let named: Vec<String> = partitions.iter().take(NAMED).map(ToString::to_string).collect();
    match partitions.len().saturating_sub(NAMED) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

/// What one asset took in a run, over all its partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Total {
    pub(crate) phases: Phases,
    pub(crate) sizes: Sizes,
    pub(crate) attempts: u32,
    pub(crate) steps: u32,
    pub(crate) peak_memory: Option<u64>,
    pub(crate) own_process: bool,
    pub(crate) published: usize,
    /// The first of its failures.
    pub(crate) failed: Option<String>,
}

impl Past {
    /// By step: assets that one function makes share what it took.
    pub(crate) fn totals(&self) -> BTreeMap<String, Total> {
        let mut totals: BTreeMap<String, Total> = BTreeMap::new();
        for step in &self.steps {
            let names: Vec<String> = step.assets.iter().map(ToString::to_string).collect();
            let total = totals.entry(names.join(", ")).or_default();
            for (sum, (_, more)) in [
                &mut total.phases.queue,
                &mut total.phases.lost,
                &mut total.phases.load,
                &mut total.phases.compute,
                &mut total.phases.check,
                &mut total.phases.store,
            ]
            .into_iter()
            .zip(step.phases.named())
            {
                *sum += more;
            }
            let (sum, more) = (&mut total.sizes, &step.sizes);
            add(&mut sum.bytes_in, more.bytes_in);
            add(&mut sum.rows_in, more.rows_in);
            add(&mut sum.bytes, more.bytes);
            add(&mut sum.rows, more.rows);
            add(&mut sum.value_bytes, more.value_bytes);
            add(&mut sum.requests, more.requests);
            sum.buffered = sum.buffered.max(more.buffered);
            total.attempts += step.attempts;
            total.steps += 1;
            total.published += step.published;
            let record = step.record.as_ref();
            total.peak_memory = total
                .peak_memory
                .max(record.and_then(|record| record.peak_memory_bytes));
            total.own_process |= record.is_some_and(|record| record.measures.own_process);
            if let (None, Some(failure)) = (&total.failed, &step.failure) {
                total.failed = Some(failure.message.clone());
            }
        }
        totals
    }
}
