//! `DurableFs`: the object store.

use crate::disk::{Disk, RealDisk};
use crate::error::to_object_store;
use crate::list;
use crate::publish::StagedFile;
use crate::read::FileReader;
use crate::tree::{Durability, Settings, Tree};
use crate::upload::FileUpload;
use crate::{FsConfig, attributes, gc};
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use larder_io_core::{Error, ErrorKind, Garbage, GcOptions, Precondition, Result, Retention, Version};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// An object store on a local directory that survives power cuts.
///
/// A put is written beside, synced, and moved over the public name in one rename; the public file is an ordinary
/// read-only file that any tool can open. Replaced and deleted versions stay as hard links until the history is full.
/// All state of its own is below `<root>/.larder`. ETag and version are one random text per published value.
///
/// # Cancel safety
/// Every call runs on a blocking thread to its end; dropping its future loses the answer, not the consistency.
#[derive(Clone)]
pub struct DurableFs {
    pub(crate) tree: Arc<Tree>,
    pub(crate) mmap: bool,
}

impl DurableFs {
    /// Opens a root with default settings. Nothing is created before the first write.
    ///
    /// # Errors
    /// `InvalidConfig` when the root is there but is not a directory that can be read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        FsConfig::new(root).open_store()
    }

    pub(crate) fn with_config(config: &FsConfig) -> Result<Self> {
        let wrong = |problem: String| Error::new(ErrorKind::InvalidConfig, problem);
        let root = std::path::absolute(&config.root).map_err(|error| {
            wrong(format!("the root {} is no path: {error}", config.root.display())).with_source(error)
        })?;
        match std::fs::read_dir(&root) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!(
                    "the root {} cannot be read: {error}; give this user the right, or choose another root",
                    root.display()
                );
                return Err(wrong(message).with_source(error));
            }
        }
        let mut store = Self::on_disk(Arc::new(RealDisk), root, config.durability, config.history);
        if let Some(tree) = Arc::get_mut(&mut store.tree) {
            tree.settings.records = config.records;
        }
        store.mmap = config.mmap;
        Ok(store)
    }

    /// Opens a root on a disk of your own, such as the simulated one of `larder-testkit`.
    pub fn on_disk(disk: Arc<dyn Disk>, root: PathBuf, durability: Durability, history: usize) -> Self {
        let settings = Settings {
            durability,
            history,
            records: crate::RecordKeeping::Auto,
        };
        Self {
            tree: Arc::new(Tree::new(disk, root, settings)),
            mmap: false,
        }
    }

    /// The root directory.
    pub fn root(&self) -> &std::path::Path {
        self.tree.names.root()
    }

    /// Writes and publishes bytes; gives the version.
    pub(crate) async fn put(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
        retention: Option<Retention>,
    ) -> Result<String> {
        let at = location.clone();
        let write = move |tree: &Arc<Tree>| {
            let precondition = precondition(options.mode)?;
            let mut staged = StagedFile::create(tree)?;
            let mut offset = 0;
            for chunk in &payload {
                staged.write_at(offset, chunk)?;
                offset += chunk.len() as u64;
            }
            let version = staged.seal(&at, attributes::to_text(&options.attributes))?;
            staged.publish(&at, &precondition, retention)?;
            Ok(version)
        };
        self.blocking(write).await
    }

    /// The kept versions of a location, newest first; a restored one may be the published one too.
    ///
    /// # Errors
    /// As reading a directory.
    pub async fn kept_versions(&self, path: &Path) -> Result<Vec<Version>> {
        let at = path.clone();
        let kept = self.blocking(move |tree| tree.kept(&at)).await?;
        Ok(kept.into_iter().map(Version::from_text).collect())
    }

    /// Publishes a kept version again, in one step.
    ///
    /// # Errors
    /// `NotFound` when it is not kept.
    pub async fn restore_version(&self, path: &Path, version: &Version) -> Result<()> {
        let (at, version) = (path.clone(), version.clone());
        self.blocking(move |tree| tree.restore(&at, version.as_str())).await
    }

    /// Removes a kept version for good; what is not kept counts as removed.
    ///
    /// # Errors
    /// `Conflict` when it is the published one.
    pub async fn remove_version(&self, path: &Path, version: &Version) -> Result<()> {
        let (at, version) = (path.clone(), version.clone());
        self.blocking(move |tree| tree.remove_version(&at, version.as_str()))
            .await
    }

    /// Removes what crashes left behind: old staged files, records without a file, empty directories.
    ///
    /// # Errors
    /// As the disk.
    pub async fn collect_garbage(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        let options = *options;
        self.blocking(move |tree| gc::run(tree, &options)).await
    }

    /// Runs disk calls where they may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Tree>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let tree = Arc::clone(&self.tree);
        blocking(move || work(&tree)).await
    }
}

