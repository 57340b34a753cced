//! The bookkeeping table: made, and brought to this format.

use crate::book::{Book, lock, text};
use crate::error::Outcome;
use larder_io_core::{Error, ErrorKind};
use larder_postgres::quoted;
use tokio_postgres::Client;

/// The format that this larder reads and writes; the table's comment says which it has.
const FORMAT: u32 = 2;
/// What the comment begins with, before the number.
const MARK: &str = "larder: which table has which version, format ";

/// What there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Older,
    Current,
}

/// Makes schema and bookkeeping where they are missing, and what an older larder made to what it is now.
///
/// # Errors
/// `InvalidConfig` for a table of a newer larder.
pub(crate) async fn set_up(client: &Client, book: &Book) -> Outcome<()> {
    if look(client, book).await? == Found::Current {
        return Ok(());
    }
    // Of those who find it so at once, one changes it.
    client.batch_execute("BEGIN").await?;
    lock(client, book.lock("set-up", "")).await?;
    if look(client, book).await? != Found::Current {
        make(client, book).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// The same where there is any: whoever cleans up makes nothing.
pub(crate) async fn bring_along(client: &Client, book: &Book) -> Outcome<()> {
    match look(client, book).await? {
        Found::Older => set_up(client, book).await,
        _ => Ok(()),
    }
}

async fn look(client: &Client, book: &Book) -> Outcome<Found> {
    let (sql, values) = (
        "SELECT to_regclass($1) IS NOT NULL, obj_description(to_regclass($1), 'pg_class')",
        book.values(),
    );
    let rows = client.query_typed(sql, &[text(&values)]).await?;
    let Some(row) = rows.first() else {
        return Ok(Found::Nothing);
    };
    if !row.try_get::<_, bool>(0)? {
        return Ok(Found::Nothing);
    }
    let comment: Option<&str> = row.try_get(1)?;
    let number = comment.and_then(|comment| comment.strip_prefix(MARK));
    let number = number.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok());
    match number {
        Some(newer) if newer > FORMAT => {
            let message = format!(
                "the bookkeeping {values} has format {newer}, and this larder knows formats up to {FORMAT}: update larder, or name another schema. Nothing was changed"
            );
            Err(Error::new(ErrorKind::InvalidConfig, message).into())
        }
        Some(FORMAT) => Ok(Found::Current),
        _ => Ok(Found::Older),
    }
}

async fn make(client: &Client, book: &Book) -> Outcome<()> {
    let (schemas, schema) = ("SELECT 1 FROM pg_namespace WHERE nspname = $1", book.schema());
    // `IF NOT EXISTS` asks for the right to make one, also where there is one.
    if client.query_typed(schemas, &[text(&schema)]).await?.is_empty() {
        client
            .batch_execute(&format!("CREATE SCHEMA {}", quoted(schema)))
            .await?;
    }
    let values = book.values();
    client
        .batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS {values} (
                data_table text PRIMARY KEY,
                location text NOT NULL,
                asset_location text NOT NULL,
                state text NOT NULL,
                write text NOT NULL,
                version text NOT NULL,
                sequence bigint,
                receipt json NOT NULL,
                columns text NOT NULL,
                staged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                published_at timestamptz,
                replaced_at timestamptz
            );
            ALTER TABLE {values} DROP CONSTRAINT IF EXISTS larder_values_state_check;
            ALTER TABLE {values} ADD CONSTRAINT larder_values_state_check
                CHECK (state IN ('staged', 'published', 'kept', 'dropped', 'gone'));
            CREATE UNIQUE INDEX IF NOT EXISTS larder_published ON {values} (location) WHERE state = 'published';
            CREATE INDEX IF NOT EXISTS larder_location ON {values} (location);
            CREATE INDEX IF NOT EXISTS larder_asset ON {values} (asset_location) WHERE state = 'published';
            CREATE INDEX IF NOT EXISTS larder_let_go ON {values} (replaced_at) WHERE state IN ('dropped', 'gone');
            COMMENT ON TABLE {values} IS '{MARK}{FORMAT}; change nothing by hand'"
        ))
        .await?;
    Ok(())
}
