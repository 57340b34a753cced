//! Versions that are kept no longer.

use super::Known;
use super::versions::LOOKED_THROUGH;
use crate::definitions::{AT_ONCE, AssetPartition, Pipeline};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use larder_catalog::Happening;
use larder_io_core::{
    AssetKey, ErrorKind, Form, Garbage, GcOptions, Receipt, Result, Retention, VacuumOptions, Version,
};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What such a version is called among garbage.
const VERSION: &str = "version";

impl Pipeline {
    /// Cleans up: what crashes left behind in every manager, and old versions that [retention](crate::Definitions::retention) keeps no longer.
    /// Gives the manager's key with each thing. Versions that larder did not write are left alone.
    ///
    /// # Errors
    /// Whatever a manager gives; what was removed before stays removed.
    pub async fn gc(&self, options: &GcOptions) -> Result<Vec<(String, Garbage)>> {
        let mut all = Vec::new();
        for (key, manager) in self.managers() {
            if let Some(maintenance) = manager.maintenance() {
                let garbage = maintenance
                    .gc(options)
                    .await
                    .map_err(|error| error.with_context("operation", "gc").with_context("io_manager", &key))?;
                all.extend(garbage.into_iter().map(|garbage| (key.clone(), garbage)));
            }
        }
        let steps = 0..self.graph().nodes.len();
        for key in steps
            .filter(|step| !self.is_external(*step))
            .flat_map(|step| &self.graph().nodes[step].keys)
        {
            let stored = self.stored(key)?;
            if let (Some(kept), Some(bound)) = (&stored.kept, &stored.bound)
                && stored.form != Form::Nothing
                && kept.retention != Retention::FOREVER
            {
                let garbage = self.expire(key, kept.retention, options.dry_run).await?;
                all.extend(garbage.into_iter().map(|garbage| (bound.key.clone(), garbage)));
            }
        }
        Ok(all)
    }

