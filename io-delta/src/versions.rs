//! History, restoring and deleting, as commits of the table's own log.

use crate::changes::{Changed, FEED, INSERT, all};
use crate::core::{Core, SUFFIX, not_found};
use crate::files;
use crate::log::{Log, Outcome};
use crate::manager::DeltaIo;
use crate::partition::Scope;
use crate::plan::{Place, clear};
use crate::protocol;
use crate::stats::FileStats;
use crate::table::{MISSING, Table};
use crate::write::remove;
use async_trait::async_trait;
use bytes::Bytes;
use deltalake_core::kernel::transaction::CommitData;
use deltalake_core::kernel::{Action, Add, DeletionVectorDescriptor};
use deltalake_core::protocol::DeltaOperation;
use futures_util::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Form, InputContext, Receipt, Result, Version, Versions, WriteId};
use object_store::ObjectStoreExt as _;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Removes the rows of a context, in one commit; the table stays for its history.
pub(crate) async fn delete(core: &Core, ctx: &InputContext) -> Result<()> {
    let log = core.log(&ctx.asset_location)?;
    for _ in 0..core.config.commit_attempts {
        let Some(table) = core.latest(&log).await? else {
            return Ok(());
        };
        let scope = core.scope(&table, ctx.partition.as_ref())?;
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
        let bytes = commit(&table, actions, operation, ctx, None);
        if landed(&log, &table, bytes, &changed).await? {
            return Ok(());
        }
    }
    Err(busy(core))
}

/// Removes what was written for a commit that cannot be made.
async fn undone(log: &Log, changed: &Changed, made: Result<()>) -> Result<()> {
    if made.is_err() {
        remove(log, &changed.written).await;
    }
    made
}

/// Commits the next version; what was written for it alone is removed where it did not become that.
async fn landed(log: &Log, table: &Table, bytes: Result<Bytes>, changed: &Changed) -> Result<bool> {
    let outcome = match bytes {
        // An answer may be lost on the way: then nobody knows whose the files are, and `gc` finds out.
        Ok(bytes) => log.commit(table.state.version + 1, bytes).await?,
        Err(error) => {
            remove(log, &changed.written).await;
            return Err(error);
        }
    };
    if outcome == Outcome::Taken {
        remove(log, &changed.written).await;
    }
    Ok(outcome == Outcome::Landed)
}

fn busy(core: &Core) -> Error {
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

fn unwritable(cause: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("the table's metadata cannot be written: {cause}"),
    )
}