/// Runs `work` on a blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Error::new(ErrorKind::Cancelled, "the runtime is shutting down")),
        Err(error) => Err(Error::new(
            ErrorKind::Unexpected,
            format!("a disk operation panicked: {error}"),
        )),
    }
}

impl fmt::Display for DurableFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableFs({})", self.root().display())
    }
}

impl fmt::Debug for DurableFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DurableFs {{ root: {:?}, settings: {:?}, mmap: {} }}",
            self.root(),
            self.tree.settings,
            self.mmap
        )
    }
}

/// The answer to a put.
pub(crate) fn put_result(version: &str) -> PutResult {
    PutResult {
        e_tag: Some(version.to_owned()),
        version: Some(version.to_owned()),
    }
}

/// What object_store's put mode demands.
fn precondition(mode: PutMode) -> Result<Precondition> {
    match mode {
        PutMode::Overwrite => Ok(Precondition::None),
        PutMode::Create => Ok(Precondition::Absent),
        PutMode::Update(update) => match update.e_tag.or(update.version) {
            Some(version) => Ok(Precondition::Unchanged(Version::from_text(version))),
            None => Err(Error::new(
                ErrorKind::Unsupported,
                "an update without an etag has nothing to compare with",
            )),
        },
    }
}

#[async_trait]
impl ObjectStore for DurableFs {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        let written = self.put(location, payload, opts, None);
        let written = written.await.map_err(|error| to_object_store(error, location))?;
        Ok(put_result(&written))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let upload = FileUpload::start(self, location.clone(), attributes::to_text(&opts.attributes)).await;
        upload
            .map(|upload| Box::new(upload) as _)
            .map_err(|error| to_object_store(error, location))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let (at, version) = (location.clone(), options.version.clone());
        let opened = self
            .blocking(move |tree| tree.open_version(&at, version.as_deref()))
            .await;
        let opened = opened.map_err(|error| to_object_store(error, location))?;
        FileReader::new(opened, false).into_get_result(location, options)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let store = self.clone();
        let deleted = locations.map(move |location| {
            let store = store.clone();
            async move {
                let location = location?;
                let at = location.clone();
                let done = store.blocking(move |tree| tree.delete(&at)).await;
                done.map(|()| location.clone())
                    .map_err(|error| to_object_store(error, &location))
            }
        });
        deleted.buffered(8).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let walk = async move {
            let found = store.blocking(move |tree| list::walk(tree, prefix.as_ref())).await;
            match found {
                Ok(found) => stream::iter(found.into_iter().map(Ok)).left_stream(),
                Err(error) => stream::iter([Err(to_object_store(error, &Path::default()))]).right_stream(),
            }
        };
        stream::once(walk).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let at = prefix.cloned();
        let listed = self.blocking(move |tree| list::one_level(tree, at.as_ref())).await;
        listed.map_err(|error| to_object_store(error, prefix.unwrap_or(&Path::default())))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        let (source, target) = (from.clone(), to.clone());
        let copied = self.blocking(move |tree| {
            let opened = tree.open_version(&source, None)?;
            let mut staged = StagedFile::create(tree)?;
            staged.fill_from(opened.file.as_ref(), opened.info.len)?;
            let attributes = opened.record.map(|record| record.attributes).unwrap_or_default();
            staged.seal(&target, attributes)?;
            let precondition = match options.mode {
                CopyMode::Create => Precondition::Absent,
                CopyMode::Overwrite => Precondition::None,
            };
            staged.publish(&target, &precondition, None)
        });
        copied.await.map_err(|error| {
            let path = if error.kind() == ErrorKind::AlreadyExists {
                to
            } else {
                from
            };
            to_object_store(error, path)
        })
    }
}
