//! What the server says of a query, at the place in the user's text.

use larder_engine_parse::Rewritten;
use larder_io_core::{Error, ErrorKind, Position, TableName};
use larder_io_postgres::wire::Server;
use tokio_postgres::error::{DbError, ErrorPosition};

/// A query as it was sent: with casts in front, and others in the places of its tables.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) rewritten: Rewritten,
    /// Bytes in front of the query.
    pub(crate) before: usize,
    /// All that was sent.
    pub(crate) sql: String,
    /// What the query calls its tables.
    pub(crate) tables: Vec<TableName>,
}

impl Sent {
    /// The same with another statement around it: how many bytes of that are in front of the query.
    pub(crate) fn within(&self, before: usize, sql: String) -> Self {
        Self {
            before: before + self.before,
            sql,
            ..self.clone()
        }
    }

    /// The error of this query.
    pub(crate) fn told(&self, server: &Server, error: tokio_postgres::Error) -> Error {
        let Some(said) = error.as_db_error() else {
            return server.error(error);
        };
        let Some(kind) = kind(said.code().code()) else {
            return server.error(error);
        };
        let byte = self.byte(said);
        if matches!(said.code().code(), "42P01" | "3F000") {
            let table = byte.and_then(|byte| self.rewritten.table_at(byte));
            let table = table.and_then(|number| self.tables.get(number));
            if table.is_some() || said.message().contains(DATA) {
                return gone(table, byte.map(|byte| self.rewritten.origin(byte)), said).with_source(error);
            }
        }
        let at = byte.map(|byte| self.rewritten.origin(byte));
        let at = at.map(|at| format!("{at}: ")).unwrap_or_default();
        let hint = said.hint().map(|hint| format!("; {}", small(hint))).unwrap_or_default();
        let detail = said
            .detail()
            .map(|detail| format!(" ({})", small(detail)))
            .unwrap_or_default();
        let message = format!(
            "the query failed: {at}{}{detail}{hint} (PostgreSQL {})",
            said.message(),
            said.code().code()
        );
        Error::new(kind, message).with_source(error)
    }

    /// Where in the rewritten query it is wrong.
    fn byte(&self, said: &DbError) -> Option<usize> {
        let ErrorPosition::Original(letter) = said.position()? else {
            return None;
        };
        let letter = usize::try_from(letter.checked_sub(1)?).ok()?;
        let byte = self.sql.char_indices().nth(letter).map(|(at, _)| at)?;
        let within = byte.checked_sub(self.before)?;
        (within <= self.rewritten.sql.len()).then_some(within)
    }
}

/// How tables that larder made are called.
const DATA: &str = "larder_data_";

/// A table that was there when its place was looked up: the query is right, and comes too late.
fn gone(table: Option<&TableName>, at: Option<Position>, said: &DbError) -> Error {
    let what = match (table, at) {
        (Some(table), Some(at)) => format!("{at}: the rows of `{table}` are"),
        _ => "the rows of a table are".to_owned(),
    };
    let message = format!(
        "the query failed: {what} not there any more: newer ones were stored since and the old ones let go, or somebody dropped their table. Run it again; keep more with `history`, or for longer with `grace`; if that does not help, materialize the table again ({}, PostgreSQL {})",
        said.message(),
        said.code().code()
    );
    Error::new(ErrorKind::Conflict, message)
}

fn small(text: &str) -> String {
    text.trim_end_matches('.').to_owned()
}

/// What a refusal of a query means; `None` for what has nothing to do with its text.
fn kind(code: &str) -> Option<ErrorKind> {
    Some(match code {
        // The memory, the locks and the files of the server.
        "42501" => return None,
        "0A000" => ErrorKind::Unsupported,
        "23502" => ErrorKind::InvalidData,
        _ => match code.get(..2)? {
            "42" | "3F" => ErrorKind::InvalidDefinition,
            "21" | "22" | "P0" => ErrorKind::InvalidData,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        for (code, expected) in [
            ("42601", Some(ErrorKind::InvalidDefinition)),
            ("42703", Some(ErrorKind::InvalidDefinition)),
            ("42P01", Some(ErrorKind::InvalidDefinition)),
            ("42883", Some(ErrorKind::InvalidDefinition)),
            ("22012", Some(ErrorKind::InvalidData)),
            ("22P02", Some(ErrorKind::InvalidData)),
            ("22003", Some(ErrorKind::InvalidData)),
            ("23502", Some(ErrorKind::InvalidData)),
            ("21000", Some(ErrorKind::InvalidData)),
            ("0A000", Some(ErrorKind::Unsupported)),
            ("42501", None),
            ("53100", None),
            ("57P01", None),
            ("57014", None),
            ("40001", None),
        ] {
            assert_eq!(kind(code), expected, "{code}");
        }
    }
}
