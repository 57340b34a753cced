//! The commit protocol: stage, publish, delete, restore. See `docs/decisions/0003-publish-on-local-disk.md`.

use crate::disk::DiskFile;
use crate::error::disk as disk_error;
use crate::record::Record;
use crate::tree::{Durability, Tree, is_missing};
use larder_io_core::{Effect, Error, ErrorKind, Precondition, Result, Retention, WriteId};
use object_store::path::Path as ObjectPath;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A file that is written but that nobody sees yet. Dropping it removes it.
pub(crate) struct StagedFile {
    file: Box<dyn DiskFile>,
    name: PathBuf,
    len: u64,
    /// The version, once the file is complete.
    sealed: Option<String>,
    /// Whether a sync failed, which is final.
    lost: bool,
    gone: bool,
    tree: std::sync::Arc<Tree>,
}

impl StagedFile {
    /// Creates an empty staged file.
    pub(crate) fn create(tree: &std::sync::Arc<Tree>) -> Result<Self> {
        let dir = tree.names.staging();
        tree.ensure_dir(&dir)?;
        let name = dir.join(WriteId::random().as_str());
        let file = match tree.disk.create(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tree.forget_dirs();
                tree.ensure_dir(&dir)?;
                tree.disk.create(&name)
            }
            other => other,
        };
        let file = file.map_err(|error| disk_error(error, "create", &name))?;
        Ok(Self {
            file,
            name,
            len: 0,
            sealed: None,
            lost: false,
            gone: false,
            tree: std::sync::Arc::clone(tree),
        })
    }

    /// Writes the next bytes.
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_at(offset, bytes)
            .map_err(|error| disk_error(error, "write", &self.name))?;
        if self.tree.settings.durability == Durability::Fsync {
            self.file
                .write_back(bytes.len() as u64)
                .map_err(|error| disk_error(error, "sync", &self.name))?;
        }
        self.len = self.len.max(offset + bytes.len() as u64);
        Ok(())
    }

    /// Writes all bytes of another file.
    pub(crate) fn fill_from(&mut self, source: &dyn DiskFile, len: u64) -> Result<()> {
        self.file
            .copy_from(source, len)
            .map_err(|error| disk_error(error, "copy to", &self.name))?;
        self.len = self.len.max(len);
        Ok(())
    }

    /// Writes the record, makes the file durable and read-only, and gives its version. A second attempt to publish
    /// finds the file sealed and keeps its version.
    pub(crate) fn seal(&mut self, path: &ObjectPath, attributes: BTreeMap<String, String>) -> Result<String> {
        if let Some(version) = &self.sealed {
            return Ok(version.clone());
        }
        if self.lost {
            let message = "the disk failed while the staged value was made durable; stage it again";
            return Err(Error::new(ErrorKind::Unavailable, message).with_effect(Effect::None));
        }
        // Later versions sort after earlier ones.
        let version = WriteId::random().as_str().to_owned();
        let record = Record {
            version: version.clone(),
            path: path.to_string(),
            attributes,
        };
        record.keep(&self.tree, self.file.as_ref(), &self.name)?;
        // Last of the changes: the owner of a read-only file may not set attributes any more.
        self.file
            .freeze()
            .map_err(|error| disk_error(error, "make read-only", &self.name))?;
        if let Err(error) = self.tree.sync(self.file.as_ref(), &self.name) {
            // The kernel forgets the pages it could not write: a second sync would succeed without them.
            self.lost = true;
            return Err(error);
        }
        self.sealed = Some(version.clone());
        Ok(version)
    }

    /// Opens what was written so far.
    pub(crate) fn open(&self) -> Result<crate::tree::Opened> {
        let missing = || Error::new(ErrorKind::NotFound, "the staged file is gone");
        self.tree.open(&self.name)?.ok_or_else(missing)
    }

    /// Makes the file the published one, in one step, and removes versions that are kept no longer: as `retention` says, else the settings.
    pub(crate) fn publish(
        &mut self,
        path: &ObjectPath,
        precondition: &Precondition,
        retention: Option<Retention>,
    ) -> Result<()> {
        debug_assert!(
            self.sealed.is_some(),
            "an unsealed file would be published without a record"
        );
        let _lock = self.tree.lock(path)?;
        let public = self.tree.names.public(path)?;
        check(&self.tree, path, precondition)?;
        self.tree.archive(path, &public)?;
        self.tree.move_over(&self.name, &public)?;
        self.gone = true;
        self.tree.prune(path, retention);
        Ok(())
    }

    /// Removes the file.
    pub(crate) fn discard(&mut self) -> Result<()> {
        if self.gone {
            return Ok(());
        }
        match self.tree.disk.remove(&self.name) {
            Err(error) if !is_missing(&error) => Err(disk_error(error, "remove", &self.name)),
            _ => {
                self.gone = true;
                Ok(())
            }
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // What cannot be removed here is found by gc.
        let _ = self.discard();
    }
}

