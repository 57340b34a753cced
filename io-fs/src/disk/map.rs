//! The one place with `unsafe`: memory maps of published files.
#![allow(unsafe_code)]

use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;

/// Numbers of file systems whose pages come over a network or from another process, where a page that cannot be had ends the process:
/// NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph, OpenAFS, the kernel's AFS. From `linux/magic.h`, and of CIFS and SMB2 `fs/smb/common/smb2pdu.h` and `fs/smb/client/cifsfs.c`.
#[cfg(target_os = "linux")]
const REMOTE: [u32; 9] = [
    0x6969,
    0x517B,
    0xFF53_4D42,
    0xFE53_4D42,
    0x6573_5546,
    0x0102_1997,
    0x00C3_6400,
    0x5346_414F,
    0x6B41_4653,
];

/// Whether a file lies on a file system of this machine; what cannot be told is none.
#[cfg(target_os = "linux")]
pub(super) fn is_local(file: &File) -> bool {
    // The numbers have 32 bits, the field as many as a word.
    rustix::fs::fstatfs(file).is_ok_and(|found| !REMOTE.contains(&(found.f_type as u32)))
}

/// Elsewhere `mmap = false` has to say it.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_local(_: &File) -> bool {
    true
}

/// Maps a part of a file for reading: a part at a time, so that what was scanned does not stay resident.
///
/// The map is sound as long as nobody changes or shortens the file while it lives. The store keeps its side of that:
/// a published file is never written, truncated or given another length again, only its names change, and it is mode
/// 0444. What cannot be excluded is another program that truncates it, or a disk that fails on a page: the kernel then
/// ends the process with SIGBUS. `mmap = false` reads instead of mapping.
pub(super) fn map(file: &File, range: Range<u64>) -> io::Result<Option<Bytes>> {
    let outside = || io::Error::from(io::ErrorKind::UnexpectedEof);
    if range.is_empty() {
        return Ok(Some(Bytes::new()));
    }
    // A page beyond the end of the file could be mapped and would end the process when it is touched.
    if range.end > file.metadata()?.len() {
        return Err(outside());
    }
    let len = usize::try_from(range.end - range.start).map_err(|_| outside())?;
    // SAFETY: see above; readers get `&[u8]` only, and the owner keeps the map alive as long as any slice of it.
    let map = unsafe { memmap2::MmapOptions::new().offset(range.start).len(len).map(file)? };
    Ok(Some(Bytes::from_owner(map)))
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_system_of_files_is_not_taken_for_a_remote_one() {
        assert!(is_local(&tempfile::tempfile().unwrap()));
        assert!(is_local(&File::open("/proc/self/status").unwrap()));
    }
}
