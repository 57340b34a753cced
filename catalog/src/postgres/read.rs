//! Answering questions.

use super::error::Outcome;
use super::session::{Parameter, Session};
use super::text::{escaped, unescaped};
use crate::state::{Gathered, damaged};
use crate::stored::{self, StoredEvent, StoredRun, asset_key, json, time};
use crate::{
    Check, Entry, Failure, Happening, RunDetail, RunSummary, State, StepStarted, partition_from_text, partition_text,
};
use larder_io_core::{AssetKey, PartitionKey, RunId};
use postgres::Row;
use postgres::fallible_iterator::FallibleIterator as _;
use std::collections::HashMap;

/// Entries that are fetched at once.
const AT_ONCE: usize = 1_000;

/// What is read of events.
macro_rules! event_columns {
    () => {
        "SELECT event.kind, event.partition, event.at, run.run, event.detail, event.inline, failure.kind, failure.message, event.id
         FROM event LEFT JOIN run ON run.id = event.run LEFT JOIN failure ON failure.id = event.failure "
    };
}
macro_rules! run_columns {
    () => {
        "SELECT run, started, selection, profile, tags, finished, materialized, failed, skipped, duration, id FROM run "
    };
}

pub(super) fn states(session: &mut Session, asset: &AssetKey) -> Outcome<Vec<State>> {
    let sql = "SELECT body FROM state_block WHERE asset = (SELECT id FROM asset WHERE key = $1) ORDER BY first";
    let mut rows = session.stream(sql, &[&&*escaped(asset.as_str())])?;
    let mut states = Gathered::default();
    while let Some(row) = rows.next()? {
        states.add(row.try_get(0)?)?;
    }
    Ok(states.finish())
}

pub(super) fn all_states(session: &mut Session) -> Outcome<Vec<(AssetKey, Vec<State>)>> {
    let sql = "SELECT state_block.asset, asset.key, body FROM state_block JOIN asset ON asset.id = state_block.asset
               ORDER BY state_block.asset, first";
    let mut rows = session.stream(sql, &[])?;
    let mut all = Vec::new();
    let mut current: Option<(i64, AssetKey, Gathered)> = None;
    while let Some(row) = rows.next()? {
        let id: i64 = row.try_get(0)?;
        if current.as_ref().is_none_or(|(current, ..)| *current != id) {
            let asset = asset_key(&unescaped(row.try_get(1)?)?)?;
            let before = current.replace((id, asset, Gathered::default()));
            all.extend(before.map(|(_, asset, states)| (asset, states.finish())));
        }
        if let Some((_, _, states)) = &mut current {
            states.add(row.try_get(2)?)?;
        }
    }
    all.extend(current.map(|(_, asset, states)| (asset, states.finish())));
    Ok(all)
}

pub(super) fn latest(session: &mut Session, asset: &AssetKey) -> Outcome<Vec<Entry>> {
    let states = states(session, asset)?;
    let live: Vec<i64> = states
        .iter()
        .filter(|state| state.is_live())
        .map(State::event)
        .collect();
    let mut entries = Vec::with_capacity(live.len());
    for ids in live.chunks(AT_ONCE) {
        let mut found = HashMap::with_capacity(ids.len());
        for row in session.query(concat!(event_columns!(), "WHERE event.id = ANY($1)"), &[&ids])? {
            found.insert(row.try_get::<_, i64>(8)?, happening(asset, &row)?);
        }
        for id in ids {
            entries.push(live_entry(found.remove(id))?);
        }
    }
    Ok(entries)
}

