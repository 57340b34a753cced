//! What PostgreSQL's refusals mean.

use larder_io_core::{Effect, Error, ErrorKind, Retry};
use std::error::Error as _;
use std::fmt;

/// Where a database is, without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `postgres://user@host:port/database`.
    pub(crate) url: String,
    pub(crate) schema: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (schema `{}`)", self.url, self.schema)
    }
}

/// What stopped a call: PostgreSQL or the way to it, or something in what it gave.
#[derive(Debug)]
pub(crate) enum Fault {
    Postgres(tokio_postgres::Error),
    Own(Error),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

pub(crate) type Outcome<T> = std::result::Result<T, Fault>;

impl Fault {
    /// The error for everybody else; `what` is what was to be done, such as "storing `clean/flights`".
    pub(crate) fn at(self, place: &Place, what: &str) -> Error {
        match self {
            Self::Postgres(error) => map(error, place, what),
            Self::Own(error) => error,
        }
    }

    /// The code of a refusal by the server.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Postgres(error) => error.code().map(|code| code.code()),
            Self::Own(_) => None,
        }
    }

    /// Whether what was named is not there: the table, or the schema it was to be in.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.code(), Some("42P01" | "3F000"))
    }

    /// Whether the lock is held by somebody else.
    pub(crate) fn is_locked(&self) -> bool {
        self.code() == Some("55P03")
    }

    /// Whether nobody answered: the connection was lost, or none was to be had.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.as_db_error().is_none())
    }
}

/// The one place where errors of PostgreSQL become ours.
pub(crate) fn map(error: tokio_postgres::Error, place: &Place, what: &str) -> Error {
    let Some(refusal) = error.as_db_error() else {
        let (kind, message) = on_the_way(&error, place);
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        return Error::new(kind, format!("{what}: {message} ({error}{cause})")).with_source(error);
    };
    let code = refusal.code().code();
    let Meaning {
        kind,
        effect,
        retry,
        message,
    } = of_code(code, place);
    let mapped = Error::new(
        kind,
        format!("{what}: {message} (PostgreSQL {code}: {})", refusal.message()),
    )
    .with_effect(effect);
    match retry {
        true => mapped.with_retry(Retry::After(None)),
        false => mapped,
    }
    .with_source(error)
}

/// The server said nothing. The crate tells its own errors apart by their words only.
fn on_the_way(error: &tokio_postgres::Error, place: &Place) -> (ErrorKind, String) {
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
            format!(
                "{place} cannot be logged in to: give the password in the URL, in PGPASSWORD or in the password file ~/.pgpass"
            ),
        ),
        text if text.starts_with("error deserializing") || text.starts_with("invalid column") => (
            ErrorKind::InvalidData,
            format!("{place} has a bookkeeping table that is not as larder made it"),
        ),
        text if text.starts_with("error serializing") || text.starts_with("error encoding") => (
            ErrorKind::Unsupported,
            format!("{place} takes no more than 1 GiB in one value"),
        ),
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

/// What a code means.
struct Meaning {
    kind: ErrorKind,
    effect: Effect,
    /// Tried again although its kind is not.
    retry: bool,
    message: String,
}

