//! Which table has which version of which value, as the bookkeeping table says.

use crate::error::{Outcome, Place};
use crate::names::{self, VALUES, quoted};
use larder_io_core::{Error, ErrorKind, Location, Receipt, Version, WriteId};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// What every entry is read with.
const ENTRY: &str = "data_table, state, version, receipt::text, columns, \
    COALESCE(extract(epoch FROM clock_timestamp() - replaced_at), 0)::float8, published_at IS NOT NULL";

/// A text that is bound, never pasted.
type Bound<'a> = (&'a (dyn ToSql + Sync), Type);

pub(crate) fn text<'a>(value: &'a (impl ToSql + Sync)) -> Bound<'a> {
    (value, Type::TEXT)
}

/// Which table has which version, in one schema.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    place: Place,
    /// The bookkeeping table as SQL has it.
    values: String,
}

/// What became of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Written, and seen by nobody.
    Staged,
    /// What a load gives.
    Published,
    /// An old version.
    Kept,
    /// An old version that is not kept any more, or what was discarded: it goes when nobody can be about to read it.
    Dropped,
    /// A version whose table is gone. Its write is remembered for a while, so that a writer who did not hear that it landed can ask.
    Gone,
}

impl State {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "staged" => Self::Staged,
            "published" => Self::Published,
            "kept" => Self::Kept,
            "dropped" => Self::Dropped,
            "gone" => Self::Gone,
            _ => return None,
        })
    }
}

/// One version, or what may become one.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The table that has the rows.
    pub(crate) data: String,
    pub(crate) state: State,
    pub(crate) receipt: Receipt,
    /// The columns as the table was made with them.
    pub(crate) columns: String,
    pub(crate) replaced_for: Duration,
    /// Whether it was ever published.
    pub(crate) landed: bool,
}

/// What a location has.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// What was staged.
    pub(crate) own: Option<Entry>,
    /// What another attempt of the same write published, whatever became of it since.
    pub(crate) landed: Option<Entry>,
    /// Versions: the published one, then those that were replaced, the last first.
    pub(crate) others: Vec<Entry>,
    /// Tables whose entry others made unreadable. A store goes over them.
    pub(crate) damaged: Vec<String>,
    /// Whether one of those is published.
    pub(crate) damaged_published: bool,
}

impl Book {
    pub(crate) fn new(place: &Place) -> Self {
        Self {
            place: place.clone(),
            values: format!("{}.{VALUES}", quoted(&place.schema)),
        }
    }

    /// The bookkeeping table as SQL has it.
    pub(crate) fn values(&self) -> &str {
        &self.values
    }

