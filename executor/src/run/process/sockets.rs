//! Where a run listens for the processes of its steps.

use super::unavailable;
use larder_io_core::{Result, RunId};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// A directory for sockets that nobody else may enter.
#[derive(Debug)]
pub(super) struct Sockets(pub(super) PathBuf);

impl Sockets {
    pub(super) fn new(run: &RunId) -> Result<Self> {
        let name: String = run.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
        let path = std::env::temp_dir().join(format!("larder-{name}"));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| unavailable(&format!("the directory {} cannot be made", path.display()), error))?;
        Ok(Self(path))
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        // A directory that stays is empty but for sockets.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
