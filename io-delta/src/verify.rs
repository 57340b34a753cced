//! Comparing files with the hashes that their writes recorded.

use crate::files;
use crate::log::Log;
use crate::write::DataFile;
use deltalake_core::kernel::Add;
use futures_util::TryStreamExt;
use larder_io_core::{ContentHash, Error, ErrorKind, Result};
use larder_io_object::files::Ground;

/// The hash of all stored bytes: of the files' hashes in their order, or of the one file.
pub(crate) fn stored_hash(files: &[DataFile]) -> ContentHash {
    let hashes: Vec<ContentHash> = files.iter().map(|file| file.hash).collect();
    hash_of_parts(&hashes)
}

/// The hash of the hashes of several files; of one file its own.
pub(crate) fn hash_of_parts(hashes: &[ContentHash]) -> ContentHash {
    if let [only] = hashes {
        return *only;
    }
    let mut hasher = blake3::Hasher::new();
    for hash in hashes {
        hasher.update(hash.as_bytes());
    }
    hasher.finalize().into()
}

/// Reads every file and compares it with its hash.
///
/// # Errors
/// `InvalidData` for a file whose bytes are others, or that is gone; `Unsupported` for one that larder did not write.
pub(crate) async fn check(ground: &Ground, log: &Log, files: &[&Add]) -> Result<()> {
    for add in files {
        let Some(expected) = files::hash_of(add) else {
            let message = format!(
                "the table's file `{}` was not written by larder, and has no hash to compare",
                add.path
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let wrong = |why: &str| {
            Error::new(
                ErrorKind::InvalidData,
                format!(
                    "the table's file `{}` is damaged: {why}; restore an old version or materialize the asset again",
                    add.path
                ),
            )
        };
        let got = ground
            .objects
            .get_opts(&log.path(&add.path)?, object_store::GetOptions::default())
            .await;
        let found = match got {
            Err(object_store::Error::NotFound { .. }) => return Err(wrong("it is gone")),
            other => other.map_err(larder_io_object::error::error)?,
        };
        let mut hasher = blake3::Hasher::new();
        let mut bytes = found.into_stream();
        while let Some(piece) = bytes.try_next().await.map_err(larder_io_object::error::error)? {
            hasher.update(&piece);
        }
        if ContentHash::from(hasher.finalize()) != expected {
            return Err(wrong("its bytes do not have the hash that was recorded"));
        }
    }
    Ok(())
}
