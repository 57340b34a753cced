//! What PostgreSQL's refusals mean.

use larder_io_core::{Effect, Error, ErrorKind};
use postgres::error::{Severity, SqlState};
use std::error::Error as _;
use std::fmt;

/// Where a database is, without the password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `postgres://user@host:port/database`.
    pub(crate) url: String,
    pub(crate) schema: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the catalogue `{}` (schema `{}`)", self.url, self.schema)
    }
}

/// What stopped a call: PostgreSQL or the way to it, or something in what it gave.
#[derive(Debug)]
pub(crate) enum Fault {
    Postgres(postgres::Error),
    Own(Error),
}

impl From<postgres::Error> for Fault {
    fn from(error: postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Own(Error::new(ErrorKind::Unexpected, "a record cannot be written as JSON").with_source(error))
    }
}

pub(crate) type Outcome<T> = std::result::Result<T, Fault>;

impl Fault {
    /// The error for everybody else.
    pub(crate) fn at(self, place: &Place) -> Error {
        match self {
            Self::Postgres(error) => map(error, place),
            Self::Own(error) => error.with_context("catalogue", place),
        }
    }

    /// Whether the connection is of no use any more: a refusal of the server leaves it open, unless it says that it ends.
    pub(crate) fn is_loss(&self) -> bool {
        match self {
            Self::Own(_) => false,
            Self::Postgres(error) => error.as_db_error().is_none_or(|refusal| {
                let fatal = matches!(
                    refusal.parsed_severity(),
                    Some(Severity::Fatal | Severity::Panic) | None
                );
                fatal || refusal.code().code().starts_with("08")
            }),
        }
    }

    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            Self::Own(_) => None,
        }
    }
}

/// The one place where errors of PostgreSQL become ours.
pub(crate) fn map(error: postgres::Error, place: &Place) -> Error {
    let Some(refusal) = error.as_db_error() else {
        let (kind, message) = on_the_way(&error, place);
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        return Error::new(kind, format!("{message} ({error}{cause})")).with_source(error);
    };
    let code = refusal.code().code();
    let (kind, effect, message) = of_code(code, place);
    Error::new(kind, format!("{message} (PostgreSQL {code}: {})", refusal.message()))
        .with_effect(effect)
        .with_source(error)
}

/// The server said nothing. The crate tells its own errors apart by their words only.
fn on_the_way(error: &postgres::Error, place: &Place) -> (ErrorKind, String) {
    let cause = error.source();
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let inner = io.and_then(|io| io.get_ref());
    if let Some(rustls::Error::InvalidCertificate(_)) = inner.and_then(|inner| inner.downcast_ref()) {
        let message = format!(
            "{place} has a certificate that is not trusted: its authority must be among the system's, or in the file that SSL_CERT_FILE names"
        );
        return (ErrorKind::InvalidConfig, message);
    }
    match error.to_string().as_str() {
        "error performing TLS handshake" if io.is_none() => (
            ErrorKind::InvalidConfig,
            format!(
                "{place} offers no TLS: turn it on in the server, or say `sslmode=disable` where the network is trusted"
            ),
        ),
        "invalid configuration" | "authentication error" => (
            ErrorKind::Unauthenticated,
            format!("{place} cannot be logged in to: the URL needs the right user and password"),
        ),
        text if text.starts_with("error deserializing") || text.starts_with("invalid column") => (
            ErrorKind::InvalidData,
            format!("{place} has a table that is not as larder made it"),
        ),
        text if text.starts_with("error serializing") || text.starts_with("error encoding") => {
            (ErrorKind::Unsupported, too_large(place))
        }
        _ if io.is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied) => (
            ErrorKind::PermissionDenied,
            format!(
                "{place} may not be reached or takes no writes: the URL needs the primary server, and a socket this user may open"
            ),
        ),
        _ => (
            ErrorKind::Unavailable,
            format!("{place} is not reached: look whether the server runs, and whether host and port are right"),
        ),
    }
}

fn too_large(place: &Place) -> String {
    format!(
        "{place} takes no more than 256 MiB of metadata, message or inline value, and no name longer than an index holds"
    )
}

