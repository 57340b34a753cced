//! The numbers of names.

use super::error::Outcome;
use super::session::Session;
use super::text::{escaped, unescaped};
use super::write::Last;
use crate::Record;
use crate::database::Change;
use larder_io_core::{AssetKey, Error, ErrorKind, RunId};
use std::collections::{HashMap, HashSet};

/// Beyond so many, names are looked up again.
const MAX_IDS: usize = 100_000;

/// The numbers of names. Names are never removed, so that a number holds for ever once its transaction is committed.
#[derive(Default)]
pub(super) struct Ids {
    assets: HashMap<AssetKey, i64>,
    runs: HashMap<RunId, i64>,
}

impl Ids {
    /// Learns the numbers of all names in some changes; gives numbers to those that have none.
    pub(super) fn name(&mut self, session: &mut Session, changes: &[Change], last: &mut Last) -> Outcome<()> {
        if self.assets.len() >= MAX_IDS {
            self.assets.clear();
        }
        if self.runs.len() >= MAX_IDS {
            self.runs.clear();
        }
        let (mut assets, mut runs) = (Vec::new(), Vec::new());
        for change in changes {
            if let Change::Record(record) = change {
                named(record, &mut assets, &mut runs);
            }
        }
        let mut seen = HashSet::new();
        assets.retain(|asset| !self.assets.contains_key(*asset) && seen.insert(*asset));
        let mut seen = HashSet::new();
        runs.retain(|run| !self.runs.contains_key(*run) && seen.insert(*run));
        let find = "SELECT key, id FROM asset WHERE key = ANY($1)";
        let add = "INSERT INTO asset (key, id) SELECT * FROM unnest($1::text[], $2::bigint[])";
        let texts: Vec<&str> = assets.iter().map(|asset| asset.as_str()).collect();
        for (place, id) in numbers(session, [find, add], &texts, &mut last.asset)? {
            self.assets.insert(assets[place].clone(), id);
        }
        let find = "SELECT run, id FROM run WHERE run = ANY($1)";
        let add = "INSERT INTO run (run, id) SELECT * FROM unnest($1::text[], $2::bigint[])";
        let texts: Vec<&str> = runs.iter().map(|run| run.as_str()).collect();
        for (place, id) in numbers(session, [find, add], &texts, &mut last.run)? {
            self.runs.insert(runs[place].clone(), id);
        }
        Ok(())
    }

    pub(super) fn asset(&self, asset: &AssetKey) -> Outcome<i64> {
        Ok(self.assets.get(asset).copied().ok_or_else(unnamed)?)
    }

    pub(super) fn run(&self, run: &RunId) -> Outcome<i64> {
        Ok(self.runs.get(run).copied().ok_or_else(unnamed)?)
    }
}

fn unnamed() -> Error {
    Error::new(
        ErrorKind::Unexpected,
        "a name of the catalogue has no number; this is a defect of larder",
    )
}

fn named<'a>(record: &'a Record, assets: &mut Vec<&'a AssetKey>, runs: &mut Vec<&'a RunId>) {
    match record {
        Record::RunStarted(it) => runs.push(&it.run),
        Record::RunFinished(it) => runs.push(&it.run),
        // Its assets are kept as a text.
        Record::StepStarted(it) => runs.push(&it.run),
        Record::Failed(it) => {
            runs.push(&it.run);
            assets.extend(&it.assets);
        }
        Record::Materialized(it) => {
            runs.push(&it.run);
            assets.push(&it.asset);
        }
        Record::Observed(it) => {
            runs.extend(&it.run);
            assets.push(&it.asset);
        }
        Record::Checked(it) => {
            runs.extend(&it.run);
            assets.push(&it.asset);
        }
        Record::Deleted(it) => {
            runs.extend(&it.run);
            assets.push(&it.asset);
        }
    }
}

/// Finds the numbers of names; those that have none get the next ones, in their order.
fn numbers(
    session: &mut Session,
    [find, add]: [&'static str; 2],
    names: &[&str],
    last: &mut i64,
) -> Outcome<Vec<(usize, i64)>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<_> = names.iter().map(|name| escaped(name)).collect();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let mut known: HashMap<String, i64> = HashMap::new();
    for row in session.query(find, &[&texts])? {
        known.insert(unescaped(row.try_get(0)?)?, row.try_get(1)?);
    }
    let (mut all, mut new, mut ids) = (Vec::with_capacity(names.len()), Vec::new(), Vec::new());
    for (place, name) in names.iter().enumerate() {
        let id = known.get(*name).copied().unwrap_or_else(|| {
            *last += 1;
            new.push(texts[place]);
            ids.push(*last);
            *last
        });
        all.push((place, id));
    }
    if !new.is_empty() {
        session.execute(add, &[&new, &ids])?;
    }
    Ok(all)
}
