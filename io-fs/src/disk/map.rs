//! The one place with `unsafe`: memory maps of published files.
#![allow(unsafe_code)]

use bytes::Bytes;
use std::fs::File;
use std::io;

/// Maps a whole file for reading.
///
/// The map is sound as long as nobody changes or shortens the file while it lives. The store keeps its side of that:
/// a published file is never written, truncated or given another length again, only its names change, and it is mode
/// 0444. What cannot be excluded is another program that truncates it, or a disk that fails on a page: the kernel then
/// ends the process with SIGBUS. `mmap = false` reads instead of mapping.
pub(super) fn map(file: &File) -> io::Result<Option<Bytes>> {
    if file.metadata()?.len() == 0 {
        return Ok(Some(Bytes::new()));
    }
    // SAFETY: see above; readers get `&[u8]` only, and the owner keeps the map alive as long as any slice of it.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Some(Bytes::from_owner(map)))
}
