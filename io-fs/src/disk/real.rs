//! The disk of this machine.

use super::{DirEntry, Disk, DiskFile, FileInfo, copy_bytes};
use bytes::Bytes;
use rustix::fs::{FlockOperation, XattrFlags};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The name of the extended attribute with the store's record.
const RECORD: &str = "user.larder";

/// The disk of this machine, by system calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

/// Opens an ordinary file for reading; a link, a pipe or a device is `InvalidInput`, a directory `IsADirectory`. It waits for nobody who would write
/// into a pipe.
pub(crate) fn open_ordinary(path: &Path) -> io::Result<Box<dyn DiskFile>> {
    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let file = match opened {
        // A link, or too many of them on the way.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        other => other?,
    };
    match file.metadata()?.file_type() {
        kind if kind.is_file() => Ok(Box::new(RealFile::new(file))),
        kind if kind.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(path)?;
        Ok(Box::new(RealFile::new(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Box::new(RealFile::new(file)))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        fs::read_dir(path)?
            .map(|entry| {
                let entry = entry?;
                // Follows links, as opening the path does.
                let is_dir = match entry.file_type()? {
                    kind if kind.is_symlink() => fs::metadata(entry.path()).is_ok_and(|target| target.is_dir()),
                    kind => kind.is_dir(),
                };
                Ok(DirEntry {
                    name: entry.file_name(),
                    is_dir,
                })
            })
            .collect()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Box::new(file)),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Bytes after which written data begins to go to the disk while more is still being made.
const WRITE_BACK_BYTES: u64 = 16 << 20;

/// Tells the kernel to begin writing pages that are dirty, without waiting. The advice that they are not needed does that, and takes pages away
/// only when they are clean: `generic_fadvise` in `mm/fadvise.c`. A sync for this commits the file system's journal each time. What goes wrong
/// is told by the sync at the end.
#[cfg(target_os = "linux")]
fn begin_writing(file: &File, from: u64, len: u64) {
    // Advice that is not taken costs time, no more.
    let _ = rustix::fs::fadvise(file, from, std::num::NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn begin_writing(_: &File, _: u64, _: u64) {}

/// Lets the kernel copy, which on file systems that can makes both files share the blocks, and on servers copies there: `copy_file_range(2)`.
/// Gives how many bytes it did, fewer where it cannot.
#[cfg(target_os = "linux")]
fn share(source: &File, target: &File, len: u64) -> io::Result<u64> {
    use rustix::io::Errno;
    let mut done = 0;
    while done < len {
        let (mut from, mut to) = (done, done);
        let wanted = usize::try_from(len - done).unwrap_or(usize::MAX);
        match rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), wanted) {
            Ok(0) => break,
            Ok(copied) => done += copied as u64,
            Err(Errno::INTR) => {}
            // Another file system, or one that does not know how.
            Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM | Errno::BADF) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

#[derive(Debug)]
struct RealFile {
    file: File,
    /// Bytes that were written since the disk was told to begin.
    waiting: AtomicU64,
    /// Bytes before these.
    begun: AtomicU64,
    /// Whether its file system may be mapped.
    local: OnceLock<bool>,
}

impl RealFile {
    fn new(file: File) -> Self {
        Self {
            file,
            waiting: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            local: OnceLock::new(),
        }
    }
}

impl DiskFile for RealFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn copy_from(&self, source: &dyn DiskFile, len: u64) -> io::Result<()> {
        let mut done = 0;
        #[cfg(target_os = "linux")]
        if let Some(source) = source.system_file() {
            done = share(source, &self.file, len)?;
        }
        copy_bytes(self, source, done..len)
    }

    fn system_file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn write_back(&self, len: u64) -> io::Result<()> {
        if self.waiting.fetch_add(len, Ordering::Relaxed) + len < WRITE_BACK_BYTES {
            return Ok(());
        }
        let waiting = self.waiting.swap(0, Ordering::Relaxed);
        let from = self.begun.fetch_add(waiting, Ordering::Relaxed);
        begin_writing(&self.file, from, waiting);
        Ok(())
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut buffer = vec![0; len];
        self.file.read_exact_at(&mut buffer, offset)?;
        Ok(buffer.into())
    }

    fn info(&self) -> io::Result<FileInfo> {
        let metadata = self.file.metadata()?;
        Ok(FileInfo {
            len: metadata.len(),
            modified: metadata.modified()?,
            changed: SystemTime::UNIX_EPOCH
                + Duration::new(
                    u64::try_from(metadata.ctime()).unwrap_or_default(),
                    u32::try_from(metadata.ctime_nsec()).unwrap_or_default(),
                ),
            inode: metadata.ino(),
        })
    }

    fn set_record(&self, record: &[u8]) -> io::Result<()> {
        use rustix::io::Errno;
        rustix::fs::fsetxattr(&self.file, RECORD, record, XattrFlags::empty()).map_err(|error| match error {
            // ext4 keeps attributes in one block and answers NOSPC when they do not fit, full disk or not.
            Errno::OPNOTSUPP | Errno::NOSPC | Errno::TOOBIG | Errno::RANGE => io::ErrorKind::Unsupported.into(),
            other => other.into(),
        })
    }

    fn record(&self) -> io::Result<Option<Vec<u8>>> {
        use rustix::io::Errno;
        let mut buffer = vec![0; 1024];
        loop {
            match rustix::fs::fgetxattr(&self.file, RECORD, buffer.as_mut_slice()) {
                Ok(len) => {
                    buffer.truncate(len);
                    return Ok(Some(buffer));
                }
                Err(Errno::RANGE) if buffer.len() < 64 * 1024 => buffer.resize(64 * 1024, 0),
                Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.file.set_modified(time)
    }

    fn freeze(&self) -> io::Result<()> {
        self.file.set_permissions(fs::Permissions::from_mode(0o444))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn map(&self, range: Range<u64>) -> io::Result<Option<Bytes>> {
        match self.local.get_or_init(|| super::map::is_local(&self.file)) {
            true => super::map::map(&self.file, range),
            false => Ok(None),
        }
    }
}
