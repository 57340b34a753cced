//! One request, taken apart.

use super::content::Content;
use super::error::Reason;
use super::fault::Operation;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use std::str::FromStr;

/// A request with its body.
pub(super) struct Call {
    pub(super) method: Method,
    /// As it was sent, still encoded.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) bucket: String,
    pub(super) key: String,
    /// Every key that is asked for; a batch names many.
    pub(super) keys: Vec<String>,
    pub(super) operation: Operation,
    pub(super) body: Content,
    /// The digest of the body as it was sent.
    pub(super) digest: String,
}

impl Call {
    pub(super) fn new(parts: &http::request::Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query,
            headers: parts.headers.clone(),
            bucket: String::new(),
            key: String::new(),
            keys: Vec::new(),
            operation: Operation::Other,
            body: Content::default(),
            digest: String::new(),
        }
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.query(name).is_some()
    }

    /// A query value that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query(name).filter(|value| !value.is_empty())
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Reason> {
        let wrong = |_| Reason::Argument(format!("{name} is not a number"));
        self.text(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| str::from_utf8(value.as_bytes()).ok())
    }

    pub(super) fn is(&self, method: &Method, flag: &str) -> bool {
        self.method == *method && self.has(flag)
    }
}

/// Takes percent-encoding away; `+` stays.
pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Splits `/bucket/key` before it is decoded, because a key may hold an encoded slash.
pub(super) fn split(path: &str) -> (String, String) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (decode(bucket), decode(key))
}
