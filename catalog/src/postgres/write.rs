//! Making changes: all in one transaction, under the catalogue's lock, in as few round trips as there are tables.

use super::blocks;
use super::error::Outcome;
use super::names::Ids;
use super::rows::Rows;
use super::session::Session;
use super::text::escaped;
use crate::database::Change;
use crate::detail::to_json;
use crate::happened::{Happened, check_detail, entry_detail, observation_detail, texts};
use crate::stored::{CHECKED, DELETED, FAILED, MATERIALIZED, OBSERVED};
use crate::time::micros;
use crate::{Failure, Record, RunFinished, RunStarted, partition_text};
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, RunId};

/// Bytes of one row that are sent. PostgreSQL takes no message beyond 1 GB, and doubles what it works on.
const MAX_ROW: usize = 256 << 20;

/// Who writes, and how far it has come.
pub(super) struct Progress {
    /// The writer's own name.
    pub(super) writer: String,
    /// So many of its changes are committed and known to be.
    pub(super) committed: i64,
}

/// The highest numbers that are given.
#[derive(Default)]
pub(super) struct Last {
    pub(super) asset: i64,
    pub(super) run: i64,
    step: i64,
    failure: i64,
    event: i64,
}

/// Makes all changes in one transaction; those first ones that an earlier call committed without hearing of it are left out.
///
/// The lock is let go after the commit is visible. So an earlier transaction of ours whose end we do not know has ended
/// when we have it, and numbers that are given under it are in the order of commits.
pub(super) fn apply(
    session: &mut Session,
    lock: i64,
    ids: &mut Ids,
    progress: &mut Progress,
    changes: &[Change],
) -> Outcome<()> {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    // The writer's name is hexadecimal.
    let begin = format!(
        "BEGIN; SELECT NULL FROM pg_advisory_xact_lock({lock});
         SELECT concat_ws(' ', coalesce((SELECT changes FROM writer WHERE id = '{}'), 0), coalesce((SELECT max(id) FROM asset), 0),
             coalesce((SELECT max(id) FROM run), 0), coalesce((SELECT max(id) FROM step), 0), coalesce((SELECT max(id) FROM failure), 0),
             coalesce((SELECT max(id) FROM event), 0))",
        progress.writer
    );
    let said = session.simple(&begin)?.pop().flatten().unwrap_or_default();
    let numbers: Vec<i64> = said.split(' ').map_while(|number| number.parse().ok()).collect();
    let &[found, asset, run, step, failure, event] = &numbers[..] else {
        return Err(crate::stored::broken("numbers that are none").into());
    };
    let landed = usize::try_from(found - progress.committed)
        .unwrap_or(0)
        .min(changes.len());
    let rest = &changes[landed..];
    if rest.is_empty() {
        session.simple("ROLLBACK")?;
        progress.committed += count(landed);
        return Ok(());
    }
    let mut last = Last {
        asset,
        run,
        step,
        failure,
        event,
    };
    ids.name(session, rest, &mut last)?;
    let mut writer = Writer {
        session,
        ids,
        last,
        rows: Rows::default(),
        states: Vec::new(),
    };
    for change in rest {
        writer.change(change)?;
    }
    writer.rows.insert(writer.session)?;
    let Writer { states, session, .. } = writer;
    blocks::apply(session, states)?;
    let committed = progress.committed + count(changes.len());
    session.execute(
        "INSERT INTO writer (id, changes) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET changes = excluded.changes, seen = now()",
        &[&progress.writer, &committed],
    )?;
    session.simple("COMMIT")?;
    progress.committed = committed;
    Ok(())
}

struct Writer<'a> {
    session: &'a mut Session,
    ids: &'a Ids,
    last: Last,
    rows: Rows,
    states: Vec<blocks::Wanted<'a>>,
}

impl<'a> Writer<'a> {
    fn change(&mut self, change: &'a Change) -> Outcome<()> {
        match change {
            Change::Record(record) => self.record(record)?,
            // What is refused as a key is in no table either.
            Change::AddKeys { name, values } => {
                let sql = "INSERT INTO dynamic_key (id, name, value)
                    SELECT (SELECT coalesce(max(id), 0) FROM dynamic_key) + place, $1, value
                    FROM unnest($2::text[]) WITH ORDINALITY AS given (value, place) ON CONFLICT (name, value) DO NOTHING";
                self.session.execute(sql, &[&&*escaped(name), &values])?;
            }
            Change::RemoveKeys { name, values } => {
                let values: Vec<&String> = values.iter().filter(|value| !value.contains('\0')).collect();
                let sql = "DELETE FROM dynamic_key WHERE name = $1 AND value = ANY($2)";
                self.session.execute(sql, &[&&*escaped(name), &values])?;
            }
            Change::Forget(it) => {
                // What was recorded before is among the rows that wait.
                self.rows.insert(self.session)?;
                let (asset, partition) = (escaped(it.asset.as_str()), partition_text(it.partition.as_ref()));
                let find =
                    "SELECT id, detail, inline FROM event WHERE kind = $1 AND partition = $2 AND inline IS NOT NULL
                    AND asset = (SELECT id FROM asset WHERE key = $3)";
                let mut gone: Vec<i64> = Vec::new();
                for row in self.session.query(find, &[&MATERIALIZED, &&*partition, &&*asset])? {
                    // Compared here: PostgreSQL has no text for every text of JSON.
                    let (detail, inline): (String, Vec<u8>) = (row.try_get(1)?, row.try_get(2)?);
                    if it.has(&detail, &inline)? {
                        gone.push(row.try_get(0)?);
                    }
                }
                self.session
                    .execute("UPDATE event SET inline = NULL WHERE id = ANY($1)", &[&gone])?;
            }
        }
        if self.rows.are_many() {
            self.rows.insert(self.session)?;
        }
        Ok(())
    }

