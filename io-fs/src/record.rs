//! What the store remembers of a file: version, attributes, location. In an extended attribute of the file where
//! there are any, else in a sidecar that the file's inode and time of change name.

use crate::disk::{DiskFile, FileInfo};
use crate::error::disk as disk_error;
use crate::tree::Tree;
use larder_io_core::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where records are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RecordKeeping {
    /// In an extended attribute; in a sidecar where the file system has none or the record does not fit.
    #[default]
    Auto,
    /// Always in a sidecar, for file systems whose attributes other tools strip.
    Sidecar,
}

/// What the store remembers of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The version's text.
    pub(crate) version: String,
    /// The location it was published at, to tell names apart that differ only in case.
    pub(crate) path: String,
    /// Attributes of object_store, by their text names.
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Record {
    /// Puts the record where readers of the file will find it. Called before the file is made read-only and synced.
    pub(crate) fn keep(&self, tree: &Tree, file: &dyn DiskFile, name: &std::path::Path) -> Result<()> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Error::new(ErrorKind::Unexpected, format!("cannot write a record: {error}")))?;
        if tree.settings.records == RecordKeeping::Auto {
            match file.set_record(&json) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(error) => return Err(disk_error(error, "set the record of", name)),
            }
        }
        self.keep_beside(tree, file, name, &json)
    }

    fn keep_beside(&self, tree: &Tree, file: &dyn DiskFile, name: &std::path::Path, json: &[u8]) -> Result<()> {
        tree.ensure_dir(&tree.names.records())?;
        let now = tree.elapsed_since_epoch();
        loop {
            let mut random = [0; 4];
            getrandom::fill(&mut random).map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))?;
            // The nanoseconds are drawn at random: with the inode they name this file and no other, and creating the
            // sidecar proves that the name was free.
            let nanos = u32::from_le_bytes(random) % 1_000_000_000;
            let time = UNIX_EPOCH + Duration::new(now.as_secs(), nanos);
            file.set_modified(time)
                .map_err(|error| disk_error(error, "set the time of", name))?;
            let info = file.info().map_err(|error| disk_error(error, "look at", name))?;
            let sidecar = sidecar(tree, &info);
            match tree.disk.create(&sidecar) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(disk_error(error, "create", &sidecar)),
                Ok(created) => {
                    let wrap = |error| disk_error(error, "write", &sidecar);
                    created.write_at(0, json).map_err(wrap)?;
                    tree.sync(created.as_ref(), &sidecar)?;
                    return tree.sync_dir(&tree.names.records());
                }
            }
        }
    }

    /// Finds the record of an open file; `None` for a file that the store did not write.
    pub(crate) fn find(tree: &Tree, file: &dyn DiskFile, info: &FileInfo) -> io::Result<Option<Self>> {
        if let Some(json) = file.record()? {
            return Ok(serde_json::from_slice(&json).ok());
        }
        match tree.disk.open(&sidecar(tree, info)) {
            Ok(sidecar) => {
                let len = sidecar.info()?.len;
                Ok(serde_json::from_slice(&sidecar.read_at(0, len as usize)?).ok())
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn sidecar(tree: &Tree, info: &FileInfo) -> PathBuf {
    tree.names.records().join(sidecar_name(info))
}

/// The sidecar's name for a file.
pub(crate) fn sidecar_name(info: &FileInfo) -> String {
    format!("{:x}-{:x}.json", info.inode, nanos(info.modified))
}

/// A version for a file that the store did not write: it changes whenever the file does, as far as the disk tells.
pub(crate) fn foreign_version(info: &FileInfo) -> String {
    format!("{:x}-{:x}-{:x}", info.inode, nanos(info.modified), info.len)
}

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos())
}
