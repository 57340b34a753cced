//! Old versions: hard links to what was published, below `.larder/versions`.

use crate::error::disk as disk_error;
use crate::names::VERSION_EXTENSION;
use crate::tree::{Tree, is_missing};
use larder_io_core::{Error, ErrorKind, Result, Retention, Version, WriteId};
use larder_io_object::store::published;
use object_store::path::Path as ObjectPath;
use std::io;
use std::path::Path;
use std::time::Duration;

impl Tree {
    /// Gives the published file a second name among the kept versions, before its own is taken away. Only what was
    /// published gets there, so that history never shows a value nobody saw.
    pub(crate) fn archive(&self, path: &ObjectPath, public: &Path) -> Result<()> {
        if self.settings.history == 0 {
            return Ok(());
        }
        let Some(current) = self.open(public)? else {
            return Ok(());
        };
        let kept = self.names.version(path, &current.version())?;
        let dir = self.names.versions(path)?;
        self.ensure_dir(&dir)?;
        match self.disk.hard_link(public, &kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.forget_dirs();
                self.ensure_dir(&dir)?;
                self.disk
                    .hard_link(public, &kept)
                    .map_err(|error| disk_error(error, "keep a version at", &kept))?;
            }
            // A version that was restored has its name already.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            // Without hard links history is lost, atomicity is not.
            Err(error) if no_links(&error) => return Ok(()),
            Err(error) => return Err(disk_error(error, "keep a version at", &kept)),
            Ok(()) => {}
        }
        self.sync_dir(&dir)
    }

    /// Publishes a kept version again.
    ///
    /// # Errors
    /// `NotFound` when it is not kept.
    pub(crate) fn restore(&self, path: &ObjectPath, version: &str) -> Result<()> {
        let kept = self.names.version(path, version)?;
        let public = self.names.public(path)?;
        let _lock = self.lock(path)?;
        // Renaming one name of a file over another name of it does nothing and would leave the first behind.
        if self
            .open_public(path)?
            .is_some_and(|current| current.version() == version)
        {
            return Ok(());
        }
        let staged = self.names.staging().join(WriteId::random().as_str());
        self.ensure_dir(&self.names.staging())?;
        self.disk
            .hard_link(&kept, &staged)
            .map_err(|error| match is_missing(&error) {
                true => Error::new(
                    ErrorKind::NotFound,
                    format!("version `{version}` of `{path}` is not kept"),
                ),
                false => disk_error(error, "restore", &kept),
            })?;
        self.archive(path, &public)
            .and_then(|()| self.move_over(&staged, &public))
            .inspect_err(|_| {
                let _ = self.disk.remove(&staged);
            })
    }

    /// Versions of a location that are kept, newest first, without the published one unless it was restored.
    pub(crate) fn kept(&self, path: &ObjectPath) -> Result<Vec<String>> {
        let dir = self.names.versions(path)?;
        let entries = match self.disk.read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(disk_error(error, "list", &dir)),
        };
        let mut kept: Vec<String> = entries
            .into_iter()
            .filter(|entry| !entry.is_dir)
            .filter_map(|entry| {
                let name = entry.name.into_string().ok()?;
                name.strip_suffix(VERSION_EXTENSION)?
                    .strip_suffix('.')
                    .map(str::to_owned)
            })
            .collect();
        kept.sort_unstable_by(|a, b| b.cmp(a));
        Ok(kept)
    }

    /// Removes versions that are kept no longer, the published one counted. Called under the lock, by what publishes: deleting and restoring
    /// make no version more. Failing is no reason to fail the write that was just published: the next one prunes again.
    pub(crate) fn prune(&self, path: &ObjectPath, retention: Option<Retention>) {
        let Ok(kept) = self.kept(path) else { return };
        let current = self.open_public(path).ok().flatten().map(|current| current.version());
        let published = usize::from(current.is_some());
        let now = self.elapsed_since_epoch();
        // A version was replaced when the next one was made. What the newest of them was replaced by was restored, nobody knows when.
        let mut replaced = current
            .as_ref()
            .filter(|current| kept.first().is_none_or(|newest| newest < *current))
            .and_then(|v| made(v));
        for (newer, version) in kept
            .iter()
            .filter(|version| Some(*version) != current.as_ref())
            .enumerate()
        {
            let newer = newer + published;
            let Ok(name) = self.names.version(path, version) else {
                continue;
            };
            let keeps = match retention {
                Some(retention) => {
                    let since = |at: Option<Duration>| at.map_or(Duration::ZERO, |at| now.saturating_sub(at));
                    retention.keeps(newer, since(replaced)) || retention.keeps(newer, since(self.renamed(&name)))
                }
                None => newer < self.settings.history.max(published),
            };
            replaced = made(version);
            if !keeps {
                let _ = self.disk.remove(&name);
            }
        }
    }

    /// When a kept version last had its names or rights changed, since 1970. One that was restored was replaced much later than the next one was
    /// made; then it lost its public name.
    fn renamed(&self, name: &Path) -> Option<Duration> {
        let info = self.disk.open(name).and_then(|file| file.info()).ok()?;
        info.changed.duration_since(std::time::UNIX_EPOCH).ok()
    }

    /// Removes a kept version; what is not kept counts as removed.
    ///
    /// # Errors
    /// `Conflict` when it is the published one.
    pub(crate) fn remove_version(&self, path: &ObjectPath, version: &str) -> Result<()> {
        let kept = self.names.version(path, version)?;
        let _lock = self.lock(path)?;
        if self
            .open_public(path)?
            .is_some_and(|current| current.version() == version)
        {
            return Err(published(&Version::from_text(version)));
        }
        match self.disk.remove(&kept) {
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(disk_error(error, "remove", &kept)),
            Ok(()) => self.sync_dir(&self.names.versions(path)?),
        }
    }
}

/// When a version was made, since 1970: its text begins with that.
fn made(version: &str) -> Option<Duration> {
    let digits = version.get(..12)?;
    u64::from_str_radix(digits, 16).ok().map(Duration::from_millis)
}

/// Whether the file system cannot give a file a second name.
fn no_links(error: &io::Error) -> bool {
    use io::ErrorKind as Io;
    matches!(
        error.kind(),
        Io::Unsupported | Io::TooManyLinks | Io::CrossesDevices | Io::PermissionDenied
    ) && error.raw_os_error() != Some(13)
}
