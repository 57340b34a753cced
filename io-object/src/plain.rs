//! Any `object_store::ObjectStore` as a store: single puts with a receipt in their metadata, multipart uploads with a
//! receipt beside them.

use crate::error::error;
use crate::store::{Features, RECEIPT_ATTRIBUTE, Reader, Store, Upload, WRITE_ATTRIBUTE, version_of};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{
    ByteStream, Error, ErrorKind, Garbage, GcOptions, Precondition, Receipt, Result, Version, WriteId,
};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions,
};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the receipts of uploads are kept.
const RECEIPTS: &str = ".larder/receipts";

/// Values up to this size are read in one request when they are opened.
const HELD_BYTES: u64 = 8 << 20;

/// Any object store. What it cannot do stays `Unsupported`: preconditions on uploads, old versions.
#[derive(Clone, Debug)]
pub struct PlainStore {
    objects: Arc<dyn ObjectStore>,
    root: String,
}

impl PlainStore {
    /// Wraps a store; `root` is its address for people, such as `s3://bucket/prefix`, without a slash at its end.
    pub fn new(objects: Arc<dyn ObjectStore>, root: impl Into<String>) -> Self {
        Self {
            objects,
            root: root.into(),
        }
    }
}

#[async_trait]
impl Store for PlainStore {
    fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    fn features(&self) -> Features {
        Features {
            upload_preconditions: false,
            durable: false,
            persistent: false,
        }
    }

    fn uri(&self, path: &Path) -> String {
        format!("{}/{path}", self.root)
    }

    async fn open(&self, path: &Path, version: Option<&Version>) -> Result<Arc<dyn Reader>> {
        if version.is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "this store keeps no old versions"));
        }
        // A small value is held, so that replacing it disturbs no reader. A large one is read piece by piece under its
        // etag; the body of this answer is dropped unread.
        let got = self
            .objects
            .get_opts(path, GetOptions::default())
            .await
            .map_err(error)?;
        let version = version_of(got.meta.e_tag.clone(), got.meta.version.clone())?;
        let mut receipt = metadata(&got.attributes, RECEIPT_ATTRIBUTE);
        if let (None, Some(write)) = (&receipt, metadata(&got.attributes, WRITE_ATTRIBUTE)) {
            receipt = match self.objects.get(&receipt_path(&write)).await {
                Ok(stored) => String::from_utf8(stored.bytes().await.map_err(error)?.into()).ok(),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(other) => return Err(error(other)),
            };
        }
        let meta = got.meta.clone();
        let held = if meta.size <= HELD_BYTES {
            Some(got.bytes().await.map_err(error)?)
        } else {
            None
        };
        Ok(Arc::new(PlainReader {
            objects: Arc::clone(&self.objects),
            meta,
            version,
            receipt,
            held,
        }))
    }

    async fn upload(&self, path: &Path, write: &WriteId) -> Result<Box<dyn Upload>> {
        let attribute = Attribute::Metadata(WRITE_ATTRIBUTE.into());
        let attributes = Attributes::from_iter([(attribute, write.as_str().to_owned())]);
        let options = PutMultipartOptions {
            attributes,
            ..PutMultipartOptions::default()
        };
        let parts = self.objects.put_multipart_opts(path, options).await.map_err(error)?;
        let parts = Mutex::new(parts);
        Ok(Box::new(PlainUpload {
            objects: Arc::clone(&self.objects),
            parts,
            receipt: receipt_path(write.as_str()),
        }))
    }

    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        let metas: Vec<ObjectMeta> = self
            .objects
            .list(Some(&Path::from(RECEIPTS)))
            .try_collect()
            .await
            .map_err(error)?;
        let mut garbage = Vec::new();
        for meta in metas {
            let now = jiff::Timestamp::now().as_millisecond();
            let age = Duration::from_millis(
                now.saturating_sub(meta.last_modified.timestamp_millis())
                    .max(0)
                    .unsigned_abs(),
            );
            if age < options.older_than || self.in_use(&meta.location).await? {
                continue;
            }
            if !options.dry_run {
                self.objects.delete(&meta.location).await.map_err(error)?;
            }
            garbage.push(Garbage::new(meta.location.to_string(), "receipt", meta.size, age));
        }
        Ok(garbage)
    }
}