fn commit(
    table: &Table,
    actions: Vec<Action>,
    operation: DeltaOperation,
    ctx: &InputContext,
    write: Option<&WriteId>,
) -> Result<Bytes> {
    protocol::check(table, &actions)?;
    let told = json!({
        "write": write.map(WriteId::as_str),
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
        let scope = self.core.scope(&newest, ctx.partition.as_ref())?;
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
        let mut wanted = ctx.clone();
        wanted.version = Some(version.clone());
        let log = self.core.log(&ctx.asset_location)?;
        let old = self
            .core
            .table(&log, Some(version))
            .await?
            .ok_or_else(|| not_found(&wanted))?;
        let old_scope = self.core.scope(&old, ctx.partition.as_ref())?;
        let files: Vec<Add> = self
            .core
            .found(&log, &old, &old_scope)
            .await?
            .ok_or_else(|| not_found(&wanted))?
            .into_iter()
            .cloned()
            .collect();
        let files = self.alone(&log, &old, &old_scope, files, version).await?;
        for add in &files {
            // A vacuum may have taken it.
            match self.core.files.ground().objects.head(&log.path(&add.path)?).await {
                Ok(_) => {}
                Err(object_store::Error::NotFound { .. }) => {
                    let message = format!(
                        "version `{version}` of `{}` is not kept: its file `{}` was vacuumed",
                        ctx.location, add.path
                    );
                    return Err(Error::new(ErrorKind::NotFound, message));
                }
                Err(refused) => return Err(larder_io_object::error::error(refused)),
            }
        }
        for _ in 0..self.core.config.commit_attempts {
            let table = self.core.latest(&log).await?.ok_or_else(|| not_found(ctx))?;
            protocol::check(&table, &[])?;
            let scope = self.core.scope(&table, ctx.partition.as_ref())?;
            if !scope.is_whole() && old.natural.fields() != table.natural.fields() {
                let message = format!(
                    "version `{version}` of the partition has another schema than the table has now; restore the whole table, or materialize the partition again"
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            let place = Place {
                core: &self.core,
                log: &log,
            };
            let mut changed = clear(place, &table, &scope).await?;
            let (kept, active) = (keys(&files), keys(&table.state.files));
            let stays = |add: &Add| {
                let key = key(&add.path, add.deletion_vector.as_ref());
                kept.contains(&key) && active.contains(&key)
            };
            if table.records_changes() && (changed.is_partial() || files.iter().any(stays)) {
                let new = files.iter().map(|add| (add.clone(), all(INSERT))).collect();
                let recorded = changed.record(place, &table, &old.natural, new, stays).await;
                undone(&log, &changed, recorded).await?;
            }
            let bytes = restoring(&table, &scope, &old, &files, &changed, ctx);
            if landed(&log, &table, bytes, &changed).await? {
                let restored = self.core.latest(&log).await?.ok_or_else(|| not_found(ctx))?;
                return self
                    .core
                    .receipt(ctx, &log, &restored, &scope)
                    .await?
                    .ok_or_else(|| not_found(ctx));
            }
        }
        Err(busy(&self.core))
    }
}

impl DeltaIo {
    /// Those files of an old version that have rows of a scope.
    ///
    /// # Errors
    /// `Unsupported` where one has rows of others too.
    async fn alone(
        &self,
        log: &Log,
        old: &Table,
        scope: &Scope,
        files: Vec<Add>,
        version: &Version,
    ) -> Result<Vec<Add>> {
        let Some(rows) = scope.predicate() else {
            return Ok(files);
        };
        let mut alone = Vec::new();
        for add in files {
            if FileStats::new(&add, &old.natural).verdict(&rows).always() {
                alone.push(add);
                continue;
            }
            let whole = self.core.source(log, old, &Scope::default());
            let mut batches = whole.file(&add, &old.natural).await?;
            while let Some(batch) = batches.try_next().await? {
                if rows.mask(&batch)?.true_count() > 0 {
                    let message = format!(
                        "version `{version}` had the partition in the file `{}`, which has rows of others too; restore the whole table, or load that version and store it again",
                        add.path
                    );
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
            }
        }
        Ok(alone)
    }
}

/// Whether a file of a commit has rows of a scope.
fn touches(add: &Add, table: &Table, scope: &Scope) -> bool {
    scope
        .predicate()
        .is_none_or(|rows| !FileStats::new(add, &table.natural).verdict(&rows).never())
}

/// What the log knows a file by: the same one with other rows deleted in it is another.
type Key<'f> = (&'f str, Option<(&'f str, Option<i32>)>);

fn key<'f>(path: &'f str, vector: Option<&'f DeletionVectorDescriptor>) -> Key<'f> {
    (
        path,
        vector.map(|vector| (vector.path_or_inline_dv.as_str(), vector.offset)),
    )
}

fn keys(files: &[Add]) -> HashSet<Key<'_>> {
    files
        .iter()
        .map(|add| key(&add.path, add.deletion_vector.as_ref()))
        .collect()
}

/// The old metadata. A feed of changes goes on: whoever follows it would miss what comes.
fn restored(table: &Table, old: &Table) -> Result<Action> {
    let mut metadata = serde_json::to_value(old.state.snapshot.metadata()).map_err(unwritable)?;
    if table.records_changes() {
        metadata["configuration"][FEED] = json!("true");
    }
    Ok(Action::Metadata(serde_json::from_value(metadata).map_err(unwritable)?))
}

/// The commit that makes the old files of a scope the table's again.
fn restoring(
    table: &Table,
    scope: &Scope,
    old: &Table,
    files: &[Add],
    changed: &Changed,
    ctx: &InputContext,
) -> Result<Bytes> {
    let version = table.state.version + 1;
    let mut actions: Vec<Action> = Vec::new();
    if scope.is_whole() {
        actions.push(restored(table, old)?);
    }
    // A file that stays is not taken away first.
    let kept = keys(files);
    let goes = |action: &Action| match action {
        Action::Remove(remove) => !kept.contains(&key(&remove.path, remove.deletion_vector.as_ref())),
        _ => true,
    };
    actions.extend(changed.actions().into_iter().filter(goes));
    for add in files {
        let mut add = Add {
            data_change: true,
            ..add.clone()
        };
        files::set_version(&mut add, version);
        actions.push(Action::Add(add));
    }
    let operation = DeltaOperation::Restore {
        version: Some(old.state.version),
        datetime: None,
    };
    commit(table, actions, operation, ctx, None)
}
