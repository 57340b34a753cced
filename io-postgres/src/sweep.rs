//! Tables that go: what was let go, once nobody can be about to read it, and what was staged and left behind.

use crate::book::{Book, text};
use crate::error::{Fault, Outcome, Place, WORDS, own};
use crate::names;
use larder_io_core::{ErrorKind, Location};
use larder_postgres::{Meaning, Words};
use std::time::Duration;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// How long the write of a version is remembered after its table went. A writer who tries again does so within minutes.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// Tables that one write drops at most.
const AT_ONCE: i64 = 64;

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Gone,
    /// Somebody reads it, or publishes it at this moment: the next sweep comes to it.
    Busy,
    /// It cannot be dropped, for this reason.
    Stays(String),
}

/// A table that may go.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) data: String,
    /// Whether it was never published or discarded.
    pub(crate) staged: bool,
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

/// Why a table stays, in the words of PostgreSQL and with what to do.
const STAYING: Words = Words {
    own: |code: &str, place: &Place| match code {
        "42501" => Some(Meaning::new(
            ErrorKind::PermissionDenied,
            format!("in {place} another user is its owner: let that one clean up, or let both have one role"),
        )),
        "2BP01" => Some(Meaning::new(
            ErrorKind::InvalidDefinition,
            format!("something that others made in {place} needs it: drop that"),
        )),
        code => own(code, place),
    },
    ..WORDS
};

/// Drops tables, each in a transaction of its own, so that one that cannot go holds up no other. Nobody is waited for: a wait
/// would hold up whoever else comes.
pub(crate) async fn sweep(client: &Client, book: &Book, tables: &[String]) -> Outcome<Vec<Fate>> {
    let mut fates = Vec::with_capacity(tables.len());
    for data in tables {
        fates.push(one(client, book, data).await?);
    }
    forget(client, book).await?;
    Ok(fates)
}

async fn one(client: &Client, book: &Book, data: &String) -> Outcome<Fate> {
    let values = book.values();
    client.batch_execute("BEGIN").await?;
    // The row first, as a publish has it, and never waiting: whoever holds both would else wait for each other. Whoever makes the table holds it too:
    // one that is not there yet may still come.
    let row = format!(
        "SELECT published_at IS NOT NULL FROM {values} WHERE data_table = $1 AND state IN ('staged', 'dropped') FOR UPDATE SKIP LOCKED"
    );
    let rows = client.query_typed(&row, &[text(data)]).await?;
    let Some(landed) = rows.first().map(|row| row.try_get::<_, bool>(0)).transpose()? else {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Fate::Busy);
    };
    // An entry that others changed may name anything.
    if data.starts_with(names::DATA) {
        let table = book.within(data);
        let drop =
            format!("SAVEPOINT larder_drop; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT; DROP TABLE {table}");
        match client.batch_execute(&drop).await.map_err(Fault::from) {
            Ok(()) => {}
            Err(fault) if fault.is_missing() => client.batch_execute("ROLLBACK TO SAVEPOINT larder_drop").await?,
            Err(fault) if fault.is_loss() => return Err(fault),
            Err(fault) => {
                client.batch_execute("ROLLBACK").await?;
                return Ok(match fault.is_locked() {
                    true => Fate::Busy,
                    false => {
                        let why = fault.at(book.place(), &STAYING, &format!("{table} stays"));
                        Fate::Stays(why.message().to_owned())
                    }
                });
            }
        }
    }
    let end = match landed {
        true => format!("UPDATE {values} SET state = 'gone', replaced_at = clock_timestamp() WHERE data_table = $1"),
        false => format!("DELETE FROM {values} WHERE data_table = $1"),
    };
    client.execute_typed(&end, &[text(data)]).await?;
    client.batch_execute("COMMIT").await?;
    Ok(Fate::Gone)
}

/// Writes that landed so long ago that nobody asks for them any more.
async fn forget(client: &Client, book: &Book) -> Outcome<()> {
    let sql = format!(
        "DELETE FROM {0} WHERE data_table IN (
             SELECT data_table FROM {0} WHERE state = 'gone' AND replaced_at < clock_timestamp() - make_interval(secs => $1)
             FOR UPDATE SKIP LOCKED)",
        book.values()
    );
    client
        .execute_typed(&sql, &[(&REMEMBERED.as_secs_f64(), Type::FLOAT8)])
        .await?;
    Ok(())
}

/// Tables that were let go, and that nobody can be about to read since the grace is over: those of a location, then some others.
pub(crate) async fn due(client: &Client, book: &Book, location: &Location, grace: Duration) -> Outcome<Vec<String>> {
    // By chance, so that some that cannot go do not keep the others from their turn.
    let sql = format!(
        "SELECT data_table FROM {} WHERE state = 'dropped'
             AND (published_at IS NULL OR replaced_at <= clock_timestamp() - make_interval(secs => $2))
         ORDER BY location <> $1, random() LIMIT {AT_ONCE}",
        book.values()
    );
    let (location, grace) = (location.as_str(), grace.as_secs_f64());
    let rows = client
        .query_typed(&sql, &[text(&location), (&grace, Type::FLOAT8)])
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<std::result::Result<_, _>>()?)
}

/// What is older than `age` and neither published nor kept; of what was let go, only that whose grace is over.
pub(crate) async fn garbage(client: &Client, book: &Book, age: Duration, grace: Duration) -> Outcome<Vec<Found>> {
    let sql = format!(
        "SELECT data_table, state = 'staged',
                COALESCE(pg_total_relation_size(to_regclass(quote_ident($3) || '.' || quote_ident(data_table))), 0),
                extract(epoch FROM age)::float8
         FROM (SELECT *, clock_timestamp() - COALESCE(replaced_at, staged_at) AS age FROM {}) AS all_of_them
         WHERE state IN ('staged', 'dropped') AND age >= make_interval(secs => $1)
           AND (published_at IS NULL OR age >= make_interval(secs => $2))
         ORDER BY staged_at",
        book.values()
    );
    let (age, grace, schema) = (age.as_secs_f64(), grace.as_secs_f64(), book.schema());
    let rows = client
        .query_typed(&sql, &[(&age, Type::FLOAT8), (&grace, Type::FLOAT8), text(&schema)])
        .await?;
    let read = |row: &tokio_postgres::Row| -> Outcome<Found> {
        Ok(Found {
            data: row.try_get(0)?,
            staged: row.try_get(1)?,
            bytes: row.try_get::<_, i64>(2)?.unsigned_abs(),
            age: Duration::try_from_secs_f64(row.try_get::<_, f64>(3)?.max(0.0)).unwrap_or_default(),
        })
    };
    rows.iter().map(read).collect()
}
