//! The disk of this machine.

use super::{DirEntry, Disk, DiskFile, FileInfo};
use bytes::Bytes;
use rustix::fs::{FlockOperation, XattrFlags};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

/// The name of the extended attribute with the store's record.
const RECORD: &str = "user.larder";

/// The disk of this machine, by system calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Box::new(RealFile(file)))
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

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut buffer = vec![0; len];
        self.0.read_exact_at(&mut buffer, offset)?;
        Ok(buffer.into())
    }

    fn info(&self) -> io::Result<FileInfo> {
        let metadata = self.0.metadata()?;
        Ok(FileInfo {
            len: metadata.len(),
            modified: metadata.modified()?,
            inode: metadata.ino(),
        })
    }

    fn set_record(&self, record: &[u8]) -> io::Result<()> {
        use rustix::io::Errno;
        rustix::fs::fsetxattr(&self.0, RECORD, record, XattrFlags::empty()).map_err(|error| match error {
            // ext4 keeps attributes in one block and answers NOSPC when they do not fit, full disk or not.
            Errno::OPNOTSUPP | Errno::NOSPC | Errno::TOOBIG | Errno::RANGE => io::ErrorKind::Unsupported.into(),
            other => other.into(),
        })
    }

    fn record(&self) -> io::Result<Option<Vec<u8>>> {
        use rustix::io::Errno;
        let mut buffer = vec![0; 1024];
        loop {
            match rustix::fs::fgetxattr(&self.0, RECORD, buffer.as_mut_slice()) {
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
        self.0.set_modified(time)
    }

    fn freeze(&self) -> io::Result<()> {
        self.0.set_permissions(fs::Permissions::from_mode(0o444))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn map(&self) -> io::Result<Option<Bytes>> {
        super::map::map(&self.0)
    }
}