    pub(crate) fn schema(&self) -> &str {
        &self.place.schema
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Something of the schema as SQL has it.
    pub(crate) fn within(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.place.schema), quoted(name))
    }

    /// The address of a table for people and other tools.
    pub(crate) fn uri(&self, data: &str) -> String {
        format!("{}?schema={}&table={data}", self.place.url, self.place.schema)
    }

    /// The key of an advisory lock: those are of the whole database.
    pub(crate) fn lock(&self, what: &str, name: &str) -> i64 {
        let hash = blake3::hash(format!("larder\0{}\0{what}\0{name}", self.place.schema).as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Whether the bookkeeping is there.
    pub(crate) async fn is_there(&self, client: &Client) -> Outcome<bool> {
        let known = client
            .query_typed("SELECT to_regclass($1) IS NOT NULL", &[text(&self.values)])
            .await?;
        Ok(known.first().map(|row| row.try_get(0)).transpose()? == Some(true))
    }

    /// The published entry, or that of a version.
    pub(crate) async fn find(
        &self,
        client: &Client,
        location: &Location,
        version: Option<&Version>,
    ) -> Outcome<Option<Entry>> {
        let location = location.as_str();
        let rows = match version.map(Version::as_str) {
            // No version is called so, and the server takes no such text.
            Some(version) if version.contains('\0') => return Ok(None),
            Some(version) => {
                let sql = format!(
                    "SELECT {ENTRY} FROM {} WHERE location = $1 AND version = $2 AND state IN ('published', 'kept')",
                    self.values
                );
                client.query_typed(&sql, &[text(&location), text(&version)]).await?
            }
            None => {
                let sql = format!(
                    "SELECT {ENTRY} FROM {} WHERE location = $1 AND state = 'published'",
                    self.values
                );
                client.query_typed(&sql, &[text(&location)]).await?
            }
        };
        rows.first().map(|row| self.entry(row)).transpose()
    }

    /// Every version of a location, newest write first.
    pub(crate) async fn history(&self, client: &Client, location: &Location) -> Outcome<Vec<Entry>> {
        let sql = format!(
            "SELECT {ENTRY} FROM {} WHERE location = $1 AND state IN ('published', 'kept') ORDER BY sequence DESC",
            self.values
        );
        let rows = client.query_typed(&sql, &[text(&location.as_str())]).await?;
        rows.iter().map(|row| self.entry(row)).collect()
    }

    /// Every published value of an asset whose table is there; `None` where the bookkeeping of one is damaged.
    pub(crate) async fn of_asset(&self, client: &Client, asset_location: &Location) -> Outcome<Option<Vec<Entry>>> {
        let sql = format!(
            "SELECT {ENTRY} FROM {} WHERE asset_location = $1 AND state = 'published'
                 AND to_regclass(quote_ident($2) || '.' || quote_ident(data_table)) IS NOT NULL
             ORDER BY location COLLATE \"C\"",
            self.values
        );
        let (asset, schema) = (asset_location.as_str(), self.schema());
        let rows = client.query_typed(&sql, &[text(&asset), text(&schema)]).await?;
        Ok(rows.iter().map(|row| self.entry(row).ok()).collect())
    }

    /// Whether a version is published or kept, so that its table should be there.
    pub(crate) async fn is_kept(&self, client: &Client, data: &str) -> Outcome<bool> {
        let sql = format!(
            "SELECT 1 FROM {} WHERE data_table = $1 AND state IN ('published', 'kept')",
            self.values
        );
        Ok(!client.query_typed(&sql, &[text(&data)]).await?.is_empty())
    }

    /// What is to be known for a publish: every version of a location, what was staged, and what became of another attempt of the
    /// same write. Until the transaction ends nobody sweeps any of it away.
    pub(crate) async fn for_publish(
        &self,
        client: &Client,
        location: &Location,
        data: &str,
        write: &WriteId,
    ) -> Outcome<Known> {
        let sql = format!(
            "SELECT {ENTRY} FROM {} WHERE location = $1
                 AND (state IN ('published', 'kept') OR data_table = $2 OR (write = $3 AND published_at IS NOT NULL))
             ORDER BY replaced_at DESC NULLS FIRST FOR UPDATE",
            self.values
        );
        let rows = client
            .query_typed(&sql, &[text(&location.as_str()), text(&data), text(&write.as_str())])
            .await?;
        let mut known = Known::default();
        for row in &rows {
            let state = row.try_get::<_, &str>(1)?;
            match self.entry(row) {
                Ok(entry) if entry.data == data => known.own = Some(entry),
                Ok(entry) => {
                    if entry.landed && entry.receipt.write == *write {
                        known.landed = Some(entry.clone());
                    }
                    if matches!(entry.state, State::Published | State::Kept) {
                        known.others.push(entry);
                    }
                }
                Err(_) if matches!(state, "published" | "kept") => {
                    known.damaged.push(row.try_get(0)?);
                    known.damaged_published |= state == "published";
                }
                Err(_) => {}
            }
        }
        Ok(known)
    }

    /// Changes the state of entries; since when they are replaced, or let go, is noted with it.
    pub(crate) async fn set_state(&self, client: &Client, tables: &[String], state: &'static str) -> Outcome<()> {
        let replaced = match state {
            "published" => "NULL",
            "dropped" => "clock_timestamp()",
            _ => "COALESCE(replaced_at, clock_timestamp())",
        };
        let sql = format!(
            "UPDATE {} SET state = $1, replaced_at = {replaced} WHERE data_table = ANY($2)",
            self.values
        );
        client
            .execute_typed(&sql, &[text(&state), (&tables, Type::TEXT_ARRAY)])
            .await?;
        Ok(())
    }

    fn entry(&self, row: &Row) -> Outcome<Entry> {
        let data: String = row.try_get(0)?;
        let damaged = |what: &str| {
            let message = format!(
                "the bookkeeping of `{data}` in schema `{}` {what}: others changed it; materialize the asset again",
                self.place.schema
            );
            Error::new(ErrorKind::InvalidData, message)
        };
        if !data.starts_with(names::DATA) {
            return Err(damaged("names a table that is none of larder's").into());
        }
        let state = State::of(row.try_get(1)?).ok_or_else(|| damaged("has a state that is none"))?;
        let mut receipt: Receipt = serde_json::from_str(row.try_get(3)?)
            .map_err(|error| damaged("has a receipt that is none").with_source(error))?;
        receipt.uri = self.uri(&data);
        receipt.version = Version::from_text(row.try_get::<_, String>(2)?);
        let seconds: f64 = row.try_get(5)?;
        Ok(Entry {
            state,
            receipt,
            columns: row.try_get(4)?,
            replaced_for: Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX),
            landed: row.try_get(6)?,
            data,
        })
    }
}

/// Waits for an advisory lock, which the end of the transaction gives back.
pub(crate) async fn lock(client: &Client, key: i64) -> Outcome<()> {
    client
        .query_typed("SELECT pg_advisory_xact_lock($1)", &[(&key, Type::INT8)])
        .await?;
    Ok(())
}
