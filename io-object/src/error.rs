//! The one mapping of object_store's errors.

use larder_io_core::{Effect, Error, ErrorKind, Retry};
use std::error::Error as _;
use std::io;

/// What an object store's error means. A store that put an [`Error`] of larder inside gets it back unchanged.
pub fn error(error: object_store::Error) -> Error {
    if error.source().is_some_and(|source| source.is::<Error>()) {
        return unwrap(error);
    }
    if let Some(own) = nested(&error) {
        return own;
    }
    use object_store::Error as Os;
    let (kind, message) = match &error {
        Os::NotFound { path, .. } => (ErrorKind::NotFound, format!("nothing is stored at `{path}`")),
        Os::AlreadyExists { path, .. } => (ErrorKind::AlreadyExists, format!("`{path}` is stored already")),
        Os::Precondition { path, .. } | Os::NotModified { path, .. } => {
            (ErrorKind::Conflict, format!("`{path}` was changed by somebody else"))
        }
        Os::PermissionDenied { path, .. } => (
            ErrorKind::PermissionDenied,
            format!("the storage refuses `{path}`; give this identity the right to read and write below the root"),
        ),
        Os::Unauthenticated { .. } => (
            ErrorKind::Unauthenticated,
            "the storage does not accept the credentials; check them and their expiry".to_owned(),
        ),
        Os::NotSupported { .. } | Os::NotImplemented { .. } => {
            (ErrorKind::Unsupported, "the storage cannot do this".to_owned())
        }
        Os::InvalidPath { .. } => (
            ErrorKind::InvalidDefinition,
            "the storage cannot represent this name".to_owned(),
        ),
        Os::UnknownConfigurationKey { .. } => (
            ErrorKind::InvalidConfig,
            "the storage does not know this setting".to_owned(),
        ),
        _ if disk_full(&error) => (
            ErrorKind::Unavailable,
            "the disk is full; free space and run again".to_owned(),
        ),
        // object_store retries by itself and then hides what happened: it may have been done.
        _ => (ErrorKind::Unavailable, "the storage failed".to_owned()),
    };
    let made = Error::new(kind, message).with_source(error);
    match kind {
        ErrorKind::Unavailable => made.with_retry(Retry::After(None)).with_effect(Effect::Unknown),
        _ => made,
    }
}

/// Our own error that layers of somebody else's lie around, as far as it can be copied: its causes as texts.
pub fn nested(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(own) = inner.downcast_ref::<Error>() {
            let copy = own.copied();
            return Some(match Cause::of(own.source()) {
                Some(cause) => copy.with_source(cause),
                None => copy,
            });
        }
        cause = inner.source();
    }
    None
}

/// The text of a cause that is not ours to take.
#[derive(Debug)]
struct Cause {
    text: String,
    cause: Option<Box<Self>>,
}

impl Cause {
    fn of(error: Option<&(dyn std::error::Error + 'static)>) -> Option<Self> {
        error.map(|error| Self {
            text: error.to_string(),
            cause: Self::of(error.source()).map(Box::new),
        })
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

fn disk_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        }
        cause = inner.source();
    }
    false
}

/// Takes our own error out of the variant that carries it.
fn unwrap(outer: object_store::Error) -> Error {
    use object_store::Error as Os;
    let text = outer.to_string();
    let source = match outer {
        Os::Generic { source, .. }
        | Os::NotFound { source, .. }
        | Os::NotSupported { source }
        | Os::AlreadyExists { source, .. }
        | Os::Precondition { source, .. }
        | Os::NotModified { source, .. }
        | Os::PermissionDenied { source, .. }
        | Os::Unauthenticated { source, .. } => source,
        other => return Error::new(ErrorKind::Unexpected, text).with_source(other),
    };
    source.downcast::<Error>().map_or_else(
        |source| Error::new(ErrorKind::Unexpected, text).with_source(source),
        |own| *own,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::Error as Os;

    #[test]
    fn the_table_of_kinds() {
        let path = || "x".to_owned();
        let source = || -> Box<dyn std::error::Error + Send + Sync> { "y".into() };
        let table = [
            (
                Os::NotFound {
                    path: path(),
                    source: source(),
                },
                ErrorKind::NotFound,
                Retry::Never,
            ),
            (
                Os::AlreadyExists {
                    path: path(),
                    source: source(),
                },
                ErrorKind::AlreadyExists,
                Retry::Never,
            ),
            (
                Os::Precondition {
                    path: path(),
                    source: source(),
                },
                ErrorKind::Conflict,
                Retry::Never,
            ),
            (
                Os::PermissionDenied {
                    path: path(),
                    source: source(),
                },
                ErrorKind::PermissionDenied,
                Retry::Never,
            ),
            (
                Os::Unauthenticated {
                    path: path(),
                    source: source(),
                },
                ErrorKind::Unauthenticated,
                Retry::Never,
            ),
            (
                Os::NotSupported { source: source() },
                ErrorKind::Unsupported,
                Retry::Never,
            ),
            (
                Os::Generic {
                    store: "s",
                    source: source(),
                },
                ErrorKind::Unavailable,
                Retry::After(None),
            ),
        ];
        for (os, kind, retry) in table {
            let error = error(os);
            assert_eq!((error.kind(), error.retry()), (kind, retry));
        }
    }

    #[test]
    fn our_own_error_comes_back_unchanged() {
        let own = Error::new(ErrorKind::InvalidData, "torn");
        let error = error(Os::Generic {
            store: "s",
            source: Box::new(own),
        });
        assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidData, "torn"));
    }
}
