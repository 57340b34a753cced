//! Durations as text: `"100ms"`, `"10s"`, `"5m"`, `"1h 30m"`; for `#[serde(with = "larder_io_core::duration")]`.

use crate::error::{Error, ErrorKind, Result};
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// Reads a duration of text.
///
/// # Errors
/// `InvalidConfig` for anything else, with an example.
pub fn parse(text: &str) -> Result<Duration> {
    let wrong = |why: &str| {
        let message = format!("`{text}` is no duration: {why}; write a number with a unit, as in `100ms`, `10s`, `5m`");
        Error::new(ErrorKind::InvalidConfig, message)
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("it has no unit"));
    }
    let duration: SignedDuration = text.parse().map_err(|error| wrong(&format!("{error}")))?;
    Duration::try_from(duration).map_err(|_| wrong("it is negative"))
}

/// A duration as [`parse`] reads it, rounded to milliseconds.
pub fn text(duration: Duration) -> String {
    let rounded = u64::try_from(duration.as_millis()).map_or(Duration::MAX, Duration::from_millis);
    format!("{:#}", SignedDuration::try_from(rounded).unwrap_or(SignedDuration::MAX))
}

/// For `#[serde(with)]`.
///
/// # Errors
/// As the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*duration))
}

/// For `#[serde(with)]`.
///
/// # Errors
/// As [`parse`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|error| serde::de::Error::custom(error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (written, millis) in [
            ("100ms", 100),
            ("10s", 10_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1.5s", 1_500),
            ("0s", 0),
        ] {
            let duration = parse(written).expect("is a duration");
            assert_eq!(duration, Duration::from_millis(millis), "{written}");
            assert_eq!(parse(&text(duration)).expect("reads its own"), duration, "{written}");
        }
        assert_eq!(text(Duration::from_secs(90)), "1m 30s");
    }

    #[test]
    fn refuses_the_rest_with_advice() {
        for wrong in [
            "",
            "10",
            "-1s",
            "1 second ago",
            "ten seconds",
            "5 parsecs",
            "1mo",
            "99999999999999999999s",
        ] {
            let error = parse(wrong).expect_err("is no duration");
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{wrong}");
            assert!(error.message().contains("`100ms`"), "{error}");
        }
    }
}
