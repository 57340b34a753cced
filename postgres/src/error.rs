//! What PostgreSQL's refusals mean.

use larder_io_core::{Effect, Error, ErrorKind, Retry};
use std::error::Error as _;
use std::fmt;
use tokio_postgres::error::Severity;

/// Where a database is, without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    what: &'static str,
    /// `postgres://user@host:port/database`.
    pub url: String,
    /// The schema.
    pub schema: String,
}

impl Place {
    /// A place; `what` is what it is called before its URL, such as "the catalogue", or nothing.
    pub fn new(what: &'static str, url: impl Into<String>, schema: impl Into<String>) -> Self {
        Self {
            what,
            url: url.into(),
            schema: schema.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.what.is_empty() {
            write!(f, "{} ", self.what)?;
        }
        write!(f, "`{}` (schema `{}`)", self.url, self.schema)
    }
}

/// What stopped a call: PostgreSQL or the way to it, or something in what it gave.
#[derive(Debug)]
pub enum Fault {
    /// PostgreSQL or the way to it.
    Postgres(tokio_postgres::Error),
    /// Anything else.
    Own(Error),
}

/// What a call gives.
pub type Outcome<T> = std::result::Result<T, Fault>;

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

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Own(Error::new(ErrorKind::Unexpected, "a record cannot be written as JSON").with_source(error))
    }
}

impl Fault {
    /// The error for everybody else; `doing` is what was to be done, such as "storing `clean/flights`", or nothing. Errors of our
    /// own stay as they are.
    pub fn at(self, place: &Place, words: &Words, doing: &str) -> Error {
        match self {
            Self::Postgres(error) => words.map(error, place, doing),
            Self::Own(error) => error,
        }
    }

    /// The code of a refusal by the server.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Postgres(error) => error.code().map(|code| code.code()),
            Self::Own(_) => None,
        }
    }

    /// Whether what was named is not there: the table, or the schema it was to be in.
    pub fn is_missing(&self) -> bool {
        matches!(self.code(), Some("42P01" | "3F000"))
    }

    /// Whether the lock is held by somebody else.
    pub fn is_locked(&self) -> bool {
        self.code() == Some("55P03")
    }

    /// Whether nobody answered: the connection was lost, or none was to be had.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.as_db_error().is_none())
    }

    /// Whether another host of the same URL may take what this one did not: it is silent, a standby, or just starting. A refused
    /// password is refused, as libpq has it.
    pub fn may_be_elsewhere(&self) -> bool {
        self.is_silence() || self.code() == Some("57P03")
    }

    /// Whether the connection is of no use any more: a refusal of the server leaves it open, unless it says that it ends.
    pub fn is_loss(&self) -> bool {
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
}

/// What a code means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// What may have been done nevertheless.
    pub effect: Effect,
    /// Whether it is tried again although its kind is not.
    pub retry: bool,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl Meaning {
    /// A refusal that did nothing, and is tried again if its kind is.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            effect: Effect::None,
            retry: false,
            message: message.into(),
        }
    }

    fn unknown(message: String) -> Self {
        Self {
            effect: Effect::Unknown,
            ..Self::new(ErrorKind::Unavailable, message)
        }
    }
}

/// What those who keep something in a database say in their own words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What to do about a password, such as "give the password in the URL".
    pub login: &'static str,
    /// What others may have changed, such as "a bookkeeping table".
    pub table: &'static str,
    /// How much of what it takes, such as "1 GiB in one value".
    pub limit: &'static str,
    /// Codes that mean something else than in general.
    pub own: fn(&str, &Place) -> Option<Meaning>,
}

impl Words {
    /// The one place where errors of PostgreSQL become ours.
    pub fn map(&self, error: tokio_postgres::Error, place: &Place, doing: &str) -> Error {
        let doing = match doing {
            "" => String::new(),
            doing => format!("{doing}: "),
        };
        let Some(refusal) = error.as_db_error() else {
            let (kind, message) = self.on_the_way(&error, place);
            let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
            return Error::new(kind, format!("{doing}{message} ({error}{cause})")).with_source(error);
        };
        let code = refusal.code().code();
        let meaning = self.meaning(code, place);
        let detail = refusal
            .detail()
            .map_or_else(String::new, |detail| format!("; {detail}"));
        // Details of rows hold values, and values may be secret; those of other refusals name tables.
        let detail = if code == "2BP01" { detail } else { String::new() };
        let message = format!(
            "{doing}{} (PostgreSQL {code}: {}{detail})",
            meaning.message,
            refusal.message()
        );
        let mapped = Error::new(meaning.kind, message).with_effect(meaning.effect);
        match meaning.retry {
            true => mapped.with_retry(Retry::After(None)),
            false => mapped,
        }
        .with_source(error)
    }

    /// What a code means here.
    pub fn meaning(&self, code: &str, place: &Place) -> Meaning {
        (self.own)(code, place).unwrap_or_else(|| self.in_general(code, place))
    }

