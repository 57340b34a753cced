//! Names: assets, partitions, runs, writes, versions.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Bytes that a key may have in all, after UTF-8 encoding: the object-store limit for whole names.
pub const MAX_KEY_BYTES: usize = 1024;

/// The name of an asset: one or more segments, written `reports/carrier_delays`. Cloning copies a pointer.
///
/// Any Unicode is allowed in a segment but `/`, which parts segments. A segment is never empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AssetKey(Arc<str>);

impl AssetKey {
    /// Makes a key from its segments.
    ///
    /// # Errors
    /// `InvalidDefinition` for no segment, an empty one, one with `/`, or more than [`MAX_KEY_BYTES`] in all.
    pub fn new<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut text = String::new();
        for (index, segment) in segments.into_iter().enumerate() {
            if segment.as_ref().contains('/') {
                return Err(invalid(segment.as_ref(), "has a segment with `/` in it"));
            }
            if index > 0 {
                text.push('/');
            }
            text.push_str(segment.as_ref());
        }
        text.parse()
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, outermost first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Everything before the last segment, written with `/`; `None` for a key of one segment.
    pub fn prefix(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(prefix, _)| prefix)
    }
}

impl Borrow<str> for AssetKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn invalid(key: &str, problem: &str) -> Error {
    let shown: String = key.chars().take(60).flat_map(char::escape_debug).collect();
    Error::new(ErrorKind::InvalidDefinition, format!("asset key `{shown}` {problem}"))
}

impl FromStr for AssetKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.split('/').any(str::is_empty) {
            return Err(invalid(text, "has an empty segment"));
        }
        if text.len() > MAX_KEY_BYTES {
            return Err(invalid(
                text,
                &format!("has {} bytes, the limit is {MAX_KEY_BYTES}", text.len()),
            ));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for AssetKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<AssetKey> for String {
    fn from(key: AssetKey) -> Self {
        key.0.as_ref().to_owned()
    }
}

impl fmt::Display for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssetKey({self})")
    }
}

/// One slice of an asset: a value for each named dimension, in the order of the partitioning's definition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<(String, String)>", try_from = "Vec<(String, String)>")]
pub struct PartitionKey(Vec<(String, String)>);

impl PartitionKey {
    /// Makes a key from pairs of dimension and value.
    ///
    /// # Errors
    /// `InvalidDefinition` for no dimension, an empty name or value, a name that comes twice, or more than
    /// [`MAX_KEY_BYTES`] in all.
    pub fn new<N: Into<String>, V: Into<String>>(dimensions: impl IntoIterator<Item = (N, V)>) -> Result<Self> {
        let dimensions: Vec<(String, String)> = dimensions.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        let bytes: usize = dimensions
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2)
            .sum();
        let twice = |name: &str| dimensions.iter().filter(|(other, _)| other == name).count() > 1;
        let problem = if dimensions.is_empty() {
            "a partition key has no dimension".to_owned()
        } else if let Some((name, _)) = dimensions
            .iter()
            .find(|(name, value)| name.is_empty() || value.is_empty())
        {
            format!("the dimension `{name}` of a partition key has an empty name or value")
        } else if let Some((name, _)) = dimensions.iter().find(|(name, _)| twice(name)) {
            format!("the dimension `{name}` comes twice in a partition key")
        } else if bytes > MAX_KEY_BYTES + 2 {
            format!("a partition key has {} bytes, the limit is {MAX_KEY_BYTES}", bytes - 2)
        } else {
            return Ok(Self(dimensions));
        };
        Err(Error::new(ErrorKind::InvalidDefinition, problem))
    }

    /// Makes a key of one dimension.
    ///
    /// # Errors
    /// As [`PartitionKey::new`].
    pub fn single(name: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        Self::new([(name, value)])
    }

    /// Pairs of dimension and value, in order.
    pub fn dimensions(&self) -> &[(String, String)] {
        &self.0
    }

    /// The value of one dimension.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl TryFrom<Vec<(String, String)>> for PartitionKey {
    type Error = Error;

    fn try_from(dimensions: Vec<(String, String)>) -> Result<Self> {
        Self::new(dimensions)
    }
}

impl From<PartitionKey> for Vec<(String, String)> {
    fn from(key: PartitionKey) -> Self {
        key.0
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionKey({self})")
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn from_text(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}
text_id! {
    /// Names one published value of an asset within its manager. Opaque: its text is the backend's own.
    Version
}
text_id! {
    /// Names one run.
    RunId
}
text_id! {
    /// A random id that a write carries in what it stores: it answers "did my own write land?".
    WriteId
}

impl RunId {
    /// Makes a new id; later ids sort after earlier ones of the same clock.
    pub fn random() -> Self {
        Self(ordered_id())
    }
}

impl WriteId {
    /// Makes a new id; later ids sort after earlier ones of the same clock.
    pub fn random() -> Self {
        Self(ordered_id())
    }
}

/// 48 bits of milliseconds since 1970 and 80 random bits, in 32 lower-case hexadecimal digits.
fn ordered_id() -> String {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static SEED: OnceLock<[u8; 32]> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // A keyed hash of a counter is as random as its key; asking the system each time would cost a step a system call.
    let seed = SEED.get_or_init(|| {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random bytes");
        seed
    });
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let random = blake3::keyed_hash(seed, &count.to_le_bytes());
    let millis = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_millis() as u64);
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]));
    millis.to_be_bytes()[2..]
        .iter()
        .chain(&random.as_bytes()[..10])
        .flat_map(digits)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_a_key() {
        for bad in ["", "/", "a//b", "/a", "a/"] {
            assert!(bad.parse::<AssetKey>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(MAX_KEY_BYTES).parse::<AssetKey>().is_ok());
        assert!("x".repeat(MAX_KEY_BYTES + 1).parse::<AssetKey>().is_err());
        assert!(PartitionKey::new([("a", "1"), ("a", "2")]).is_err());
        assert!(PartitionKey::single("a", "").is_err());
    }

    #[test]
    fn ids_differ_and_have_one_length() {
        let (a, b) = (WriteId::random(), WriteId::random());
        assert_ne!(a, b);
        assert_eq!((a.as_str().len(), b.as_str().len()), (32, 32));
    }
}
