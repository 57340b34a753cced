//! What targets need of a store.

use crate::bucket::BucketStore;
use crate::error::error;
use crate::store::{Purpose, Reader, Store, parts_of};
use futures_util::stream::{BoxStream, StreamExt};
use larder_io_core::{Result, Version, async_trait};
use object_store::ObjectMeta;
use object_store::path::Path;
use std::fmt;
use std::sync::Arc;

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileFacts {
    /// Where it is.
    pub path: Path,
    /// What `file_version` says of it.
    pub version: String,
    /// Bytes.
    pub bytes: u64,
    /// When it was written, in milliseconds since 1970.
    pub modified_millis: i64,
}

impl FileFacts {
    /// Makes the facts of a file.
    pub fn new(path: Path, version: impl Into<String>, bytes: u64, modified_millis: i64) -> Self {
        Self {
            path,
            version: version.into(),
            bytes,
            modified_millis,
        }
    }
}

/// Where targets lie. It is read, never written.
#[async_trait]
pub trait TargetStore: fmt::Debug + Send + Sync + 'static {
    /// Opens a file as it is now. The reader reads what it opened, or fails.
    ///
    /// # Errors
    /// `NotFound` when it is not there.
    async fn open(&self, path: &Path, purpose: Purpose) -> Result<Arc<dyn Reader>>;

    /// Every file below a folder, in any order; nothing where there is none.
    fn list(&self, folder: &Path) -> BoxStream<'static, Result<FileFacts>>;
}

/// By which version a file of a folder is known: the store lists ETags without the ids of old versions, and some without their quotes.
pub(super) fn file_version(version: &Version) -> String {
    plain(&parts_of(version).0.unwrap_or_default())
}

fn plain(e_tag: &str) -> String {
    e_tag.trim_start_matches("W/").trim_matches('"').to_owned()
}

#[async_trait]
impl TargetStore for BucketStore {
    async fn open(&self, path: &Path, purpose: Purpose) -> Result<Arc<dyn Reader>> {
        Store::open(self, path, None, purpose).await
    }

    fn list(&self, folder: &Path) -> BoxStream<'static, Result<FileFacts>> {
        let entries = self.objects().list((!folder.as_ref().is_empty()).then_some(folder));
        entries.map(|meta| meta.map(facts).map_err(error)).boxed()
    }
}

fn facts(meta: ObjectMeta) -> FileFacts {
    let modified = meta.last_modified.timestamp_millis();
    let version = match &meta.e_tag {
        Some(e_tag) => plain(e_tag),
        None => format!("{}-{modified}", meta.size),
    };
    FileFacts::new(meta.location, version, meta.size, modified)
}
