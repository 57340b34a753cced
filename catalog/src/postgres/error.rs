//! What PostgreSQL's refusals mean here.

use larder_io_core::{Effect, Error, ErrorKind};
use larder_postgres::{Meaning, Words};

pub(crate) use larder_postgres::{Fault, Outcome, Place};

/// In the words of a catalogue.
const WORDS: Words = Words {
    login: "the URL needs the right user and password",
    table: "a table",
    limit: "256 MiB of metadata, message or inline value, and no name longer than an index holds",
    own,
};

/// The error for everybody else.
pub(crate) fn told(fault: Fault, place: &Place) -> Error {
    match fault {
        Fault::Own(error) => error.with_context("catalogue", place),
        fault => fault.at(place, &WORDS, ""),
    }
}

fn own(code: &str, place: &Place) -> Option<Meaning> {
    let (kind, message) = match code {
        "42501" => (ErrorKind::PermissionDenied, denied(place)),
        "25006" => return None,
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
        "3F000" | "42P01" | "42703" | "XX001" | "XX002" => (
            ErrorKind::InvalidData,
            format!(
                "{place} is damaged, or its tables are not as larder made them. The assets' values are untouched, they are elsewhere: rename the schema, and let `larder adopt` record what is stored"
            ),
        ),
        _ if code.starts_with("08") || code.starts_with("57") => {
            return Some(Meaning {
                effect: Effect::Unknown,
                ..Meaning::new(
                    ErrorKind::Unavailable,
                    format!("{place} ended the connection: the server is starting or stopping, or somebody ended it"),
                )
            });
        }
        // Whatever is recorded waits, and is tried again.
        _ if ["25", "40", "53"].iter().any(|class| code.starts_with(class)) => {
            (ErrorKind::Unavailable, format!("{place} turned a transaction away"))
        }
        _ => return None,
    };
    Some(Meaning::new(kind, message))
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
        let place = Place::new("the catalogue", "postgres://u@h:1/d", "larder");
        for (code, kind, effect, says) in table {
            let found = WORDS.meaning(code, &place);
            assert_eq!((found.kind, found.effect), (kind, effect), "{code}: {}", found.message);
            assert!(
                found.message.contains(says) && found.message.contains("postgres://u@h:1/d"),
                "{code}: {}",
                found.message
            );
        }
    }
}
