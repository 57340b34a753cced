//! What `ObjectIo` needs of a store beyond object_store's own trait.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::try_join_all;
use larder_io_core::{ByteStream, Error, ErrorKind, Garbage, GcOptions, Precondition, Result, Version, WriteId};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, PutMode, PutOptions, UpdateVersion};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The metadata name under which a receipt travels with its value.
pub const RECEIPT_ATTRIBUTE: &str = "larder-receipt";
/// The metadata name under which an upload carries its write id, when its receipt is not known yet.
pub const WRITE_ATTRIBUTE: &str = "larder-write";

/// What a store can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// A precondition holds for uploads too, not only for single puts.
    pub upload_preconditions: bool,
    /// Acknowledged writes survive a power cut.
    pub durable: bool,
    /// Values outlive the process.
    pub persistent: bool,
}

/// A store that `ObjectIo` writes to and reads from.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The plain store below: small puts, lists and deletes go there.
    fn objects(&self) -> &Arc<dyn ObjectStore>;

    /// What it can do.
    fn features(&self) -> Features;

    /// The address of a location for other tools.
    fn uri(&self, path: &Path) -> String;

    /// Opens the published value, or an old version of it. The reader keeps reading what it opened.
    ///
    /// # Errors
    /// `NotFound` when it is not there.
    async fn open(&self, path: &Path, version: Option<&Version>) -> Result<Arc<dyn Reader>>;

    /// Begins a write of unknown size that nobody sees before it is completed.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn upload(&self, path: &Path, write: &WriteId) -> Result<Box<dyn Upload>>;

    /// Writes a small value in one step.
    ///
    /// # Errors
    /// `Conflict` when the precondition does not hold.
    async fn put(&self, path: &Path, bytes: Bytes, receipt: &str, precondition: &Precondition) -> Result<Version> {
        let mode = match precondition {
            Precondition::None => PutMode::Overwrite,
            Precondition::Absent => PutMode::Create,
            Precondition::Unchanged(version) => PutMode::Update(UpdateVersion {
                e_tag: Some(version.as_str().to_owned()),
                version: None,
            }),
        };
        let options = PutOptions {
            mode,
            attributes: receipt_attributes(receipt),
            ..PutOptions::default()
        };
        let put = self.objects().put_opts(path, bytes.into(), options).await;
        let result = put.map_err(crate::error::error).map_err(conflict)?;
        version_of(result.e_tag, result.version)
    }

    /// Old versions, when the store keeps any.
    fn versions(&self) -> Option<&dyn StoreVersions> {
        None
    }

    /// Removes what crashes left behind.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>>;
}

/// Old versions of one location.
#[async_trait]
pub trait StoreVersions: Send + Sync {
    /// Kept versions, newest first, the published one not among them unless it was restored.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn kept(&self, path: &Path) -> Result<Vec<Version>>;

    /// Publishes an old version again.
    ///
    /// # Errors
    /// `NotFound` when it is not kept.
    async fn restore(&self, path: &Path, version: &Version) -> Result<()>;
}

/// An opened value. It stays what it was when it was opened, or fails; it is never a mixture.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Size in bytes.
    fn size(&self) -> u64;

    /// The version that was opened.
    fn version(&self) -> &Version;

    /// When it was written, in milliseconds since 1970.
    fn modified_millis(&self) -> i64;

    /// The receipt that was stored with it, as JSON.
    fn receipt(&self) -> Option<&str>;

    /// Reads a range that lies within the size.
    ///
    /// # Errors
    /// `Conflict` when the value was replaced and the store keeps no old one.
    async fn read(&self, range: Range<u64>) -> Result<Bytes>;

    /// Reads several ranges, at once where that is faster.
    ///
    /// # Errors
    /// As [`Reader::read`].
    async fn read_many(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        try_join_all(ranges.iter().map(|range| self.read(range.clone()))).await
    }

    /// Reads everything in order.
    fn stream(&self) -> ByteStream;

    /// A range that lies within the size as a memory map, where the store has maps.
    fn map(&self, range: Range<u64>) -> Option<Bytes> {
        let _ = range;
        None
    }
}

/// A write that nobody sees yet. Dropping it leaves at most garbage that `gc` finds.
#[async_trait]
pub trait Upload: Send + Sync {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// Whatever the storage gives; the upload is then good for nothing but aborting.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the whole value visible in one step.
    ///
    /// # Errors
    /// `Conflict` when the precondition does not hold; `Unsupported` when the store cannot compare.
    async fn complete(&mut self, receipt: &str, precondition: &Precondition) -> Result<Version>;

    /// What was written, read before it is published; `None` where the store cannot.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn reader(&self) -> Result<Option<Arc<dyn Reader>>> {
        Ok(None)
    }

    /// Removes what was written.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn abort(&mut self) -> Result<()>;
}

/// Attributes with a receipt.
pub fn receipt_attributes(receipt: &str) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(RECEIPT_ATTRIBUTE.into()), receipt.to_owned())])
}

/// A version of what a put answered.
///
/// # Errors
/// `Unsupported` for a store that tells neither etag nor version.
pub fn version_of(e_tag: Option<String>, version: Option<String>) -> Result<Version> {
    let text = e_tag.or(version).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "the store tells no etag, so that versions cannot be told apart",
        )
    })?;
    Ok(Version::from_text(text))
}

/// `AlreadyExists` under a precondition is a conflict.
pub(crate) fn conflict(error: Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => Error::new(ErrorKind::Conflict, error.message().to_owned()).with_source(error),
        _ => error,
    }
}
