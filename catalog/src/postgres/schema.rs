//! The database's tables, and how those of an older larder become those of this one.
//!
//! A step is never changed once it was released: databases in the world have gone through it. A change is a new step.

use super::error::{Fault, Outcome, Place, denied};
use super::session::Session;
use larder_io_core::{Error, ErrorKind};
use larder_postgres::quoted;
use postgres::error::SqlState;
use std::collections::BTreeMap;

/// Step `n` makes version `n + 1` from version `n`.
const STEPS: &[&str] = &[include_str!("0001.sql"), include_str!("0002.sql")];

/// The version of the tables that this larder reads and writes.
const VERSION: i64 = STEPS.len() as i64;

/// What `about` says of a catalogue, so that nobody takes something else for one.
const MARK: &str = "larder";

/// What a schema is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    New { exists: bool },
    Ours(i64),
}

/// The number of the lock that who writes to a catalogue holds. Locks are of one database, and each schema has its own.
pub(super) fn lock(place: &Place) -> i64 {
    let hash = blake3::hash(format!("larder catalogue {}", place.schema).as_bytes());
    i64::from_le_bytes(std::array::from_fn(|index| hash.as_bytes()[index]))
}

/// Looks what a schema is; refuses what is no catalogue or one from the future.
pub(super) fn look(session: &mut Session, place: &Place) -> Outcome<Found> {
    look_by(session, place, VERSION)
}

fn look_by(session: &mut Session, place: &Place, known: i64) -> Outcome<Found> {
    let sql = "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1";
    let Some(row) = session.once(sql, &[&place.schema])?.pop() else {
        return Ok(Found::New { exists: false });
    };
    if !row.try_get::<_, bool>(0)? {
        return Err(Error::new(ErrorKind::PermissionDenied, denied(place)).into());
    }
    let sql = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
               AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)";
    let tables: Vec<String> = session
        .once(sql, &[&place.schema])?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    if tables.is_empty() {
        return Ok(Found::New { exists: true });
    }
    let foreign = || {
        let message = format!("{place} has tables of something else: name another schema or another database");
        Fault::from(Error::new(ErrorKind::InvalidConfig, message))
    };
    if !tables.iter().any(|table| table == "about") {
        return Err(foreign());
    }
    let sql = format!("SELECT name::text, value::text FROM {}.about", quoted(&place.schema));
    let rows = match session.once(&sql, &[]) {
        Err(fault) if fault.code() == Some(SqlState::UNDEFINED_COLUMN.code()) => return Err(foreign()),
        rows => rows?,
    };
    let mut about: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        about.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let version = about.get("version").and_then(|version| version.parse::<i64>().ok());
    match version {
        Some(version) if version >= 1 && about.get("catalogue").is_some_and(|mark| mark == MARK) => {
            if version <= known {
                return Ok(Found::Ours(version));
            }
            let writer = about
                .get("larder")
                .map_or_else(|| "a newer larder".to_owned(), |version| format!("larder {version}"));
            let message = format!(
                "{place} was written by {writer} and has version {version} of the tables; this is larder {}, which knows versions up to {known}: update larder, or name another schema or database. Nothing was changed",
                env!("CARGO_PKG_VERSION")
            );
            Err(Error::new(ErrorKind::InvalidConfig, message).into())
        }
        _ => Err(foreign()),
    }
}

/// Makes the tables those of this larder. Of several processes that come at once, one does each step, and the others see it done.
pub(super) fn migrate(session: &mut Session, place: &Place) -> Outcome<()> {
    // Without the lock, because others may hold it for as long as they write.
    if look(session, place)? != Found::Ours(VERSION) {
        migrate_by(session, place, STEPS)?;
    }
    may_write(session, place)
}

fn migrate_by(session: &mut Session, place: &Place, steps: &[&str]) -> Outcome<()> {
    loop {
        session.simple(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", lock(place)))?;
        let version = match look_by(session, place, steps.len() as i64)? {
            Found::New { exists } => {
                if !exists {
                    session.simple(&format!("CREATE SCHEMA {}", quoted(&place.schema)))?;
                }
                0
            }
            Found::Ours(version) => version,
        };
        let Some(step) = usize::try_from(version).ok().and_then(|version| steps.get(version)) else {
            session.simple("COMMIT")?;
            return Ok(());
        };
        session.simple(step)?;
        let sql = format!(
            "INSERT INTO about VALUES ('catalogue', '{MARK}'), ('version', '{}'), ('larder', '{}')
             ON CONFLICT (name) DO UPDATE SET value = excluded.value; COMMIT",
            version + 1,
            env!("CARGO_PKG_VERSION")
        );
        session.simple(&sql)?;
    }
}

/// Refuses a user who could only read, before anything is recorded in vain.
fn may_write(session: &mut Session, place: &Place) -> Outcome<()> {
    let sql = "SELECT coalesce(bool_and(has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                   AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')), false)
               FROM pg_class WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
               AND relname IN ('writer', 'asset', 'run', 'step', 'failure', 'event', 'state_block', 'dynamic_key')";
    let may = session.once(sql, &[&place.schema])?;
    match may.first().map(|row| row.try_get(0)).transpose()? {
        Some(true) => Ok(()),
        _ => Err(Error::new(ErrorKind::PermissionDenied, denied(place)).into()),
    }
}
