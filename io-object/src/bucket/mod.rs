//! Any `object_store::ObjectStore` as a store, with a vendor's extras where there are any.

mod gc;
mod reader;
mod receipts;
mod transfer;
mod upload;

pub use transfer::Transfer;
pub use upload::Parts;
#[cfg(feature = "arrow")]
pub(crate) use upload::PlainUpload;

use crate::error::error;
#[cfg(feature = "arrow")]
use crate::files::Ground;
use crate::marks::Marks;
use crate::store::{
    Features, Purpose, RECEIPT_ATTRIBUTE, Reader, Store, StoreVersions, Upload, WRITE_ATTRIBUTE, Written, conflict,
    published, version_of,
};
use crate::usage::{Counted, CountedVendor};
use crate::vendor::{Requests, Vendor};
use async_trait::async_trait;
use bytes::Bytes;
use larder_io_core::{Error, ErrorKind, Finding, Garbage, GcOptions, Precondition, Result, Usage, Version, WriteId};
use object_store::path::Path;
use object_store::{Attribute, ObjectStore, PutMultipartOptions, PutOptions};
use std::fmt;
use std::sync::Arc;

/// Bytes of metadata that every vendor takes: S3 allows 2 KB, names and values counted, the others more.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
const METADATA_BYTES: usize = 2048;

/// Bytes of a key that S3, Google Cloud Storage and Azure take, the prefix counted.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const KEY_BYTES: usize = 1024;

/// Where large values are put together by vendors that publish them by a copy.
pub const UPLOADS: &str = ".larder/uploads";

/// The path that every key of a bucket begins with.
///
/// # Errors
/// `InvalidConfig` for `.` and `..`, empty segments, characters that no store takes, and a prefix that leaves no room for keys.
pub fn prefix(text: &str) -> Result<Path> {
    if text.len() + 2 > KEY_BYTES {
        let message = format!(
            "the prefix has {} bytes, and the storage takes keys of {KEY_BYTES} with what follows it; shorten it",
            text.len()
        );
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    Path::parse(text).map_err(|cause| {
        let shown: String = text.chars().flat_map(char::escape_debug).collect();
        let message = format!("the prefix `{shown}` cannot be one; its segments must not be empty, `.` or `..`");
        Error::new(ErrorKind::InvalidConfig, message).with_source(cause)
    })
}

/// Any object store. What neither it nor a vendor can do stays `Unsupported`: preconditions on uploads, old versions.
#[derive(Clone)]
pub struct BucketStore {
    objects: Arc<dyn ObjectStore>,
    root: String,
    transfer: Transfer,
    marks: Marks,
    vendor: Option<Arc<dyn Vendor>>,
    history: bool,
    kept: bool,
    /// Bytes that a location may have below the prefix.
    room: usize,
    /// Where what is held in memory is counted, if anybody asks.
    usage: Option<Arc<Usage>>,
}

/// Without the client, which would show the proxy's password.
impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore")
            .field("root", &self.root)
            .field("transfer", &self.transfer)
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}

impl BucketStore {
    /// Wraps a store; `root` is its address for people, such as `s3://bucket/prefix`, without a slash at its end.
    pub fn new(objects: Arc<dyn ObjectStore>, root: impl Into<String>) -> Self {
        Self {
            objects,
            root: root.into(),
            transfer: Transfer::default(),
            marks: Marks::default(),
            vendor: None,
            history: false,
            kept: false,
            room: usize::MAX,
            usage: None,
        }
    }

    /// Says that it is a service over a network that keeps what it acknowledged.
    #[must_use]
    pub fn remote(mut self) -> Self {
        self.kept = true;
        self
    }

    /// Says what every key begins with, so that longer keys than the services take are refused before anything is sent.
    #[must_use]
    pub fn below(mut self, prefix: &Path) -> Self {
        self.room = KEY_BYTES.saturating_sub(prefix.as_ref().len() + 1);
        self
    }

    fn fits(&self, path: &Path) -> Result<()> {
        let len = path.as_ref().len();
        if len <= self.room {
            return Ok(());
        }
        let message = format!(
            "the key of `{path}` has {} bytes with its prefix, and the storage takes {KEY_BYTES}; shorten the prefix or the asset's key",
            KEY_BYTES - self.room + len
        );
        Err(Error::new(ErrorKind::InvalidDefinition, message))
    }

    /// Sets how values are moved.
    #[must_use]
    pub fn with_transfer(mut self, transfer: Transfer) -> Self {
        self.transfer = transfer;
        self
    }

    /// Sets what every value carries besides its receipt.
    #[must_use]
    pub fn with_marks(mut self, marks: Marks) -> Self {
        self.marks = marks;
        self
    }

    /// Adds a vendor's extras; `history` says whether versions that the bucket keeps are to be used.
    #[must_use]
    pub fn with_vendor(mut self, vendor: Arc<dyn Vendor>, history: bool) -> Self {
        self.history = history && vendor.features().versions;
        self.vendor = Some(vendor);
        self
    }

    /// The store as table formats build on it.
    #[cfg(feature = "arrow")]
    pub fn ground(&self) -> Ground {
        let mut ground = Ground::new(Arc::clone(&self.objects), self.root.clone()).with_features(self.features());
        ground.marks = self.marks.clone();
        ground.requests = self.requests();
        ground
    }

    /// What is counted as requests.
    fn requests(&self) -> Requests {
        let vendor = self.vendor.as_ref();
        vendor.map(|vendor| vendor.features().requests).unwrap_or_default()
    }