    fn record(&mut self, record: &'a Record) -> Outcome<()> {
        match record {
            Record::RunStarted(it) => self.run_started(it),
            Record::RunFinished(it) => self.run_finished(it),
            Record::Failed(it) => self.failed(it),
            Record::StepStarted(it) => {
                self.last.step += 1;
                let step = (self.last.step, self.ids.run(&it.run)?, micros(it.at));
                self.rows
                    .step(step, to_json(&it.assets)?, to_json(&texts(&it.partitions))?);
                Ok(())
            }
            Record::Materialized(it) => {
                let (inline, detail) = (it.inline.as_deref(), entry_detail(it)?);
                fits(detail.len() + inline.map_or(0, <[u8]>::len))?;
                let place = (&it.asset, it.partition.as_ref());
                let event = self.event(MATERIALIZED, place, Some(&it.run), micros(it.at))?;
                self.rows.last_event(Some(detail), inline);
                self.becomes(place, Happened::Materialized(it, event))
            }
            Record::Observed(it) => {
                let place = (&it.asset, it.partition.as_ref());
                let detail = observation_detail(it)?;
                fits(detail.len())?;
                self.event(OBSERVED, place, it.run.as_ref(), micros(it.at))?;
                self.rows.last_event(Some(detail), None);
                self.becomes(place, Happened::Observed(it))
            }
            Record::Checked(it) => {
                let detail = check_detail(it)?;
                fits(detail.len())?;
                self.event(
                    CHECKED,
                    (&it.asset, it.partition.as_ref()),
                    it.run.as_ref(),
                    micros(it.at),
                )?;
                self.rows.last_event(Some(detail), None);
                Ok(())
            }
            Record::Deleted(it) => {
                let place = (&it.asset, it.partition.as_ref());
                self.event(DELETED, place, it.run.as_ref(), micros(it.at))?;
                self.becomes(place, Happened::Deleted)
            }
        }
    }

    fn run_started(&mut self, it: &RunStarted) -> Outcome<()> {
        let sql = "UPDATE run SET started = $2, selection = $3, profile = $4, tags = $5 WHERE id = $1";
        let (selection, profile) = (escaped(&it.selection), it.profile.as_deref().map(escaped));
        let (id, at, tags) = (self.ids.run(&it.run)?, micros(it.at), to_json(&it.tags)?);
        fits(selection.len() + tags.len())?;
        self.session
            .execute(sql, &[&id, &at, &&*selection, &profile.as_deref(), &tags])
    }

    fn run_finished(&mut self, it: &RunFinished) -> Outcome<()> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let sql =
            "UPDATE run SET finished = $2, materialized = $3, failed = $4, skipped = $5, duration = $6 WHERE id = $1";
        let (id, at) = (self.ids.run(&it.run)?, micros(it.at));
        let counts = [it.counts.materialized, it.counts.failed, it.counts.skipped].map(number);
        let nanos = i64::try_from(it.duration.as_nanos()).unwrap_or(i64::MAX);
        self.session
            .execute(sql, &[&id, &at, &counts[0], &counts[1], &counts[2], &nanos])
    }

    fn failed(&mut self, it: &'a Failure) -> Outcome<()> {
        let (at, run) = (micros(it.at), self.ids.run(&it.run)?);
        self.last.failure += 1;
        let failure = self.last.failure;
        let texts = texts(&it.partitions);
        let (assets, listed) = (to_json(&it.assets)?, to_json(&texts)?);
        let (kind, message) = (escaped(&it.kind).into_owned(), escaped(&it.message).into_owned());
        fits(kind.len() + message.len() + listed.len())?;
        self.rows.failure((failure, run, at), kind, message, assets, listed);
        let mut partitions: Vec<Option<&PartitionKey>> = it.partitions.iter().map(Some).collect();
        if partitions.is_empty() {
            partitions.push(None);
        }
        for asset in &it.assets {
            for partition in &partitions {
                self.event(FAILED, (asset, *partition), Some(&it.run), at)?;
                self.rows.last_failure(failure);
                self.becomes((asset, *partition), Happened::Failed(at))?;
                if self.rows.are_many() {
                    self.rows.insert(self.session)?;
                }
            }
        }
        Ok(())
    }

    /// Adds an event; gives its number.
    fn event(
        &mut self,
        kind: i64,
        (asset, partition): (&AssetKey, Option<&PartitionKey>),
        run: Option<&RunId>,
        at: i64,
    ) -> Outcome<i64> {
        self.last.event += 1;
        let (asset, run) = (self.ids.asset(asset)?, run.map(|run| self.ids.run(run)).transpose()?);
        self.rows
            .event((self.last.event, asset, kind, at, run), partition_text(partition));
        Ok(self.last.event)
    }

    fn becomes(
        &mut self,
        (asset, partition): (&AssetKey, Option<&PartitionKey>),
        happened: Happened<'a>,
    ) -> Outcome<()> {
        let (asset, partition) = (self.ids.asset(asset)?, partition_text(partition));
        self.states.push(blocks::Wanted {
            asset,
            partition,
            happened,
        });
        Ok(())
    }
}

/// Refuses what PostgreSQL would refuse after half a gigabyte was sent.
fn fits(bytes: usize) -> Outcome<()> {
    if bytes <= MAX_ROW {
        return Ok(());
    }
    let message = format!(
        "a record has {} MiB; PostgreSQL takes no more than {} MiB of metadata, message or inline value",
        bytes >> 20,
        MAX_ROW >> 20
    );
    Err(Error::new(ErrorKind::Unsupported, message).into())
}
