//! What PostgreSQL's refusals mean here.

use larder_io_core::ErrorKind;
use larder_postgres::{Meaning, Words};

pub(crate) use larder_postgres::{Fault, Outcome, Place};

/// In the words of a manager of tables.
pub(crate) const WORDS: Words = Words {
    login: "give the password in the URL, in PGPASSWORD or in the password file ~/.pgpass",
    table: "a bookkeeping table",
    limit: "1 GiB in one value or row, and no more than 1600 columns",
    own,
};

pub(crate) fn own(code: &str, place: &Place) -> Option<Meaning> {
    use ErrorKind as K;
    let (kind, message) = match code {
        "42501" => (
            K::PermissionDenied,
            format!(
                "{place} may not be used so: the user needs USAGE and CREATE on the schema, and CREATE on the database where the schema is to be made; to load only, USAGE and SELECT on its tables; to store what another user stored, a role that both have (the guide says how)"
            ),
        ),
        "40001" | "40P01" => {
            return Some(Meaning {
                retry: true,
                ..Meaning::new(
                    K::Conflict,
                    format!("{place} turned a transaction away, because another one was in its way"),
                )
            });
        }
        "22003" | "22008" => (
            K::Unsupported,
            format!("a value is beyond what its column's type holds in {place}"),
        ),
        "2BP01" => (
            K::InvalidDefinition,
            format!(
                "views or functions that others made need what is to go from {place}, because the asset's columns have changed or it is stored with `views=false` now: drop them first"
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
        "23505" => (
            K::Conflict,
            format!("somebody else changed the bookkeeping of {place} at the same time"),
        ),
        _ if code.starts_with("23") => (
            K::InvalidData,
            format!("a row breaks a rule of its table in {place}, such as a null where the schema allows none"),
        ),
        _ => return None,
    };
    Some(Meaning::new(kind, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind as K;
    use larder_io_core::Effect;

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
            ("54000", K::Unsupported, Effect::None, false, "1 GiB"),
            ("54011", K::Unsupported, Effect::None, false, "columns"),
            ("22021", K::Unsupported, Effect::None, false, "character"),
            ("22003", K::Unsupported, Effect::None, false, "beyond"),
            ("2BP01", K::InvalidDefinition, Effect::None, false, "views=false"),
            ("42P01", K::InvalidData, Effect::None, false, "materialize"),
            ("XX001", K::InvalidData, Effect::None, false, "damaged"),
            ("42P07", K::AlreadyExists, Effect::None, false, "rename"),
            ("23502", K::InvalidData, Effect::None, false, "null"),
            ("23514", K::InvalidData, Effect::None, false, "rule"),
            ("25P03", K::Timeout, Effect::None, false, "idle_in_transaction"),
            ("25P04", K::Timeout, Effect::None, false, "transaction_timeout"),
            ("23505", K::Conflict, Effect::None, false, "same time"),
            ("XX000", K::Unexpected, Effect::None, false, "foresaw"),
            ("", K::Unexpected, Effect::None, false, "foresaw"),
        ];
        let place = Place::new("", "postgres://u@h:1/d", "assets");
        for (code, kind, effect, retry, says) in table {
            let found = WORDS.meaning(code, &place);
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
