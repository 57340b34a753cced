//! Preconditions and ranges. They are judged under the lock under which the write happens, so that races cannot pass.

use super::Dialect;
use super::call::Call;
use super::dates;
use super::error::Reason;
use super::state::Version;
use http::HeaderMap;
use std::ops::Range;

fn header<'a>(headers: &'a HeaderMap, prefix: &str, name: &str) -> Option<&'a str> {
    let value = headers.get(format!("{prefix}{name}"))?;
    value.to_str().ok()
}

fn matches(wanted: &str, etag: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    wanted
        .split(',')
        .any(|one| one.trim() == "*" || bare(one) == bare(etag))
}

/// Judges `If-Match`, `If-None-Match` and their dates on something that exists, as RFC 9110 orders them. With a
/// prefix the headers are those about the source of a copy, where nothing is "not modified".
pub(super) fn read(headers: &HeaderMap, prefix: &str, version: &Version) -> Result<(), Reason> {
    let modified = dates::second(version.tick);
    let date = |name| header(headers, prefix, name).and_then(dates::parse_http);
    let unchanged = if prefix.is_empty() {
        Reason::NotModified
    } else {
        Reason::Precondition
    };
    match header(headers, prefix, "if-match") {
        Some(wanted) if !matches(wanted, &version.etag) => return Err(Reason::Precondition),
        None if date("if-unmodified-since").is_some_and(|since| modified > since) => {
            return Err(Reason::Precondition);
        }
        _ => {}
    }
    match header(headers, prefix, "if-none-match") {
        Some(wanted) if matches(wanted, &version.etag) => Err(unchanged),
        None if date("if-modified-since").is_some_and(|since| modified <= since) => Err(unchanged),
        _ => Ok(()),
    }
}

/// Judges a write or delete by what is current.
pub(super) fn write(dialect: Dialect, call: &Call, current: Option<&Version>) -> Result<(), Reason> {
    if dialect == Dialect::Gcs {
        let wanted = call
            .header("x-goog-if-generation-match")
            .or_else(|| call.query("ifGenerationMatch"));
        return generation(wanted, current);
    }
    if let Some(wanted) = call.header("if-match") {
        match (current, dialect) {
            (None, Dialect::S3) => return Err(Reason::NoSuchKey),
            (None, _) => return Err(Reason::Precondition),
            (Some(version), _) if !matches(wanted, &version.etag) => return Err(Reason::Precondition),
            _ => {}
        }
    }
    match (call.header("if-none-match"), current) {
        (Some("*"), Some(_)) => Err(Reason::Exists),
        (Some(wanted), Some(version)) if matches(wanted, &version.etag) => Err(Reason::Precondition),
        _ => Ok(()),
    }
}

/// Judges a generation; 0 stands for "there is none".
pub(super) fn generation(wanted: Option<&str>, current: Option<&Version>) -> Result<(), Reason> {
    let found = current.map_or("0", |version| version.id.as_str());
    match wanted {
        Some(wanted) if wanted != found => Err(Reason::Precondition),
        _ => Ok(()),
    }
}

/// Reads `bytes=a-b`, `bytes=a-` or `bytes=-n`; other forms stand for everything.
pub(super) fn range(text: Option<&str>, length: u64) -> Result<Option<Range<u64>>, Reason> {
    let Some((from, to)) = text.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
        return Ok(None);
    };
    let range = match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => from..length.min(to.saturating_add(1)),
        (Ok(from), _) if to.is_empty() => from..length,
        (_, Ok(last)) if from.is_empty() => length.saturating_sub(last)..length,
        _ => return Ok(None),
    };
    if range.start >= range.end {
        Err(Reason::InvalidRange)
    } else {
        Ok(Some(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let read = |text| range(Some(text), 10);
        assert_eq!(read("bytes=2-4"), Ok(Some(2..5)));
        assert_eq!(read("bytes=2-400"), Ok(Some(2..10)));
        assert_eq!(read("bytes=9-"), Ok(Some(9..10)));
        assert_eq!(read("bytes=-3"), Ok(Some(7..10)));
        assert_eq!(read("bytes=-300"), Ok(Some(0..10)));
        for wrong in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(read(wrong), Err(Reason::InvalidRange), "{wrong}");
        }
        for other in ["bytes=4-2", "bytes=1-2,4-5", "lines=1-2", "bytes=x"] {
            assert_eq!(read(other), Ok(None), "{other}");
        }
    }
}
