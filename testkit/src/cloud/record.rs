//! What was asked of the double.

use super::call::Call;
use super::fault::{Fault, Operation};
use http::{HeaderMap, Method};
use std::fmt;

/// One request, as it came. Debug shows no credentials.
#[derive(Clone)]
pub struct Request {
    /// What it does.
    pub operation: Operation,
    /// Its method.
    pub method: Method,
    /// Its path, as it was sent.
    pub path: String,
    /// Its query, decoded, in its order.
    pub query: Vec<(String, String)>,
    /// Its headers.
    pub headers: HeaderMap,
    /// The bucket or container that it names.
    pub bucket: String,
    /// The keys that it names; for a list, the prefix.
    pub keys: Vec<String>,
    /// The length of its body in bytes.
    pub length: u64,
    /// The fault that it met.
    pub fault: Option<Fault>,
}

impl Request {
    pub(super) fn new(call: &Call) -> Self {
        Self {
            operation: call.operation,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            bucket: call.bucket.clone(),
            keys: call.keys.clone(),
            length: call.body.len(),
            fault: None,
        }
    }

    /// The value of a header, if there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| str::from_utf8(value.as_bytes()).ok())
    }

    /// The first value of a name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it brought credentials, in a header or in a signed URL.
    pub fn authorized(&self) -> bool {
        self.headers.contains_key("authorization") || SIGNATURES.iter().any(|name| self.query(name).is_some())
    }
}

const SIGNATURES: [&str; 3] = ["X-Amz-Signature", "X-Goog-Signature", "sig"];

fn secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with("authorization")
        || lower == "sig"
        || lower.contains("signature")
        || lower.contains("credential")
        || lower.contains("token")
        || lower.ends_with("-key") && lower.contains("encryption")
}

/// A value without credentials; of a signed URL, such as the source of a copy, without those in its query.
fn hide(name: &str, value: &str) -> String {
    const HIDDEN: &str = "[redacted]";
    if secret(name) {
        return HIDDEN.to_owned();
    }
    let Some((address, query)) = value.split_once('?') else {
        return value.to_owned();
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    format!("{address}?{}", pairs.collect::<Vec<_>>().join("&"))
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query: Vec<_> = self
            .query
            .iter()
            .map(|(name, value)| (name, hide(name, value)))
            .collect();
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name, hide(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))))
            .collect();
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &query)
            .field("headers", &headers)
            .field("length", &self.length)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
