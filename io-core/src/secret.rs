//! Text that is never shown.

use serde::{Deserialize, Deserializer};
use std::fmt;

/// A password, key or token: `Debug` and `Display` print `[redacted]`, and it cannot be serialized.
///
/// ```
/// let secret = larder_io_core::Secret::new("hunter2");
/// assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde's own message for a wrong type would show what was found.
        String::deserialize(deserializer)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("must be a text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_it() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").expect("is a text");
        assert_eq!(secret, Secret::new("hunter2"));
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "[redacted] [redacted] Some([redacted])"
        );
        let error = serde_json::from_str::<Secret>("987654").expect_err("is no text");
        assert!(!error.to_string().contains("987654"), "{error}");
    }
}
