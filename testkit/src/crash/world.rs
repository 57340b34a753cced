//! What is on the simulated disk, and the calls that change it.

use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One recorded disk call that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    /// A new file under a name.
    Create { path: PathBuf, inode: u64 },
    /// Contents.
    Write { inode: u64, offset: usize, bytes: Bytes },
    /// The extended attribute.
    SetRecord { inode: u64, record: Vec<u8> },
    /// The time of change.
    SetModified { inode: u64, time: SystemTime },
    /// The file's contents and attributes become sure.
    SyncFile { inode: u64 },
    /// A second name.
    Link { path: PathBuf, inode: u64 },
    /// A name moves over another.
    Rename { from: PathBuf, to: PathBuf, inode: u64 },
    /// A name goes.
    Remove { path: PathBuf },
    /// A directory.
    MakeDir { path: PathBuf },
    /// A directory goes.
    RemoveDir { path: PathBuf },
    /// The names in a directory become sure.
    SyncDir { path: PathBuf },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) bytes: Vec<u8>,
    pub(super) record: Option<Vec<u8>>,
    pub(super) modified: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(u64),
    Dir,
}

#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) inodes: HashMap<u64, Inode>,
    /// Every name, by its absolute path; a name counts only while all its directories do.
    pub(super) names: BTreeMap<PathBuf, Entry>,
    pub(super) next_inode: u64,
    pub(super) log: Vec<Op>,
    pub(super) syncs: usize,
    pub(super) lost_sync: Option<usize>,
    pub(super) attributes: bool,
}

impl World {
    pub(super) fn apply(&mut self, op: &Op) {
        // A number that was used once is never given to a new file, also when only its contents survived.
        if let Op::Create { inode, .. }
        | Op::Link { inode, .. }
        | Op::Rename { inode, .. }
        | Op::Write { inode, .. }
        | Op::SetRecord { inode, .. }
        | Op::SetModified { inode, .. } = op
        {
            self.inodes.entry(*inode).or_default();
            self.next_inode = self.next_inode.max(inode + 1);
        }
        match op {
            Op::Create { path, inode } => {
                self.names.insert(path.clone(), Entry::File(*inode));
            }
            Op::Write { inode, offset, bytes } => {
                let file = self.inodes.entry(*inode).or_default();
                let end = offset + bytes.len();
                file.bytes.resize(file.bytes.len().max(end), 0);
                file.bytes[*offset..end].copy_from_slice(bytes);
            }
            Op::SetRecord { inode, record } => self.inodes.entry(*inode).or_default().record = Some(record.clone()),
            Op::SetModified { inode, time } => self.inodes.entry(*inode).or_default().modified = Some(*time),
            Op::Link { path, inode } => {
                self.names.insert(path.clone(), Entry::File(*inode));
            }
            Op::Rename { from, to, inode } => {
                self.names.insert(to.clone(), Entry::File(*inode));
                // Only if it still is that file's name: a crash state may have the first half of this only.
                if self.names.get(from) == Some(&Entry::File(*inode)) {
                    self.names.remove(from);
                }
            }
            Op::Remove { path } | Op::RemoveDir { path } => {
                self.names.remove(path);
            }
            Op::MakeDir { path } => {
                self.names.insert(path.clone(), Entry::Dir);
            }
            Op::SyncFile { .. } | Op::SyncDir { .. } => {}
        }
    }

    pub(super) fn reachable(&self, path: &Path) -> bool {
        path.ancestors()
            .skip(1)
            .filter(|dir| *dir != Path::new("/"))
            .all(|dir| self.names.get(dir) == Some(&Entry::Dir))
    }

    pub(super) fn entry(&self, path: &Path) -> io::Result<Entry> {
        for dir in path.ancestors().skip(1).filter(|dir| *dir != Path::new("/")) {
            match self.names.get(dir) {
                Some(Entry::Dir) => {}
                Some(Entry::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn free(&self, path: &Path) -> io::Result<()> {
        match self.entry(path) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) if !self.reachable(path) => Err(io::ErrorKind::NotFound.into()),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<u64> {
        match self.entry(path)? {
            Entry::File(inode) => Ok(inode),
            Entry::Dir => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}
