//! How long versions are kept once they are replaced.

use crate::duration;
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

/// Which versions of a value are kept: the last so many, those that were replaced not long ago, or all. The published one always is.
///
/// As text: `last 5`, `30 days`, `last 3 or 12h` (what either keeps is kept), `forever`. Units are those of [`duration`], and `days` and
/// `weeks`, of 24 h and 7 days.
///
/// ```
/// # use larder_io_core::Retention;
/// # use std::time::Duration;
/// let retention: Retention = "last 3 or 30 days".parse()?;
/// let day = Duration::from_secs(24 * 3600);
/// assert!(retention.keeps(2, 90 * day) && retention.keeps(7, 29 * day));
/// assert!(!retention.keeps(3, 30 * day));
/// # Ok::<(), larder_io_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    last: Option<NonZeroUsize>,
    age: Option<Duration>,
}

impl Retention {
    /// Every version.
    pub const FOREVER: Self = Self { last: None, age: None };

    /// The last so many, the published one counted.
    pub fn last(versions: NonZeroUsize) -> Self {
        Self {
            last: Some(versions),
            age: None,
        }
    }

    /// Those that were replaced or deleted less than this ago.
    pub fn age(age: Duration) -> Self {
        Self {
            last: None,
            age: Some(age),
        }
    }

    /// Also the last so many, the published one counted.
    #[must_use]
    pub fn or_last(mut self, versions: NonZeroUsize) -> Self {
        if self != Self::FOREVER {
            self.last = Some(versions);
        }
        self
    }

    /// How long versions are kept, where their age counts.
    pub fn max_age(&self) -> Option<Duration> {
        self.age
    }

    /// How many versions are kept at least, where they are counted.
    pub fn min_versions(&self) -> Option<NonZeroUsize> {
        self.last
    }

    /// Whether versions are counted, beside or instead of their age.
    pub fn counts(&self) -> bool {
        self.last.is_some()
    }

    /// Whether a version is kept that was replaced so long ago. `newer` is how many versions go before it: the published one, and those
    /// that were written later.
    pub fn keeps(&self, newer: usize, replaced_for: Duration) -> bool {
        *self == Self::FOREVER
            || self.last.is_some_and(|last| newer < last.get())
            || self.age.is_some_and(|age| replaced_for < age)
    }
}

impl FromStr for Retention {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let message =
                format!("`{text}` is no retention: {why}; write `last 5`, `30 days`, `last 3 or 30 days` or `forever`");
            Error::new(ErrorKind::InvalidConfig, message)
        };
        if text.trim() == "forever" {
            return Ok(Self::FOREVER);
        }
        let mut read = Self { last: None, age: None };
        for part in text.split(" or ").map(str::trim) {
            let twice = match part.strip_prefix("last ").map(str::trim) {
                Some(number) => {
                    let number = number.parse().map_err(|_| wrong("`last` needs a number from 1 on"))?;
                    read.last.replace(number).is_some()
                }
                None if part == "forever" => return Err(wrong("with `forever` there is nothing else to say")),
                None => {
                    let age = days(part).map_or_else(|| duration::parse(part), Ok);
                    let age = age.map_err(|_| wrong(&format!("`{part}` is no number of versions and no time")))?;
                    read.age.replace(age).is_some()
                }
            };
            if twice {
                return Err(wrong("two of a kind"));
            }
        }
        Ok(read)
    }
}

/// Days and weeks, which durations of the clock do not have.
fn days(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..at].parse().ok()?;
    let days = match text[at..].trim_start() {
        "d" | "day" | "days" => 1,
        "w" | "week" | "weeks" => 7,
        _ => return None,
    };
    number.checked_mul(days * 24 * 3600).map(Duration::from_secs)
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 3600;
        let Self { last, age } = self;
        if let Some(last) = last {
            write!(f, "last {last}")?;
        }
        if last.is_some() && age.is_some() {
            f.write_str(" or ")?;
        }
        match age {
            Some(age) if age.subsec_nanos() == 0 && age.as_secs().is_multiple_of(DAY) && !age.is_zero() => {
                let days = age.as_secs() / DAY;
                write!(f, "{days} day{}", if days == 1 { "" } else { "s" })
            }
            Some(age) => f.write_str(&duration::text(*age)),
            None if last.is_none() => f.write_str("forever"),
            None => Ok(()),
        }
    }
}

impl Serialize for Retention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error: Error| serde::de::Error::custom(error.message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn read(text: &str) -> Retention {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn reads_what_it_writes() {
        for (text, written) in [
            ("forever", "forever"),
            ("last 1", "last 1"),
            ("30 days", "30 days"),
            ("30d", "30 days"),
            ("1 week", "7 days"),
            ("12h", "12h"),
            ("90m", "1h 30m"),
            ("last 3 or 30 days", "last 3 or 30 days"),
            ("36h or last 2", "last 2 or 36h"),
            ("0s", "0s"),
        ] {
            let retention = read(text);
            assert_eq!(retention.to_string(), written);
            assert_eq!(read(written), retention);
        }
    }

    #[test]
    fn keeps_what_either_rule_keeps() {
        for (text, newer, replaced, kept) in [
            ("forever", 1000, 1000 * DAY, true),
            ("last 1", 0, 9 * DAY, true),
            ("last 1", 1, Duration::ZERO, false),
            ("last 5", 4, 9 * DAY, true),
            ("last 5", 5, Duration::ZERO, false),
            ("2 days", 9, 2 * DAY, false),
            ("2 days", 9, 2 * DAY - Duration::from_nanos(1), true),
            ("last 2 or 2 days", 1, 9 * DAY, true),
            ("last 2 or 2 days", 9, DAY, true),
            ("last 2 or 2 days", 2, 3 * DAY, false),
        ] {
            assert_eq!(read(text).keeps(newer, replaced), kept, "{text}, {newer}, {replaced:?}");
        }
    }

    #[test]
    fn refuses_the_rest_with_advice() {
        for wrong in [
            "",
            "5",
            "last",
            "last 0",
            "last -1",
            "last five",
            "30",
            "-3 days",
            "3 months",
            "last 1 or last 2",
            "1d or 2d",
            "forever or 1d",
            "99999999999999999999 days",
            "18446744073709551615 weeks",
        ] {
            let error = wrong.parse::<Retention>().expect_err("is none");
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{wrong}");
            assert!(error.message().contains("`last 5`"), "{error}");
        }
    }
}
