//! What Spark's refusals mean.

use crate::refusal::Refusal;
use larder_io_core::{Effect, Error, ErrorKind, Retry};

/// How long a message of Spark's may be in an error; some have the whole plan in them.
const LONGEST: usize = 1_000;

/// The one place where refusals become errors. `place` is the address without secrets, `what` what was to be done.
pub(crate) fn map(refusal: &Refusal, place: &str, what: &str) -> Error {
    let kind = kind(refusal);
    let said = said(refusal);
    let named = match (refusal.class.as_str(), &refusal.state) {
        ("", None) => refusal
            .exceptions
            .last()
            .map_or_else(|| format!("gRPC code {}", refusal.code), Clone::clone),
        ("", Some(state)) => format!("SQL state {state}"),
        (class, None) => class.to_owned(),
        (class, Some(state)) => format!("{class}, SQL state {state}"),
    };
    let at = refusal
        .at
        .map_or_else(String::new, |(line, column)| format!("line {line}, column {column}: "));
    let error = match kind {
        _ if refusal.is_forgotten() => {
            let message = format!(
                "{what} failed: the Spark Connect server at {place} knows the query no more, as after it was started anew; whether the query ended is not known (Spark {named}: {said})"
            );
            // Run again, it is another query: what the first one wrote must be looked for.
            return Error::new(ErrorKind::Unavailable, message).with_effect(Effect::Unknown);
        }
        ErrorKind::Unavailable if !refusal.detailed => {
            let message = format!(
                "{what} failed: is the Spark Connect server running at {place}? start one with Spark's `sbin/start-connect-server.sh`, or for tests with `cargo xtask cluster up` ({said})"
            );
            Error::new(kind, message)
        }
        ErrorKind::InvalidConfig if refusal.code == 12 => Error::new(
            kind,
            format!(
                "{what} failed: what answers at {place} is no Spark Connect server, or one that is too old ({said})"
            ),
        ),
        ErrorKind::PermissionDenied if is_unwritable(refusal) => Error::new(
            kind,
            format!(
                "{what} failed: the cluster's user may not write there; give it the right to the folder, which it shares with this process, or choose another one ({said}; Spark {named})"
            ),
        ),
        _ => Error::new(kind, format!("{what} failed: {at}{said} (Spark {named})")),
    };
    match kind {
        // A job that broke with its executors may go through with others.
        ErrorKind::Unexpected if lost_executors(refusal) => error.with_retry(Retry::After(None)),
        _ => error,
    }
}