impl PlainStore {
    /// Whether the value that a receipt was written for is still the published one.
    async fn in_use(&self, path: &Path) -> Result<bool> {
        let stored = self
            .objects
            .get(path)
            .await
            .map_err(error)?
            .bytes()
            .await
            .map_err(error)?;
        // A receipt that cannot be read is kept: it may be one of a newer larder.
        let Ok(receipt) = serde_json::from_slice::<Receipt>(&stored) else {
            return Ok(true);
        };
        let Ok(location) = Path::parse(receipt.location.as_str()) else {
            return Ok(true);
        };
        let head = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.objects.get_opts(&location, head).await {
            Ok(got) => {
                Ok(metadata(&got.attributes, WRITE_ATTRIBUTE).is_some_and(|write| receipt_path(&write) == *path))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(error(other)),
        }
    }
}

fn receipt_path(write: &str) -> Path {
    Path::from(RECEIPTS).join(write)
}

fn metadata(attributes: &Attributes, name: &'static str) -> Option<String> {
    attributes
        .get(&Attribute::Metadata(name.into()))
        .map(|value| value.as_ref().to_owned())
}

struct PlainReader {
    objects: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    version: Version,
    receipt: Option<String>,
    held: Option<Bytes>,
}

impl PlainReader {
    /// Options that answer with an error once the value was replaced.
    fn pinned(&self, range: Option<Range<u64>>) -> GetOptions {
        GetOptions {
            range: range.map(GetRange::Bounded),
            if_match: self.meta.e_tag.clone(),
            ..GetOptions::default()
        }
    }
}

fn replaced(cause: object_store::Error) -> Error {
    match error(cause) {
        gone if matches!(gone.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
            let message =
                "the value was replaced while it was read, and this store keeps no old versions; load it again";
            Error::new(ErrorKind::Conflict, message).with_source(gone)
        }
        other => other,
    }
}

#[async_trait]
impl Reader for PlainReader {
    fn size(&self) -> u64 {
        self.meta.size
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn modified_millis(&self) -> i64 {
        self.meta.last_modified.timestamp_millis()
    }

    fn receipt(&self) -> Option<&str> {
        self.receipt.as_deref()
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        if let Some(held) = &self.held {
            let inside = range.start <= range.end && range.end <= held.len() as u64;
            let outside = || Error::new(ErrorKind::InvalidData, "a range lies outside of the value");
            return inside
                .then(|| held.slice(range.start as usize..range.end as usize))
                .ok_or_else(outside);
        }
        let wanted = range.end - range.start;
        let got = self
            .objects
            .get_opts(&self.meta.location, self.pinned(Some(range)))
            .await
            .map_err(replaced)?;
        let bytes = got.bytes().await.map_err(error)?;
        if bytes.len() as u64 != wanted {
            let message = format!("{wanted} bytes were asked for, {} came", bytes.len());
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        Ok(bytes)
    }

    fn stream(&self) -> ByteStream {
        if let Some(held) = &self.held {
            return stream::iter([Ok(held.clone())]).boxed();
        }
        let (objects, location, options) = (Arc::clone(&self.objects), self.meta.location.clone(), self.pinned(None));
        let opened = async move {
            let got = objects.get_opts(&location, options).await.map_err(replaced)?;
            Ok::<_, Error>(got.into_stream())
        };
        stream::once(opened)
            .map_ok(|chunks| chunks.map_err(error))
            .try_flatten()
            .boxed()
    }
}

struct PlainUpload {
    objects: Arc<dyn ObjectStore>,
    /// A mutex that is never locked makes the upload `Sync`, which object_store does not ask of it.
    parts: Mutex<Box<dyn MultipartUpload>>,
    receipt: Path,
}

impl PlainUpload {
    fn parts(&mut self) -> Result<&mut Box<dyn MultipartUpload>> {
        self.parts
            .get_mut()
            .map_err(|_| Error::new(ErrorKind::Unexpected, "a part of the upload panicked"))
    }
}

#[async_trait]
impl Upload for PlainUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.parts()?.put_part(bytes.into()).await.map_err(error)
    }

    async fn complete(&mut self, receipt: &str, precondition: &Precondition) -> Result<Version> {
        if *precondition != Precondition::None {
            let message = "this store cannot complete an upload under a precondition; store without one, or a value below the part size";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        // Before the value: a value without its receipt would be seen by readers, a receipt without its value is garbage.
        self.objects
            .put(&self.receipt, Bytes::from(receipt.to_owned()).into())
            .await
            .map_err(error)?;
        let result = self.parts()?.complete().await.map_err(error)?;
        version_of(result.e_tag, result.version)
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts()?.abort().await.map_err(error)?;
        match self.objects.delete(&self.receipt).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(other) => Err(error(other)),
        }
    }
}
