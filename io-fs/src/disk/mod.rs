//! Every disk call of the store, behind one small trait, so that a simulated disk can record and crash it.

mod map;
mod real;

pub use real::RealDisk;
pub(crate) use real::open_ordinary;

use bytes::Bytes;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name.
    pub name: OsString,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// What the disk knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Bytes.
    pub len: u64,
    /// Last change of the contents.
    pub modified: SystemTime,
    /// Last change of contents, rights or names; of a kept version when it was replaced.
    pub changed: SystemTime,
    /// The inode's number.
    pub inode: u64,
}

/// The disk calls that the store makes. Paths are absolute. Errors are those of the operating system.
#[allow(clippy::missing_errors_doc)]
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Creates a new file for writing; fails when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading; a directory is `IsADirectory`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file a second name; fails when it is taken.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Moves a name over another one in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates one directory; its parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Lists a directory, in any order.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Waits for an exclusive lock that other processes respect too; dropping it releases it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
}

/// An open file. Reads and writes name their offset, so that a shared handle has no position.
#[allow(clippy::missing_errors_doc)]
pub trait DiskFile: Send + Sync {
    /// Writes all bytes.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Writes the first `len` bytes of another file to the same places. A disk that can lets both share them.
    fn copy_from(&self, source: &dyn DiskFile, len: u64) -> io::Result<()> {
        copy_bytes(self, source, 0..len)
    }
    /// The operating system's file, where there is one.
    fn system_file(&self) -> Option<&std::fs::File> {
        None
    }
    /// Reads `len` bytes; fewer are `UnexpectedEof`.
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes>;
    /// Length, time and inode.
    fn info(&self) -> io::Result<FileInfo>;
    /// Sets the extended attribute that holds the store's record; `Unsupported` where there are none or it does not fit.
    fn set_record(&self, record: &[u8]) -> io::Result<()>;
    /// Reads the record; `None` where there is none.
    fn record(&self) -> io::Result<Option<Vec<u8>>>;
    /// Sets the time of last change.
    fn set_modified(&self, time: SystemTime) -> io::Result<()>;
    /// Makes the file read-only for everybody (0444).
    fn freeze(&self) -> io::Result<()>;
    /// Makes contents, record and mode durable. An error is final: the file must be thrown away.
    fn sync(&self) -> io::Result<()>;
    /// Asks the disk to begin writing back early, so that `sync` has less to wait for; `len` bytes were just
    /// written. May do nothing. An error is that of earlier data, and as final as that of a sync.
    fn write_back(&self, len: u64) -> io::Result<()> {
        let _ = len;
        Ok(())
    }
    /// Maps a part of the file that lies within it; `None` where that cannot be done.
    fn map(&self, range: Range<u64>) -> io::Result<Option<Bytes>> {
        let _ = range;
        Ok(None)
    }
}

/// Bytes that a copy takes at once.
const COPIED_BYTES: u64 = 1 << 20;

/// Copies a range by reading and writing it.
fn copy_bytes<T: DiskFile + ?Sized>(target: &T, source: &dyn DiskFile, range: Range<u64>) -> io::Result<()> {
    let mut offset = range.start;
    while offset < range.end {
        let bytes = source.read_at(offset, (range.end - offset).min(COPIED_BYTES) as usize)?;
        target.write_at(offset, &bytes)?;
        offset += bytes.len() as u64;
    }
    Ok(())
}
