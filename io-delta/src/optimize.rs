//! Rewriting many small files as few large ones, in their order or by z-order. What a commit of it says is the same rows.

use crate::cluster::clustered;
use crate::core::{Core, not_found};
use crate::files::{self, Compacted};
use crate::log::{Log, Outcome};
use crate::partition::Scope;
use crate::plan::{Place, removed, rewriter};
use crate::protocol;
use crate::read::DeltaSource;
use crate::table::Table;
use crate::write::{DataFile, remove};
use deltalake_core::kernel::transaction::CommitData;
use deltalake_core::kernel::{Action, Add, Remove};
use deltalake_core::protocol::DeltaOperation;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{
    BatchStream, Effect, Error, ErrorKind, InputContext, OptimizeOptions, Optimized, Result, Scan, TableSource,
    Version, nearest,
};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Bytes of a file to aim at. Delta's own default for optimized writes and compaction is 128 MiB to 1 GiB;
/// <https://docs.delta.io/latest/optimizations-oss.html>.
const TARGET_BYTES: u64 = 256 << 20;

/// Files that become others.
struct Bin {
    old: Vec<Add>,
    new: Vec<DataFile>,
}

pub(crate) async fn optimize(core: &Core, ctx: &InputContext, options: &OptimizeOptions) -> Result<Optimized> {
    let log = core.log(&ctx.asset_location)?;
    let table = core.latest(&log).await?.ok_or_else(|| not_found(ctx))?;
    protocol::check(&table, &[])?;
    check_columns(&table, &options.z_order)?;
    let scope = core.scope(&table, ctx)?;
    let files = core.found(&log, &table, &scope).await?.ok_or_else(|| not_found(ctx))?;
    let source = core.source(&log, &table, &Scope::default());
    let mut done: Vec<Bin> = Vec::new();
    for old in bins(files, options) {
        match rewrite(core, &log, &source, &old, options).await {
            Ok(new) => done.push(Bin { old, new }),
            Err(error) => {
                discard(&log, &done).await;
                return Err(error);
            }
        }
    }
    let version = commit(core, &log, ctx, &mut done, options).await?;
    Ok(told(&done, version))
}

fn told(done: &[Bin], version: Option<u64>) -> Optimized {
    let mut told = Optimized::default();
    for bin in done {
        told.files_before += bin.old.len() as u64;
        told.bytes_before += bin.old.iter().map(|add| add.size.unsigned_abs()).sum::<u64>();
        told.files_after += bin.new.len() as u64;
        told.bytes_after += bin.new.iter().map(|file| file.add.size.unsigned_abs()).sum::<u64>();
    }
    told.version = version.map(|version| Version::from_text(version.to_string()));
    told
}

async fn discard(log: &Log, bins: &[Bin]) {
    for bin in bins {
        remove(log, &bin.new).await;
    }
}

fn check_columns(table: &Table, columns: &[String]) -> Result<()> {
    let wrong = |message: String| Err(Error::new(ErrorKind::InvalidDefinition, message));
    for name in columns {
        let Ok(field) = table.natural.field_with_name(name) else {
            let names = table.natural.fields().iter().map(|field| field.name().as_str());
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
            };
            return wrong(format!("the table has no column `{name}` to order by; {hint}"));
        };
        if field.data_type().is_nested() {
            return wrong(format!(
                "rows cannot be ordered by `{name}`, which is a {}",
                field.data_type()
            ));
        }
        if table.partition_columns.contains(name) {
            return wrong(format!(
                "the table is partitioned by `{name}`, so that files have one value of it already"
            ));
        }
    }
    Ok(())
}

/// Files that are written together: those beside each other, of one partition of the table and of the asset.
fn bins(files: Vec<&Add>, options: &OptimizeOptions) -> Vec<Vec<Add>> {
    let target = options.target_bytes.unwrap_or(TARGET_BYTES);
    let mut groups: BTreeMap<_, Vec<Vec<Add>>> = BTreeMap::new();
    for add in files {
        let values: BTreeMap<String, Option<String>> = add.partition_values.clone().into_iter().collect();
        let bins = groups
            .entry((values, files::stem_of(add).map(str::to_owned)))
            .or_default();
        let bytes = |bin: &Vec<Add>| bin.iter().map(|add| add.size.unsigned_abs()).sum::<u64>();
        match bins.last_mut() {
            Some(bin) if !options.z_order.is_empty() || bytes(bin) + add.size.unsigned_abs() <= target => {
                bin.push(add.clone());
            }
            _ => bins.push(vec![add.clone()]),
        }
    }
    let worth = |bin: &Vec<Add>| {
        bin.len() > 1 || !options.z_order.is_empty() || bin.iter().any(|add| add.deletion_vector.is_some())
    };
    groups.into_values().flatten().filter(worth).collect()
}