/// Compares the published version with what the caller expects. Called under the location's lock.
fn check(tree: &Tree, path: &ObjectPath, precondition: &Precondition) -> Result<()> {
    if let Some(there) = tree.open(&tree.names.public(path)?)?
        && let Some(other) = tree.published_as(&there, path)
    {
        let message =
            format!("this disk does not tell `{path}` from `{other}`, which is stored already: rename one of them");
        return Err(Error::new(ErrorKind::InvalidDefinition, message));
    }
    if *precondition == Precondition::None {
        return Ok(());
    }
    let current = tree.open_public(path)?.map(|opened| opened.version());
    match (precondition, current) {
        (Precondition::Absent, Some(current)) => Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("`{path}` is stored already, as version {current}"),
        )),
        (Precondition::Unchanged(wanted), current) if current.as_deref() != Some(wanted.as_str()) => {
            let found = current.map_or("nothing".to_owned(), |current| format!("version {current}"));
            let message =
                format!("`{path}` was changed by somebody else: version {wanted} was expected, {found} is there");
            Err(Error::new(ErrorKind::Conflict, message))
        }
        _ => Ok(()),
    }
}

impl Tree {
    /// Renames a staged file over a public name and makes that durable.
    pub(crate) fn move_over(&self, staged: &Path, public: &Path) -> Result<()> {
        let dir = public.parent().unwrap_or(self.names.root());
        self.ensure_dir(dir)?;
        let moved = match self.disk.rename(staged, public) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.forget_dirs();
                self.ensure_dir(dir)?;
                self.disk.rename(staged, public)
            }
            other => other,
        };
        moved.map_err(|error| disk_error(error, "publish", public))?;
        self.sync_dir(dir)
    }

    /// Removes a public file; its version stays among the kept ones.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub(crate) fn delete(&self, path: &ObjectPath) -> Result<()> {
        let public = self.names.public(path)?;
        // Looks before it locks: deleting what is not there must not need the right to write.
        let missing = || Error::new(ErrorKind::NotFound, format!("nothing is stored at `{path}`"));
        self.open_public(path)?.ok_or_else(missing)?;
        let _lock = self.lock(path)?;
        self.open_public(path)?.ok_or_else(missing)?;
        self.take_away(path, &public)
    }

    /// Removes a public file if it still is this version; false when it is another one.
    pub(crate) fn delete_version(&self, path: &ObjectPath, version: &str) -> Result<bool> {
        let public = self.names.public(path)?;
        let _lock = self.lock(path)?;
        match self.open_public(path)? {
            None => Ok(true),
            Some(current) if current.version() != version => Ok(false),
            Some(_) => self.take_away(path, &public).map(|()| true),
        }
    }

    /// Moves a public file into the history. Called under the lock.
    fn take_away(&self, path: &ObjectPath, public: &Path) -> Result<()> {
        self.archive(path, public)?;
        self.disk
            .remove(public)
            .map_err(|error| disk_error(error, "remove", public))?;
        let dir = public.parent().unwrap_or(self.names.root());
        match self.sync_dir(dir) {
            // Whoever deleted the last of its files took it away.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            synced => synced?,
        }
        self.remove_empty(dir);
        Ok(())
    }

    /// Removes a directory that holds nothing any more, and those above it, where no history is kept: what lies below such a root comes under ever new
    /// names. Nothing depends on it: whoever publishes there makes the directory again.
    fn remove_empty(&self, dir: &Path) {
        let mut at = dir;
        while self.settings.history == 0 && at != self.names.root() && self.disk.remove_dir(at).is_ok() {
            self.forget_dirs();
            let Some(above) = at.parent() else { return };
            at = above;
        }
    }
}