    /// The server said nothing. The crate tells its own errors apart by their words only.
    fn on_the_way(&self, error: &tokio_postgres::Error, place: &Place) -> (ErrorKind, String) {
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
                format!("{place} cannot be logged in to: {}", self.login),
            ),
            text if text.starts_with("error deserializing") || text.starts_with("invalid column") => (
                ErrorKind::InvalidData,
                format!("{place} has {} that is not as larder made it", self.table),
            ),
            text if text.starts_with("error serializing") || text.starts_with("error encoding") => (
                ErrorKind::Unsupported,
                format!("{place} takes no more than {}", self.limit),
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

    fn in_general(&self, code: &str, place: &Place) -> Meaning {
        use ErrorKind as K;
        let (kind, message) = match code {
            "28P01" | "28000" => (
                K::Unauthenticated,
                format!(
                    "{place} refuses the user or the password: {}; or look at the server's pg_hba.conf",
                    self.login
                ),
            ),
            "3D000" => (
                K::InvalidConfig,
                format!("{place} is in a database that does not exist: create it, or name another"),
            ),
            "25006" => (
                K::PermissionDenied,
                format!("{place} takes no writes: the server or the user is read-only"),
            ),
            "25P03" => (
                K::Timeout,
                format!(
                    "{place} ended a transaction in which nothing was asked for longer than `idle_in_transaction_session_timeout`: this machine was stopped or had too much to do"
                ),
            ),
            "25P04" => (
                K::Timeout,
                format!(
                    "{place} ended a transaction that took longer than `transaction_timeout`: raise it for this user with `ALTER ROLE .. SET transaction_timeout`"
                ),
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
                return Meaning::unknown(format!(
                    "{place} ended the connection: the server is starting or stopping, its disk has a fault, or somebody ended it"
                ));
            }
            "22021" | "22P05" => (K::Unsupported, format!("{place} cannot hold a character of a text")),
            _ => match code.get(..2).unwrap_or_default() {
                "08" => {
                    return Meaning::unknown(format!("the connection to {place} was lost"));
                }
                "25" | "40" => (K::Unavailable, format!("{place} turned a transaction away")),
                "53" => (K::Unavailable, format!("{place} has too little of something")),
                "54" => (K::Unsupported, format!("{place} takes no more than {}", self.limit)),
                "0A" => (K::Unsupported, format!("{place} is of a version that cannot do this")),
                _ => (K::Unexpected, format!("{place} failed in a way that nobody foresaw")),
            },
        };
        Meaning::new(kind, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind as K;

    #[test]
    fn every_refusal_has_its_meaning() {
        let table = [
            ("28P01", K::Unauthenticated, Effect::None, "the right one"),
            ("28000", K::Unauthenticated, Effect::None, "pg_hba"),
            ("3D000", K::InvalidConfig, Effect::None, "does not exist"),
            ("25006", K::PermissionDenied, Effect::None, "read-only"),
            ("25P03", K::Timeout, Effect::None, "idle_in_transaction_session_timeout"),
            ("25P04", K::Timeout, Effect::None, "ALTER ROLE"),
            ("53100", K::Unavailable, Effect::None, "no space"),
            ("53200", K::Unavailable, Effect::None, "too little"),
            ("53300", K::Unavailable, Effect::None, "connection left"),
            ("55P03", K::Unavailable, Effect::None, "lock_timeout"),
            ("40001", K::Unavailable, Effect::None, "turned"),
            ("57014", K::Cancelled, Effect::None, "cancelled"),
            ("57P01", K::Unavailable, Effect::Unknown, "ended"),
            ("57P03", K::Unavailable, Effect::Unknown, "starting"),
            ("08006", K::Unavailable, Effect::Unknown, "lost"),
            ("58030", K::Unavailable, Effect::Unknown, "disk"),
            ("54000", K::Unsupported, Effect::None, "a spoonful"),
            ("22021", K::Unsupported, Effect::None, "character"),
            ("0A000", K::Conflict, Effect::None, "own postgres://u@h:1/d"),
            ("XX000", K::Unexpected, Effect::None, "foresaw"),
            ("", K::Unexpected, Effect::None, "foresaw"),
        ];
        let words = Words {
            login: "give the right one",
            table: "a table",
            limit: "a spoonful",
            own: |code, place| (code == "0A000").then(|| Meaning::new(K::Conflict, format!("own {place}"))),
        };
        let place = Place::new("", "postgres://u@h:1/d", "assets");
        for (code, kind, effect, says) in table {
            let found = words.meaning(code, &place);
            assert_eq!((found.kind, found.effect), (kind, effect), "{code}: {}", found.message);
            let message = found.message.replace('`', "");
            assert!(
                message.contains(says) && message.contains("postgres://u@h:1/d"),
                "{code}: {message}"
            );
        }
        assert_eq!(place.to_string(), "`postgres://u@h:1/d` (schema `assets`)");
        let named = Place::new("the catalogue", "postgres://u@h:1/d", "larder");
        assert_eq!(
            named.to_string(),
            "the catalogue `postgres://u@h:1/d` (schema `larder`)"
        );
    }
}