async fn rewrite(
    core: &Core,
    log: &Log,
    source: &DeltaSource,
    old: &[Add],
    options: &OptimizeOptions,
) -> Result<Vec<DataFile>> {
    let table = &source.table;
    let Some(first) = old.first() else {
        return Ok(Vec::new());
    };
    let mut writer = rewriter(Place { core, log }, table, first);
    if options.z_order.is_empty() {
        // Files were put together up to the target: they become one, or the next run would find them again.
        writer.file_bytes = u64::MAX;
    }
    let rows = FilesSource {
        source: source.clone(),
        files: old.to_vec(),
    };
    let batches = match options.z_order.as_slice() {
        [] => rows.scan(Scan::all()).await?,
        columns => clustered(&rows, columns).await?,
    };
    // A file without rows still tells that the value is there.
    writer.write(batches, true).await
}

/// The rows of some files, one after the other.
struct FilesSource {
    source: DeltaSource,
    files: Vec<Add>,
}

#[async_trait::async_trait]
impl TableSource for FilesSource {
    fn schema(&self) -> arrow_schema::SchemaRef {
        Arc::clone(&self.source.table.natural)
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let schema = self.schema();
        let columns = request.schema(&schema)?;
        let source = self.source.clone();
        let batches = stream::iter(self.files.clone())
            .then(move |add| {
                let (source, columns) = (source.clone(), Arc::clone(&columns));
                async move { source.file(&add, &columns).await }
            })
            .try_flatten();
        Ok(batches.boxed())
    }
}

/// Commits what was rewritten. Bins whose files others took away meanwhile are left out.
async fn commit(
    core: &Core,
    log: &Log,
    ctx: &InputContext,
    bins: &mut Vec<Bin>,
    options: &OptimizeOptions,
) -> Result<Option<u64>> {
    for _ in 0..core.config.commit_attempts {
        let table = core.latest(log).await?.ok_or_else(|| not_found(ctx))?;
        let same = |old: &Add| {
            let mut there = table.state.files.iter();
            there.any(|add| add.path == old.path && add.deletion_vector == old.deletion_vector)
        };
        let all = std::mem::take(bins).into_iter();
        let (kept, lost): (Vec<Bin>, Vec<Bin>) = all.partition(|bin| bin.old.iter().all(same));
        discard(log, &lost).await;
        *bins = kept;
        if bins.is_empty() {
            return Ok(None);
        }
        let version = table.state.version + 1;
        let bytes = actions(&table, bins, ctx, options)?;
        let failed = match log.commit(version, bytes).await {
            Ok(Outcome::Landed) => return Ok(Some(version)),
            Ok(Outcome::Taken) => None,
            Err(failed) => Some(failed),
        };
        // The answer may have been lost, and then the version is taken by ourselves.
        match (log.latest().await, failed) {
            (Ok(state), _) if refers(state.as_ref(), bins) => return Ok(Some(version)),
            (Ok(_), None) => {}
            (Ok(state), Some(failed)) => {
                // Once somebody else has the version ours cannot land any more.
                let taken = state.is_some_and(|state| state.version >= version);
                if taken || failed.effect() == Effect::None {
                    discard(log, bins).await;
                }
                return Err(failed);
            }
            // Nobody knows whose the new files are; `gc` will.
            (Err(blind), failed) => return Err(failed.unwrap_or(blind).with_effect(Effect::Unknown)),
        }
    }
    discard(log, bins).await;
    let message = format!(
        "others committed to the table before each of {} attempts; try again",
        core.config.commit_attempts
    );
    Err(Error::new(ErrorKind::Conflict, message))
}

/// Whether a version has files of ours: then a commit landed whose answer was lost.
fn refers(state: Option<&crate::log::State>, bins: &[Bin]) -> bool {
    let own = bins.iter().flat_map(|bin| &bin.new).next();
    let files = state.into_iter().flat_map(|state| state.files.iter());
    own.is_some_and(|own| files.into_iter().any(|add| add.path == own.add.path))
}

fn actions(table: &Table, bins: &[Bin], ctx: &InputContext, options: &OptimizeOptions) -> Result<bytes::Bytes> {
    let gone = |bin: &Bin| -> Vec<Remove> {
        let unchanged = |add: &Add| Remove {
            data_change: false,
            ..removed(add)
        };
        bin.old.iter().map(unchanged).collect()
    };
    let mut actions: Vec<Action> = bins.iter().flat_map(gone).map(Action::Remove).collect();
    let moved = !options.z_order.is_empty();
    let compacted: Vec<Compacted<'_>> = bins
        .iter()
        .map(|bin| Compacted {
            old: &bin.old,
            new: &bin.new,
            moved,
        })
        .collect();
    actions.extend(
        files::compacted(&table.state.files, &compacted)
            .into_iter()
            .map(Action::Add),
    );
    let operation = DeltaOperation::Optimize {
        predicate: None,
        target_size: i64::try_from(options.target_bytes.unwrap_or(TARGET_BYTES)).unwrap_or(i64::MAX),
    };
    let told = json!({
        "asset": ctx.asset.as_str(),
        "partition": ctx.partition.as_ref().map(ToString::to_string),
        "zOrder": options.z_order,
    });
    CommitData::new(
        actions,
        operation,
        HashMap::from([("larder".to_owned(), told)]),
        Vec::new(),
    )
    .get_bytes()
    .map_err(crate::error::transaction)
}
