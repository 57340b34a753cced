//! Removing files that only old versions need, and files that no version does.

use crate::core::{Core, SUFFIX, not_found};
use crate::log::{Log, State};
use crate::protocol;
use crate::table::Table;
use delta_kernel::actions::deletion_vector as kernel;
use deltalake_core::kernel::{Action, DeletionVectorDescriptor};
use futures_util::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Garbage, InputContext, Result, VacuumOptions, duration};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use std::collections::HashMap;
use std::time::Duration;
use url::Url;

/// How long files stay after a version took them away, where the table does not say: as Delta's own default,
/// <https://github.com/delta-io/delta/blob/master/docs/source/delta-utility.md>.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
const RETENTION_PROPERTY: &str = "delta.deletedFileRetentionDuration";
/// Where changes are recorded; everything else whose name begins so is not for us.
const CHANGES: &str = "_change_data/";

pub(crate) async fn vacuum(core: &Core, ctx: &InputContext, options: &VacuumOptions) -> Result<Vec<Garbage>> {
    let log = core.log(&ctx.asset_location)?;
    let state = log.latest().await?.ok_or_else(|| not_found(ctx))?;
    let table = Table::new(state)?;
    protocol::check(&table, &[])?;
    let retention = retention(&table, options)?;
    let now = jiff::Timestamp::now().as_millisecond();
    let age = |millis: i64| Duration::from_millis(u64::try_from(now - millis).unwrap_or(0));
    let old: Vec<ObjectMeta> = listed(&log)
        .await?
        .into_iter()
        .filter(|meta| age(meta.last_modified.timestamp_millis()) >= retention)
        .collect();
    if old.is_empty() {
        return Ok(Vec::new());
    }
    // Listed first: what a commit refers to that lands meanwhile is younger than any retention.
    let state = log.latest().await?.ok_or_else(|| not_found(ctx))?;
    let needed = needed(&log, &state, |millis| age(millis) >= retention).await?;
    let below = ctx.asset_location.with_suffix(SUFFIX)?;
    let mut garbage = Vec::new();
    for meta in old {
        let name = meta.location.as_ref();
        let why = match needed.get(name) {
            None => "staged",
            Some(Need::Old) => "old",
            Some(Need::Now) => continue,
        };
        if !options.dry_run {
            log.objects()
                .delete(&meta.location)
                .await
                .map_err(larder_io_object::error::error)?;
        }
        let written = age(meta.last_modified.timestamp_millis());
        garbage.push(Garbage::new(format!("{below}/{name}"), why, meta.size, written));
    }
    Ok(garbage)
}

