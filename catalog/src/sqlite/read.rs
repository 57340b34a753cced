//! Answering questions.

use super::error::Outcome;
use crate::state::{Gathered, damaged};
use crate::stored::{self, CHECKED, MATERIALIZED, StoredEvent, StoredRun, asset_key, json, time};
use crate::{
    Check, Entry, Failure, Happening, RunDetail, RunSummary, State, StepStarted, partition_from_text, partition_text,
};
use larder_io_core::{AssetKey, PartitionKey, RunId};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};

pub(super) fn states(connection: &Connection, asset: &AssetKey) -> Outcome<Vec<State>> {
    let sql = "SELECT body FROM state_block WHERE asset = (SELECT id FROM asset WHERE key = ?1) ORDER BY first";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([asset.as_str()])?;
    let mut states = Gathered::default();
    while let Some(row) = rows.next()? {
        states.add(blob(row, 0)?)?;
    }
    Ok(states.finish())
}

pub(super) fn all_states(connection: &Connection) -> Outcome<Vec<(AssetKey, Vec<State>)>> {
    let sql = "SELECT state_block.asset, asset.key, body FROM state_block JOIN asset ON asset.id = state_block.asset ORDER BY state_block.asset, first";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    let mut current: Option<(i64, AssetKey, Gathered)> = None;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if current.as_ref().is_none_or(|(current, ..)| *current != id) {
            let asset = asset_key(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
            let before = current.replace((id, asset, Gathered::default()));
            all.extend(before.map(|(_, asset, states)| (asset, states.finish())));
        }
        if let Some((_, _, states)) = &mut current {
            states.add(blob(row, 2)?)?;
        }
    }
    all.extend(current.map(|(_, asset, states)| (asset, states.finish())));
    Ok(all)
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> Outcome<&'a [u8]> {
    Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)
}

pub(super) fn latest(connection: &Connection, asset: &AssetKey) -> Outcome<Vec<Entry>> {
    let mut events = Events::new(connection, "event.id = ?1 LIMIT 1")?;
    let mut entries = Vec::new();
    for state in states(connection, asset)?.iter().filter(|state| state.is_live()) {
        entries.push(live_entry(&mut events, asset, state)?);
    }
    Ok(entries)
}

pub(super) fn latest_of(
    connection: &Connection,
    asset: &AssetKey,
    partition: Option<&PartitionKey>,
) -> Outcome<Option<Entry>> {
    let sql = "SELECT body FROM state_block
        WHERE asset = (SELECT id FROM asset WHERE key = ?1) AND first <= ?2 ORDER BY first DESC LIMIT 1";
    let text = partition_text(partition);
    let mut states = Gathered::default();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![asset.as_str(), text])?;
    if let Some(row) = rows.next()? {
        states.add(blob(row, 0)?)?;
    }
    match states.finish().iter().find(|state| state.partition_text() == text) {
        Some(state) if state.is_live() => {
            let mut events = Events::new(connection, "event.id = ?1 LIMIT 1")?;
            Ok(Some(live_entry(&mut events, asset, state)?))
        }
        _ => Ok(None),
    }
}

fn live_entry(events: &mut Events<'_>, asset: &AssetKey, state: &State) -> Outcome<Entry> {
    match events.get(asset, params![state.event()])?.pop() {
        Some(Happening::Materialized(entry)) => Ok(*entry),
        _ => Err(damaged().into()),
    }
}

pub(super) fn history(
    connection: &Connection,
    asset: &AssetKey,
    partition: Option<Option<&PartitionKey>>,
    limit: usize,
) -> Outcome<Vec<Happening>> {
    let id = connection
        .prepare_cached("SELECT id FROM asset WHERE key = ?1")?
        .query_row([asset.as_str()], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(id) = id else { return Ok(Vec::new()) };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match partition {
        None => {
            Events::new(connection, "event.asset = ?1 ORDER BY event.id DESC LIMIT ?2")?.get(asset, params![id, limit])
        }
        Some(partition) => Events::new(
            connection,
            "event.asset = ?1 AND event.partition = ?3 ORDER BY event.id DESC LIMIT ?2",
        )?
        .get(asset, params![id, limit, partition_text(partition)]),
    }
}

/// Reads events by some condition.
struct Events<'a> {
    statement: CachedStatement<'a>,
}

impl<'a> Events<'a> {
    fn new(connection: &'a Connection, which: &str) -> Outcome<Self> {
        let sql = format!(
            "SELECT event.kind, event.partition, event.at, run.run, event.detail, event.inline, failure.kind, failure.message
             FROM event LEFT JOIN run ON run.id = event.run
             LEFT JOIN failure ON event.kind = {} AND failure.id = CAST(event.detail AS INTEGER)
             WHERE {which}",
            stored::FAILED
        );
        Ok(Self {
            statement: connection.prepare_cached(&sql)?,
        })
    }

    fn get(&mut self, asset: &AssetKey, which: impl rusqlite::Params) -> Outcome<Vec<Happening>> {
        let mut rows = self.statement.query(which)?;
        let mut happenings = Vec::new();
        while let Some(row) = rows.next()? {
            happenings.push(happening(asset, row)?);
        }
        Ok(happenings)
    }
}

