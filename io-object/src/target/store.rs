//! What targets need of a store.

use crate::bucket::BucketStore;
use crate::error::error;
use crate::store::{Purpose, Reader, Store, parts_of};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use larder_io_core::{ErrorKind, Result, Version, async_trait};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta};
use std::fmt;
use std::sync::Arc;

/// Files at once of which a store is asked that says no versions in its lists.
const ASKED_AT_ONCE: usize = 16;

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileFacts {
    /// Where it is.
    pub path: Path,
    /// What `file_version` says of it.
    pub version: String,
    /// What earlier releases recorded of it, where that is another text.
    pub former: Option<String>,
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
            former: None,
            bytes,
            modified_millis,
        }
    }

    /// Adds by which version earlier releases knew it, so that what they recorded is still found.
    #[must_use]
    pub fn with_former(mut self, former: impl Into<String>) -> Self {
        self.former = Some(former.into());
        self
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

    /// Whether a version that somebody wrote, or an earlier release recorded, is the one that was found. Default: whether they are the same text.
    fn is_version(&self, wanted: &Version, found: &Version) -> bool {
        wanted == found
    }
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
        let store = self.clone();
        entries
            .map_err(error)
            .map_ok(move |meta| {
                let store = store.clone();
                async move { store.member(meta).await }
            })
            .try_buffered(ASKED_AT_ONCE)
            .try_filter_map(|file| async move { Ok(file) })
            .boxed()
    }

    /// With and without the quotes of an ETag, and `W/` before them: tools show it in several ways. The id of a version alone is enough too.
    fn is_version(&self, wanted: &Version, found: &Version) -> bool {
        let (e_tag, id) = parts_of(found);
        let same = |one: &str, other: Option<&String>| other.is_some_and(|other| plain(one) == plain(other));
        match parts_of(wanted) {
            _ if wanted == found => true,
            (_, wanted_id @ Some(_)) if wanted_id != id => false,
            (Some(text), Some(_)) => same(&text, e_tag.as_ref()),
            (Some(text), None) => same(&text, e_tag.as_ref()) || same(&text, id.as_ref()),
            (None, _) => false,
        }
    }
}

impl BucketStore {
    /// What is known of a file that was listed. Without an ETag in the list the file itself is asked; `None` where it is gone by now.
    async fn member(&self, meta: ObjectMeta) -> Result<Option<FileFacts>> {
        if meta.e_tag.is_some() {
            return Ok(Some(facts(meta)));
        }
        let head = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.objects().get_opts(&meta.location, head).await.map_err(error) {
            Ok(answer) => {
                let former = by_size_and_time(&meta);
                let told = ObjectMeta {
                    // A store with a prefix tells the whole key here.
                    location: meta.location,
                    ..answer.meta
                };
                Ok(Some(facts(told).with_former(former)))
            }
            Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(None),
            Err(other) => Err(other),
        }
    }
}

fn facts(meta: ObjectMeta) -> FileFacts {
    let version = match (&meta.e_tag, &meta.version) {
        (Some(e_tag), _) => plain(e_tag),
        (None, Some(version)) => plain(version),
        // Nobody can open such a file as one version, but its folder can be looked at.
        (None, None) => by_size_and_time(&meta),
    };
    let modified = meta.last_modified.timestamp_millis();
    FileFacts::new(meta.location, version, meta.size, modified)
}

fn by_size_and_time(meta: &ObjectMeta) -> String {
    format!("{}-{}", meta.size, meta.last_modified.timestamp_millis())
}
