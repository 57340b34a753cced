//! The root directory and what every operation needs of it: settings, synced directories, locks, open files.

use crate::disk::{Disk, DiskFile, FileInfo};
use crate::error::disk as disk_error;
use crate::names::Names;
use crate::record::{Record, RecordKeeping, foreign_version};
use crate::store::blocking;
use larder_io_core::{Error, ErrorKind, Result};
use object_store::path::Path as ObjectPath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

/// What an acknowledged write has survived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Durability {
    /// A power cut: file and directories are synced before the write is acknowledged.
    #[default]
    Fsync,
    /// A crash of the process, not of the machine: atomic renames without syncing.
    Rename,
}

/// How the store behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) durability: Durability,
    pub(crate) history: usize,
    pub(crate) records: RecordKeeping,
}

/// A root directory. Every method blocks.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) names: Names,
    pub(crate) settings: Settings,
    /// Directories whose own name is known to be durable.
    ensured: Mutex<HashSet<PathBuf>>,
    /// Beside the locks of stems on disk.
    stems: Vec<Arc<tokio::sync::Mutex<()>>>,
}

/// An open public file or kept version.
pub(crate) struct Opened {
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) info: FileInfo,
    pub(crate) record: Option<Record>,
}

impl Opened {
    pub(crate) fn version(&self) -> String {
        self.record
            .as_ref()
            .map_or_else(|| foreign_version(&self.info), |record| record.version.clone())
    }
}

impl Tree {
    pub(crate) fn new(disk: Arc<dyn Disk>, root: PathBuf, settings: Settings) -> Self {
        Self {
            disk,
            names: Names::new(root),
            settings,
            ensured: Mutex::default(),
            stems: (0..=u8::MAX).map(|_| Arc::default()).collect(),
        }
    }

    pub(crate) fn elapsed_since_epoch(&self) -> Duration {
        UNIX_EPOCH.elapsed().unwrap_or_default()
    }

    /// Makes a file's contents durable, if wanted. An error is final, whoever gets it throws the file away.
    pub(crate) fn sync(&self, file: &dyn DiskFile, name: &Path) -> Result<()> {
        match self.settings.durability {
            Durability::Fsync => file.sync().map_err(|error| disk_error(error, "sync", name)),
            Durability::Rename => Ok(()),
        }
    }

    /// Makes the names in a directory durable, if wanted.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<()> {
        match self.settings.durability {
            Durability::Fsync => self
                .disk
                .sync_dir(dir)
                .map_err(|error| disk_error(error, "sync the directory", dir)),
            Durability::Rename => Ok(()),
        }
    }

    /// Creates a directory and its ancestors, and makes their names durable: also those that somebody else created,
    /// who may not have synced them yet.
    pub(crate) fn ensure_dir(&self, dir: &Path) -> Result<()> {
        if self.ensured.lock().is_ok_and(|ensured| ensured.contains(dir)) {
            return Ok(());
        }
        let fail = |error| disk_error(error, "create the directory", dir);
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let inside = dir.starts_with(self.names.root()) && dir != self.names.root();
        if inside && let Some(parent) = parent {
            self.ensure_dir(parent)?;
        }
        let mut made = self.disk.create_dir(dir);
        if let (Err(error), Some(parent)) = (&made, parent)
            && error.kind() == io::ErrorKind::NotFound
        {
            self.ensure_dir(parent)?;
            made = self.disk.create_dir(dir);
        }
        let created = match made {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.disk.read_dir(dir) {
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(fail(error)),
                _ => false,
            },
            Err(error) => return Err(fail(error)),
        };
        if let Some(parent) = parent.filter(|_| created || inside) {
            self.sync_dir(parent)?;
        }
        if let Ok(mut ensured) = self.ensured.lock() {
            ensured.insert(dir.to_owned());
        }
        Ok(())
    }

    /// Forgets which directories exist, after something below the root vanished.
    pub(crate) fn forget_dirs(&self) {
        if let Ok(mut ensured) = self.ensured.lock() {
            ensured.clear();
        }
    }

    /// Holds the lock of a location; publish, delete, restore and gc of one location exclude each other.
    pub(crate) fn lock(&self, path: &ObjectPath) -> Result<Box<dyn Send>> {
        self.ensure_dir(&self.names.locks())?;
        let name = self.names.lock(path);
        self.disk.lock(&name).map_err(|error| disk_error(error, "lock", &name))
    }

    /// Holds the lock of a stem, whose locations it says nothing of: those are locked one by one below it. In the process one
    /// waits at a time, so that waiting threads never keep the one that holds it from going on.
    pub(crate) async fn hold(self: &Arc<Self>, stem: &ObjectPath) -> Result<Box<dyn Send>> {
        let (name, twin) = self.names.stem_lock(stem);
        let twin = Arc::clone(&self.stems[twin]).lock_owned().await;
        let tree = Arc::clone(self);
        let held = blocking(move || {
            tree.ensure_dir(&tree.names.locks())?;
            tree.disk.lock(&name).map_err(|error| disk_error(error, "lock", &name))
        });
        // Dropped in this order: the file's lock first.
        Ok(Box::new((held.await?, twin)))
    }

    /// Opens a file with its record; `None` when there is none or it is a directory.
    pub(crate) fn open(&self, name: &Path) -> Result<Option<Opened>> {
        let wrap = |error| disk_error(error, "read", name);
        let file = match self.disk.open(name) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(wrap(error)),
        };
        let info = file.info().map_err(wrap)?;
        let record = Record::find(self, file.as_ref(), &info).map_err(wrap)?;
        Ok(Some(Opened { file, info, record }))
    }

    /// Opens the published file of a location.
    pub(crate) fn open_public(&self, path: &ObjectPath) -> Result<Option<Opened>> {
        let opened = self.open(&self.names.public(path)?)?;
        // On a disk that ignores case, `A` opens the file of `a`.
        Ok(opened.filter(|opened| self.published_as(opened, path).is_none()))
    }

    /// The other name of an open file, in other letters, when this disk does not tell it from `path`. A disk that does
    /// has no such file there: then the file was renamed, or its record is damaged.
    pub(crate) fn published_as<'o>(&self, opened: &'o Opened, path: &ObjectPath) -> Option<&'o str> {
        let named = opened.record.as_ref().map(|record| record.path.as_str())?;
        let other = ObjectPath::parse(named).ok().filter(|_| differs_in_case(named, path))?;
        let other = self.open(&self.names.public(&other).ok()?).ok()??;
        (other.info.inode == opened.info.inode).then_some(named)
    }

    /// Opens the published file of a location or one of its kept versions.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub(crate) fn open_version(&self, path: &ObjectPath, version: Option<&str>) -> Result<Opened> {
        let public = self.open_public(path)?;
        let Some(version) = version else {
            return public.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("nothing is stored at `{path}`")));
        };
        if let Some(public) = public.filter(|public| public.version() == version) {
            return Ok(public);
        }
        self.open(&self.names.version(path, version)?)?.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("version `{version}` of `{path}` is not kept any more, or never was"),
            )
        })
    }
}

/// Whether an error means that there is no such file.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind as Io;
    matches!(error.kind(), Io::NotFound | Io::NotADirectory | Io::IsADirectory)
}

/// Whether a file was published under a name that is this one in other letters.
fn differs_in_case(published: &str, path: &ObjectPath) -> bool {
    published != path.as_ref() && published.to_lowercase() == path.as_ref().to_lowercase()
}