/// Everything below the table that could be a file of rows.
async fn listed(log: &Log) -> Result<Vec<ObjectMeta>> {
    let all: Vec<ObjectMeta> = log
        .objects()
        .list(None)
        .try_collect()
        .await
        .map_err(larder_io_object::error::error)?;
    let hidden = |part: &str| part.starts_with('_') || part.starts_with('.');
    let ours = |meta: &ObjectMeta| {
        let name = meta.location.as_ref();
        // A directory of a partition may begin so too: `_day=2024-01-31`.
        name.starts_with(CHANGES) || !name.split('/').any(|part| hidden(part) && !part.contains('='))
    };
    Ok(all.into_iter().filter(ours).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The newest version has it, or had it so lately that it stays.
    Now,
    /// Versions that nobody reads any more.
    Old,
}

/// The files that versions refer to, and why.
#[derive(Default)]
struct Needed(HashMap<String, Need>);

impl Needed {
    /// Notes a file and the one with its deleted rows.
    fn note(&mut self, path: &str, vector: Option<&DeletionVectorDescriptor>, need: Need) -> Result<()> {
        let vector = vector.map(vector_file).transpose()?.flatten();
        // As the storage lists it; what it cannot list is no file below the table.
        let path = Path::parse(path).ok().map(|path| path.to_string());
        for name in [path, vector].into_iter().flatten() {
            match need {
                Need::Now => drop(self.0.insert(name, need)),
                Need::Old => drop(self.0.entry(name).or_insert(need)),
            }
        }
        Ok(())
    }
}

/// The file that a deletion vector lies in, below the table; `None` where it stands in the log itself.
pub(crate) fn vector_file(vector: &DeletionVectorDescriptor) -> Result<Option<String>> {
    let unknown = || {
        let message =
            "the table has a deletion vector whose file cannot be told; do this with the engine that wrote it";
        Error::new(ErrorKind::Unsupported, message)
    };
    let known: kernel::DeletionVectorDescriptor = vector.clone().try_into().map_err(|_| unknown())?;
    let root = Url::parse("memory:///").map_err(|_| unknown())?;
    let Some(address) = known.absolute_path(&root).map_err(|_| unknown())? else {
        return Ok(None);
    };
    let path = Path::from_url_path(address.path()).map_err(|_| unknown())?;
    Ok(Some(path.to_string()))
}

/// What versions refer to. `expired` tells whether a file may go that was taken away at a time.
async fn needed(log: &Log, state: &State, expired: impl Fn(i64) -> bool) -> Result<HashMap<String, Need>> {
    let mut needed = Needed::default();
    let gone = |millis: Option<i64>| {
        if millis.is_some_and(&expired) {
            Need::Old
        } else {
            Need::Now
        }
    };
    for (version, _) in log.entries().await? {
        for action in log.actions(version).await?.unwrap_or_default() {
            match action {
                Action::Add(add) => needed.note(&add.path, add.deletion_vector.as_ref(), Need::Old)?,
                Action::Remove(remove) => {
                    let need = gone(remove.deletion_timestamp);
                    needed.note(&remove.path, remove.deletion_vector.as_ref(), need)?;
                }
                Action::Cdc(change) => needed.note(&change.path, None, Need::Old)?,
                _ => {}
            }
        }
    }
    for (name, millis) in log.tombstones(state).await? {
        needed.note(&name, None, gone(millis))?;
    }
    for add in state.files.iter() {
        needed.note(&add.path, add.deletion_vector.as_ref(), Need::Now)?;
    }
    Ok(needed.0)
}

fn retention(table: &Table, options: &VacuumOptions) -> Result<Duration> {
    let own = match table.property(RETENTION_PROPERTY) {
        None => RETENTION,
        Some(text) => interval(text).ok_or_else(|| {
            let message =
                format!("the table's `{RETENTION_PROPERTY}` is `{text}`, which is no interval; say a retention");
            Error::new(ErrorKind::InvalidData, message)
        })?,
    };
    let wanted = options.retention.unwrap_or(own);
    if wanted < own && !options.force {
        let message = format!(
            "the table keeps files for {} after a version took them away, and the retention asked for is shorter: whoever reads an old version would fail, and so would a write that runs for longer; force it, or set `{RETENTION_PROPERTY}`",
            duration::text(own)
        );
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    Ok(wanted)
}

/// An interval of Delta's: `interval 1 week`, `interval 30 days`.
fn interval(text: &str) -> Option<Duration> {
    let mut words = text.split_whitespace().map(str::to_lowercase);
    let first = words.next()?;
    let number = if first == "interval" { words.next()? } else { first };
    let number: u64 = number.parse().ok()?;
    let unit = words.next()?;
    let seconds = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 24 * 3600,
        "week" => 7 * 24 * 3600,
        _ => return None,
    };
    words
        .next()
        .is_none()
        .then(|| Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_intervals() {
        assert_eq!(interval("interval 1 week"), Some(RETENTION));
        assert_eq!(interval("interval 30 days"), Some(Duration::from_secs(30 * 24 * 3600)));
        assert_eq!(interval("2 HOURS"), Some(Duration::from_secs(7200)));
        assert_eq!(interval("interval soon"), None);
        assert_eq!(interval("interval 1 day 2 hours"), None);
    }
}