fn of_code(code: &str, place: &Place) -> Meaning {
    use ErrorKind as K;
    let (kind, message) = match code {
        "28P01" | "28000" => (
            K::Unauthenticated,
            format!(
                "{place} refuses the user or the password: look at the URL, PGPASSWORD and ~/.pgpass, and at the server's pg_hba.conf"
            ),
        ),
        "3D000" => (
            K::InvalidConfig,
            format!("{place} is in a database that does not exist: create it, or name another"),
        ),
        "42501" => (
            K::PermissionDenied,
            format!(
                "{place} may not be used so: the user needs USAGE and CREATE on the schema, and CREATE on the database where the schema is to be made; to load only, USAGE and SELECT on its tables"
            ),
        ),
        "25006" => (
            K::PermissionDenied,
            format!("{place} takes no writes: the server or the user is read-only"),
        ),
        "53100" => (K::Unavailable, format!("there is no space left for {place}")),
        "53300" => (
            K::Unavailable,
            format!("{place} has no connection left: run fewer steps at once, or raise max_connections"),
        ),
        "55P03" => (
            K::Unavailable,
            format!(
                "something in {place} is locked by another session for longer than `lock_timeout`: `pg_locks` shows which it is"
            ),
        ),
        "57014" => (K::Cancelled, format!("somebody cancelled a statement in {place}")),
        "58030" | "57P01" | "57P02" | "57P03" => {
            return Meaning {
                kind: K::Unavailable,
                effect: Effect::Unknown,
                retry: false,
                message: format!(
                    "{place} ended the connection: the server is starting or stopping, its disk has a fault, or somebody ended it"
                ),
            };
        }
        "40001" | "40P01" => {
            return Meaning {
                kind: K::Conflict,
                effect: Effect::None,
                retry: true,
                message: format!("{place} turned a transaction away, because another one was in its way"),
            };
        }
        "22021" | "22P05" => (K::Unsupported, format!("{place} cannot hold a character of a text")),
        "22003" | "22008" => (
            K::Unsupported,
            format!("a value is beyond what its column's type holds in {place}"),
        ),
        "2BP01" => (
            K::InvalidDefinition,
            format!(
                "the asset's columns have changed, and views or functions in {place} that others made need the old ones: drop them, or store with `views=false`"
            ),
        ),
        "3F000" | "42P01" | "42703" | "42704" | "XX001" | "XX002" => (
            K::InvalidData,
            format!(
                "{place} is damaged, or something that larder made there was dropped or changed by others: materialize the asset again"
            ),
        ),
        "42P07" | "42P06" | "42809" => (
            K::AlreadyExists,
            format!("{place} has something else by that name: rename it, or let the manager have a schema of its own"),
        ),
        _ => match code.get(..2).unwrap_or_default() {
            "08" => {
                return Meaning {
                    kind: K::Unavailable,
                    effect: Effect::Unknown,
                    retry: false,
                    message: format!("the connection to {place} was lost"),
                };
            }
            "53" | "25" => (K::Unavailable, format!("{place} has too little of something")),
            "54" => (
                K::Unsupported,
                format!("{place} takes no row so large, or no table of so many columns"),
            ),
            "23" => (
                K::Conflict,
                format!("somebody else changed the bookkeeping of {place} at the same time"),
            ),
            "0A" => (K::Unsupported, format!("{place} is of a version that cannot do this")),
            _ => (K::Unexpected, format!("{place} failed in a way that nobody foresaw")),
        },
    };
    Meaning {
        kind,
        effect: Effect::None,
        retry: false,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind as K;

    #[test]
    fn every_refusal_has_its_meaning() {
        let table = [
            ("28P01", K::Unauthenticated, Effect::None, false, "PGPASSWORD"),
            ("28000", K::Unauthenticated, Effect::None, false, "pg_hba"),
            ("3D000", K::InvalidConfig, Effect::None, false, "does not exist"),
            ("42501", K::PermissionDenied, Effect::None, false, "USAGE"),
            ("25006", K::PermissionDenied, Effect::None, false, "read-only"),
            ("53100", K::Unavailable, Effect::None, false, "no space"),
            ("53200", K::Unavailable, Effect::None, false, "too little"),
            ("53300", K::Unavailable, Effect::None, false, "connection left"),
            ("55P03", K::Unavailable, Effect::None, false, "lock_timeout"),
            ("40001", K::Conflict, Effect::None, true, "turned"),
            ("40P01", K::Conflict, Effect::None, true, "turned"),
            ("57014", K::Cancelled, Effect::None, false, "cancelled"),
            ("57P01", K::Unavailable, Effect::Unknown, false, "ended"),
            ("57P03", K::Unavailable, Effect::Unknown, false, "starting"),
            ("08006", K::Unavailable, Effect::Unknown, false, "lost"),
            ("58030", K::Unavailable, Effect::Unknown, false, "disk"),
            ("54000", K::Unsupported, Effect::None, false, "so large"),
            ("54011", K::Unsupported, Effect::None, false, "columns"),
            ("22021", K::Unsupported, Effect::None, false, "character"),
            ("22003", K::Unsupported, Effect::None, false, "beyond"),
            ("2BP01", K::InvalidDefinition, Effect::None, false, "views=false"),
            ("42P01", K::InvalidData, Effect::None, false, "materialize"),
            ("XX001", K::InvalidData, Effect::None, false, "damaged"),
            ("42P07", K::AlreadyExists, Effect::None, false, "rename"),
            ("23505", K::Conflict, Effect::None, false, "same time"),
            ("XX000", K::Unexpected, Effect::None, false, "foresaw"),
            ("", K::Unexpected, Effect::None, false, "foresaw"),
        ];
        let place = Place {
            url: "postgres://u@h:1/d".to_owned(),
            schema: "assets".to_owned(),
        };
        for (code, kind, effect, retry, says) in table {
            let found = of_code(code, &place);
            let told = (found.kind, found.effect, found.retry);
            assert_eq!(told, (kind, effect, retry), "{code}: {}", found.message);
            assert!(
                found.message.contains(says) && found.message.contains("postgres://u@h:1/d"),
                "{code}: {}",
                found.message
            );
        }
    }
}
