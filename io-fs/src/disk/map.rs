//! The one place with `unsafe`: memory maps of published files.
#![allow(unsafe_code)]

use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;

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
