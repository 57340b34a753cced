//! Sizes and rhythms that the catalogue has.

use super::{Load, Measured};
use crate::definitions::Pipeline;
use crate::selection::Selection;
use jiff::Timestamp;
use larder_catalog::{Catalog, Entry, Happening, State};
use larder_io_core::{Access, Arity, AssetKey, Error, ErrorKind, Form, Result, Retention};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Events of an asset that are looked at, the newest: enough for the means, and quick also for a million partitions.
const LOOKED_AT: usize = 1000;
const DAY: f64 = 24.0 * 3600.0;

/// What is known of one asset's sizes and rhythm.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AssetUsage {
    /// The asset.
    #[serde(serialize_with = "as_text")]
    pub asset: AssetKey,
    /// The form it is stored in.
    pub form: Form,
    /// The key of its I/O manager.
    pub io_manager: Option<String>,
    /// Whether that is reached over a network.
    pub remote: bool,
    /// The format of its newest value.
    pub format: Option<String>,
    /// Mean bytes of a value stored in that format; `None` where nobody knows.
    pub size: Option<u64>,
    /// Bytes of the largest of them.
    pub largest: Option<u64>,
    /// Values that are published.
    pub values: u64,
    /// Values stored a day, since the oldest event that was looked at; `None` before a second run.
    pub stores_per_day: Option<f64>,
    /// Values stored a day, and what the assets that take it store, as far as that is known; `None` where its own are unknown.
    pub uses_per_day: Option<f64>,
    /// Which versions are kept, where anybody says.
    #[serde(skip)]
    pub retention: Option<Retention>,
    /// The function that makes it.
    pub step: usize,
    /// The engine that computes it; `None` for an asset that is no query.
    pub engine: Option<String>,
    /// Whether something else makes it.
    pub external: bool,
    /// Assets that its function takes whole, with the bytes of their largest value, or of all partitions where it takes them all; what a query takes is its
    /// engine's.
    pub taken_whole: Vec<(String, u64)>,
    /// Each format that was stored, the newest first.
    pub measured: Vec<Measured>,
    /// Why its size is unknown.
    pub unknown: Option<String>,
}

