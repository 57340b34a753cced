//! The database's tables, and how those of an older larder become those of this one.
//!
//! A step is never changed once it was released: databases in the world have gone through it. A change is a new step.

use crate::sqlite::error::{Fault, Outcome, Place};
use larder_io_core::{Error, ErrorKind};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

/// Step `n` makes version `n + 1` from version `n`.
const STEPS: &[&str] = &[include_str!("0001.sql"), include_str!("0002.sql")];

/// The version of the tables that this larder reads and writes.
const VERSION: i64 = STEPS.len() as i64;

/// Marks a SQLite file as larder's: `Lrdr`.
const APPLICATION: i64 = 0x4c72_6472;

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    New,
    Ours(i64),
}

fn look(connection: &Connection, place: &Place, known: i64) -> Outcome<Found> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Found::New);
    }
    if application != APPLICATION || version < 1 {
        let message = format!("{place} is a SQLite database of something else: name another file");
        return Err(Error::new(ErrorKind::InvalidConfig, message).into());
    }
    if version <= known {
        return Ok(Found::Ours(version));
    }
    let writer: Option<String> = connection
        .query_row("SELECT value FROM about WHERE name = 'larder'", [], |row| row.get(0))
        .optional()
        .unwrap_or_default();
    let writer = writer.map_or_else(|| "a newer larder".to_owned(), |version| format!("larder {version}"));
    let message = format!(
        "{place} was written by {writer} and has version {version} of the tables; this is larder {}, which knows versions up to {known}: update larder, or name another file. Nothing was changed",
        env!("CARGO_PKG_VERSION")
    );
    Err(Error::new(ErrorKind::InvalidConfig, message).into())
}

/// Refuses what is no catalogue or one from the future, before anything is written.
pub(crate) fn check(connection: &Connection, place: &Place) -> Outcome<()> {
    // One transaction: somebody else may be making the tables just now.
    let transaction = connection.unchecked_transaction()?;
    look(&transaction, place, VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Makes the tables those of this larder. Of several processes that come at once, one does each step, and the others see it done.
pub(crate) fn migrate(connection: &mut Connection, place: &Place) -> Outcome<()> {
    migrate_by(connection, place, STEPS)
}

fn migrate_by(connection: &mut Connection, place: &Place, steps: &[&str]) -> Outcome<()> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = match look(&transaction, place, steps.len() as i64)? {
            Found::New => 0,
            Found::Ours(version) => version,
        };
        let Some(step) = usize::try_from(version).ok().and_then(|version| steps.get(version)) else {
            return Ok(());
        };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.execute(
            "INSERT INTO about VALUES ('larder', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [env!("CARGO_PKG_VERSION")],
        )?;
        transaction.commit().map_err(Fault::from)?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NEXT: &str = "ALTER TABLE asset ADD COLUMN owner TEXT; UPDATE asset SET owner = 'nobody'";

    fn version(connection: &Connection) -> i64 {
        connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn steps_are_made_in_order_once_and_keep_what_is_there() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &Place::Memory).unwrap();
        assert_eq!(version(&connection), VERSION);
        connection
            .execute_batch("INSERT INTO asset (key) VALUES ('a/b')")
            .unwrap();
        migrate(&mut connection, &Place::Memory).unwrap();
        let steps: Vec<&str> = STEPS.iter().copied().chain([NEXT]).collect();
        for _ in 0..2 {
            migrate_by(&mut connection, &Place::Memory, &steps).unwrap();
            assert_eq!(version(&connection), VERSION + 1);
        }
        let found = connection.query_row("SELECT key || owner FROM asset", [], |row| row.get::<_, String>(0));
        assert_eq!(found.unwrap(), "a/bnobody");
        // And the older larder steps back.
        let error = migrate(&mut connection, &Place::Memory).unwrap_err().at(&Place::Memory);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &Place::Memory).unwrap();
        let broken = format!("{NEXT}; INSERT INTO nowhere VALUES (1)");
        let steps: Vec<&str> = STEPS.iter().copied().chain([broken.as_str()]).collect();
        assert!(migrate_by(&mut connection, &Place::Memory, &steps).is_err());
        assert_eq!(version(&connection), VERSION);
        assert!(connection.prepare("SELECT owner FROM asset").is_err());
        migrate(&mut connection, &Place::Memory).unwrap();
    }
}
