//! `DurableFs` as a store of io-object: readers that keep their version, uploads with receipts and preconditions,
//! history.

use crate::attributes;
use crate::config::SCHEME;
use crate::loads;
use crate::publish::StagedFile;
use crate::read::FileReader;
use crate::store::{DurableFs, blocking};
use crate::tree::Tree;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::{ByteStream, Error, ErrorKind, Garbage, GcOptions, Original, Result, Version, WriteId};
use larder_io_object::store::{RECEIPT_ATTRIBUTE, receipt_attributes};
use larder_io_object::{Features, Purpose, Reader, Store, StoreLoads, StoreVersions, Upload, Written};
use object_store::path::Path;
use object_store::{ObjectStore, PutOptions, PutPayload};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The store that an `ObjectIo` is given.
#[derive(Clone, Debug)]
struct DurableStore {
    fs: DurableFs,
    objects: Arc<dyn ObjectStore>,
}

impl DurableFs {
    /// As a store for [`larder_io_object::ObjectIo`].
    pub fn into_store(self) -> impl Store {
        DurableStore {
            objects: Arc::new(self.clone()),
            fs: self,
        }
    }
}

#[async_trait]
impl Store for DurableStore {
    fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    fn features(&self) -> Features {
        let mut features = Features::default();
        features.upload_preconditions = true;
        features.durable = self.fs.tree.settings.durability == crate::Durability::Fsync;
        features.persistent = true;
        features.holds = true;
        features.reads_uploads = true;
        features
    }

    fn uri(&self, path: &Path) -> String {
        format!("file://{}/{path}", self.fs.root().display())
    }

    async fn open(&self, path: &Path, version: Option<&Version>, _: Purpose) -> Result<Arc<dyn Reader>> {
        let (at, wanted) = (path.clone(), version.map(|version| version.as_str().to_owned()));
        let opened = self
            .fs
            .blocking(move |tree| tree.open_version(&at, wanted.as_deref()))
            .await?;
        Ok(Arc::new(OpenFile::new(FileReader::new(opened, self.fs.mmap))))
    }

    async fn put(&self, path: &Path, bytes: Bytes, written: &Written<'_>) -> Result<Version> {
        let options = PutOptions {
            mode: written.mode(),
            attributes: receipt_attributes(written.receipt),
            ..PutOptions::default()
        };
        let put = self.fs.put(path, bytes.into(), options, written.retention).await;
        put.map(Version::from_text)
    }

    async fn upload(&self, path: &Path, _: &WriteId) -> Result<Box<dyn Upload>> {
        self.fs.tree.names.public(path)?;
        let staged = self.fs.blocking(StagedFile::create).await?;
        Ok(Box::new(FileUpload::new(&self.fs, path, staged)))
    }

    async fn upload_copy(&self, path: &Path, original: &Original<'_>) -> Result<Option<Box<dyn Upload>>> {
        if original.manager.scheme != SCHEME {
            return Ok(None);
        }
        self.fs.tree.names.public(path)?;
        let root = PathBuf::from(&original.manager.root);
        let Ok(at) = Path::parse(original.receipt.location.as_str()) else {
            return Ok(None);
        };
        let version = original.receipt.version.as_str().to_owned();
        let copied = self.fs.blocking(move |tree| {
            let source = Tree::new(Arc::clone(&tree.disk), root, tree.settings);
            let opened = match source.open_version(&at, Some(&version)) {
                Ok(opened) => opened,
                // It was replaced meanwhile, and no old versions are kept.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let mut staged = StagedFile::create(tree)?;
            staged.fill_from(opened.file.as_ref(), opened.info.len)?;
            Ok(Some(staged))
        });
        Ok(copied
            .await?
            .map(|staged| Box::new(FileUpload::new(&self.fs, path, staged)) as _))
    }

    fn versions(&self) -> Option<&dyn StoreVersions> {
        (self.fs.tree.settings.history > 1).then_some(self)
    }

    async fn hold(&self, stem: &Path) -> Result<Option<Box<dyn Send>>> {
        self.fs.tree.hold(stem).await.map(Some)
    }

    async fn delete_version(&self, path: &Path, version: &Version) -> Result<bool> {
        let (at, version) = (path.clone(), version.as_str().to_owned());
        self.fs.blocking(move |tree| tree.delete_version(&at, &version)).await
    }

    fn loads(&self) -> Option<&dyn StoreLoads> {
        // Arrow files are worth their size where they are mapped.
        self.fs.mmap.then_some(self)
    }

    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        self.fs.collect_garbage(options).await
    }
}

