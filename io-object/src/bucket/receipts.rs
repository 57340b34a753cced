//! Receipts that do not travel with their value: of uploads, whose metadata was sent before the hash was known, and of
//! values whose receipt is too large for metadata.

use super::{BucketStore, reader};
use crate::error::error;
use crate::store::{RECEIPT_ATTRIBUTE, WRITE_ATTRIBUTE, Written};
use bytes::Bytes;
use larder_io_core::{ErrorKind, Result};
use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, ObjectStoreExt};

/// Where receipts are kept that do not travel with their value, each under its write id.
pub(super) const RECEIPTS: &str = ".larder/receipts";

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
