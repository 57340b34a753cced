//! What `ObjectIo` needs of a store beyond object_store's own trait.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{BoxFuture, try_join_all};
use larder_io_core::{
    ByteStream, Error, ErrorKind, Finding, Garbage, GcOptions, Original, Precondition, Result, Retention, Usage,
    Version, WriteId,
};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The metadata name under which a receipt travels with its value.
///
/// Letters only: Azure takes nothing but C# identifiers as metadata names, S3 lower-cases them, and proxies drop
/// underscores.
pub const RECEIPT_ATTRIBUTE: &str = "larderreceipt";
/// The metadata name under which an upload carries its write id, when its receipt is not known yet.
pub const WRITE_ATTRIBUTE: &str = "larderwrite";

/// What a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// A precondition holds for uploads too, not only for single puts. Default false.
    pub upload_preconditions: bool,
    /// Acknowledged writes survive a power cut. Default false.
    pub durable: bool,
    /// Values outlive the process. Default false.
    pub persistent: bool,
    /// It is reached over a network. Default false.
    pub remote: bool,
    /// Parts of one upload that may be on their way at once. Default 1.
    pub parts_in_flight: usize,
    /// [`Store::hold`] keeps others away. Default false.
    pub holds: bool,
    /// [`Upload::reader`] reads what was written before it is published; else a stream that has checks is kept on local disk too. Default false.
    pub reads_uploads: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            upload_preconditions: false,
            durable: false,
            persistent: false,
            remote: false,
            parts_in_flight: 1,
            holds: false,
            reads_uploads: false,
        }
    }
}

/// What an opened value is wanted for, so that a store can spare requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Only its receipt and size.
    Receipt,
    /// Its bytes from the front.
    Value,
    /// Its end first, where formats such as Parquet keep their footer.
    Footer,
}

/// Refuses a range that is none, or ends beyond a value of this size.
pub(crate) fn within(range: &Range<u64>, size: u64) -> Result<()> {
    match range.start <= range.end && range.end <= size {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidData, "a range lies outside of the value")),
    }
}

/// A store that `ObjectIo` writes to and reads from.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The plain store below: small puts, lists and deletes go there.
    fn objects(&self) -> &Arc<dyn ObjectStore>;

    /// What it can do.
    fn features(&self) -> Features;

    /// The same store, counting its requests; `None` for one that is not reached by requests.
    fn counted(&self, usage: &Arc<Usage>) -> Option<Arc<dyn Store>> {
        let _ = usage;
        None
    }

    /// The address of a location for other tools.
    fn uri(&self, path: &Path) -> String;

    /// Opens the published value, or an old version of it. The reader keeps reading what it opened.
    ///
    /// # Errors
    /// `NotFound` when it is not there.
    async fn open(&self, path: &Path, version: Option<&Version>, purpose: Purpose) -> Result<Arc<dyn Reader>>;

    /// Begins a write of unknown size that nobody sees before it is completed.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn upload(&self, path: &Path, write: &WriteId) -> Result<Box<dyn Upload>>;

    /// Begins a write with all bytes of a version that another manager of the same storage published, without taking them through the
    /// process; `None` where that cannot be done.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn upload_copy(&self, path: &Path, original: &Original<'_>) -> Result<Option<Box<dyn Upload>>> {
        let _ = (path, original);
        Ok(None)
    }

    /// Writes a small value in one step.
    ///
    /// # Errors
    /// `Conflict` when the precondition does not hold.
    async fn put(&self, path: &Path, bytes: Bytes, write: &Written<'_>) -> Result<Version> {
        let options = PutOptions {
            mode: write.mode(),
            attributes: receipt_attributes(write.receipt),
            ..PutOptions::default()
        };
        let put = self.objects().put_opts(path, bytes.into(), options).await;
        let result = put.map_err(crate::error::error).map_err(conflict)?;
        version_of(result.e_tag, result.version)
    }

    /// Waits until nobody else changes what is at the places of a stem, one for each format, and keeps others from doing so until
    /// what is given is dropped; `None` where the store cannot. Reading waits for nothing.
    ///
    /// # Errors
    /// Whatever the storage gives.
    ///
    /// # Cancel safety
    /// A dropped future holds nothing.
    async fn hold(&self, stem: &Path) -> Result<Option<Box<dyn Send>>> {
        let _ = stem;
        Ok(None)
    }

    /// Removes the published value if it is still this version; false when it is another one. What is gone counts as removed.
    /// Without a store's own way it is compared before it is removed, not in one step.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn delete_version(&self, path: &Path, version: &Version) -> Result<bool> {
        let same = match self.open(path, None, Purpose::Receipt).await {
            Ok(found) => found.version() == version,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        if same {
            use object_store::ObjectStoreExt;
            match self.objects().delete(path).await.map_err(crate::error::error) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(same)
    }

    /// Old versions, when the store keeps any.
    fn versions(&self) -> Option<&dyn StoreVersions> {
        None
    }

    /// How often values are loaded, when the store can count that.
    fn loads(&self) -> Option<&dyn StoreLoads> {
        None
    }

    /// Removes what crashes left behind.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>>;

    /// What is worth knowing about where values are kept.
    ///
    /// # Errors
    /// When the storage cannot be asked at all.
    async fn survey(&self) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }
}

