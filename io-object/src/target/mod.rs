//! What references point to: files and folders of any store, in every format that is read here.
//!
//! | module | owns |
//! |---|---|
//! | `store` | what is needed of a store: opening a file, listing a folder |
//! | `format` | which format a file has, and what it can be read as |
//! | `file`, `folder` | the two kinds of targets |
//! | `opened` | stores that are opened once for many targets |

mod file;
mod folder;
mod format;
mod opened;
mod store;
#[cfg(test)]
mod tests;

pub use folder::{is_hidden, table_of_delta};
pub use opened::OpenStores;
pub use store::{FileFacts, TargetStore};

use crate::bucket::BucketStore;
use format::Kind;
use larder_io_core::{Error, ErrorKind, Form, ManagerUrl, Result, Target, TargetFacts, Value, Version, async_trait};
use object_store::path::Path;
use std::fmt;
use std::sync::Arc;

/// A file, or all files of a folder, in a store.
///
/// A file's version is the store's: an ETag, on local disk inode, times and size. A folder's is a hash of the names and versions of its files,
/// but for those below a name that begins with `.` or `_`, which programs that read folders leave out.
#[derive(Clone)]
pub struct ObjectTarget {
    store: Arc<dyn TargetStore>,
    path: Path,
    folder: bool,
    /// The address for messages.
    shown: String,
    format: Option<Kind>,
}

impl fmt::Debug for ObjectTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectTarget({})", self.shown)
    }
}

impl ObjectTarget {
    /// Points to what is at `path` in a store, a folder if it ends with a slash or is empty. `shown` is its address for people, without secrets.
    ///
    /// # Errors
    /// `InvalidData` for a path that the store cannot represent, and for a format that looks misspelt.
    pub fn new(
        store: Arc<dyn TargetStore>,
        path: &str,
        shown: impl Into<String>,
        format: Option<&str>,
    ) -> Result<Self> {
        let shown = shown.into();
        let folder = path.is_empty() || path.ends_with('/');
        let bare = path.strip_suffix('/').unwrap_or(path);
        let path = Path::parse(bare).map_err(|cause| {
            let message = format!(
                "`{shown}` cannot be a target: a segment of it is empty, `.`, `..`, or has a control character"
            );
            Error::new(ErrorKind::InvalidData, message).with_source(cause)
        })?;
        let format = match format {
            Some(name) => Some(Kind::named(name, &path, &shown)?),
            None if folder => None,
            None => Some(Kind::of_path(&path)),
        };
        Ok(Self {
            store,
            path,
            folder,
            shown,
            format,
        })
    }

    /// The same in a bucket, for a URL whose host is the bucket and whose path below it is `path`, without slashes at its ends.
    ///
    /// # Errors
    /// As [`ObjectTarget::new`].
    pub fn in_bucket(store: BucketStore, path: &str, url: &ManagerUrl, format: Option<&str>) -> Result<Self> {
        let slash = if url.address().ends_with('/') { "/" } else { "" };
        if path.is_empty() && slash.is_empty() {
            let message = format!("`{url}` is a bucket; all its files are its address with a slash at its end");
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        let path = format!("{path}{slash}");
        Self::new(Arc::new(store), &path, url.to_string(), format)
    }

    /// Whether the version that was asked for is the one that is there.
    fn is_wanted(&self, wanted: Option<&Version>, found: &Version) -> Result<()> {
        match wanted {
            Some(wanted) if !self.store.is_version(wanted, found) => {
                let message = format!(
                    "`{}` is version `{found}` now, and `{wanted}` cannot be had any more",
                    self.shown
                );
                Err(Error::new(ErrorKind::Conflict, message))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Target for ObjectTarget {
    async fn head(&self) -> Result<TargetFacts> {
        match self.folder {
            true => Ok(self.listed().await?.facts()),
            false => self.file_head().await,
        }
    }

    async fn describe(&self, version: Option<&Version>) -> Result<TargetFacts> {
        match self.folder {
            true => self.describe_folder(version).await,
            false => self.describe_file(version).await,
        }
    }

    async fn open(&self, form: Form, version: Option<&Version>) -> Result<Value> {
        match self.folder {
            true => self.open_folder(form, version).await,
            false => self.open_file(form, version).await,
        }
    }
}
