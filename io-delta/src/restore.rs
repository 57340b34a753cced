//! Restoring an old version, as a commit that brings its files back.

use crate::changes::{Changed, FEED, INSERT, all, check_names};
use crate::core::{Core, not_found};
use crate::files;
use crate::log::Log;
use crate::partition::{Scope, Share};
use crate::plan::{Place, clear};
use crate::protocol;
use crate::table::Table;
use crate::vacuum::vector_file;
use crate::versions::{busy, commit, landed, undone, unwritable};
use bytes::Bytes;
use deltalake_core::kernel::{Action, Add, DeletionVectorDescriptor};
use deltalake_core::protocol::DeltaOperation;
use futures_util::TryStreamExt;
use larder_io_core::{Error, ErrorKind, InputContext, Receipt, Result, Version, WriteId};
use object_store::ObjectStoreExt as _;
use serde_json::json;
use std::collections::{BTreeSet, HashSet};

/// Makes an old version of a context's rows the table's again.
pub(crate) async fn restore(core: &Core, ctx: &InputContext, version: &Version) -> Result<Receipt> {
    let mut wanted = ctx.clone();
    wanted.version = Some(version.clone());
    let log = core.log(&ctx.asset_location)?;
    let old = core
        .table(&log, Some(version))
        .await?
        .ok_or_else(|| not_found(&wanted))?;
    let old_scope = core.scope(&old, ctx)?;
    let files: Vec<Add> = core
        .found(&log, &old, &old_scope)
        .await?
        .ok_or_else(|| not_found(&wanted))?
        .into_iter()
        .cloned()
        .collect();
    let files = alone(core, &log, &old, &old_scope, files, version).await?;
    kept(core, &log, &files, &wanted).await?;
    for _ in 0..core.config.commit_attempts {
        let table = core.latest(&log).await?.ok_or_else(|| not_found(ctx))?;
        protocol::check(&table, &[])?;
        let scope = core.scope(&table, ctx)?;
        if !scope.is_whole() && old.natural.fields() != table.natural.fields() {
            let message = format!(
                "version `{version}` of the partition has another schema than the table has now; restore the whole table, or materialize the partition again"
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let records = records(&table, &scope, &old);
        if records {
            check_names(&old.natural)?;
        }
        let place = Place { core, log: &log };
        let mut changed = clear(place, &table, &scope).await?;
        let (kept, active) = (keys(&files), keys(&table.state.files));
        let stays = |add: &Add| {
            let key = key(&add.path, add.deletion_vector.as_ref());
            kept.contains(&key) && active.contains(&key)
        };
        if records && (changed.is_partial() || files.iter().any(stays)) {
            let new = files.iter().map(|add| (add.clone(), all(INSERT))).collect();
            let recorded = changed.record(place, &table, &old.natural, new, stays).await;
            undone(&log, &changed, recorded).await?;
        }
        let write = WriteId::random();
        let bytes = restoring(&table, &scope, &old, &files, &changed, ctx, &write);
        if landed(&log, &table, &write, bytes, &changed).await? {
            let restored = core.latest(&log).await?.ok_or_else(|| not_found(ctx))?;
            return core
                .receipt(ctx, &log, &restored, &scope)
                .await?
                .ok_or_else(|| not_found(ctx));
        }
    }
    Err(busy(core))
}

/// Looks whether what an old version needs is there: its files, and those with the rows that are deleted in them. A vacuum
/// may have taken either.
///
/// # Errors
/// `NotFound` with the one that is gone.
async fn kept(core: &Core, log: &Log, files: &[Add], wanted: &InputContext) -> Result<()> {
    let mut names = BTreeSet::new();
    for add in files {
        names.insert(add.path.clone());
        let vector = add.deletion_vector.as_ref().map(vector_file).transpose()?;
        names.extend(vector.flatten());
    }
    for name in names {
        match core.files.ground().objects.head(&log.path(&name)?).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => {
                let gone = not_found(wanted);
                let message = format!("{}: its file `{name}` was vacuumed", gone.message());
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            Err(refused) => return Err(larder_io_object::error::error(refused)),
        }
    }
    Ok(())
}

/// Those files of an old version that have rows of a scope.
///
/// # Errors
/// `Unsupported` where one has rows of others too.
async fn alone(
    core: &Core,
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
        if scope.share(&add, &old.natural) == Share::All {
            alone.push(add);
            continue;
        }
        let whole = core.source(log, old, &Scope::default());
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

/// Whether the commit is one of a table that records its changes: also the one whose metadata says so again.
fn records(table: &Table, scope: &Scope, old: &Table) -> bool {
    table.records_changes() || (scope.is_whole() && old.records_changes())
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
    write: &WriteId,
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
    commit(table, actions, operation, ctx, write)
}
