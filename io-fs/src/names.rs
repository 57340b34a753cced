//! Where things are on disk: public names, and larder's own directory beside them.

use larder_io_core::{Error, ErrorKind, Result, location::RESERVED_SEGMENT};
use object_store::path::Path as ObjectPath;
use std::path::{Path, PathBuf};

/// The extension of a kept version: no glob of another tool matches it.
pub(crate) const VERSION_EXTENSION: &str = "version";

/// The directories below a root.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    root: PathBuf,
    state: PathBuf,
}

impl Names {
    pub(crate) fn new(root: PathBuf) -> Self {
        let state = root.join(RESERVED_SEGMENT);
        Self { root, state }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Staged files, not yet published.
    pub(crate) fn staging(&self) -> PathBuf {
        self.state.join("tmp")
    }

    /// Kept versions, one directory per location.
    pub(crate) fn versions_root(&self) -> PathBuf {
        self.state.join("versions")
    }

    pub(crate) fn versions(&self, path: &ObjectPath) -> Result<PathBuf> {
        Ok(self.versions_root().join(relative(path)?))
    }

    pub(crate) fn version(&self, path: &ObjectPath, version: &str) -> Result<PathBuf> {
        // A version's text comes from a command line too; it must not name anything else.
        let plain = !version.is_empty() && version.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no version `{}`", version.escape_debug()),
            ));
        }
        Ok(self.versions(path)?.join(format!("{version}.{VERSION_EXTENSION}")))
    }

    /// Records of files on file systems without extended attributes.
    pub(crate) fn records(&self) -> PathBuf {
        self.state.join("records")
    }

    /// Counts of loads.
    pub(crate) fn loads(&self) -> PathBuf {
        self.state.join("loads")
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.state.join("locks")
    }

    /// The lock of a location; 256 of them are shared by all locations.
    pub(crate) fn lock(&self, path: &ObjectPath) -> PathBuf {
        self.locks()
            .join(format!("{:02x}", blake3::hash(path.as_ref().as_bytes()).as_bytes()[0]))
    }

    /// The lock of a stem, of as many, and the place of its twin within the process.
    pub(crate) fn stem_lock(&self, stem: &ObjectPath) -> (PathBuf, usize) {
        let number = blake3::hash(stem.as_ref().as_bytes()).as_bytes()[0];
        (self.locks().join(format!("stem-{number:02x}")), usize::from(number))
    }

    /// The public file of a location.
    pub(crate) fn public(&self, path: &ObjectPath) -> Result<PathBuf> {
        Ok(self.root.join(relative(path)?))
    }
}

/// The relative path of a location; `object_store` has refused `.`, `..` and control characters already.
fn relative(path: &ObjectPath) -> Result<PathBuf> {
    let mut relative = PathBuf::new();
    for (index, part) in path.parts().enumerate() {
        let name: &str = part.as_ref();
        if index == 0 && name.eq_ignore_ascii_case(RESERVED_SEGMENT) {
            let message = format!("names that begin with `{RESERVED_SEGMENT}` are larder's own");
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
        relative.push(name);
    }
    if relative.as_os_str().is_empty() {
        return Err(Error::new(ErrorKind::InvalidDefinition, "the location is empty"));
    }
    Ok(relative)
}