#[async_trait]
impl StoreVersions for DurableStore {
    async fn kept(&self, path: &Path) -> Result<Vec<Version>> {
        self.fs.kept_versions(path).await
    }

    async fn restore(&self, path: &Path, version: &Version) -> Result<Version> {
        self.fs.restore_version(path, version).await?;
        Ok(version.clone())
    }

    async fn remove(&self, path: &Path, version: &Version) -> Result<()> {
        self.fs.remove_version(path, version).await
    }
}

#[async_trait]
impl StoreLoads for DurableStore {
    async fn add(&self, stem: &Path) {
        loads::add(Arc::clone(&self.fs.tree), stem.to_string()).await;
    }

    async fn count(&self, stem: &Path) -> u64 {
        loads::count(Arc::clone(&self.fs.tree), stem.to_string()).await
    }

    async fn reset(&self, stem: &Path) {
        loads::reset(Arc::clone(&self.fs.tree), stem.to_string()).await;
    }
}

struct OpenFile {
    reader: FileReader,
    version: Version,
    modified_millis: i64,
}

impl OpenFile {
    fn new(reader: FileReader) -> Self {
        let version = Version::from_text(reader.version());
        let since = reader
            .modified()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            version,
            modified_millis: i64::try_from(since.as_millis()).unwrap_or(0),
            reader,
        }
    }
}

#[async_trait]
impl Reader for OpenFile {
    fn size(&self) -> u64 {
        self.reader.size()
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn modified_millis(&self) -> i64 {
        self.modified_millis
    }

    fn receipt(&self) -> Option<&str> {
        self.reader
            .attributes()
            .get(&format!("metadata:{RECEIPT_ATTRIBUTE}"))
            .map(String::as_str)
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        self.reader.read(range).await
    }

    fn stream(&self) -> ByteStream {
        self.reader.stream(0..self.reader.size())
    }

    fn map(&self, range: Range<u64>) -> Option<Bytes> {
        self.reader.map(range)
    }
}

/// A staged file that is written from front to back and gets its receipt at the end.
struct FileUpload {
    fs: DurableFs,
    path: Path,
    offset: u64,
    staged: Arc<Mutex<Option<StagedFile>>>,
}

impl FileUpload {
    fn new(fs: &DurableFs, path: &Path, staged: StagedFile) -> Self {
        Self {
            fs: fs.clone(),
            path: path.clone(),
            offset: 0,
            staged: Arc::new(Mutex::new(Some(staged))),
        }
    }

    /// Works on the staged file where it may block. A dropped future does not stop the work, so its outcome is whole.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Option<StagedFile>) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let staged = Arc::clone(&self.staged);
        blocking(move || {
            let mut staged = staged
                .lock()
                .map_err(|_| Error::new(ErrorKind::Unexpected, "a part of the upload panicked"))?;
            work(&mut staged)
        })
    }
}

fn over() -> Error {
    Error::new(ErrorKind::Unsupported, "the upload was completed or aborted already")
}

#[async_trait]
impl Upload for FileUpload {
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        let mut offset = self.offset;
        self.offset += part.content_length() as u64;
        self.with(move |staged| {
            let staged = staged.as_mut().ok_or_else(over)?;
            for piece in &part {
                staged.write_at(offset, piece)?;
                offset += piece.len() as u64;
            }
            Ok(())
        })
        .boxed()
    }

    async fn complete(&mut self, written: &Written<'_>) -> Result<Version> {
        let (path, precondition) = (self.path.clone(), written.precondition.clone());
        let retention = written.retention;
        let attributes = attributes::to_text(&receipt_attributes(written.receipt));
        self.with(move |slot| {
            let staged = slot.as_mut().ok_or_else(over)?;
            let version = staged.seal(&path, attributes)?;
            staged.publish(&path, &precondition, retention)?;
            *slot = None;
            Ok(Version::from_text(version))
        })
        .await
    }

    async fn reader(&self) -> Result<Option<Arc<dyn Reader>>> {
        let mmap = self.fs.mmap;
        self.with(move |staged| {
            let opened = staged.as_mut().ok_or_else(over)?.open()?;
            Ok(Some(
                Arc::new(OpenFile::new(FileReader::new(opened, mmap))) as Arc<dyn Reader>
            ))
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        self.with(|slot| slot.take().map_or(Ok(()), |mut staged| staged.discard()))
            .await
    }
}