fn of_code(code: &str, place: &Place) -> (ErrorKind, Effect, String) {
    let (kind, message) = match code {
        "28P01" | "28000" => (
            ErrorKind::Unauthenticated,
            format!("{place} refuses the user or the password"),
        ),
        "3D000" => (
            ErrorKind::InvalidConfig,
            format!("{place} is in a database that does not exist: create it, or name another"),
        ),
        "42501" => (ErrorKind::PermissionDenied, denied(place)),
        "25006" => (
            ErrorKind::PermissionDenied,
            format!("{place} takes no writes: the server or the user is read-only"),
        ),
        "53100" => (
            ErrorKind::Unavailable,
            format!("there is no space left for {place}; what was recorded waits in memory and is tried again"),
        ),
        "53300" => (ErrorKind::Unavailable, format!("{place} has no connection left")),
        "55P03" => (
            ErrorKind::Unavailable,
            format!("{place} is locked by another process: try again when it is done; `pg_locks` shows which it is"),
        ),
        "57014" => (ErrorKind::Unavailable, format!("{place} stopped a statement")),
        "58030" => {
            return (
                ErrorKind::Unavailable,
                Effect::Unknown,
                format!("{place} reports a fault of its disk"),
            );
        }
        "22021" | "22P05" => (
            ErrorKind::Unsupported,
            format!("{place} cannot hold a character of a record"),
        ),
        "3F000" | "42P01" | "42703" | "XX001" | "XX002" => (
            ErrorKind::InvalidData,
            format!(
                "{place} is damaged, or its tables are not as larder made them. The assets' values are untouched, they are elsewhere: rename the schema, and let `larder adopt` record what is stored"
            ),
        ),
        _ => match &code[..2.min(code.len())] {
            "08" | "57" => {
                let message =
                    format!("{place} ended the connection: the server is starting or stopping, or somebody ended it");
                return (ErrorKind::Unavailable, Effect::Unknown, message);
            }
            "25" | "40" | "53" => (ErrorKind::Unavailable, format!("{place} turned a transaction away")),
            "54" => (ErrorKind::Unsupported, too_large(place)),
            _ => (
                ErrorKind::Unexpected,
                format!("{place} failed in a way that nobody foresaw"),
            ),
        },
    };
    (kind, Effect::None, message)
}

pub(crate) fn denied(place: &Place) -> String {
    format!(
        "{place} may not be used: the user needs USAGE of the schema and SELECT, INSERT, UPDATE and DELETE on its tables; to make them, CREATE on the database"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ErrorKind as K;

    #[test]
    fn every_refusal_has_its_meaning() {
        let table = [
            ("28P01", K::Unauthenticated, Effect::None, "password"),
            ("28000", K::Unauthenticated, Effect::None, "user"),
            ("3D000", K::InvalidConfig, Effect::None, "does not exist"),
            ("42501", K::PermissionDenied, Effect::None, "USAGE"),
            ("25006", K::PermissionDenied, Effect::None, "read-only"),
            ("53100", K::Unavailable, Effect::None, "no space"),
            ("53200", K::Unavailable, Effect::None, "turned"),
            ("53300", K::Unavailable, Effect::None, "connection left"),
            ("55P03", K::Unavailable, Effect::None, "locked"),
            ("40001", K::Unavailable, Effect::None, "turned"),
            ("40P01", K::Unavailable, Effect::None, "turned"),
            ("25P03", K::Unavailable, Effect::None, "turned"),
            ("57014", K::Unavailable, Effect::None, "stopped"),
            ("57P01", K::Unavailable, Effect::Unknown, "ended"),
            ("57P03", K::Unavailable, Effect::Unknown, "starting"),
            ("08006", K::Unavailable, Effect::Unknown, "ended"),
            ("58030", K::Unavailable, Effect::Unknown, "disk"),
            ("54000", K::Unsupported, Effect::None, "256 MiB"),
            ("22021", K::Unsupported, Effect::None, "character"),
            ("42P01", K::InvalidData, Effect::None, "adopt"),
            ("XX001", K::InvalidData, Effect::None, "damaged"),
            ("XX000", K::Unexpected, Effect::None, "foresaw"),
            ("", K::Unexpected, Effect::None, "foresaw"),
        ];
        let place = Place {
            url: "postgres://u@h:1/d".to_owned(),
            schema: "larder".to_owned(),
        };
        for (code, kind, effect, says) in table {
            let found = of_code(code, &place);
            assert_eq!((found.0, found.1), (kind, effect), "{code}: {}", found.2);
            assert!(
                found.2.contains(says) && found.2.contains("postgres://u@h:1/d"),
                "{code}: {}",
                found.2
            );
        }
    }
}
