//! Removing what crashes left in a bucket: receipts without a value, values that were never published, uploads.

use super::receipts::{RECEIPT_BYTES, RECEIPTS};
use super::{BucketStore, UPLOADS, reader};
use crate::error::error;
use futures_util::stream::TryStreamExt;
use larder_io_core::{Garbage, GcOptions, Location, Receipt, Result};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use std::time::Duration;

/// Only vendors that publish by a copy stage objects of their own; those are removed with every version. A receipt is
/// deleted as a value is: in a bucket whose versions are not used, the old versions of its value may still need its own.
pub(super) async fn run(store: &BucketStore, options: &GcOptions) -> Result<Vec<Garbage>> {
    let purger = store.vendor.as_ref().filter(|vendor| vendor.features().purge);
    let mut garbage = Vec::new();
    for (folder, what) in [(UPLOADS, "staged"), (RECEIPTS, "receipt")] {
        for meta in listed(store, folder).await? {
            let age = age(meta.last_modified.timestamp_millis());
            if age < options.older_than || (what == "receipt" && in_use(store, &meta.location).await?) {
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

/// Whether the value that a receipt was written for is still there, published or as an old version.
async fn in_use(store: &BucketStore, path: &Path) -> Result<bool> {
    if store.history {
        // An old version may need it, and asking every version of a value costs more than a kilobyte is worth.
        return Ok(true);
    }
    let stored = reader::small(store, path, RECEIPT_BYTES).await?;
    // A receipt that cannot be read is kept: it may be one of a newer larder.
    let Ok(receipt) = serde_json::from_slice::<Receipt>(&stored) else {
        return Ok(true);
    };
    let Ok(location) = Path::parse(receipt.location.as_str()) else {
        return Ok(true);
    };
    match path.filename() {
        Some(write) => store.is_published(&location, write).await,
        None => Ok(true),
    }
}