pub(super) fn latest_of(
    session: &mut Session,
    asset: &AssetKey,
    partition: Option<&PartitionKey>,
) -> Outcome<Option<Entry>> {
    let sql = "SELECT body FROM state_block WHERE asset = (SELECT id FROM asset WHERE key = $1) AND first <= $2
               ORDER BY first DESC LIMIT 1";
    let text = partition_text(partition);
    let mut states = Gathered::default();
    for row in session.query(sql, &[&&*escaped(asset.as_str()), &text])? {
        states.add(row.try_get(0)?)?;
    }
    let states = states.finish();
    let Some(state) = states
        .iter()
        .find(|state| state.partition_text() == text && state.is_live())
    else {
        return Ok(None);
    };
    let sql = concat!(event_columns!(), "WHERE event.id = $1");
    let found = session.query(sql, &[&state.event()])?.pop();
    let happening = found.map(|row| happening(asset, &row)).transpose()?;
    Ok(Some(live_entry(happening)?))
}

fn live_entry(found: Option<Happening>) -> Outcome<Entry> {
    match found {
        Some(Happening::Materialized(entry)) => Ok(*entry),
        _ => Err(damaged().into()),
    }
}

pub(super) fn history(
    session: &mut Session,
    asset: &AssetKey,
    partition: Option<Option<&PartitionKey>>,
    limit: usize,
) -> Outcome<Vec<Happening>> {
    let sql = "SELECT id FROM asset WHERE key = $1";
    let Some(row) = session.query(sql, &[&&*escaped(asset.as_str())])?.pop() else {
        return Ok(Vec::new());
    };
    let (id, limit): (i64, _) = (row.try_get(0)?, i64::try_from(limit).unwrap_or(i64::MAX));
    match partition {
        None => {
            let sql = concat!(
                event_columns!(),
                "WHERE event.asset = $1 ORDER BY event.id DESC LIMIT $2"
            );
            happenings(session, asset, sql, &[&id, &limit])
        }
        Some(partition) => {
            let sql = concat!(
                event_columns!(),
                "WHERE event.asset = $1 AND event.partition = $3 ORDER BY event.id DESC LIMIT $2"
            );
            happenings(session, asset, sql, &[&id, &limit, &partition_text(partition)])
        }
    }
}

fn happenings(
    session: &mut Session,
    asset: &AssetKey,
    sql: &'static str,
    parameters: &[Parameter<'_>],
) -> Outcome<Vec<Happening>> {
    let mut rows = session.stream(sql, parameters)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(happening(asset, &row)?);
    }
    Ok(all)
}

fn happening(asset: &AssetKey, row: &Row) -> Outcome<Happening> {
    let failure = (maybe(row, 6)?, maybe(row, 7)?);
    let stored = StoredEvent {
        kind: row.try_get(0)?,
        partition: row.try_get(1)?,
        at: row.try_get(2)?,
        run: maybe(row, 3)?,
        detail: row.try_get(4)?,
        inline: row.try_get(5)?,
        failure: failure.0.zip(failure.1),
    };
    Ok(stored.happening(asset)?)
}

/// An escaped text that may be none.
fn maybe(row: &Row, column: usize) -> Outcome<Option<String>> {
    Ok(row.try_get::<_, Option<&str>>(column)?.map(unescaped).transpose()?)
}

/// An escaped text.
fn text(row: &Row, column: usize) -> Outcome<String> {
    Ok(unescaped(row.try_get(column)?)?)
}

pub(super) fn runs(session: &mut Session, only_unfinished: bool, limit: usize) -> Outcome<Vec<RunSummary>> {
    let sql = match only_unfinished {
        false => concat!(
            run_columns!(),
            "WHERE started IS NOT NULL ORDER BY started DESC, id DESC LIMIT $1"
        ),
        true => concat!(
            run_columns!(),
            "WHERE started IS NOT NULL AND finished IS NULL ORDER BY started DESC, id DESC LIMIT $1"
        ),
    };
    let rows = session.query(sql, &[&i64::try_from(limit).unwrap_or(i64::MAX)])?;
    rows.iter().map(summary).collect()
}

fn summary(row: &Row) -> Outcome<RunSummary> {
    let stored = StoredRun {
        run: text(row, 0)?,
        started: row.try_get(1)?,
        selection: text(row, 2)?,
        profile: maybe(row, 3)?,
        tags: row.try_get(4)?,
        finished: row.try_get(5)?,
        end: [row.try_get(6)?, row.try_get(7)?, row.try_get(8)?, row.try_get(9)?],
    };
    Ok(stored.summary()?)
}

