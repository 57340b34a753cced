//! Making changes.

use super::error::Outcome;
use crate::block::{self, Changed};
use crate::database::Change;
use crate::detail::to_json;
use crate::happened::{Happened, check_detail, entry_detail, observation_detail, texts};
use crate::stored::{CHECKED, DELETED, FAILED, MATERIALIZED, OBSERVED};
use crate::time::micros;
use crate::{Failure, Record, RunFinished, RunStarted, StepStarted, partition_text};
use jiff::Timestamp;
use larder_io_core::{AssetKey, RunId};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, named_params, params};
use std::collections::HashMap;
use std::hash::Hash;

/// Beyond so many, names are looked up again.
const MAX_IDS: usize = 100_000;

/// The numbers of names. Names are never removed, so that a number holds for ever once its transaction is committed.
#[derive(Default)]
pub(super) struct Ids {
    assets: HashMap<AssetKey, i64>,
    runs: HashMap<RunId, i64>,
}

/// Makes all changes in one transaction.
pub(super) fn apply(connection: &mut Connection, ids: &mut Ids, changes: &[Change]) -> Outcome<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut writer = Writer {
        connection: &transaction,
        ids,
    };
    for change in changes {
        match change {
            Change::Record(record) => writer.record(record)?,
            Change::AddKeys { name, values } => {
                let sql = "INSERT INTO dynamic_key (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                let mut insert = transaction.prepare_cached(sql)?;
                for value in values {
                    insert.execute([name, value])?;
                }
            }
            Change::RemoveKeys { name, values } => {
                let mut delete =
                    transaction.prepare_cached("DELETE FROM dynamic_key WHERE name = ?1 AND value = ?2")?;
                for value in values {
                    delete.execute([name, value])?;
                }
            }
            Change::Forget(it) => {
                let find =
                    "SELECT id, detail, inline FROM event WHERE kind = ?1 AND partition = ?2 AND inline IS NOT NULL
                    AND asset = (SELECT id FROM asset WHERE key = ?3)";
                let (partition, asset) = (partition_text(it.partition.as_ref()), it.asset.to_string());
                let mut find = transaction.prepare_cached(find)?;
                let mut forget = transaction.prepare_cached("UPDATE event SET inline = NULL WHERE id = ?1")?;
                let mut rows = find.query(params![MATERIALIZED, partition, asset])?;
                let mut gone: Vec<i64> = Vec::new();
                while let Some(row) = rows.next()? {
                    let (detail, inline): (String, Vec<u8>) = (row.get(1)?, row.get(2)?);
                    if it.has(&detail, &inline)? {
                        gone.push(row.get(0)?);
                    }
                }
                for event in gone {
                    forget.execute([event])?;
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

struct Writer<'a> {
    connection: &'a Connection,
    ids: &'a mut Ids,
}

/// What an event is about.
struct About<'a> {
    asset: &'a AssetKey,
    partition: &'a str,
    run: Option<&'a RunId>,
    at: Timestamp,
}

impl Writer<'_> {
    fn record(&mut self, record: &Record) -> Outcome<()> {
        match record {
            Record::RunStarted(it) => self.run_started(it),
            Record::StepStarted(it) => self.step_started(it),
            Record::RunFinished(it) => self.run_finished(it),
            Record::Failed(it) => self.failed(it),
            Record::Materialized(it) => {
                let partition = partition_text(it.partition.as_ref());
                let about = About {
                    asset: &it.asset,
                    partition: &partition,
                    run: Some(&it.run),
                    at: it.at,
                };
                let detail = entry_detail(it)?;
                let (asset, event) = self.event(MATERIALIZED, &about, Some(&detail), it.inline.as_deref())?;
                self.state(asset, &partition, Happened::Materialized(it, event))
            }
            Record::Observed(it) => {
                let partition = partition_text(it.partition.as_ref());
                let about = About {
                    asset: &it.asset,
                    partition: &partition,
                    run: it.run.as_ref(),
                    at: it.at,
                };
                let detail = observation_detail(it)?;
                let (asset, _) = self.event(OBSERVED, &about, Some(&detail), None)?;
                self.state(asset, &partition, Happened::Observed(it))
            }
            Record::Checked(it) => {
                let partition = partition_text(it.partition.as_ref());
                let about = About {
                    asset: &it.asset,
                    partition: &partition,
                    run: it.run.as_ref(),
                    at: it.at,
                };
                let detail = check_detail(it)?;
                self.event(CHECKED, &about, Some(&detail), None)?;
                Ok(())
            }
            Record::Deleted(it) => {
                let partition = partition_text(it.partition.as_ref());
                let about = About {
                    asset: &it.asset,
                    partition: &partition,
                    run: it.run.as_ref(),
                    at: it.at,
                };
                let (asset, _) = self.event(DELETED, &about, None, None)?;
                self.state(asset, &partition, Happened::Deleted)
            }
        }
    }

    fn run_started(&mut self, it: &RunStarted) -> Outcome<()> {
        let id = self.run(&it.run)?;
        let sql = "UPDATE run SET started = ?2, selection = ?3, profile = ?4, tags = ?5 WHERE id = ?1";
        let tags = to_json(&it.tags)?;
        let values = params![id, micros(it.at), it.selection, it.profile, tags];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn run_finished(&mut self, it: &RunFinished) -> Outcome<()> {
        let id = self.run(&it.run)?;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let sql = "UPDATE run SET finished = :at, materialized = :materialized, failed = :failed, skipped = :skipped, duration = :duration WHERE id = :id";
        self.connection.prepare_cached(sql)?.execute(named_params! {
            ":id": id,
            ":at": micros(it.at),
            ":materialized": number(it.counts.materialized),
            ":failed": number(it.counts.failed),
            ":skipped": number(it.counts.skipped),
            ":duration": i64::try_from(it.duration.as_nanos()).unwrap_or(i64::MAX),
        })?;
        Ok(())
    }

    fn step_started(&mut self, it: &StepStarted) -> Outcome<()> {
        let id = self.run(&it.run)?;
        let (assets, partitions) = (to_json(&it.assets)?, to_json(&texts(&it.partitions))?);
        let sql = "INSERT INTO step (run, at, assets, partitions) VALUES (?1, ?2, ?3, ?4)";
        let values = params![id, micros(it.at), assets, partitions];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn failed(&mut self, it: &Failure) -> Outcome<()> {
        let id = self.run(&it.run)?;
        let mut partitions = texts(&it.partitions);
        let (assets, listed) = (to_json(&it.assets)?, to_json(&partitions)?);
        let sql = "INSERT INTO failure (run, at, kind, message, assets, partitions) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![id, micros(it.at), it.kind, it.message, assets, listed];
        let failure = self.connection.prepare_cached(sql)?.insert(values)?.to_string();
        if partitions.is_empty() {
            partitions.push(String::new());
        }
        for asset in &it.assets {
            for partition in &partitions {
                let about = About {
                    asset,
                    partition,
                    run: Some(&it.run),
                    at: it.at,
                };
                let (asset, _) = self.event(FAILED, &about, Some(&failure), None)?;
                self.state(asset, partition, Happened::Failed(micros(it.at)))?;
            }
        }
        Ok(())
    }

    /// Adds an event; gives the numbers of its asset and of itself.
    fn event(
        &mut self,
        kind: i64,
        about: &About<'_>,
        detail: Option<&str>,
        inline: Option<&[u8]>,
    ) -> Outcome<(i64, i64)> {
        let asset = self.asset(about.asset)?;
        let run = about.run.map(|run| self.run(run)).transpose()?;
        let sql =
            "INSERT INTO event (asset, partition, kind, at, run, detail, inline) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![asset, about.partition, kind, micros(about.at), run, detail, inline];
        Ok((asset, self.connection.prepare_cached(sql)?.insert(values)?))
    }

    /// Changes the state of a partition.
    fn state(&self, asset: i64, partition: &str, happened: Happened<'_>) -> Outcome<()> {
        let sql = "SELECT id, body FROM state_block WHERE asset = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
        let found: Option<(i64, Vec<u8>)> = self
            .connection
            .prepare_cached(sql)?
            .query_row(params![asset, partition], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (id, body) = found.map_or_else(Default::default, |(id, body)| (Some(id), body));
        let add = |first: &str, body: &[u8]| -> Outcome<()> {
            let sql = "INSERT INTO state_block (asset, first, body) VALUES (?1, ?2, ?3)";
            self.connection
                .prepare_cached(sql)?
                .execute(params![asset, first, body])?;
            Ok(())
        };
        let put = |body: &[u8]| -> Outcome<()> {
            // The first block begins before every partition.
            let Some(id) = id else { return add("", body) };
            let sql = "UPDATE state_block SET body = ?2 WHERE id = ?1";
            self.connection.prepare_cached(sql)?.execute(params![id, body])?;
            Ok(())
        };
        match block::change(&body, partition, |old| happened.after(old))? {
            Changed::Nothing => {}
            Changed::Empty => {
                let sql = "DELETE FROM state_block WHERE id = ?1";
                self.connection.prepare_cached(sql)?.execute(params![id])?;
            }
            Changed::One(body) => put(&body)?,
            Changed::Two(body, second, rest) => {
                put(&body)?;
                add(&second, &rest)?;
            }
        }
        Ok(())
    }

    fn asset(&mut self, asset: &AssetKey) -> Outcome<i64> {
        let find = "SELECT id FROM asset WHERE key = ?1";
        let add = "INSERT INTO asset (key) VALUES (?1)";
        number(
            self.connection,
            &mut self.ids.assets,
            asset,
            asset.as_str(),
            [find, add],
        )
    }

    fn run(&mut self, run: &RunId) -> Outcome<i64> {
        let find = "SELECT id FROM run WHERE run = ?1";
        let add = "INSERT INTO run (run) VALUES (?1)";
        number(self.connection, &mut self.ids.runs, run, run.as_str(), [find, add])
    }
}

/// The number of a name: remembered, else found, else given.
fn number<K: Clone + Eq + Hash>(
    connection: &Connection,
    known: &mut HashMap<K, i64>,
    key: &K,
    name: &str,
    [find, add]: [&str; 2],
) -> Outcome<i64> {
    if let Some(id) = known.get(key) {
        return Ok(*id);
    }
    let mut find = connection.prepare_cached(find)?;
    let id = match find.query_row([name], |row| row.get(0)).optional()? {
        Some(id) => id,
        None => connection.prepare_cached(add)?.insert([name])?,
    };
    if known.len() >= MAX_IDS {
        known.clear();
    }
    known.insert(key.clone(), id);
    Ok(id)
}
