//! History and deleting, as commits of the table's own log.

use crate::changes::Changed;
use crate::core::{Core, SUFFIX};
use crate::files;
use crate::log::{Log, Outcome};
use crate::manager::DeltaIo;
use crate::partition::{Scope, Share};
use crate::plan::{Place, clear};
use crate::protocol;
use crate::stats::FileStats;
use crate::table::{MISSING, Table};
use crate::write::remove;
use async_trait::async_trait;
use bytes::Bytes;
use deltalake_core::kernel::transaction::CommitData;
use deltalake_core::kernel::{Action, Add};
use deltalake_core::protocol::DeltaOperation;
use larder_io_core::{Effect, Error, ErrorKind, Form, InputContext, Receipt, Result, Version, Versions, WriteId};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// Removes the rows of a context, in one commit; the table stays for its history.
pub(crate) async fn delete(core: &Core, ctx: &InputContext) -> Result<()> {
    let log = core.log(&ctx.asset_location)?;
    for _ in 0..core.config.commit_attempts {
        let Some(table) = core.latest(&log).await? else {
            return Ok(());
        };
        let scope = core.scope(&table, ctx)?;
        if core.found(&log, &table, &scope).await?.is_none() {
            return Ok(());
        }
        protocol::check(&table, &[])?;
        let place = Place { core, log: &log };
        let mut changed = clear(place, &table, &scope).await?;
        if table.records_changes() && changed.is_partial() {
            let columns = Arc::clone(&table.natural);
            let recorded = changed.record(place, &table, &columns, Vec::new(), |_| false).await;
            undone(&log, &changed, recorded).await?;
        }
        let mut actions = changed.actions();
        if scope.is_whole() {
            actions.push(marked(&table, "true")?);
        }
        let operation = DeltaOperation::Delete {
            predicate: (!scope.is_whole()).then(|| scope.describe()),
        };
        let write = WriteId::random();
        let bytes = commit(&table, actions, operation, ctx, &write);
        if landed(&log, &table, &write, bytes, &changed).await? {
            return Ok(());
        }
    }
    Err(busy(core))
}

/// Removes what was written for a commit that cannot be made.
pub(crate) async fn undone(log: &Log, changed: &Changed, made: Result<()>) -> Result<()> {
    if made.is_err() {
        remove(log, &changed.written).await;
    }
    made
}

/// Commits the next version; what was written for it alone is removed where it cannot become that any more.
pub(crate) async fn landed(
    log: &Log,
    table: &Table,
    write: &WriteId,
    bytes: Result<Bytes>,
    changed: &Changed,
) -> Result<bool> {
    let outcome = match bytes {
        Ok(bytes) => log.commit_as(write, table.state.version + 1, bytes).await,
        Err(error) => Err(error.with_effect(Effect::None)),
    };
    // Where nobody knows whether it will land, nobody knows whose the files are: `gc` finds out.
    let unknown = |error: &Error| error.effect() == Effect::Unknown;
    if !matches!(outcome, Ok(Outcome::Landed)) && !outcome.as_ref().is_err_and(unknown) {
        remove(log, &changed.written).await;
    }
    Ok(outcome? == Outcome::Landed)
}

pub(crate) fn busy(core: &Core) -> Error {
    let message = format!(
        "others committed to the table before each of {} attempts; try again",
        core.config.commit_attempts
    );
    Error::new(ErrorKind::Conflict, message)
}

/// The table's metadata, saying whether the value is missing.
fn marked(table: &Table, missing: &str) -> Result<Action> {
    let mut metadata = serde_json::to_value(table.state.snapshot.metadata()).map_err(unwritable)?;
    let mut properties = table.properties().clone();
    properties.insert(MISSING.to_owned(), missing.to_owned());
    metadata["configuration"] = json!(properties);
    Ok(Action::Metadata(serde_json::from_value(metadata).map_err(unwritable)?))
}

pub(crate) fn unwritable(cause: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("the table's metadata cannot be written: {cause}"),
    )
}

pub(crate) fn commit(
    table: &Table,
    actions: Vec<Action>,
    operation: DeltaOperation,
    ctx: &InputContext,
    write: &WriteId,
) -> Result<Bytes> {
    protocol::check(table, &actions)?;
    let told = json!({
        "write": write.as_str(),
        "asset": ctx.asset.as_str(),
        "partition": ctx.partition.as_ref().map(ToString::to_string),
    });
    let told = HashMap::from([("larder".to_owned(), told)]);
    CommitData::new(actions, operation, told, Vec::new())
        .get_bytes()
        .map_err(crate::error::transaction)
}

#[async_trait]
impl Versions for DeltaIo {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        let log = self.core.log(&ctx.asset_location)?;
        let Some(newest) = self.core.latest(&log).await? else {
            return Ok(Vec::new());
        };
        let scope = self.core.scope(&newest, ctx)?;
        let location = ctx.asset_location.with_suffix(SUFFIX)?;
        let mut receipts: Vec<Receipt> = Vec::new();
        for (version, written_millis) in log.entries().await?.into_iter().rev() {
            let Some(actions) = log.actions(version).await? else {
                continue;
            };
            let adds: Vec<&Add> = actions
                .iter()
                .filter_map(|action| match action {
                    Action::Add(add) if touches(add, &newest, &scope) => Some(add),
                    _ => None,
                })
                .collect();
            let changes = adds.iter().any(|add| add.data_change);
            if !changes {
                continue;
            }
            let own = adds
                .iter()
                .find_map(|add| files::receipt_of(add).filter(|_| files::version_of(add) == Some(version)));
            let mut receipt = own.unwrap_or_else(|| {
                let mut foreign = Receipt::foreign(ctx, location.clone(), Form::Table, SUFFIX);
                foreign.write = WriteId::from_text(version.to_string());
                foreign.bytes = adds.iter().map(|add| add.size.unsigned_abs()).sum();
                foreign.rows = adds.iter().map(|add| FileStats::new(add, &newest.natural).rows()).sum();
                foreign.stored_at = jiff::Timestamp::from_millisecond(written_millis).unwrap_or_default();
                foreign
            });
            receipt.location = location.clone();
            receipt.uri = self.core.uri(&location);
            receipt.version = Version::from_text(version.to_string());
            receipts.push(receipt);
        }
        Ok(receipts)
    }

    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt> {
        crate::restore::restore(&self.core, ctx, version).await
    }
}

/// Whether a file of a commit has rows of a scope.
fn touches(add: &Add, table: &Table, scope: &Scope) -> bool {
    scope.share(add, &table.natural) != Share::None
}
