//! Receipts that do not travel with their value: of uploads, whose metadata was sent before the hash was known, and of
//! values whose receipt is too large for metadata.

use super::{BucketStore, reader};
use crate::error::error;
use crate::store::{RECEIPT_ATTRIBUTE, StoreVersions, WRITE_ATTRIBUTE, Written, parts_of};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{ErrorKind, Result};
use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, ObjectStoreExt};
use std::collections::HashSet;

/// Where receipts are kept that do not travel with their value, each under its write id.
pub(super) const RECEIPTS: &str = ".larder/receipts";

/// Versions of one value that are asked at once.
const VERSIONS_AT_ONCE: usize = 16;

/// Bytes of the longest receipt; most take less than 1 KiB.
pub(super) const RECEIPT_BYTES: u64 = 1 << 20;

pub(super) fn receipt_path(write: &str) -> Path {
    Path::from(RECEIPTS).join(write)
}

pub(super) fn metadata(attributes: &Attributes, name: &'static str) -> Option<String> {
    attributes
        .get(&Attribute::Metadata(name.into()))
        .map(|value| value.as_ref().to_owned())
}

impl BucketStore {
    pub(super) async fn put_receipt(&self, written: &Written<'_>) -> Result<()> {
        let at = receipt_path(written.write.as_str());
        let receipt = Bytes::from(written.receipt.to_owned());
        self.objects.put(&at, receipt.into()).await.map(drop).map_err(error)
    }

    pub(super) async fn delete_receipt(&self, write: &str) -> Result<()> {
        match self.objects.delete(&receipt_path(write)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(other) => Err(error(other)),
        }
    }

    /// Whether the value of an upload with this write id is the published one.
    pub(super) async fn is_published(&self, path: &Path, write: &str) -> Result<bool> {
        let head = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.objects.get_opts(path, head).await {
            Ok(got) => Ok(metadata(&got.attributes, WRITE_ATTRIBUTE).is_some_and(|published| published == write)),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(error(other)),
        }
    }

    /// The writes whose receipts the versions of a value need that the bucket keeps; `None` for whoever may not look.
    pub(super) async fn kept_writes(&self, path: &Path) -> Result<Option<HashSet<String>>> {
        let versions = match self.kept(path).await {
            Ok(versions) => versions,
            // The bucket keeps none.
            Err(none) if none.kind() == ErrorKind::Unsupported => Vec::new(),
            Err(refused) if refused.kind() == ErrorKind::PermissionDenied => return Ok(None),
            Err(other) => return Err(other),
        };
        // One without an id is the published one.
        let ids = versions.iter().filter_map(|version| parts_of(version).1);
        let ids: Vec<String> = ids.collect();
        let writes = stream::iter(ids)
            .map(|id| async move {
                let head = GetOptions {
                    head: true,
                    version: Some(id),
                    ..GetOptions::default()
                };
                match self.objects.get_opts(path, head).await {
                    Ok(got) => Ok(metadata(&got.attributes, WRITE_ATTRIBUTE)),
                    // Removed since it was listed.
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(other) => Err(error(other)),
                }
            })
            .buffer_unordered(VERSIONS_AT_ONCE);
        let writes: Vec<Option<String>> = writes.try_collect().await?;
        Ok(Some(writes.into_iter().flatten().collect()))
    }

    /// The receipt of a value with these attributes; `None` for one that larder did not write.
    pub(super) async fn receipt_of(&self, attributes: &Attributes) -> Result<Option<String>> {
        if let Some(receipt) = metadata(attributes, RECEIPT_ATTRIBUTE) {
            return Ok(Some(receipt));
        }
        let Some(write) = metadata(attributes, WRITE_ATTRIBUTE) else {
            return Ok(None);
        };
        match reader::small(self, &receipt_path(&write), RECEIPT_BYTES).await {
            Ok(stored) => Ok(String::from_utf8(stored.into()).ok()),
            Err(missing) if missing.kind() == ErrorKind::NotFound => Ok(None),
            Err(other) => Err(other),
        }
    }
}
