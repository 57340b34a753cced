//! What changes which version is published: each in one transaction, and one at a time for each location.

use crate::book::{Book, Entry, State, lock, text};
use crate::error::Outcome;
use crate::view::{self, Views};
use larder_io_core::{Error, ErrorKind, Location, Precondition, Receipt, Retention, Version, WriteId};
use std::time::Duration;
use tokio_postgres::Client;

/// What was staged, and how it is to be published.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// The table that has the rows.
    pub(crate) data: String,
    pub(crate) location: Location,
    pub(crate) asset_location: Location,
    pub(crate) write: WriteId,
    pub(crate) precondition: Precondition,
    pub(crate) retention: Retention,
}

/// Publishes what was staged. A write that has landed before, by this or another attempt, is told again.
///
/// # Errors
/// `Conflict` where the precondition does not hold, or what was staged is gone.
pub(crate) async fn publish(client: &Client, book: &Book, views: Views, pending: &Pending) -> Outcome<Receipt> {
    begin(client, book, &pending.location).await?;
    let known = book
        .for_publish(client, &pending.location, &pending.data, &pending.write)
        .await?;
    let (own, others) = (known.own, known.others);
    // Whatever became of it since: it was replaced, let go, deleted.
    if let Some(own) = own.as_ref().filter(|own| own.landed) {
        client.batch_execute("COMMIT").await?;
        return Ok(own.receipt.clone());
    }
    if let Some(landed) = known.landed {
        book.set_state(client, std::slice::from_ref(&pending.data), "dropped")
            .await?;
        client.batch_execute("COMMIT").await?;
        return Ok(landed.receipt);
    }
    let Some(own) = own.filter(|own| own.state == State::Staged) else {
        let message = format!(
            "what was staged for `{}` is gone: it was discarded, or `gc` removed it; store it again",
            pending.location
        );
        return refuse(client, Error::new(ErrorKind::Conflict, message)).await;
    };
    let current = others.iter().find(|entry| entry.state == State::Published);
    let found = match current {
        Some(current) => format!("version {}", current.receipt.version),
        None if known.damaged_published => "a version whose bookkeeping is damaged".to_owned(),
        None => "nothing".to_owned(),
    };
    if !holds(&pending.precondition, current, known.damaged_published) {
        let expected = match &pending.precondition {
            Precondition::Unchanged(version) => format!("version {version}"),
            _ => "nothing".to_owned(),
        };
        let location = &pending.location;
        let message = format!(
            "expected {expected} to be published at `{location}`, found {found}; load it again and decide anew"
        );
        return refuse(client, Error::new(ErrorKind::Conflict, message)).await;
    }
    if !known.damaged.is_empty() {
        book.set_state(client, &known.damaged, "dropped").await?;
    }
    if let Some(current) = current {
        book.set_state(client, std::slice::from_ref(&current.data), "kept")
            .await?;
    }
    let version = pending.write.as_str();
    let sql = format!(
        "UPDATE {0} SET state = 'published', version = $1, published_at = clock_timestamp(), replaced_at = NULL,
             sequence = (SELECT COALESCE(max(sequence), 0) + 1 FROM {0} WHERE location = $2)
         WHERE data_table = $3",
        book.values()
    );
    let (location, data) = (pending.location.as_str(), pending.data.as_str());
    let changed = client
        .execute_typed(&sql, &[text(&version), text(&location), text(&data)])
        .await?;
    if changed != 1 {
        let message = "a row that was locked is gone from the bookkeeping; this is a defect";
        return refuse(client, Error::new(ErrorKind::Unexpected, message)).await;
    }
    let outlived = outlived(&others, &pending.retention);
    if !outlived.is_empty() {
        book.set_state(client, &outlived, "dropped").await?;
    }
    view::refresh(client, book, views, &pending.asset_location).await?;
    client.batch_execute("COMMIT").await?;
    let mut receipt = own.receipt;
    receipt.version = Version::from_text(version);
    Ok(receipt)
}

