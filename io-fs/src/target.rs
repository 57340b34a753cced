//! What references to local disk point to: ordinary files of anybody, and folders of them.
//!
//! A file is known by inode, length, and the times of its contents and of itself. It is read, never mapped: others may cut it. Links, pipes and devices are refused.

use crate::config::FsConfig;
use crate::disk::{FileInfo, open_ordinary};
use crate::error::disk as disk_error;
use crate::read::FileReader;
use crate::record::foreign_version;
use crate::store::blocking;
use crate::tree::{Opened, is_missing};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use larder_io_core::{ByteStream, Error, ErrorKind, ManagerUrl, Result, Target, Version, async_trait};
use larder_io_object::target::{FileFacts, ObjectTarget, TargetStore, is_hidden, table_of_delta};
use larder_io_object::{Purpose, Reader};
use object_store::path::{Path as ObjectPath, PathPart};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The target of an address.
pub(crate) fn find(url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
    let path = url.address().strip_prefix('/');
    let Some(path) = path.filter(|path| !path.is_empty() && !path.starts_with('/')) else {
        let message = format!(
            "`{url}` is no target on local disk; write `file:///path/of/a/file` or `file:///path/of/a/folder/`"
        );
        return Err(Error::new(ErrorKind::InvalidData, message));
    };
    // Refuses settings that it does not know.
    FsConfig::from_url(url)?;
    let shown = format!("file:///{path}");
    Ok(Arc::new(ObjectTarget::new(Arc::new(Disk), path, shown, format)?))
}

/// The whole disk of this machine, from `/` on.
#[derive(Debug)]
struct Disk;

fn name(path: &ObjectPath) -> PathBuf {
    Path::new("/").join(path.as_ref())
}

#[async_trait]
impl TargetStore for Disk {
    async fn open(&self, path: &ObjectPath, _: Purpose) -> Result<Arc<dyn Reader>> {
        let name = name(path);
        let opened = blocking(move || {
            let file = open_ordinary(&name).map_err(|error| refused(error, &name))?;
            let info = file.info().map_err(|error| refused(error, &name))?;
            Ok(Opened {
                file,
                info,
                record: None,
            })
        });
        Ok(Arc::new(OutsideFile::new(opened.await?)))
    }

    /// Directory by directory, so that a large tree is never held as a whole.
    fn list(&self, folder: &ObjectPath) -> BoxStream<'static, Result<FileFacts>> {
        let levels = stream::try_unfold(vec![folder.clone()], |mut open| async move {
            let Some(folder) = open.pop() else {
                return Ok::<_, Error>(None);
            };
            let (files, folders) = blocking(move || level(&folder)).await?;
            open.extend(folders);
            Ok(Some((stream::iter(files.into_iter().map(Ok)), open)))
        });
        levels.try_flatten().boxed()
    }

    /// What earlier releases recorded lacks the last part, and says as much as it does.
    fn is_version(&self, wanted: &Version, found: &Version) -> bool {
        let (wanted, found) = (wanted.as_str(), found.as_str());
        let former = found.rsplit_once('-').map(|(former, _)| former);
        wanted == found || Some(wanted) == former
    }
}

/// The files and folders of one directory, without those that readers of folders leave out.
fn level(folder: &ObjectPath) -> Result<(Vec<FileFacts>, Vec<ObjectPath>)> {
    let (dir, mut files, mut folders) = (name(folder), Vec::new(), Vec::new());
    let wrap = |error| disk_error(error, "list", &dir);
    let entries = match std::fs::read_dir(&dir) {
        Err(error) if is_missing(&error) => return Ok((files, folders)),
        other => other.map_err(wrap)?,
    };
    for entry in entries {
        let entry = entry.map_err(wrap)?;
        let text = entry.file_name();
        if text == "_delta_log" {
            return Err(table_of_delta(&dir.display().to_string()));
        }
        if text.to_str().is_some_and(is_hidden) {
            continue;
        }
        let Some(part) = text.to_str().and_then(|name| PathPart::parse(name).ok()) else {
            let shown: String = text.to_string_lossy().chars().flat_map(char::escape_debug).collect();
            let message = format!(
                "`{}` holds a file whose name is no plain text: `{shown}`; rename it, or point to other files",
                dir.display()
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        };
        let path: ObjectPath = folder.parts().chain([part]).collect();
        // Of the entry itself: a link is not followed.
        let kind = entry.file_type().map_err(wrap)?;
        if kind.is_dir() {
            folders.push(path);
            continue;
        }
        if !kind.is_file() {
            return Err(not_ordinary(&entry.path()));
        }
        match open_ordinary(&entry.path()).and_then(|file| file.info()) {
            Ok(info) => {
                let file = FileFacts::new(path, version(&info), info.len, millis(&info));
                files.push(file.with_former(foreign_version(&info)));
            }
            // Somebody removed it since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error, &entry.path())),
        }
    }
    Ok((files, folders))
}

/// A file's version, with the time that nobody can put back: of contents, rights, owner and names.
fn version(info: &FileInfo) -> String {
    let changed = info.changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:x}", foreign_version(info), changed.as_nanos())
}

fn millis(info: &FileInfo) -> i64 {
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    i64::try_from(since(info.modified)).unwrap_or_default()
}

fn refused(error: io::Error, name: &Path) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidInput => not_ordinary(name),
        _ if is_missing(&error) => Error::new(ErrorKind::NotFound, format!("there is no file `{}`", name.display())),
        _ => disk_error(error, "read", name),
    }
}

fn not_ordinary(name: &Path) -> Error {
    let message = format!(
        "`{}` is a link, a pipe or a device, which no reference points to; name the file itself",
        name.display()
    );
    Error::new(ErrorKind::InvalidData, message)
}

/// A file that others may change in place while it is read: everything that is read is held against length and time before it is given.
#[derive(Clone)]
struct OutsideFile {
    reader: Arc<FileReader>,
    version: Version,
    modified_millis: i64,
}

impl OutsideFile {
    fn new(opened: Opened) -> Self {
        Self {
            version: Version::from_text(version(&opened.info)),
            modified_millis: millis(&opened.info),
            reader: Arc::new(FileReader::new(opened, false)),
        }
    }

    /// What was read, if the file is still what it was when it was opened.
    async fn whole<T>(&self, read: Result<T>) -> Result<T> {
        if self.reader.is_as_opened().await? {
            return read;
        }
        let message = "the file was changed while it was read; load it again";
        let error = Error::new(ErrorKind::Conflict, message);
        Err(match read {
            Ok(_) => error,
            Err(cause) => error.with_source(cause),
        })
    }
}

#[async_trait]
impl Reader for OutsideFile {
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
        None
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let read = self.reader.read(range).await;
        self.whole(read).await
    }

    fn stream(&self) -> ByteStream {
        let file = self.clone();
        let chunks = self.reader.stream(0..self.reader.size());
        chunks
            .then(move |chunk| {
                let file = file.clone();
                async move { file.whole(chunk).await }
            })
            .boxed()
    }
}