    /// A vendor that can do more than complete uploads as object_store does.
    fn uploader(&self) -> Option<&Arc<dyn Vendor>> {
        self.vendor.as_ref().filter(|vendor| vendor.features().uploads)
    }

    /// Whether a receipt can travel as metadata of its value.
    fn carries(&self, receipt: &str) -> bool {
        self.marks.metadata_bytes() + RECEIPT_ATTRIBUTE.len() + receipt.len() <= METADATA_BYTES
    }

    /// The marks with one more pair of metadata.
    fn marked(&self, name: &'static str, value: &str) -> Marks {
        let mut marks = self.marks.clone();
        marks
            .attributes
            .insert(Attribute::Metadata(name.into()), value.to_owned().into());
        marks
    }
}

#[async_trait]
impl Store for BucketStore {
    fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    fn features(&self) -> Features {
        Features {
            upload_preconditions: self.uploader().is_some(),
            durable: self.kept,
            persistent: self.kept,
            remote: self.kept,
            parts_in_flight: self.transfer.parts_in_flight,
            holds: false,
            reads_uploads: false,
        }
    }

    fn counted(&self, usage: &Arc<Usage>) -> Option<Arc<dyn Store>> {
        let mut counted = self.clone();
        counted.objects = Arc::new(Counted {
            inner: Arc::clone(&self.objects),
            requests: self.requests(),
            usage: Arc::clone(usage),
        });
        counted.vendor = self.vendor.as_ref().map(|vendor| {
            let (inner, usage) = (Arc::clone(vendor), Arc::clone(usage));
            Arc::new(CountedVendor { inner, usage }) as Arc<dyn Vendor>
        });
        counted.usage = Some(Arc::clone(usage));
        self.kept.then(|| Arc::new(counted) as Arc<dyn Store>)
    }

    fn uri(&self, path: &Path) -> String {
        format!("{}/{path}", self.root)
    }

    async fn open(&self, path: &Path, version: Option<&Version>, purpose: Purpose) -> Result<Arc<dyn Reader>> {
        if version.is_some() && !self.history {
            return Err(Error::new(ErrorKind::Unsupported, "this store keeps no old versions"));
        }
        if self.fits(path).is_err() {
            // Nothing was ever stored there.
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("nothing is stored at `{path}`"),
            ));
        }
        reader::open(self, path, version, purpose).await
    }

    async fn put(&self, path: &Path, bytes: Bytes, written: &Written<'_>) -> Result<Version> {
        self.fits(path)?;
        let mut marks = self.marked(RECEIPT_ATTRIBUTE, written.receipt);
        if !self.carries(written.receipt) {
            // Before the value: a value without its receipt would be seen by readers, the other way round is garbage.
            self.put_receipt(written).await?;
            marks = self.marked(WRITE_ATTRIBUTE, written.write.as_str());
        }
        let options = PutOptions {
            mode: written.mode(),
            attributes: marks.attributes,
            tags: marks.tags,
            ..PutOptions::default()
        };
        let put = self.objects.put_opts(path, bytes.into(), options).await;
        let result = put.map_err(error).map_err(conflict)?;
        version_of(result.e_tag, result.version)
    }

    async fn upload(&self, path: &Path, write: &WriteId) -> Result<Box<dyn Upload>> {
        let marks = self.marked(WRITE_ATTRIBUTE, write.as_str());
        let mut at_completion = false;
        let inner: Box<dyn Upload> = match self.uploader() {
            Some(vendor) if vendor.features().receipt_at_completion => {
                at_completion = true;
                vendor.begin(path, &self.marks, write).await?
            }
            Some(vendor) => vendor.begin(path, &marks, write).await?,
            None => {
                let options = PutMultipartOptions {
                    attributes: marks.attributes,
                    tags: marks.tags,
                    ..PutMultipartOptions::default()
                };
                let parts = self.objects.put_multipart_opts(path, options).await.map_err(error)?;
                Box::new(upload::PlainUpload::new(parts))
            }
        };
        Ok(Box::new(upload::WithReceipt::new(
            self.clone(),
            inner,
            path,
            write,
            at_completion,
        )))
    }

    fn versions(&self) -> Option<&dyn StoreVersions> {
        self.history.then_some(self)
    }

    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        gc::run(self, options).await
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        match &self.vendor {
            Some(vendor) => vendor.survey().await,
            None => Ok(Vec::new()),
        }
    }
}

#[async_trait]
impl StoreVersions for BucketStore {
    async fn kept(&self, path: &Path) -> Result<Vec<Version>> {
        match &self.vendor {
            Some(vendor) => vendor.versions(path).await,
            None => Ok(Vec::new()),
        }
    }

    async fn restore(&self, path: &Path, version: &Version) -> Result<Version> {
        let vendor = self
            .vendor
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this store keeps no old versions"))?;
        vendor.copy(path, Some(version), path, &Precondition::None).await
    }

    async fn remove(&self, path: &Path, version: &Version) -> Result<()> {
        let vendor = self
            .vendor
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this store keeps no old versions"))?;
        // No vendor removes under the condition that a version is an old one. None makes an old one the published one again either, but
        // by deleting newer ones.
        match self.open(path, None, Purpose::Receipt).await {
            Ok(current) if current.version() == version => Err(published(version)),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => vendor.remove(path, version).await,
        }
    }
}