/// How often the value at a stem was loaded since it was stored. A hint for choosing formats: what is lost or counted
/// twice harms nothing.
#[async_trait]
pub trait StoreLoads: Send + Sync {
    /// Counts one load. Failing is nobody's business.
    async fn add(&self, stem: &Path);

    /// The loads counted; 0 where there is no count, or it cannot be read.
    async fn count(&self, stem: &Path) -> u64;

    /// Begins again at 0.
    async fn reset(&self, stem: &Path);
}

/// Old versions of one location.
#[async_trait]
pub trait StoreVersions: Send + Sync {
    /// Kept versions, newest first, the published one not among them unless it was restored.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn kept(&self, path: &Path) -> Result<Vec<Version>>;

    /// Publishes an old version again; gives the version that is published then.
    ///
    /// # Errors
    /// `NotFound` when it is not kept.
    async fn restore(&self, path: &Path, version: &Version) -> Result<Version>;

    /// Removes an old version for good; one that is not kept counts as removed.
    ///
    /// # Errors
    /// `Conflict` when it is the published one.
    async fn remove(&self, path: &Path, version: &Version) -> Result<()>;
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

    /// Whether all of it is in memory already, so that reading it costs no request.
    fn held(&self) -> bool {
        false
    }

    /// A range that lies within the size as a memory map, where the store has maps.
    fn map(&self, range: Range<u64>) -> Option<Bytes> {
        let _ = range;
        None
    }
}

/// What goes with a value when it becomes visible.
#[derive(Clone, Copy, Debug)]
pub struct Written<'w> {
    /// The write id.
    pub write: &'w WriteId,
    /// The receipt, as JSON in ASCII; empty where it is kept beside the value, which then carries the write id.
    pub receipt: &'w str,
    /// What must hold.
    pub precondition: &'w Precondition,
    /// Which versions are kept, where the store removes old ones itself; `None` for as its own settings say.
    pub retention: Option<Retention>,
}

impl Written<'_> {
    /// The pair of metadata that the value carries: its receipt, or the write id that leads to it.
    pub fn mark(&self) -> (&'static str, &str) {
        match self.receipt {
            "" => (WRITE_ATTRIBUTE, self.write.as_str()),
            receipt => (RECEIPT_ATTRIBUTE, receipt),
        }
    }

    /// The precondition in object_store's words.
    pub fn mode(&self) -> PutMode {
        match self.precondition {
            Precondition::None => PutMode::Overwrite,
            Precondition::Absent => PutMode::Create,
            Precondition::Unchanged(version) => {
                let (e_tag, version) = parts_of(version);
                PutMode::Update(UpdateVersion { e_tag, version })
            }
        }
    }
}

/// A write that nobody sees yet. Dropping it leaves at most garbage that `gc` finds.
#[async_trait]
pub trait Upload: Send + Sync {
    /// Writes the next bytes. The place of the bytes is where this was called; futures of several calls may run at
    /// once, as many as [`Features::parts_in_flight`] says, and all must have ended before `complete`.
    ///
    /// # Errors
    /// Whatever the storage gives; the upload is then good for nothing but aborting.
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>>;

    /// Makes the whole value visible in one step. May be called again after an error.
    ///
    /// # Errors
    /// `Conflict` when the precondition does not hold; `Unsupported` when the store cannot compare; `NotFound` when
    /// what was written is gone, so that only writing it again helps.
    async fn complete(&mut self, written: &Written<'_>) -> Result<Version>;

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

/// Between the vendor's version id and the etag in a version's text; in neither of them by any vendor's rules.
const SEPARATOR: char = '~';

/// A version of what a put answered: the etag, with the vendor's version id before it where there is one. The etag
/// is what preconditions compare, the id what finds an old version.
///
/// # Errors
/// `Unsupported` for a store that tells neither etag nor version.
pub fn version_of(e_tag: Option<String>, version: Option<String>) -> Result<Version> {
    let text = match (e_tag, version) {
        (Some(e_tag), Some(version)) if e_tag == version => e_tag,
        (Some(e_tag), Some(version)) => format!("{version}{SEPARATOR}{e_tag}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => {
            let message = "the store tells no etag, so that versions cannot be told apart";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    Ok(Version::from_text(text))
}

/// Etag and version id of a version's text.
pub fn parts_of(version: &Version) -> (Option<String>, Option<String>) {
    match version.as_str().split_once(SEPARATOR) {
        Some((version, e_tag)) => (Some(e_tag.to_owned()), Some(version.to_owned())),
        None => (Some(version.as_str().to_owned()), None),
    }
}

/// A version that is published is no old one.
pub fn published(version: &Version) -> Error {
    let message = format!("version {version} is the published one; only old versions are removed");
    Error::new(ErrorKind::Conflict, message)
}

/// `AlreadyExists` under a precondition is a conflict.
pub(crate) fn conflict(error: Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => Error::new(ErrorKind::Conflict, error.message().to_owned()).with_source(error),
        _ => error,
    }
}
