//! The simulated disk.

use super::world::{Entry, Inode, Op, World};
use bytes::Bytes;
use larder_io_fs::disk::{DirEntry, Disk, DiskFile, FileInfo};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A disk in memory that records what is done to it.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<World>>);

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    /// An empty disk with one directory, `/disk`.
    pub fn new() -> Self {
        Self::of([])
    }

    /// A disk without extended attributes.
    #[must_use]
    pub fn without_attributes(self) -> Self {
        self.world().attributes = false;
        self
    }

    /// Forgets the sync with this number, counted from 0 over files and directories: the call succeeds and nothing is
    /// sure because of it.
    #[must_use]
    pub fn losing_sync(self, number: usize) -> Self {
        self.world().lost_sync = Some(number);
        self
    }

    /// A disk on which exactly these calls took place.
    pub(super) fn of(ops: impl IntoIterator<Item = Op>) -> Self {
        let mut world = World {
            next_inode: 1,
            attributes: true,
            ..World::default()
        };
        world.names.insert(PathBuf::from("/disk"), Entry::Dir);
        ops.into_iter().for_each(|op| world.apply(&op));
        Self(Arc::new(Mutex::new(world)))
    }

    /// The calls so far.
    pub fn log(&self) -> Vec<Op> {
        self.world().log.clone()
    }

    /// How many calls there were so far.
    pub fn log_len(&self) -> usize {
        self.world().log.len()
    }

    /// How many syncs were asked for so far.
    pub fn syncs(&self) -> usize {
        self.world().syncs
    }

    /// Whether files have extended attributes.
    pub fn has_attributes(&self) -> bool {
        self.world().attributes
    }

    /// Every file that can be reached, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let world = self.world();
        let names = world
            .names
            .iter()
            .filter(|(path, entry)| matches!(entry, Entry::File(_)) && world.reachable(path));
        names.map(|(path, _)| path.clone()).collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("nobody panics while holding it")
    }

    fn change(&self, op: Op) {
        let mut world = self.world();
        world.apply(&op);
        world.log.push(op);
    }

    fn sync(&self, op: Op) {
        let lost = {
            let mut world = self.world();
            world.syncs += 1;
            world.lost_sync == Some(world.syncs - 1)
        };
        if !lost {
            self.change(op);
        }
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = {
            let world = self.world();
            world.free(path)?;
            world.next_inode
        };
        self.change(Op::Create {
            path: path.to_owned(),
            inode,
        });
        Ok(Box::new(SimFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.world().file(path)?;
        Ok(Box::new(SimFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = {
            let world = self.world();
            let inode = world.file(from)?;
            world.free(to)?;
            inode
        };
        self.change(Op::Link {
            path: to.to_owned(),
            inode,
        });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = {
            let world = self.world();
            let inode = world.file(from)?;
            match world.entry(to) {
                Ok(Entry::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
                Ok(Entry::File(other)) if other == inode => return Ok(()),
                _ if !world.reachable(to) => return Err(io::ErrorKind::NotFound.into()),
                _ => inode,
            }
        };
        self.change(Op::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
            inode,
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world().file(path)?;
        self.change(Op::Remove { path: path.to_owned() });
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.world().free(path)?;
        self.change(Op::MakeDir { path: path.to_owned() });
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let empty = {
            let world = self.world();
            world.entry(path)?;
            !world.names.keys().any(|name| name.parent() == Some(path))
        };
        match empty {
            true => self.change(Op::RemoveDir { path: path.to_owned() }),
            false => return Err(io::ErrorKind::DirectoryNotEmpty.into()),
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.world().entry(path)?;
        self.sync(Op::SyncDir { path: path.to_owned() });
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let world = self.world();
        if world.entry(path)? != Entry::Dir {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let below = world.names.iter().filter(|(name, _)| name.parent() == Some(path));
        let entry = |(name, entry): (&PathBuf, &Entry)| DirEntry {
            name: name.file_name().map(OsString::from).unwrap_or_default(),
            is_dir: *entry == Entry::Dir,
        };
        Ok(below.map(entry).collect())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl SimFile {
    fn with<T>(&self, read: impl FnOnce(&Inode) -> T) -> T {
        read(self.disk.world().inodes.entry(self.inode).or_default())
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let bytes = Bytes::copy_from_slice(bytes);
        self.disk.change(Op::Write {
            inode: self.inode,
            offset: offset as usize,
            bytes,
        });
        Ok(())
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let start = offset as usize;
        self.with(|file| match file.bytes.get(start..start + len) {
            Some(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })
    }

    fn info(&self) -> io::Result<FileInfo> {
        // A disk gives every file a time of its own; here it is that of its creation order.
        let otherwise = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.inode);
        Ok(self.with(|file| FileInfo {
            len: file.bytes.len() as u64,
            modified: file.modified.unwrap_or(otherwise),
            changed: file.modified.unwrap_or(otherwise),
            inode: self.inode,
        }))
    }

    fn set_record(&self, record: &[u8]) -> io::Result<()> {
        if !self.disk.world().attributes {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.disk.change(Op::SetRecord {
            inode: self.inode,
            record: record.to_vec(),
        });
        Ok(())
    }

    fn record(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.with(|file| file.record.clone()))
    }

    fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.disk.change(Op::SetModified {
            inode: self.inode,
            time,
        });
        Ok(())
    }

    fn freeze(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync(Op::SyncFile { inode: self.inode });
        Ok(())
    }
}