fn as_text<S: serde::Serializer>(key: &AssetKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

impl AssetUsage {
    pub(super) fn without_history(asset: AssetKey, form: Form, why: &str) -> Self {
        Self {
            asset,
            form,
            io_manager: None,
            remote: false,
            format: None,
            size: None,
            largest: None,
            values: 0,
            stores_per_day: None,
            uses_per_day: None,
            retention: None,
            step: 0,
            engine: None,
            external: false,
            taken_whole: Vec::new(),
            measured: Vec::new(),
            unknown: Some(why.to_owned()),
        }
    }

    /// The load that it is; `None` where its size is unknown.
    pub fn load(&self) -> Option<Load> {
        let mut load = Load::new(self.asset.to_string(), self.size?);
        load.largest = self.largest.unwrap_or(load.size);
        load.values = self.values;
        load.stores_per_day = self.stores_per_day;
        load.retention = self.retention;
        load.step = Some(self.step);
        Some(load)
    }
}

impl Pipeline {
    /// Looks sizes and rhythms of a selection up in the catalogue, in the order of the definitions. Assets of which nothing is stored are
    /// left out; those without history say so in [`unknown`](field@AssetUsage::unknown). Rhythms count up to `as_of`.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown asset; `InvalidConfig` without a catalogue; whatever keeps it from being read.
    ///
    /// # Cancel safety
    /// Safe: nothing is written.
    pub async fn usage(&self, selection: impl Into<Selection>, as_of: Timestamp) -> Result<Vec<AssetUsage>> {
        let selected = selection.into().resolve(self)?;
        let catalog = self.catalog().ok_or_else(|| {
            let message =
                "nothing is recorded of this pipeline; give sizes instead, or materialize it with a catalogue";
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        let mut all = Vec::new();
        for step in &selected.steps {
            let taken_whole = self.taken_whole(catalog, *step).await?;
            for key in &self.graph().nodes[*step].keys {
                if self.stored(key)?.form != Form::Nothing {
                    let mut usage = self.usage_of(catalog, *step, key, as_of).await?;
                    usage.taken_whole.clone_from(&taken_whole);
                    all.push(usage);
                }
            }
        }
        Ok(all)
    }

    /// What the function of a step takes into memory, as far as sizes are recorded.
    async fn taken_whole(&self, catalog: &Catalog, step: usize) -> Result<Vec<(String, u64)>> {
        let mut taken = Vec::new();
        if self.engine_of(step).is_some() {
            return Ok(taken);
        }
        let asset = &self.0.assets[step];
        for (input, key) in asset.inputs.iter().zip(&self.graph().nodes[step].inputs) {
            if input.access != Access::Whole {
                continue;
            }
            let entries = entries(catalog, key).await?;
            let taken_bytes = match input.arity {
                Arity::Many => {
                    // All partitions at once, each as it is now.
                    let mut seen = BTreeSet::new();
                    let newest = entries.iter().filter(|entry| seen.insert(entry.partition.clone()));
                    newest.filter_map(bytes).reduce(|sum, bytes| sum + bytes)
                }
                _ => entries.iter().filter_map(bytes).max(),
            };
            taken.extend(taken_bytes.map(|bytes| (key.to_string(), bytes)));
        }
        Ok(taken)
    }

    fn engine_of(&self, step: usize) -> Option<String> {
        #[cfg(feature = "arrow")]
        return self.resolved(step).map(|query| query.engine.name().to_owned());
        #[cfg(not(feature = "arrow"))]
        {
            let _ = step;
            None
        }
    }

    async fn usage_of(&self, catalog: &Catalog, step: usize, key: &AssetKey, as_of: Timestamp) -> Result<AssetUsage> {
        let stored = self.stored(key)?;
        let entries = entries(catalog, key).await?;
        // What was stored in another format tells nothing of what is stored next.
        let newest = entries.iter().find(|entry| bytes(entry).is_some()).and_then(format);
        let alike = entries.iter().filter(|entry| format(entry) == newest);
        let sizes: Vec<u64> = alike.filter_map(bytes).collect();
        let why = match (self.is_external(step), entries.is_empty()) {
            (true, true) => "something else makes it, and its size is not recorded",
            (false, true) => "it was never materialized",
            (_, false) => "its I/O manager records no bytes",
        };
        let mut usage = AssetUsage::without_history(key.clone(), stored.form, why);
        usage.step = step;
        usage.engine = self.engine_of(step);
        usage.external = self.is_external(step);
        if let Some(bound) = &stored.bound {
            usage.io_manager = Some(bound.key.clone());
            usage.remote = bound.manager.info().remote;
        }
        usage.retention = stored.kept.as_ref().map(|kept| kept.retention);
        if sizes.is_empty() {
            return Ok(usage);
        }
        usage.unknown = None;
        let mean = sizes.iter().map(|size| *size as f64).sum::<f64>() / sizes.len() as f64;
        usage.size = Some(mean.round() as u64);
        usage.largest = sizes.iter().max().copied();
        usage.values = catalog
            .states(key)
            .await?
            .iter()
            .filter(|state| State::is_live(state))
            .count() as u64;
        usage.stores_per_day = per_day(&entries, as_of);
        usage.uses_per_day = usage.stores_per_day;
        for consumer in &self.graph().nodes[step].downstream {
            let node = &self.graph().nodes[*consumer];
            if let (true, Some(first)) = (node.inputs.contains(key), node.keys.first()) {
                let loads = per_day(&self::entries(catalog, first).await?, as_of);
                usage.uses_per_day = usage.uses_per_day.map(|uses| uses + loads.unwrap_or(0.0));
            }
        }
        usage.measured = measured(&entries);
        usage.format = newest.map(str::to_owned);
        Ok(usage)
    }
}

/// Materializations, the newest first.
async fn entries(catalog: &Catalog, key: &AssetKey) -> Result<Vec<Entry>> {
    let events = catalog.history(key, None, LOOKED_AT).await?;
    let entry = |event| match event {
        Happening::Materialized(entry) => Some(*entry),
        _ => None,
    };
    Ok(events.into_iter().filter_map(entry).collect())
}

/// Bytes of a stored value. A value that is kept in memory as it is has none of its own.
fn bytes(entry: &Entry) -> Option<u64> {
    let receipt = entry.receipt.as_ref()?;
    (receipt.bytes > 0 || receipt.form == Form::Blob).then_some(receipt.bytes)
}

fn format(entry: &Entry) -> Option<&str> {
    Some(entry.receipt.as_ref()?.format.as_str())
}

/// One run tells no rhythm. Several within a day are what a day has.
fn per_day(entries: &[Entry], as_of: Timestamp) -> Option<f64> {
    let runs: BTreeSet<&str> = entries.iter().map(|entry| entry.run.as_str()).collect();
    let oldest = entries.iter().map(|entry| entry.at).min()?;
    let days = as_of.duration_since(oldest).as_secs_f64() / DAY;
    (runs.len() > 1).then(|| entries.len() as f64 / days.max(1.0))
}

/// Each format by the means of its stores.
fn measured(entries: &[Entry]) -> Vec<Measured> {
    let mut order: Vec<&str> = Vec::new();
    let mut by_format: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        if let (Some(receipt), Some(_)) = (&entry.receipt, bytes(entry)) {
            if !by_format.contains_key(receipt.format.as_str()) {
                order.push(&receipt.format);
            }
            by_format.entry(&receipt.format).or_default().push(entry);
        }
    }
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let of = |format: &&str| {
        let stores = &by_format[format];
        let rows = stores
            .iter()
            .filter_map(|entry| Some(entry.receipt.as_ref()?.rows? as f64));
        // What was restored or adopted took no time that is known.
        let seconds = stores.iter().map(|entry| entry.durations.store.as_secs_f64());
        Measured {
            format: (*format).to_owned(),
            stores: stores.len() as u64,
            bytes: mean(stores.iter().filter_map(|entry| Some(bytes(entry)? as f64)).collect()).unwrap_or(0.0),
            rows: mean(rows.collect()),
            store_seconds: mean(seconds.filter(|seconds| *seconds > 0.0).collect()),
        }
    };
    order.iter().map(of).collect()
}
