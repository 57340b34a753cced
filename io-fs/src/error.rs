//! One mapping from the operating system's errors, and one to object_store's.

use larder_io_core::{Effect, Error, ErrorKind};
use std::io;
use std::path::Path;

/// The store's name in object_store errors.
pub(crate) const STORE: &str = "DurableFs";

/// What a failed disk call means.
pub(crate) fn disk(error: io::Error, action: &str, path: &Path) -> Error {
    use io::ErrorKind as Io;
    let (kind, advice) = match error.kind() {
        Io::NotFound => (ErrorKind::NotFound, ""),
        Io::PermissionDenied => (
            ErrorKind::PermissionDenied,
            "; give this user the right, or choose another root",
        ),
        Io::ReadOnlyFilesystem => (
            ErrorKind::PermissionDenied,
            "; the file system is read-only: choose another root",
        ),
        Io::StorageFull | Io::QuotaExceeded => (
            ErrorKind::Unavailable,
            "; the disk or the quota is full: free space and run again",
        ),
        Io::InvalidFilename => (
            ErrorKind::InvalidDefinition,
            "; the name is too long for the file system: shorten the key",
        ),
        Io::NotADirectory | Io::IsADirectory => (
            ErrorKind::InvalidDefinition,
            "; a file and a directory want the same name: remove or rename what is there",
        ),
        Io::UnexpectedEof => (
            ErrorKind::InvalidData,
            "; the file is shorter than it was when it was opened",
        ),
        _ => (ErrorKind::Unavailable, ""),
    };
    let effect = match kind {
        // A full disk refuses before anything is published.
        _ if matches!(error.kind(), Io::StorageFull | Io::QuotaExceeded) => Effect::None,
        ErrorKind::Unavailable => Effect::Unknown,
        _ => Effect::None,
    };
    Error::new(kind, format!("cannot {action} {}: {error}{advice}", path.display()))
        .with_effect(effect)
        .with_source(error)
}

/// The same error in object_store's words; the original is its source, where io-object finds it again.
pub(crate) fn to_object_store(error: Error, path: &object_store::path::Path) -> object_store::Error {
    let path = path.to_string();
    let kind = error.kind();
    let source = Box::new(error);
    match kind {
        ErrorKind::NotFound => object_store::Error::NotFound { path, source },
        ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source },
        ErrorKind::Conflict => object_store::Error::Precondition { path, source },
        ErrorKind::PermissionDenied => object_store::Error::PermissionDenied { path, source },
        ErrorKind::Unsupported => object_store::Error::NotSupported { source },
        _ => object_store::Error::Generic { store: STORE, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_kinds() {
        use io::ErrorKind as Io;
        let table = [
            (Io::NotFound, ErrorKind::NotFound, Effect::None),
            (Io::PermissionDenied, ErrorKind::PermissionDenied, Effect::None),
            (Io::ReadOnlyFilesystem, ErrorKind::PermissionDenied, Effect::None),
            (Io::StorageFull, ErrorKind::Unavailable, Effect::None),
            (Io::InvalidFilename, ErrorKind::InvalidDefinition, Effect::None),
            (Io::UnexpectedEof, ErrorKind::InvalidData, Effect::None),
            (Io::Other, ErrorKind::Unavailable, Effect::Unknown),
        ];
        for (io, kind, effect) in table {
            let error = disk(io.into(), "write", Path::new("/x"));
            assert_eq!((error.kind(), error.effect()), (kind, effect), "{io:?}");
        }
    }
}
