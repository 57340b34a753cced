//! Removing files that no version of a table refers to.

use crate::fill::filled_folder;
use crate::list::tables;
use crate::log::Log;
use crate::manager::DeltaIo;
use crate::write::is_own;
use async_trait::async_trait;
use deltalake_core::kernel::Action;
use futures_util::TryStreamExt;
use larder_io_core::{
    Garbage, GcOptions, InputContext, Maintenance, OptimizeOptions, Optimized, Result, VacuumOptions,
};
use object_store::{ObjectMeta, ObjectStoreExt as _};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

#[async_trait]
impl Maintenance for DeltaIo {
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        let mut garbage = Vec::new();
        for stem in tables(&self.core).await? {
            let log = self.core.log(&stem)?;
            let below = format!("{stem}.{}", crate::core::SUFFIX);
            garbage.extend(unreferenced(&log, &below, options).await?);
        }
        Ok(garbage)
    }

    async fn optimize(&self, ctx: &InputContext, options: &OptimizeOptions) -> Result<Optimized> {
        crate::optimize::optimize(&self.core, ctx, options).await
    }

    async fn vacuum(&self, ctx: &InputContext, options: &VacuumOptions) -> Result<Vec<Garbage>> {
        crate::vacuum::vacuum(&self.core, ctx, options).await
    }
}

/// Files of writes that never landed, older than the limit. Old versions keep theirs: taking those is `vacuum`.
async fn unreferenced(log: &Log, table: &str, options: &GcOptions) -> Result<Vec<Garbage>> {
    let now = jiff::Timestamp::now().as_millisecond();
    let mut candidates = Vec::new();
    let mut filled: HashMap<String, Vec<(ObjectMeta, Duration)>> = HashMap::new();
    let mut listed = log.objects().list(None);
    while let Some(meta) = listed.try_next().await.map_err(larder_io_object::error::error)? {
        let age = Duration::from_millis(u64::try_from(now - meta.last_modified.timestamp_millis()).unwrap_or(0));
        let name = meta.location.as_ref();
        if let Some(folder) = filled_folder(name) {
            filled.entry(folder.to_owned()).or_default().push((meta, age));
        } else if is_own(name) && age >= options.older_than {
            candidates.push((meta, age));
        }
    }
    // A folder that an engine fills is as old as its youngest file: a job that runs for long has old files, and needs them.
    let quiet = |files: &Vec<(ObjectMeta, Duration)>| files.iter().all(|(_, age)| *age >= options.older_than);
    candidates.extend(filled.into_values().filter(quiet).flatten());
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let referred = referred(log).await?;
    let mut garbage = Vec::new();
    for (meta, age) in candidates
        .into_iter()
        .filter(|(meta, _)| !referred.contains(meta.location.as_ref()))
    {
        if !options.dry_run {
            match log.objects().delete(&meta.location).await {
                // Whoever wrote it took it away.
                Err(object_store::Error::NotFound { .. }) => continue,
                deleted => deleted.map_err(larder_io_object::error::error)?,
            }
        }
        garbage.push(Garbage::new(
            format!("{table}/{}", meta.location),
            "staged",
            meta.size,
            age,
        ));
    }
    Ok(garbage)
}

/// Every file that a version refers to which can still be read: those of the newest one, and those of every commit that is
/// kept, which added or removed them.
async fn referred(log: &Log) -> Result<HashSet<String>> {
    let Some(state) = log.latest().await? else {
        return Ok(HashSet::new());
    };
    let mut files: HashSet<String> = state.files.iter().map(|add| add.path.clone()).collect();
    for (version, _) in log.entries().await? {
        for action in log.actions(version).await?.unwrap_or_default() {
            match action {
                Action::Add(add) => files.insert(add.path),
                Action::Remove(remove) => files.insert(remove.path),
                Action::Cdc(change) => files.insert(change.path),
                _ => false,
            };
        }
    }
    files.extend(log.tombstones(&state).await?.into_iter().map(|(name, _)| name));
    Ok(files)
}