/// Takes the published version down. It stays in the history, where there is one; else nothing stays.
pub(crate) async fn delete(
    client: &Client,
    book: &Book,
    views: Views,
    (location, asset): (&Location, &Location),
    history: bool,
) -> Outcome<()> {
    begin(client, book, location).await?;
    let current = book.find(client, location, None).await?;
    match &current {
        Some(current) if history => {
            book.set_state(client, std::slice::from_ref(&current.data), "kept")
                .await?;
        }
        _ if history => {}
        // Also what was deleted before the setting said so.
        _ => {
            let versions = book.history(client, location).await?;
            let tables: Vec<String> = versions.into_iter().map(|entry| entry.data).collect();
            book.set_state(client, &tables, "dropped").await?;
        }
    }
    if current.is_some() {
        view::refresh(client, book, views, asset).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// Publishes a kept version again; `None` where it is not kept.
pub(crate) async fn restore(
    client: &Client,
    book: &Book,
    views: Views,
    (location, asset): (&Location, &Location),
    version: &Version,
) -> Outcome<Option<Receipt>> {
    begin(client, book, location).await?;
    let Some(wanted) = book.find(client, location, Some(version)).await? else {
        client.batch_execute("ROLLBACK").await?;
        return Ok(None);
    };
    if wanted.state != State::Published {
        if let Some(current) = book.find(client, location, None).await? {
            book.set_state(client, std::slice::from_ref(&current.data), "kept")
                .await?;
        }
        book.set_state(client, std::slice::from_ref(&wanted.data), "published")
            .await?;
        view::refresh(client, book, views, asset).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(Some(wanted.receipt))
}

/// Lets an old version go.
///
/// # Errors
/// `Conflict` when it is the published one.
pub(crate) async fn remove(client: &Client, book: &Book, location: &Location, version: &Version) -> Outcome<()> {
    begin(client, book, location).await?;
    match book.find(client, location, Some(version)).await? {
        Some(entry) if entry.state == State::Published => {
            let message = format!("version {version} is the published one; only old versions are removed");
            return refuse(client, Error::new(ErrorKind::Conflict, message)).await;
        }
        Some(entry) => {
            book.set_state(client, std::slice::from_ref(&entry.data), "dropped")
                .await?
        }
        None => {}
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// Lets go of what was staged, unless it was published.
pub(crate) async fn discard(client: &Client, book: &Book, data: &str) -> Outcome<()> {
    let sql = format!(
        "UPDATE {} SET state = 'dropped', replaced_at = clock_timestamp() WHERE data_table = $1 AND state = 'staged'",
        book.values()
    );
    client.execute_typed(&sql, &[text(&data)]).await?;
    Ok(())
}

async fn begin(client: &Client, book: &Book, location: &Location) -> Outcome<()> {
    client.batch_execute("BEGIN").await?;
    lock(client, book.lock("location", location.as_str())).await
}

/// Ends a transaction that changed nothing, with an error of our own.
async fn refuse<T>(client: &Client, error: Error) -> Outcome<T> {
    client.batch_execute("ROLLBACK").await?;
    Err(error.into())
}

/// Whether the precondition holds.
fn holds(precondition: &Precondition, current: Option<&Entry>, damaged: bool) -> bool {
    match precondition {
        Precondition::None => true,
        Precondition::Absent => current.is_none() && !damaged,
        Precondition::Unchanged(version) => current.is_some_and(|entry| entry.receipt.version == *version),
    }
}

/// Tables of versions that are not kept once a new one goes before all of these, which stand in the order of their end.
fn outlived(others: &[Entry], retention: &Retention) -> Vec<String> {
    let with_place = others.iter().enumerate();
    let ended = with_place.filter(|(index, entry)| {
        let replaced = match entry.state {
            State::Published => Duration::ZERO,
            _ => entry.replaced_for,
        };
        !retention.keeps(index + 1, replaced)
    });
    ended.map(|(_, entry)| entry.data.clone()).collect()
}
