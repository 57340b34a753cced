//! Signatures for the source of a copy: Azure reads it in a request of its own, which an account key does not cover.
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use larder_io_core::{Error, ErrorKind, Result, Secret};

/// The version whose form of text is signed below.
const VERSION: &str = "2023-11-03";

/// How far clocks may differ, and how long a copy may take to begin.
const SKEW: SignedDuration = SignedDuration::from_mins(15);
const VALID: SignedDuration = SignedDuration::from_hours(1);

/// Pairs of a query that allow to read the container's blobs, old versions among them, for an hour.
pub(super) fn reading(account: &str, container: &str, key: &Secret, now: Timestamp) -> Result<Vec<(String, String)>> {
    let wrong = |_| Error::new(ErrorKind::InvalidConfig, "`access_key` is no base64");
    let key = BASE64_STANDARD.decode(key.expose()).map_err(wrong)?;
    let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (start, expiry) = (
        time(now.saturating_sub(SKEW).unwrap_or(now)),
        time(now.saturating_add(VALID).unwrap_or(now)),
    );
    let resource = format!("/blob/{account}/{container}");
    // Permissions, start, expiry, resource, policy, address, protocol, version, kind of resource, snapshot, encryption
    // scope, and five headers of the answer.
    let signed = [
        "r", &start, &expiry, &resource, "", "", "", VERSION, "c", "", "", "", "", "", "", "",
    ];
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let signature = BASE64_STANDARD.encode(ring::hmac::sign(&key, signed.join("\n").as_bytes()));
    let pairs = [
        ("sv", VERSION),
        ("sp", "r"),
        ("st", &start),
        ("se", &expiry),
        ("sr", "c"),
        ("sig", &signature),
    ];
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_documentation_says() {
        let now: Timestamp = "2024-01-01T00:00:00Z".parse().expect("is a time");
        let key = Secret::new("a2V5IG9mIHRoZSB0ZXN0");
        let pairs = reading("lake", "data", &key, now).expect("is a key");
        let value = |wanted: &str| {
            pairs
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(value("st"), Some("2023-12-31T23:45:00Z"));
        assert_eq!(value("se"), Some("2024-01-01T01:00:00Z"));
        // Computed with Python's hmac from the text that the documentation describes.
        assert_eq!(value("sig"), Some("xofVD8CpmlV49SB7Rzi0cw4sa+6qByxqj1H9p6td4VA="));
    }
}
