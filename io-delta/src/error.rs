//! What the library's errors mean.

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;
use larder_io_core::{Error, ErrorKind};
use larder_io_object::error::nested;
use std::error::Error as _;

/// The error of an operation on a table.
pub(crate) fn error(failed: DeltaTableError) -> Error {
    if let Some(own) = nested(&failed) {
        return own;
    }
    if let Some(storage) = storage(&failed) {
        return storage;
    }
    use DeltaTableError as D;
    match failed {
        D::ObjectStore { source } => larder_io_object::error::error(source),
        D::Transaction { source } => transaction(source),
        D::VersionAlreadyExists(version) => Error::new(
            ErrorKind::Conflict,
            format!("version {version} of the table was written by somebody else"),
        ),
        D::InvalidVersion(_) | D::NotATable(_) => {
            made(ErrorKind::NotFound, "there is no such version of the table", failed)
        }
        D::UnsupportedColumnMapping { .. } | D::MissingFeature { .. } => made(
            ErrorKind::Unsupported,
            "the table needs what this version of larder cannot do",
            failed,
        ),
        D::KernelError(ref kernel) if unsupported(&kernel.to_string()) => made(
            ErrorKind::Unsupported,
            "the table was written by a newer Delta protocol than this version of larder knows",
            failed,
        ),
        _ => made(ErrorKind::InvalidData, "the table's log cannot be read", failed),
    }
}

/// The kernel has one variant with a text for features that it does not know.
fn unsupported(text: &str) -> bool {
    ["nsupported", "not supported", "Unknown feature"]
        .iter()
        .any(|word| text.contains(word))
}

/// The storage's own error below the library's layers.
fn storage(failed: &DeltaTableError) -> Option<Error> {
    let mut cause = failed.source();
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<object_store::Error>() {
            let made = match found {
                object_store::Error::NotFound { path, .. } => Error::new(
                    ErrorKind::InvalidData,
                    format!("the table refers to `{path}`, which is not there"),
                ),
                other => {
                    let message = format!("the storage failed while the table's log was read: {other}");
                    Error::new(ErrorKind::Unavailable, message).with_retry(larder_io_core::Retry::After(None))
                }
            };
            return Some(made);
        }
        cause = inner.source();
    }
    None
}

/// The error of a commit.
pub(crate) fn transaction(failed: TransactionError) -> Error {
    if let Some(own) = nested(&failed) {
        return own;
    }
    use TransactionError as T;
    match failed {
        T::ObjectStore { source } => larder_io_object::error::error(source),
        T::VersionAlreadyExists(_) | T::CommitConflict(_) | T::MaxCommitAttempts(_) => {
            made(ErrorKind::Conflict, "the table was changed by somebody else", failed)
        }
        T::DeltaTableAppendOnly => made(
            ErrorKind::Unsupported,
            "the table takes appended rows only (`delta.appendOnly`); set the write mode `append`",
            failed,
        ),
        T::UnsupportedTableFeatures(_) | T::TableFeaturesRequired(_) => {
            let message = format!("the table needs features that this version of larder does not have: {failed}");
            made(ErrorKind::Unsupported, message, failed)
        }
        _ => made(ErrorKind::Unexpected, "the commit cannot be written", failed),
    }
}

fn made(kind: ErrorKind, message: impl Into<String>, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    let (message, told) = (message.into(), cause.to_string());
    let message = match message.contains(&told) {
        true => message,
        false => format!("{message}: {told}"),
    };
    Error::new(kind, message).with_source(cause)
}
