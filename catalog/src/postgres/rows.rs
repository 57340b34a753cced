//! Rows that wait to be inserted, as columns: one statement takes thousands of them.

use super::error::Outcome;
use super::session::Session;

/// Rows of one statement.
const MAX_ROWS: usize = 4_096;
/// Bytes of one statement, roughly; a single row may be larger.
const MAX_BYTES: usize = 16 << 20;

#[derive(Default)]
pub(super) struct Rows {
    bytes: usize,
    events: Events,
    steps: Lists,
    failures: Lists,
    kinds: Vec<String>,
    messages: Vec<String>,
}

#[derive(Default)]
struct Events {
    ids: Vec<i64>,
    assets: Vec<i64>,
    partitions: Vec<String>,
    kinds: Vec<i64>,
    ats: Vec<i64>,
    runs: Vec<Option<i64>>,
    failures: Vec<Option<i64>>,
    details: Vec<Option<String>>,
    inlines: Vec<Option<Vec<u8>>>,
}

/// What steps and failures have in common.
#[derive(Default)]
struct Lists {
    ids: Vec<i64>,
    runs: Vec<i64>,
    ats: Vec<i64>,
    assets: Vec<String>,
    partitions: Vec<String>,
}

impl Lists {
    fn add(&mut self, (id, run, at): (i64, i64, i64), assets: String, partitions: String) -> usize {
        let bytes = assets.len() + partitions.len();
        self.ids.push(id);
        self.runs.push(run);
        self.ats.push(at);
        self.assets.push(assets);
        self.partitions.push(partitions);
        bytes
    }
}

impl Rows {
    /// Number, asset, kind, time and run.
    pub(super) fn event(&mut self, (id, asset, kind, at, run): (i64, i64, i64, i64, Option<i64>), partition: String) {
        self.bytes += partition.len() + 64;
        let events = &mut self.events;
        events.ids.push(id);
        events.assets.push(asset);
        events.partitions.push(partition);
        events.kinds.push(kind);
        events.ats.push(at);
        events.runs.push(run);
        events.failures.push(None);
        events.details.push(None);
        events.inlines.push(None);
    }

    /// What the event that was added last has besides.
    pub(super) fn last_event(&mut self, detail: Option<String>, inline: Option<&[u8]>) {
        self.bytes += detail.as_ref().map_or(0, String::len) + inline.map_or(0, <[u8]>::len);
        if let (Some(last), Some(bytes)) = (self.events.details.last_mut(), self.events.inlines.last_mut()) {
            *last = detail;
            *bytes = inline.map(<[u8]>::to_vec);
        }
    }

    /// The failure of the event that was added last.
    pub(super) fn last_failure(&mut self, failure: i64) {
        if let Some(last) = self.events.failures.last_mut() {
            *last = Some(failure);
        }
    }

    /// Number, run and time.
    pub(super) fn step(&mut self, step: (i64, i64, i64), assets: String, partitions: String) {
        self.bytes += self.steps.add(step, assets, partitions);
    }

    pub(super) fn failure(
        &mut self,
        failure: (i64, i64, i64),
        kind: String,
        message: String,
        assets: String,
        partitions: String,
    ) {
        self.bytes += self.failures.add(failure, assets, partitions) + message.len();
        self.kinds.push(kind);
        self.messages.push(message);
    }

    /// Whether they should be inserted before there are more.
    pub(super) fn are_many(&self) -> bool {
        self.events.ids.len() >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    /// Inserts all.
    pub(super) fn insert(&mut self, session: &mut Session) -> Outcome<()> {
        let rows = std::mem::take(self);
        let it = &rows.events;
        if !it.ids.is_empty() {
            session.execute(
                "INSERT INTO event (id, asset, partition, kind, at, run, failure, detail, inline)
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                      $7::bigint[], $8::text[], $9::bytea[])",
                &[
                    &it.ids,
                    &it.assets,
                    &it.partitions,
                    &it.kinds,
                    &it.ats,
                    &it.runs,
                    &it.failures,
                    &it.details,
                    &it.inlines,
                ],
            )?;
        }
        let it = &rows.steps;
        if !it.ids.is_empty() {
            session.execute(
                "INSERT INTO step (id, run, at, assets, partitions)
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])",
                &[&it.ids, &it.runs, &it.ats, &it.assets, &it.partitions],
            )?;
        }
        let it = &rows.failures;
        if !it.ids.is_empty() {
            session.execute(
                "INSERT INTO failure (id, run, at, kind, message, assets, partitions)
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])",
                &[&it.ids, &it.runs, &it.ats, &rows.kinds, &rows.messages, &it.assets, &it.partitions],
            )?;
        }
        Ok(())
    }
}
