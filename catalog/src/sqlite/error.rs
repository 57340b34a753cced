//! What SQLite's refusals mean.

use larder_io_core::{Effect, Error, ErrorKind};
use rusqlite::ErrorCode;
use rusqlite::ffi;
use std::fmt;
use std::path::PathBuf;

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Memory,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the catalogue `{}`", path.display()),
            Self::Memory => f.write_str("the catalogue in memory"),
        }
    }
}

/// What stopped a call: SQLite, or something in what it gave.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Own(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Own(
            Error::new(
                ErrorKind::InvalidData,
                format!("a row of the catalogue is damaged: {error}"),
            )
            .with_source(error),
        )
    }
}

pub(crate) type Outcome<T> = std::result::Result<T, Fault>;

impl Fault {
    /// The error for everybody else.
    pub(crate) fn at(self, place: &Place) -> Error {
        match self {
            Self::Sqlite(error) => map(error, place),
            Self::Own(error) => error.with_context("catalogue", place),
        }
    }

    /// Whether it is only that somebody else is at work.
    pub(crate) fn is_busy(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        )
    }
}

/// The one place where errors of SQLite become ours.
pub(crate) fn map(error: rusqlite::Error, place: &Place) -> Error {
    use rusqlite::Error as E;
    let (kind, effect, message) = match &error {
        E::SqliteFailure(failure, _) | E::SqlInputError { error: failure, .. } => of_code(failure, place),
        E::FromSqlConversionFailure(..)
        | E::InvalidColumnType(..)
        | E::IntegralValueOutOfRange(..)
        | E::Utf8Error(..)
        | E::QueryReturnedNoRows => (ErrorKind::InvalidData, Effect::None, damaged(place)),
        E::InvalidPath(_) | E::NulError(_) => (
            ErrorKind::InvalidConfig,
            Effect::None,
            format!("{place} has a path that cannot be one"),
        ),
        _ => (
            ErrorKind::Unexpected,
            Effect::None,
            format!("{place} failed in a way that nobody foresaw"),
        ),
    };
    let code = error.sqlite_error().map_or(0, |failure| failure.extended_code);
    Error::new(kind, format!("{message} (SQLite {code}: {error})"))
        .with_effect(effect)
        .with_source(error)
}

fn of_code(failure: &ffi::Error, place: &Place) -> (ErrorKind, Effect, String) {
    use ErrorCode as C;
    let (kind, message) = match (failure.code, failure.extended_code) {
        (C::DatabaseBusy | C::DatabaseLocked | C::FileLockingProtocolFailed, _) => (
            ErrorKind::Unavailable,
            format!(
                "{place} is locked by another process: try again when it is done; `fuser` or `lsof` on the file shows which it is"
            ),
        ),
        (C::DiskFull, _) => (
            ErrorKind::Unavailable,
            format!(
                "there is no space left for {place}: free some on its disk (or raise its limit); what was recorded waits in memory and is tried again"
            ),
        ),
        // A short read: the file ends before its own count of pages does.
        (C::SystemIoFailure, ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_SHORT_READ)
        | (C::DatabaseCorrupt | C::NotADatabase, _) => (ErrorKind::InvalidData, damaged(place)),
        (C::ReadOnly, ffi::SQLITE_READONLY_DBMOVED) => (
            ErrorKind::Unavailable,
            format!("{place} was moved or deleted while it was open: put it back, or start again"),
        ),
        (C::ReadOnly | C::PermissionDenied | C::AuthorizationForStatementDenied, _) => {
            (ErrorKind::PermissionDenied, denied(place))
        }
        (C::CannotOpen, ffi::SQLITE_CANTOPEN_ISDIR) => (
            ErrorKind::InvalidConfig,
            format!("{place} is a directory: name a file in it"),
        ),
        (C::CannotOpen, _) => (ErrorKind::PermissionDenied, denied(place)),
        // The disk did not do what it was told: nobody knows what is on it now.
        (C::SystemIoFailure, _) => {
            let message = format!("{place} cannot be read or written: the disk or its file system reports an error");
            return (ErrorKind::Unavailable, Effect::Unknown, message);
        }
        (C::OutOfMemory, _) => (ErrorKind::Unavailable, format!("{place} finds no memory")),
        (C::TooBig, _) => (
            ErrorKind::Unsupported,
            format!("{place} takes no more than 1 GB of metadata or of an inline value"),
        ),
        (C::OperationInterrupted | C::OperationAborted, _) => {
            (ErrorKind::Cancelled, format!("a question to {place} was stopped"))
        }
        _ => (
            ErrorKind::Unexpected,
            format!("{place} failed in a way that nobody foresaw"),
        ),
    };
    (kind, Effect::None, message)
}