pub(super) fn run(session: &mut Session, run: &RunId) -> Outcome<Option<RunDetail>> {
    let sql = concat!(run_columns!(), "WHERE run = $1 AND started IS NOT NULL");
    let Some(row) = session.query(sql, &[&&*escaped(run.as_str())])?.pop() else {
        return Ok(None);
    };
    let (id, summary): (i64, _) = (row.try_get(10)?, summary(&row)?);
    let (mut steps, mut materialized, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    let sql = "SELECT at, assets, partitions FROM step WHERE run = $1 ORDER BY id";
    for row in session.query(sql, &[&id])? {
        steps.push(StepStarted {
            run: run.clone(),
            assets: json(row.try_get(1)?)?,
            partitions: stored::partitions(row.try_get(2)?)?,
            at: time(row.try_get(0)?)?,
        });
    }
    let sql = "SELECT at, assets, partitions, kind, message FROM failure WHERE run = $1 ORDER BY id";
    for row in session.query(sql, &[&id])? {
        failures.push(Failure {
            run: run.clone(),
            assets: json(row.try_get(1)?)?,
            partitions: stored::partitions(row.try_get(2)?)?,
            at: time(row.try_get(0)?)?,
            kind: text(&row, 3)?,
            message: text(&row, 4)?,
        });
    }
    let sql = "SELECT asset.key, event.partition FROM event JOIN asset ON asset.id = event.asset
               WHERE event.run = $1 AND event.kind = 1 ORDER BY event.id";
    for row in session.query(sql, &[&id])? {
        materialized.push((asset_key(&text(&row, 0)?)?, partition_from_text(row.try_get(1)?)?));
    }
    Ok(Some(RunDetail {
        summary,
        steps,
        materialized,
        failures,
    }))
}

pub(super) fn run_entries(session: &mut Session, run: &RunId, limit: usize) -> Outcome<Vec<Entry>> {
    let happened = in_run(session, run, MATERIALIZED_IN_RUN, limit)?.into_iter();
    Ok(happened
        .filter_map(|it| match it {
            Happening::Materialized(entry) => Some(*entry),
            _ => None,
        })
        .collect())
}

pub(super) fn run_checks(session: &mut Session, run: &RunId, limit: usize) -> Outcome<Vec<Check>> {
    let happened = in_run(session, run, CHECKED_IN_RUN, limit)?.into_iter();
    Ok(happened
        .filter_map(|it| match it {
            Happening::Checked(check) => Some(check),
            _ => None,
        })
        .collect())
}

/// What happened in a run, of one kind. Each kind has an index of its own, which a parameter would not find.
macro_rules! in_run_of_kind {
    ($kind:literal) => {
        concat!(
            "SELECT event.kind, event.partition, event.at, run.run, event.detail, NULL::bytea, NULL::text, NULL::text, asset.key
             FROM event JOIN run ON run.id = event.run JOIN asset ON asset.id = event.asset
             WHERE event.run = (SELECT id FROM run WHERE run = $1) AND event.kind = ",
            $kind,
            " ORDER BY event.id LIMIT $2"
        )
    };
}
const MATERIALIZED_IN_RUN: &str = in_run_of_kind!(1);
const CHECKED_IN_RUN: &str = in_run_of_kind!(4);

fn in_run(session: &mut Session, run: &RunId, sql: &'static str, limit: usize) -> Outcome<Vec<Happening>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = session.stream(sql, &[&&*escaped(run.as_str()), &limit])?;
    let mut happened = Vec::new();
    while let Some(row) = rows.next()? {
        happened.push(happening(&asset_key(&text(&row, 8)?)?, &row)?);
    }
    Ok(happened)
}

pub(super) fn dynamic_keys(session: &mut Session, name: &str) -> Outcome<Vec<String>> {
    let sql = "SELECT value FROM dynamic_key WHERE name = $1 ORDER BY id";
    let rows = session.query(sql, &[&&*escaped(name)])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
