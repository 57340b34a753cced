//! Addresses inside a manager's root, and the rule that makes them.

use crate::error::{Error, ErrorKind, Result};
use crate::key::{AssetKey, PartitionKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Bytes of one segment: 255 is the limit of ext4, XFS, APFS and NTFS names; the rest is left to suffixes.
pub const MAX_SEGMENT_BYTES: usize = 240;
/// Bytes of a whole location: S3 allows 1,024 for a key, of which a root prefix takes its share.
pub const MAX_LOCATION_BYTES: usize = 960;
/// The first segment that belongs to larder itself.
pub const RESERVED_SEGMENT: &str = ".larder";

/// A parsed relative address inside a manager's root: `clean/flights.parquet`.
///
/// Segments are parted by `/`; none is empty, `.` or `..`, none holds a control character or a backslash, the first
/// is never `.larder`, so that a location cannot leave the root or touch larder's own state.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Location(String);

impl Location {
    /// The text, segments parted by `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, outermost first.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// This location with `.suffix` behind its last segment.
    ///
    /// # Errors
    /// `InvalidDefinition` when the result is too long or the suffix is not made of ASCII letters and digits.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self> {
        if suffix.is_empty() || !suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = format!("the suffix `{suffix}` is not made of ASCII letters and digits");
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
        format!("{}.{suffix}", self.0).parse()
    }

    /// The stem and the suffix; `None` without a suffix.
    pub fn split_suffix(&self) -> Option<(Self, &str)> {
        let (stem, suffix) = self.0.rsplit_once('.')?;
        let whole = !suffix.contains('/') && !stem.is_empty() && !stem.ends_with('/');
        whole.then(|| (Self(stem.to_owned()), suffix))
    }

    /// Whether this location is `prefix` or below it, by whole segments.
    pub fn is_within(&self, prefix: &Self) -> bool {
        self.0
            .strip_prefix(&prefix.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail = |problem: String| {
            let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            Err(Error::new(
                ErrorKind::InvalidDefinition,
                format!("the location `{shown}` {problem}"),
            ))
        };
        if text.len() > MAX_LOCATION_BYTES {
            return fail(format!("has {} bytes, the limit is {MAX_LOCATION_BYTES}", text.len()));
        }
        for (index, segment) in text.split('/').enumerate() {
            if segment.is_empty() || segment == "." || segment == ".." {
                return fail("has an empty, `.` or `..` segment".to_owned());
            }
            if segment.len() > MAX_SEGMENT_BYTES {
                let bytes = segment.len();
                return fail(format!(
                    "has a segment of {bytes} bytes, the limit is {MAX_SEGMENT_BYTES}: shorten it"
                ));
            }
            if segment.chars().any(|c| c.is_control() || c == '\\') {
                return fail("has a control character or a backslash".to_owned());
            }
            if index == 0 && segment.eq_ignore_ascii_case(RESERVED_SEGMENT) {
                return fail(format!("begins with `{RESERVED_SEGMENT}`, which is larder's own"));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Location {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.0
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({})", self.0)
    }
}

/// What a manager makes of the stem of an Object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The stem with the suffix of the manager's format.
    #[default]
    Suffixed,
    /// The stem itself, which is a Python pickle whatever the manager's format is: as Dagster keeps values. Tables and
    /// blobs have their suffix.
    Bare,
}

/// The rule from (asset, partition) to the stem of a location; the manager adds its format's suffix.
///
/// A layout is injective (law 8): two different pairs never get one stem, and no stem with a suffix is a directory of
/// another. It is pure, so the same pair gets the same stem for ever.
pub trait Layout: fmt::Debug + Send + Sync + 'static {
    /// The name for messages and `explain`.
    fn name(&self) -> &str;

    /// The stem for one asset or one partition of it.
    ///
    /// # Errors
    /// `InvalidDefinition` when the key cannot be represented, for example because it is too long.
    fn locate(&self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Location>;

    /// What stands at the locations of Objects. Default [`Naming::Suffixed`].
    fn naming(&self) -> Naming {
        Naming::Suffixed
    }

    /// The way back, for layouts that have one.
    fn parse(&self, stem: &Location) -> Option<(AssetKey, Option<PartitionKey>)> {
        let _ = stem;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_leave_the_root() {
        for bad in [
            "",
            "/",
            "/etc/x",
            "a//b",
            "..",
            "a/../b",
            "./a",
            "a/",
            "a\0b",
            "a\nb",
            "a\\b",
            ".larder/x",
            ".LARDER",
        ] {
            assert!(bad.parse::<Location>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(MAX_SEGMENT_BYTES + 1).parse::<Location>().is_err());
    }

    #[test]
    fn within_goes_by_segments() {
        let at = |text: &str| text.parse::<Location>().expect("is valid");
        assert!(at("a/b").is_within(&at("a")));
        assert!(!at("ab").is_within(&at("a")));
        assert_eq!(at("a.b/c.json").split_suffix(), Some((at("a.b/c"), "json")));
        assert_eq!(at("a.b/c").split_suffix(), None);
    }
}