fn damaged(place: &Place) -> String {
    let what = format!("{place} is damaged, or is no database of larder");
    match place {
        Place::Memory => what,
        Place::File(path) => format!(
            "{what}. The assets' values are untouched, they are elsewhere: move `{0}` away with `{0}-wal` and `{0}-shm`, and let `larder adopt` record what is stored",
            path.display()
        ),
    }
}

fn denied(place: &Place) -> String {
    format!(
        "{place} may not be written: it, `-wal` and `-shm` beside it and their directory must be writable for this user"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use larder_io_core::Retry;

    #[test]
    fn every_refusal_has_its_meaning() {
        use ErrorKind as K;
        let table = [
            (ffi::SQLITE_BUSY, K::Unavailable, Effect::None, "locked"),
            (ffi::SQLITE_BUSY_SNAPSHOT, K::Unavailable, Effect::None, "locked"),
            (ffi::SQLITE_LOCKED, K::Unavailable, Effect::None, "locked"),
            (ffi::SQLITE_PROTOCOL, K::Unavailable, Effect::None, "locked"),
            (ffi::SQLITE_FULL, K::Unavailable, Effect::None, "no space"),
            (ffi::SQLITE_CORRUPT, K::InvalidData, Effect::None, "adopt"),
            (ffi::SQLITE_CORRUPT_INDEX, K::InvalidData, Effect::None, "untouched"),
            (ffi::SQLITE_NOTADB, K::InvalidData, Effect::None, "/x/larder.db-wal"),
            (ffi::SQLITE_IOERR_CORRUPTFS, K::InvalidData, Effect::None, "damaged"),
            (ffi::SQLITE_IOERR_SHORT_READ, K::InvalidData, Effect::None, "damaged"),
            (ffi::SQLITE_IOERR_FSYNC, K::Unavailable, Effect::Unknown, "disk"),
            (ffi::SQLITE_IOERR_READ, K::Unavailable, Effect::Unknown, "disk"),
            (ffi::SQLITE_READONLY, K::PermissionDenied, Effect::None, "writable"),
            (
                ffi::SQLITE_READONLY_DIRECTORY,
                K::PermissionDenied,
                Effect::None,
                "writable",
            ),
            (ffi::SQLITE_READONLY_DBMOVED, K::Unavailable, Effect::None, "moved"),
            (ffi::SQLITE_PERM, K::PermissionDenied, Effect::None, "writable"),
            (ffi::SQLITE_CANTOPEN, K::PermissionDenied, Effect::None, "writable"),
            (ffi::SQLITE_CANTOPEN_ISDIR, K::InvalidConfig, Effect::None, "directory"),
            (ffi::SQLITE_NOMEM, K::Unavailable, Effect::None, "memory"),
            (ffi::SQLITE_TOOBIG, K::Unsupported, Effect::None, "1 GB"),
            (ffi::SQLITE_INTERRUPT, K::Cancelled, Effect::None, "stopped"),
            (ffi::SQLITE_MISUSE, K::Unexpected, Effect::None, "foresaw"),
        ];
        let place = Place::File("/x/larder.db".into());
        for (code, kind, effect, says) in table {
            let error = map(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None), &place);
            assert_eq!((error.kind(), error.effect()), (kind, effect), "{code}: {error}");
            assert!(error.message().contains(says), "{code}: {error}");
            assert!(error.message().contains("/x/larder.db"), "{code}: {error}");
            let again = matches!(error.retry(), Retry::After(_));
            assert_eq!(again, kind == K::Unavailable, "{code}: {error}");
        }
        let error = map(rusqlite::Error::QueryReturnedNoRows, &Place::Memory);
        assert_eq!(error.kind(), K::InvalidData);
    }
}
