//! Removing what crashes left in a bucket: receipts without a value, values that were never published, uploads.

use super::receipts::{RECEIPT_BYTES, RECEIPTS};
use super::{BucketStore, UPLOADS, reader};
use crate::error::error;
use futures_util::stream::TryStreamExt;
use larder_io_core::{Garbage, GcOptions, Location, Receipt, Result};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Only vendors that publish by a copy stage objects of their own; those are removed with every version. A receipt is
/// deleted as a value is: where the bucket keeps versions, its own old ones are left to the bucket's rules.
pub(super) async fn run(store: &BucketStore, options: &GcOptions) -> Result<Vec<Garbage>> {
    let purger = store.vendor.as_ref().filter(|vendor| vendor.features().purge);
    let (mut garbage, mut histories) = (Vec::new(), Histories::new());
    for (folder, what) in [(UPLOADS, "staged"), (RECEIPTS, "receipt")] {
        for meta in listed(store, folder).await? {
            let age = age(meta.last_modified.timestamp_millis());
            if age < options.older_than || (what == "receipt" && in_use(store, &meta.location, &mut histories).await?) {
                continue;
            }
            if !options.dry_run {
                match purger {
                    Some(vendor) if what == "staged" => vendor.purge(&meta.location).await?,
                    _ => store.objects.delete(&meta.location).await.map_err(error)?,
                }
            }
            garbage.push(Garbage::new(meta.location.to_string(), what, meta.size, age));
        }
    }
    let Some(vendor) = store.vendor.as_ref().filter(|vendor| vendor.features().unfinished) else {
        return Ok(garbage);
    };
    for upload in vendor.unfinished().await? {
        let age = age(upload.began_millis);
        // Only what larder may have begun: its locations have a suffix.
        let ours = upload.path.as_ref().starts_with(UPLOADS)
            || upload
                .path
                .as_ref()
                .parse::<Location>()
                .is_ok_and(|at| at.split_suffix().is_some());
        if age < options.older_than || !ours {
            continue;
        }
        if !options.dry_run {
            vendor.abort(&upload).await?;
        }
        garbage.push(Garbage::new(upload.path.to_string(), "upload", upload.bytes, age));
    }
    Ok(garbage)
}

async fn listed(store: &BucketStore, folder: &str) -> Result<Vec<ObjectMeta>> {
    let listed = store.objects.list(Some(&Path::from(folder))).try_collect().await;
    listed.map_err(error)
}

fn age(since_millis: i64) -> Duration {
    let now = jiff::Timestamp::now().as_millisecond();
    Duration::from_millis(now.saturating_sub(since_millis).max(0).unsigned_abs())
}

/// Which writes the old versions of each location are of; `None` where nobody may tell.
type Histories = HashMap<Path, Option<HashSet<String>>>;

/// Whether the value that a receipt was written for is still there, published or as an old version.
async fn in_use(store: &BucketStore, path: &Path, histories: &mut Histories) -> Result<bool> {
    let stored = reader::small(store, path, RECEIPT_BYTES).await?;
    // A receipt that cannot be read is kept: it may be one of a newer larder.
    let Ok(receipt) = serde_json::from_slice::<Receipt>(&stored) else {
        return Ok(true);
    };
    let (Ok(location), Some(write)) = (Path::parse(receipt.location.as_str()), path.filename()) else {
        return Ok(true);
    };
    if store.is_published(&location, write).await? {
        return Ok(true);
    }
    if !store.history {
        return Ok(false);
    }
    if !histories.contains_key(&location) {
        let writes = store.kept_writes(&location).await?;
        histories.insert(location.clone(), writes);
    }
    let writes = histories.get(&location).and_then(Option::as_ref);
    Ok(writes.is_none_or(|writes| writes.contains(write)))
}

#[cfg(test)]
mod tests;