    async fn expire(&self, key: &AssetKey, retention: Retention, dry_run: bool) -> Result<Vec<Garbage>> {
        let (manager, _) = self.whole(key)?;
        if manager.versions().is_some_and(|versions| !versions.removes()) {
            return self.expire_files(key, retention, dry_run).await;
        }
        let known = self.known_values(key).await?;
        let found = stream::iter(known).map(|known| self.expire_one(key, known, retention, dry_run));
        let found: Vec<Vec<Garbage>> = found.buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Of versions that share files, the files go.
    async fn expire_files(&self, key: &AssetKey, retention: Retention, dry_run: bool) -> Result<Vec<Garbage>> {
        let mut options = VacuumOptions::default();
        options.retention = retention.max_age();
        options.dry_run = dry_run;
        match self.vacuum(key, &options).await {
            // Shorter than the table itself allows.
            Err(error) if error.kind() == ErrorKind::InvalidConfig && options.retention.is_some() => {
                options.retention = None;
                self.vacuum(key, &options).await
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }

    /// When versions were replaced, as far as the catalogue saw it.
    async fn replaced(&self, of: &AssetPartition) -> Result<HashMap<String, Timestamp>> {
        let mut replaced = HashMap::new();
        let Some(catalog) = self.catalog() else {
            return Ok(replaced);
        };
        let happened = catalog
            .history(&of.asset, Some(of.partition.as_ref()), LOOKED_THROUGH)
            .await?;
        let mut published: Option<String> = None;
        for happening in happened.into_iter().rev() {
            let (next, at) = match happening {
                Happening::Materialized(entry) => (entry.version, entry.at),
                Happening::Deleted(deletion) => (None, deletion.at),
                _ => continue,
            };
            if let Some(before) = std::mem::replace(&mut published, next) {
                replaced.insert(before, at);
            }
        }
        // What was published again is not replaced.
        if let Some(published) = published {
            replaced.remove(&published);
        }
        Ok(replaced)
    }

    async fn expire_one(
        &self,
        key: &AssetKey,
        known: Known,
        retention: Retention,
        dry_run: bool,
    ) -> Result<Vec<Garbage>> {
        let of = AssetPartition {
            asset: key.clone(),
            partition: known.partition,
        };
        let (manager, context) = self.input_of(key, of.partition.as_ref())?;
        let about = |error| self.about(error, &of, "gc");
        let history = match manager.versions() {
            Some(versions) => versions.history(&context).await,
            None => Ok(Vec::new()),
        };
        let kept = match history {
            Ok(history) => history,
            // What cannot be read, or is kept in a bucket that keeps nothing, is nothing to remove.
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(Vec::new()),
            Err(error) if error.kind() == ErrorKind::Unsupported => Vec::new(),
            Err(error) => return Err(about(error)),
        };
        let in_manager: HashSet<Version> = kept.iter().map(|receipt| receipt.version.clone()).collect();
        let mut history = self.with_inlined(&of, kept).await?;
        let copies = history.iter().any(|receipt| !in_manager.contains(&receipt.version));
        let published = match manager.head(&context).await {
            Ok(Some(receipt)) => {
                if in_manager.is_empty() && !history.iter().any(|copy| copy.version == receipt.version) {
                    // Of what keeps no versions only the published one is there.
                    history.insert(0, receipt.clone());
                }
                Some(receipt.version)
            }
            Ok(None) => None,
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(Vec::new()),
            Err(error) => return Err(about(error)),
        };
        let deleted = known.state.filter(|state| !state.is_live()).map(|state| state.at());
        let (mut garbage, mut gone) = (Vec::new(), HashSet::new());
        let now = Timestamp::now();
        let at = history
            .iter()
            .position(|receipt| Some(&receipt.version) == published.as_ref());
        if at.is_none() && published.is_some() {
            // Somebody published since the history was read.
            return Ok(garbage);
        }
        let replaced = self.replaced(&of).await?;
        let times = Times { deleted, replaced, now };
        for (receipt, since) in expired(&history, at, retention, &times) {
            if let Some(versions) = manager
                .versions()
                .filter(|_| !dry_run && in_manager.contains(&receipt.version))
            {
                match versions.remove(&context, &receipt.version).await {
                    // Somebody has restored it since.
                    Err(error) if error.kind() == ErrorKind::Conflict => continue,
                    other => other.map_err(about)?,
                }
            }
            gone.insert(receipt.version.clone());
            let name = format!("{of} {}", receipt.version);
            garbage.push(Garbage::new(name, VERSION, receipt.bytes, since));
        }
        if let Some(catalog) = self.catalog().filter(|_| !dry_run && (copies || !gone.is_empty())) {
            // Also copies that are too far back to be seen.
            let kept = history.iter().map(|receipt| &receipt.version);
            let kept = kept.filter(|version| !gone.contains(*version)).map(ToString::to_string);
            let place = self.inline_place(key)?;
            catalog.forget_inline(key, of.partition.as_ref(), &place, kept).await?;
        }
        Ok(garbage)
    }
}

/// When things happened to the versions of one value.
struct Times {
    /// The deletion, where nothing is published.
    deleted: Option<Timestamp>,
    /// Versions that were replaced, as far as anybody saw it.
    replaced: HashMap<String, Timestamp>,
    now: Timestamp,
}

/// The versions of a history, newest first, that are kept no longer, and for how long each has been replaced. `published` is an index.
///
/// A version was replaced when the next one was written, or later, when it had been restored. Newer than the published one are those that somebody
/// took back by restoring an older one: nobody knows when, so that of these the newest counts as replaced now. Where nothing is
/// published, the newest was deleted, when the catalogue says; where it says nothing, its age is that of its writing.
fn expired<'h>(
    history: &'h [Receipt],
    published: Option<usize>,
    retention: Retention,
    times: &Times,
) -> Vec<(&'h Receipt, Duration)> {
    let since = |at: Timestamp| Duration::try_from(times.now.duration_since(at)).unwrap_or_default();
    let mut found = Vec::new();
    let mut newer = usize::from(published.is_some());
    for (index, receipt) in history.iter().enumerate() {
        if Some(index) == published {
            continue;
        }
        let by_order = match (index.checked_sub(1), published) {
            (Some(next), _) => since(history[next].stored_at),
            (None, Some(_)) => Duration::ZERO,
            (None, None) => since(times.deleted.unwrap_or(receipt.stored_at)),
        };
        let seen = times.replaced.get(receipt.version.as_str());
        let replaced = seen.map_or(by_order, |at| by_order.min(since(*at)));
        let of_larder = !receipt.run.as_str().is_empty();
        if of_larder && !retention.keeps(newer, replaced) {
            found.push((receipt, replaced));
        }
        newer += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_core::{InputContext, RunId};

    const DAY: i64 = 24 * 3600;

    /// Versions that were written so many days before now, newest first.
    fn history(days: &[i64]) -> Vec<Receipt> {
        let asset: AssetKey = "a".parse().expect("is a key");
        let location: larder_io_core::Location = "a".parse().expect("is a location");
        let context = InputContext::new(asset, None, location.clone());
        let made = days.iter().map(|day| {
            let mut receipt = Receipt::foreign(&context, location.clone(), Form::Object, "json");
            receipt.run = RunId::random();
            receipt.version = Version::from_text(day.to_string());
            receipt.stored_at = at(*day);
            receipt
        });
        made.collect()
    }

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(20_000 * DAY - days * DAY).expect("is a time")
    }

    fn times(deleted: Option<i64>, replaced: &[(i64, i64)]) -> Times {
        Times {
            deleted: deleted.map(at),
            replaced: replaced
                .iter()
                .map(|(version, days)| (version.to_string(), at(*days)))
                .collect(),
            now: at(0),
        }
    }

    fn gone(days: &[i64], published: Option<usize>, retention: &str, deleted: Option<i64>) -> Vec<String> {
        let history = history(days);
        let retention = retention.parse().expect("is a retention");
        let found = expired(&history, published, retention, &times(deleted, &[]));
        found.iter().map(|(receipt, _)| receipt.version.to_string()).collect()
    }

    #[test]
    fn the_last_are_counted_from_the_published_one() {
        assert_eq!(gone(&[1, 2, 3, 4], Some(0), "last 2", None), ["3", "4"]);
        assert_eq!(gone(&[1, 2, 3, 4], Some(0), "last 9", None), [""; 0]);
        // An older one was restored: it is the first that counts.
        assert_eq!(gone(&[1, 2, 3, 4], Some(3), "last 2", None), ["2", "3"]);
        assert_eq!(gone(&[1, 2, 3], None, "last 1", None), ["2", "3"]);
    }

    #[test]
    fn an_age_is_since_the_value_was_replaced() {
        // 40 days old, but replaced two days ago.
        assert_eq!(gone(&[2, 40, 50], Some(0), "30 days", None), ["50"]);
        // Replaced by what was restored, nobody knows when.
        assert_eq!(gone(&[40, 50], Some(1), "30 days", None), [""; 0]);
        assert_eq!(gone(&[40, 50], None, "30 days", Some(2)), ["50"]);
        assert_eq!(gone(&[40, 50], None, "30 days", Some(31)), ["40", "50"]);
        assert_eq!(gone(&[40, 50], None, "30 days", None), ["40", "50"]);
        assert_eq!(gone(&[2, 40, 50], Some(0), "last 3 or 30 days", None), [""; 0]);
    }

    #[test]
    fn what_others_wrote_stays() {
        let mut history = history(&[1, 2, 3]);
        history[2].run = RunId::from_text("");
        let found = expired(&history, Some(0), "last 1".parse().expect("is one"), &times(None, &[]));
        assert_eq!(found.len(), 1);
    }

    /// Written 60 days ago, replaced by the next one 59 days ago, restored, and replaced again yesterday.
    #[test]
    fn a_restored_version_counts_from_when_it_was_replaced_last() {
        let history = history(&[1, 59, 60]);
        let retention = "30 days".parse().expect("is one");
        let found = expired(&history, Some(0), retention, &times(None, &[(60, 1)]));
        assert_eq!(found.len(), 0);
        let found = expired(&history, Some(0), retention, &times(None, &[(60, 31)]));
        assert_eq!(found.len(), 1);
    }
}