fn happening(asset: &AssetKey, row: &Row<'_>) -> Outcome<Happening> {
    let failure: (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
    let stored = StoredEvent {
        kind: row.get(0)?,
        partition: row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?,
        at: row.get(2)?,
        run: row.get(3)?,
        detail: row.get_ref(4)?.as_str_or_null().map_err(rusqlite::Error::from)?,
        inline: row.get(5)?,
        failure: failure.0.zip(failure.1),
    };
    Ok(stored.happening(asset)?)
}

const RUN: &str =
    "SELECT run, started, selection, profile, tags, finished, materialized, failed, skipped, duration, id FROM run";

pub(super) fn runs(connection: &Connection, only_unfinished: bool, limit: usize) -> Outcome<Vec<RunSummary>> {
    let only = if only_unfinished { " AND finished IS NULL" } else { "" };
    let sql = format!("{RUN} WHERE started IS NOT NULL{only} ORDER BY started DESC, id DESC LIMIT ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(summary(row)?);
    }
    Ok(runs)
}

fn summary(row: &Row<'_>) -> Outcome<RunSummary> {
    let stored = StoredRun {
        run: row.get(0)?,
        started: row.get(1)?,
        selection: row.get(2)?,
        profile: row.get(3)?,
        tags: row.get(4)?,
        finished: row.get(5)?,
        end: [row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?],
    };
    Ok(stored.summary()?)
}

pub(super) fn run(connection: &Connection, run: &RunId) -> Outcome<Option<RunDetail>> {
    let mut statement = connection.prepare_cached(&format!("{RUN} WHERE run = ?1 AND started IS NOT NULL"))?;
    let mut rows = statement.query([run.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (id, summary): (i64, _) = (row.get(10)?, summary(row)?);
    let (mut steps, mut materialized, mut failures) = (Vec::new(), Vec::new(), Vec::new());

    let mut statement =
        connection.prepare_cached("SELECT at, assets, partitions FROM step WHERE run = ?1 ORDER BY id")?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let (assets, partitions) = (assets(row, 1)?, partitions(row, 2)?);
        steps.push(StepStarted {
            run: run.clone(),
            assets,
            partitions,
            at: time(row.get(0)?)?,
        });
    }
    let sql = "SELECT at, assets, partitions, kind, message FROM failure WHERE run = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let (assets, partitions) = (assets(row, 1)?, partitions(row, 2)?);
        let (at, kind, message) = (time(row.get(0)?)?, row.get(3)?, row.get(4)?);
        failures.push(Failure {
            run: run.clone(),
            assets,
            partitions,
            at,
            kind,
            message,
        });
    }
    let sql = "SELECT asset.key, event.partition FROM event JOIN asset ON asset.id = event.asset
        WHERE event.run = ?1 AND event.kind = 1 ORDER BY event.id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let (asset, partition): (String, String) = (row.get(0)?, row.get(1)?);
        materialized.push((asset_key(&asset)?, partition_from_text(&partition)?));
    }
    Ok(Some(RunDetail {
        summary,
        steps,
        materialized,
        failures,
    }))
}

pub(super) fn run_entries(connection: &Connection, run: &RunId, limit: usize) -> Outcome<Vec<Entry>> {
    let happened = in_run(connection, run, MATERIALIZED, limit)?.into_iter();
    Ok(happened
        .filter_map(|it| match it {
            Happening::Materialized(entry) => Some(*entry),
            _ => None,
        })
        .collect())
}

pub(super) fn run_checks(connection: &Connection, run: &RunId, limit: usize) -> Outcome<Vec<Check>> {
    let happened = in_run(connection, run, CHECKED, limit)?.into_iter();
    Ok(happened
        .filter_map(|it| match it {
            Happening::Checked(check) => Some(check),
            _ => None,
        })
        .collect())
}

/// What happened in a run, of one kind.
fn in_run(connection: &Connection, run: &RunId, kind: i64, limit: usize) -> Outcome<Vec<Happening>> {
    // Each kind has an index of its own, which a parameter would not find.
    let sql = format!(
        "SELECT event.kind, event.partition, event.at, run.run, event.detail, NULL, NULL, NULL, asset.key
        FROM event JOIN run ON run.id = event.run JOIN asset ON asset.id = event.asset
        WHERE event.run = (SELECT id FROM run WHERE run = ?1) AND event.kind = {kind} ORDER BY event.id LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![run.as_str(), limit])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let asset = asset_key(row.get_ref(8)?.as_str().map_err(rusqlite::Error::from)?)?;
        entries.push(happening(&asset, row)?);
    }
    Ok(entries)
}

fn assets(row: &Row<'_>, column: usize) -> Outcome<Vec<AssetKey>> {
    Ok(json(&row.get::<_, String>(column)?)?)
}

fn partitions(row: &Row<'_>, column: usize) -> Outcome<Vec<PartitionKey>> {
    Ok(stored::partitions(&row.get::<_, String>(column)?)?)
}

pub(super) fn dynamic_keys(connection: &Connection, name: &str) -> Outcome<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM dynamic_key WHERE name = ?1 ORDER BY id")?;
    let values = statement.query_map([name], |row| row.get(0))?;
    Ok(values.collect::<rusqlite::Result<_>>()?)
}
