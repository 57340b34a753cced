//! What a vendor's own interface has and object_store lacks.

use crate::marks::Marks;
use crate::store::Upload;
use async_trait::async_trait;
use larder_io_core::{Error, ErrorKind, Finding, Precondition, Result, Version, WriteId};
use object_store::path::Path;
use std::fmt;

/// What a vendor's extras can do. Everything is false until it is claimed, and unclaimed calls answer `Unsupported`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VendorFeatures {
    /// [`Vendor::begin`] gives uploads that complete under a precondition.
    pub uploads: bool,
    /// Those uploads take their receipt when they complete; else it is kept in an object of its own.
    pub receipt_at_completion: bool,
    /// Old versions can be listed and copied, in buckets that keep them.
    pub versions: bool,
    /// Unfinished uploads can be listed and aborted.
    pub unfinished: bool,
    /// A location can be removed with every version that the bucket keeps of it.
    pub purge: bool,
    /// What is counted as requests.
    pub requests: Requests,
}

/// How many requests something takes at a vendor, for those who count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// Beginning an upload, and aborting it. Default 1.
    pub begin: u64,
    /// Completing one. Default 1.
    pub complete: u64,
    /// Entries of a list that come with one request. Default 1,000, as at S3 and Google Cloud Storage.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
    pub page: u64,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            begin: 1,
            complete: 1,
            page: 1000,
        }
    }
}

/// An upload that was begun and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The location it was meant for.
    pub path: Path,
    /// The vendor's id of the upload.
    pub id: String,
    /// When it was begun, in milliseconds since 1970.
    pub began_millis: i64,
    /// Bytes that were uploaded so far, where the vendor tells.
    pub bytes: u64,
}

impl Unfinished {
    /// Makes an entry.
    pub fn new(path: Path, id: impl Into<String>, began_millis: i64) -> Self {
        Self {
            path,
            id: id.into(),
            began_millis,
            bytes: 0,
        }
    }
}

/// The extras of one vendor, for one bucket and prefix. Paths are relative to the prefix.
#[async_trait]
pub trait Vendor: fmt::Debug + Send + Sync + 'static {
    /// What it can do.
    fn features(&self) -> VendorFeatures;

    /// Begins an upload that completes under a precondition.
    ///
    /// # Errors
    /// `Unsupported` unless claimed; whatever the storage gives.
    async fn begin(&self, path: &Path, marks: &Marks, write: &WriteId) -> Result<Box<dyn Upload>> {
        let _ = (path, marks, write);
        Err(unsupported("completing an upload under a precondition"))
    }

    /// Copies a value of any size within the bucket, with its metadata; gives the version of the copy.
    ///
    /// # Errors
    /// `NotFound` when the source is not there; `Conflict` when the precondition does not hold.
    async fn copy(
        &self,
        from: &Path,
        version: Option<&Version>,
        to: &Path,
        precondition: &Precondition,
    ) -> Result<Version> {
        let _ = (from, version, to, precondition);
        Err(unsupported("copying a version"))
    }

    /// The kept versions of exactly this location, newest first, the published one among them.
    ///
    /// # Errors
    /// `Unsupported` when the bucket keeps none, with what to do; whatever the storage gives.
    async fn versions(&self, path: &Path) -> Result<Vec<Version>> {
        let _ = path;
        Err(unsupported("listing versions"))
    }

    /// Removes one old version for good; one that is gone counts as removed.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn remove(&self, path: &Path, version: &Version) -> Result<()> {
        let _ = (path, version);
        Err(unsupported("removing a version"))
    }

    /// Uploads below the prefix that were neither completed nor aborted.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        Err(unsupported("listing unfinished uploads"))
    }

    /// Removes what an unfinished upload has stored; one that is gone counts as removed.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn abort(&self, upload: &Unfinished) -> Result<()> {
        let _ = upload;
        Err(unsupported("aborting an upload"))
    }

    /// Removes a location with every version that the bucket keeps of it; one that is gone counts as removed. For what was
    /// staged: it is nobody's history, and a bucket that keeps versions would keep it for ever.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn purge(&self, path: &Path) -> Result<()> {
        let _ = path;
        Err(unsupported("removing every version"))
    }

    /// What is worth knowing about the bucket: region, versioning, what becomes of unfinished uploads.
    ///
    /// # Errors
    /// When the bucket cannot be asked at all; one question that is refused is a finding.
    async fn survey(&self) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }
}

fn unsupported(what: &str) -> Error {
    let message = format!("{what} needs the vendor's own interface; turn on the feature `sdk` of its backend");
    Error::new(ErrorKind::Unsupported, message)
}