/// What kind of error it is: by Spark's class, else its SQL state, else Java's exceptions, else gRPC's code.
fn kind(refusal: &Refusal) -> ErrorKind {
    let class = refusal.class.as_str();
    if refusal.is_forgotten() || refusal.is_passing() {
        return ErrorKind::Unavailable;
    }
    if is_unwritable(refusal) {
        return ErrorKind::PermissionDenied;
    }
    match class.split('.').next().unwrap_or_default() {
        "OPERATION_CANCELED" => return ErrorKind::Cancelled,
        "PATH_NOT_FOUND" => return ErrorKind::NotFound,
        "FAILED_READ_FILE" if class.ends_with(".FILE_NOT_EXIST") => return ErrorKind::NotFound,
        "PATH_ALREADY_EXISTS" => return ErrorKind::AlreadyExists,
        "INSUFFICIENT_PERMISSIONS" | "INSUFFICIENT_PERMISSIONS_EXT_LOC" | "INSUFFICIENT_TABLE_PROPERTY" => {
            return ErrorKind::PermissionDenied;
        }
        "FAILED_READ_FILE" | "USER_RAISED_EXCEPTION" | "CANNOT_READ_FILE_FOOTER" => return ErrorKind::InvalidData,
        "UNABLE_TO_ACQUIRE_MEMORY" | "INVALID_DRIVER_MEMORY" => return ErrorKind::Unavailable,
        "INVALID_CONF_VALUE" | "CANNOT_MODIFY_CONFIG" => return ErrorKind::InvalidConfig,
        _ => {}
    }
    let denied = |name: &String| name.contains("AccessControlException") || name.contains("AccessDeniedException");
    if refusal.exceptions.iter().any(denied) {
        return ErrorKind::PermissionDenied;
    }
    let state = refusal.state.as_deref().unwrap_or_default();
    match state.get(..2).unwrap_or_default() {
        "22" | "21" | "23" => return ErrorKind::InvalidData,
        "42" if state == "42501" => return ErrorKind::PermissionDenied,
        "42" => return ErrorKind::InvalidDefinition,
        "28" => return ErrorKind::Unauthenticated,
        "0A" => return ErrorKind::Unsupported,
        "53" | "57" => return ErrorKind::Unavailable,
        _ => {}
    }
    match refusal.code {
        1 => ErrorKind::Cancelled,
        4 => ErrorKind::Timeout,
        7 => ErrorKind::PermissionDenied,
        8 => ErrorKind::RateLimited,
        12 => ErrorKind::InvalidConfig,
        14 => ErrorKind::Unavailable,
        16 => ErrorKind::Unauthenticated,
        _ if stopped(refusal) => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// Whether the cluster could not write where it was to. Hadoop's local file system says so in words only: that it made no folder, or what the
/// system told it.
fn is_unwritable(refusal: &Refusal) -> bool {
    let file = |name: &String| name.ends_with("IOException") || name.ends_with("FileNotFoundException");
    let words = [
        "Mkdirs failed to create",
        "(Permission denied)",
        "(Read-only file system)",
    ];
    refusal.exceptions.iter().any(file) && words.iter().any(|words| refusal.message.contains(words))
}

/// Whether the server's own engine is gone while the server answers. It has no class for it, so its words must do.
fn stopped(refusal: &Refusal) -> bool {
    let message = &refusal.message;
    message.contains("stopped SparkContext") || message.contains("SparkContext was shut down")
}

/// Whether a job broke because executors were lost. Spark has no class for it either.
fn lost_executors(refusal: &Refusal) -> bool {
    refusal.message.contains("ExecutorLostFailure")
        || refusal.message.contains("FetchFailed")
        || refusal.message.contains("MetadataFetchFailed")
}

/// Spark's words without the class in front, the SQL state behind, the query and the stack of calls.
fn said(refusal: &Refusal) -> String {
    if let ("UNRESOLVED_COLUMN.WITH_SUGGESTION", Some(object), Some(near)) =
        (refusal.class.as_str(), &refusal.object, &refusal.near)
    {
        let nearest = near.split(", ").next().unwrap_or(near);
        return format!("there is no column {object}; the nearest is {nearest}");
    }
    let message = refusal.message.trim();
    let class = format!("[{}]", refusal.class);
    let message = message.split_once(class.as_str()).map_or(message, |(_, rest)| rest);
    // Its first line is what happened, the rest is advice, plans and calls. ANSI's rules are not to be switched off here.
    let ends = ["\n", "SQLSTATE:", "If necessary set \"spark.sql.ansi.enabled\""];
    let end = ends
        .iter()
        .filter_map(|end| message.find(end))
        .min()
        .unwrap_or(message.len());
    let short: String = message[..end]
        .trim()
        .trim_end_matches('.')
        .chars()
        .take(LONGEST)
        .collect();
    match short.is_empty() {
        true => "it said nothing".to_owned(),
        false => short,
    }
}

#[cfg(test)]
mod tests {
    use super::map;
    use crate::refusal::Refusal;
    use larder_io_core::{Effect, ErrorKind, Retry};

    fn refusal(code: i32, class: &str, state: &str, message: &str) -> Refusal {
        Refusal {
            code,
            class: class.to_owned(),
            state: (!state.is_empty()).then(|| state.to_owned()),
            message: message.to_owned(),
            detailed: !class.is_empty() || !state.is_empty(),
            ..Refusal::default()
        }
    }

    #[test]
    fn kinds_by_class_state_and_code() {
        use ErrorKind::*;
        for (code, class, state, expected) in [
            (13, "PARSE_SYNTAX_ERROR", "42601", InvalidDefinition),
            (13, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", InvalidDefinition),
            (13, "UNBOUND_SQL_PARAMETER", "42P02", InvalidDefinition),
            (13, "TABLE_OR_VIEW_NOT_FOUND", "42P01", InvalidDefinition),
            (13, "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "42K09", InvalidDefinition),
            (13, "PATH_NOT_FOUND", "42K03", NotFound),
            (13, "FAILED_READ_FILE.FILE_NOT_EXIST", "KD001", NotFound),
            (13, "PATH_ALREADY_EXISTS", "42K04", AlreadyExists),
            (13, "DIVIDE_BY_ZERO", "22012", InvalidData),
            (13, "CAST_INVALID_INPUT", "22018", InvalidData),
            (13, "ARITHMETIC_OVERFLOW", "22003", InvalidData),
            (13, "SCALAR_SUBQUERY_TOO_MANY_ROWS", "21000", InvalidData),
            (13, "USER_RAISED_EXCEPTION", "P0001", InvalidData),
            (13, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER", "KD001", InvalidData),
            (13, "INSUFFICIENT_PERMISSIONS", "42501", PermissionDenied),
            (13, "", "42501", PermissionDenied),
            (13, "UNSUPPORTED_FEATURE.X", "0A000", Unsupported),
            (13, "OPERATION_CANCELED", "HY008", Cancelled),
            (13, "INVALID_HANDLE.OPERATION_NOT_FOUND", "HY000", Unavailable),
            (13, "INVALID_HANDLE.SESSION_CHANGED", "HY000", Unavailable),
            (13, "INVALID_CURSOR.DISCONNECTED", "HY109", Unavailable),
            (13, "INTERNAL_ERROR", "XX000", Unexpected),
            (13, "CANNOT_MODIFY_CONFIG", "46110", InvalidConfig),
            (1, "", "", Cancelled),
            (2, "", "", Unavailable),
            (13, "", "", Unavailable),
            (4, "", "", Timeout),
            (7, "", "", PermissionDenied),
            (8, "", "", RateLimited),
            (12, "", "", InvalidConfig),
            (14, "", "", Unavailable),
            (16, "", "", Unauthenticated),
        ] {
            let error = map(&refusal(code, class, state, "x"), "sc://h", "the query");
            assert_eq!(error.kind(), expected, "{code} {class} {state}");
            assert!(error.message().starts_with("the query failed: "), "{error}");
        }
    }

    #[test]
    fn java_says_who_is_not_allowed_and_what_has_stopped() {
        let mut denied = refusal(13, "", "58030", "x");
        denied.exceptions = vec!["AccessControlException".to_owned()];
        assert_eq!(map(&denied, "sc://h", "x").kind(), ErrorKind::PermissionDenied);
        let mut unwritable = refusal(13, "TASK_WRITE_FAILED", "58030", "Mkdirs failed to create file:/data/x");
        unwritable.exceptions = vec!["SparkException".to_owned(), "IOException".to_owned()];
        let error = map(&unwritable, "sc://h", "x");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.message().contains("the cluster's user may not write"), "{error}");
        // A connection that ended while something was asked over it.
        let ended = refusal(1, "", "", "[The operation was cancelled] operation was canceled");
        let error = map(&ended, "sc://h", "x");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error.message().contains("is the Spark Connect server running"),
            "{error}"
        );
        let stopped = Refusal {
            detailed: true,
            ..refusal(13, "", "", "Cannot call methods on a stopped SparkContext.\nThis")
        };
        assert_eq!(map(&stopped, "sc://h", "x").kind(), ErrorKind::Unavailable);
        let lost = Refusal {
            detailed: true,
            ..refusal(
                13,
                "",
                "",
                "Job aborted due to stage failure: .. ExecutorLostFailure (executor 1 exited ..)",
            )
        };
        let error = map(&lost, "sc://h", "x");
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::Unexpected, Retry::After(None))
        );
    }

    #[test]
    fn a_query_that_is_forgotten_may_have_ended() {
        let error = map(
            &refusal(13, "INVALID_HANDLE.SESSION_NOT_FOUND", "HY000", "x"),
            "sc://h",
            "the query",
        );
        assert_eq!(
            (error.kind(), error.effect(), error.retry()),
            (ErrorKind::Unavailable, Effect::Unknown, Retry::After(None))
        );
        assert!(error.message().contains("sc://h knows the query no more"), "{error}");
    }

    #[test]
    fn words_are_told_once() {
        let mut syntax = refusal(
            13,
            "PARSE_SYNTAX_ERROR",
            "42601",
            "[PARSE_SYNTAX_ERROR] Syntax error at or near 'fro'. SQLSTATE: 42601 (line 1, pos 9)\n\n== SQL ==\nselect 1 fro",
        );
        syntax.at = Some((1, 10));
        let error = map(&syntax, "sc://h", "the query");
        assert_eq!(
            error.message(),
            "the query failed: line 1, column 10: Syntax error at or near 'fro' (Spark PARSE_SYNTAX_ERROR, SQL state 42601)"
        );
        let mut column = refusal(13, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", "x");
        column.object = Some("`nam`".to_owned());
        column.near = Some("`name`, `id`".to_owned());
        let error = map(&column, "sc://h", "the query");
        assert_eq!(
            error.message(),
            "the query failed: there is no column `nam`; the nearest is `name` (Spark UNRESOLVED_COLUMN.WITH_SUGGESTION, SQL state 42703)"
        );
        assert!(
            map(&refusal(14, "", "", ""), "sc://h", "x")
                .message()
                .contains("is the Spark Connect server running at sc://h?")
        );
        let long = refusal(13, "A", "42000", &"x".repeat(100_000));
        assert!(map(&long, "sc://h", "x").message().len() < 2_000);
    }
}
