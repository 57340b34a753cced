//! Views for people and tools that speak SQL: one for each asset, named after it.

use crate::book::{Book, Entry, lock, text};
use crate::error::{Fault, Outcome};
use crate::names::{self, literal, quoted};
use larder_io_core::{Error, ErrorKind, Location};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Partitions up to which an asset has a view. A query locks every table of a view, and the server has room for some
/// thousands of locks: <https://www.postgresql.org/docs/current/runtime-config-locks.html>.
const MOST_PARTITIONS: usize = 500;

/// How long a change of a view waits at once for those who read it, at first and at most: until it has its turn, whoever wants
/// to read the view waits behind it.
const TURN: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(2);

/// Whether there are views, and how long a change of one waits for those who read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Views {
    pub(crate) wanted: bool,
    pub(crate) patience: Duration,
}

/// Makes the view of an asset show what is published, within a transaction that has changed that. A view that cannot be made is
/// left out. Tables that others dropped are lost, and hold up nobody: the view is made of the rest. Where no views are wanted,
/// one from before goes: it would show what is old.
///
/// # Errors
/// `AlreadyExists` where something else has its name.
pub(crate) async fn refresh(client: &Client, book: &Book, views: Views, asset: &Location) -> Outcome<()> {
    // Whoever publishes another partition waits here, and then sees this one.
    lock(client, book.lock("view", asset.as_str())).await?;
    let name = names::view(asset);
    let view = book.within(&name);
    let found = existing(client, book, &name).await?;
    let ours = format!("larder: {asset}\n");
    let is_ours = |comment: &Option<String>| comment.as_deref().is_some_and(|comment| comment.starts_with(&ours));
    if !views.wanted {
        return match &found {
            Some(comment) if is_ours(comment) => change(client, views.patience, &format!("DROP VIEW {view}")).await,
            _ => Ok(()),
        };
    }
    if let Some(comment) = &found
        && !is_ours(comment)
    {
        let message = format!(
            "the view of `{asset}` would be called {view}, and something else is called so: rename it, store with `views=false`, or let the manager have a schema of its own"
        );
        return Err(Error::new(ErrorKind::AlreadyExists, message).into());
    }
    let entries = book.of_asset(client, asset).await?;
    let drop = format!("DROP VIEW {view}");
    let Some((columns, query)) = entries.and_then(|entries| query(book, &entries)) else {
        return match found {
            Some(_) => change(client, views.patience, &drop).await,
            None => Ok(()),
        };
    };
    let comment = format!("{ours}{columns}");
    // Of the same columns it is replaced in place, so that what others have built on it, and who may read it, stays.
    let drop = match found {
        Some(found) if found.as_deref() != Some(&comment) => drop + "; ",
        _ => String::new(),
    };
    // None is NUL-free by chance: names of columns are made so, and locations have no control characters.
    let comment = literal(&comment).unwrap_or_else(|| "NULL".to_owned());
    let sql = format!("{drop}CREATE OR REPLACE VIEW {view} AS {query}; COMMENT ON VIEW {view} IS {comment}");
    change(client, views.patience, &sql).await
}

/// Changes a view, which nobody may read meanwhile. It waits for readers in turns, and lets others read between two of them:
/// behind one long wait everybody else would wait too.
async fn change(client: &Client, patience: Duration, sql: &str) -> Outcome<()> {
    let (end, mut turn) = (Instant::now() + patience, *TURN.start());
    loop {
        let wait = turn.min(end.saturating_duration_since(Instant::now()));
        let wait = wait.as_millis().max(1);
        client
            .batch_execute(&format!("SAVEPOINT larder_view; SET LOCAL lock_timeout = {wait}"))
            .await?;
        match client.batch_execute(sql).await.map_err(Fault::from) {
            Err(fault) if fault.is_locked() && Instant::now() < end => {
                client
                    .batch_execute("ROLLBACK TO SAVEPOINT larder_view; RELEASE SAVEPOINT larder_view")
                    .await?;
                tokio::time::sleep(turn / 2).await;
                turn = (turn * 2).min(*TURN.end());
            }
            done => return done,
        }
    }
}

/// The comment of what has the name, if anything has: a view's own, none for anything else.
async fn existing(client: &Client, book: &Book, name: &str) -> Outcome<Option<Option<String>>> {
    let sql = "SELECT CASE WHEN relkind = 'v' THEN obj_description(c.oid, 'pg_class') END
               FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
               WHERE nspname = $1 AND relname = $2";
    let rows = client
        .query_typed(sql, &[text(&book.schema()), (&name, Type::TEXT)])
        .await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// What tells the view's columns, and its query; `None` where there is nothing to show, or the tables do not fit together.
fn query(book: &Book, entries: &[Entry]) -> Option<(String, String)> {
    let first = entries.first()?;
    let dimensions = |entry: &Entry| -> Vec<String> {
        let key = entry.receipt.partition.as_ref();
        let names = key
            .into_iter()
            .flat_map(|key| key.dimensions())
            .map(|(name, _)| name.clone());
        // A column of that name has the values itself.
        names.filter(|name| !has_column(&entry.columns, name)).collect()
    };
    let added = dimensions(first);
    let fit = entries
        .iter()
        .all(|entry| entry.columns == first.columns && dimensions(entry) == added);
    let possible = added.iter().all(|name| name.len() <= 63 && !name.contains('\0'));
    if !fit || !possible || entries.len() > MOST_PARTITIONS || (first.columns.is_empty() && added.is_empty()) {
        return None;
    }
    let selects = entries.iter().map(|entry| -> Option<String> {
        let constants = added.iter().map(|name| {
            let value = literal(entry.receipt.partition.as_ref()?.get(name)?)?;
            Some(format!("{value}::text AS {}", quoted(name)))
        });
        let constants: Vec<String> = constants.collect::<Option<_>>()?;
        let all = if entry.columns.is_empty() {
            None
        } else {
            Some("*".to_owned())
        };
        let list: Vec<String> = all.into_iter().chain(constants).collect();
        Some(format!("SELECT {} FROM {}", list.join(", "), book.within(&entry.data)))
    });
    let selects: Vec<String> = selects.collect::<Option<_>>()?;
    let shown: Vec<String> = added.iter().map(|name| quoted(name)).collect();
    let columns = format!("{} {}", first.columns, shown.join(", "));
    Some((columns, selects.join(" UNION ALL ")))
}

/// Whether a definition has a column of a name.
fn has_column(columns: &str, name: &str) -> bool {
    let begins = format!("{} ", quoted(name));
    columns.starts_with(&begins) || columns.contains(&format!(", {begins}"))
}
