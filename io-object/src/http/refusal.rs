//! What a server that refused a request said, and what it means.

use http::{HeaderMap, Method, StatusCode};
use larder_io_core::{Effect, Error, ErrorKind, Retry};
use std::sync::Arc;
use std::time::Duration;

/// Characters of the server's own words that are passed on.
const SHOWN: usize = 300;

/// A request that was refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The method of the request.
    pub method: Method,
    /// The server, without a user's name and password.
    pub host: String,
    /// The status.
    pub status: StatusCode,
    /// The vendor's own code, such as `NoSuchBucket`; empty when there is none.
    pub code: String,
    /// The server's words; empty when there are none.
    pub message: String,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// The region that the server names, where it does.
    pub region: Option<String>,
    /// Whether the answer had a body that is no document of an object store.
    pub foreign: bool,
}

/// What a vendor's refusals mean; `None` leaves the answer to object_store, which knows missing values, unchanged
/// ones and preconditions.
pub type Judge = Arc<dyn Fn(&Refusal) -> Option<Error> + Send + Sync>;

impl Refusal {
    /// Reads an answer; `body` is its beginning.
    pub fn new(method: Method, host: String, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let header = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let code = header("x-ms-error-code")
            .or_else(|| element(&text, "Code"))
            .or_else(|| json(body, &["error", "status"]))
            .or_else(|| json(body, &["error", "errors", "reason"]))
            .unwrap_or_default();
        let message = element(&text, "Message")
            .or_else(|| json(body, &["error", "message"]))
            .unwrap_or_default();
        Self {
            // The bare words of the status are nobody's document: fake-gcs-server says no more.
            foreign: code.is_empty() && ![Some(""), status.canonical_reason()].contains(&Some(text.trim())),
            method,
            host,
            status,
            code,
            message: message.chars().take(SHOWN).flat_map(char::escape_debug).collect(),
            retry_after: header("retry-after").and_then(|value| retry_after(&value)),
            region: header("x-amz-bucket-region").or_else(|| element(&text, "Region")),
        }
    }

    /// Code and words as S3 writes them; empty without a code.
    pub(super) fn as_xml(&self) -> String {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        match self.code.as_str() {
            "" => String::new(),
            code => format!(
                "<Error><Code>{}</Code><Message>{}</Message></Error>",
                escaped(code),
                escaped(&self.message)
            ),
        }
    }

    /// Whether the request may have changed something.
    pub fn writes(&self) -> bool {
        self.method != Method::GET && self.method != Method::HEAD
    }

    fn creates(&self) -> bool {
        self.method == Method::PUT || self.method == Method::POST
    }

    /// The server's own words behind a sentence of ours.
    pub fn said(&self, sentence: &str) -> String {
        let status = self.status.as_u16();
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => format!("{sentence} (status {status})"),
            (code, "") => format!("{sentence} (status {status}, {code})"),
            ("", message) => format!("{sentence} (status {status}: {message})"),
            (code, message) => format!("{sentence} (status {status}, {code}: {message})"),
        }
    }

    /// An error of this kind with the server's words; nothing was changed.
    pub fn error(&self, kind: ErrorKind, sentence: &str) -> Error {
        Error::new(kind, self.said(sentence)).with_effect(Effect::None)
    }

    /// An error after which the same request may succeed.
    pub fn again(&self, kind: ErrorKind, sentence: &str) -> Error {
        let effect = match kind {
            // Whoever asks to slow down has not done it.
            ErrorKind::RateLimited | ErrorKind::Conflict => Effect::None,
            _ if self.writes() => Effect::Unknown,
            _ => Effect::None,
        };
        let error = Error::new(kind, self.said(sentence));
        error.with_retry(Retry::After(self.retry_after)).with_effect(effect)
    }

    /// What the status alone means, for whatever a vendor has no rule of its own for.
    pub fn by_status(&self) -> Option<Error> {
        let host = &self.host;
        match self.status.as_u16() {
            401 => Some(self.error(
                ErrorKind::Unauthenticated,
                &format!("`{host}` does not accept the credentials; check them and their expiry"),
            )),
            403 => Some(self.error(
                ErrorKind::PermissionDenied,
                &format!(
                    "`{host}` refuses this identity; give it the right to read, write, list and delete below the root"
                ),
            )),
            407 => Some(self.error(ErrorKind::Unauthenticated, "the proxy wants credentials")),
            408 => Some(self.again(ErrorKind::Timeout, &format!("`{host}` got tired of waiting"))),
            429 => Some(self.again(ErrorKind::RateLimited, &format!("`{host}` asks to slow down"))),
            416 => Some(self.error(ErrorKind::InvalidData, "the range lies outside of the value")),
            // A server that knows no PUT, and no bucket of that name, in no vendor's words.
            501 if self.code.is_empty() => Some(self.not_a_store()),
            500.. => Some(self.again(ErrorKind::Unavailable, &format!("`{host}` failed"))),
            404 if self.foreign || (self.creates() && self.code.is_empty()) => Some(self.not_a_store()),
            // Missing values, preconditions and what did not change are object_store's to tell.
            304 | 404 | 409 | 412 => None,
            _ if self.foreign => Some(self.not_a_store()),
            _ => Some(self.error(ErrorKind::Unexpected, &format!("`{host}` refused the request"))),
        }
    }

    fn not_a_store(&self) -> Error {
        let sentence = format!(
            "`{}` does not answer as an object store does; check the endpoint and any proxy between",
            self.host
        );
        self.error(ErrorKind::InvalidConfig, &sentence)
    }
}

/// The text of the first element of this name, unescaped as far as error documents need it.
fn element(document: &str, name: &str) -> Option<String> {
    let from = document.find(&format!("<{name}>"))? + name.len() + 2;
    let to = from + document[from..].find(&format!("</{name}>"))?;
    let text = document[from..to].trim();
    let plain = text.replace("&quot;", "\"").replace("&apos;", "'").replace("&lt;", "<");
    (!text.is_empty()).then(|| plain.replace("&gt;", ">").replace("&amp;", "&"))
}

/// A text in a JSON document; the first element where there is a list.
fn json(body: &[u8], path: &[&str]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let mut at = &document;
    for name in path {
        at = at.get(name)?;
        if let Some(first) = at.get(0) {
            at = first;
        }
    }
    at.as_str().map(str::to_owned)
}

/// Seconds, or a date of HTTP.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    let wait = date.timestamp().as_millisecond() - jiff::Timestamp::now().as_millisecond();
    Some(Duration::from_millis(wait.max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Refusal {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("is a header"));
        }
        let status = StatusCode::from_u16(status).expect("is a status");
        Refusal::new(Method::PUT, "host".to_owned(), status, &map, body.as_bytes())
    }

    #[test]
    fn reads_what_each_vendor_says() {
        let s3 = refusal(
            404,
            &[],
            "<Error><Code>NoSuchBucket</Code><Message>It&apos;s not there</Message></Error>",
        );
        assert_eq!(
            (s3.code.as_str(), s3.message.as_str()),
            ("NoSuchBucket", "It\\'s not there")
        );
        let azure = refusal(409, &[("x-ms-error-code", "ContainerBeingDeleted")], "");
        assert_eq!(azure.code, "ContainerBeingDeleted");
        let google = refusal(
            403,
            &[],
            r#"{"error":{"code":403,"message":"no","errors":[{"reason":"forbidden"}]}}"#,
        );
        assert_eq!((google.code.as_str(), google.message.as_str()), ("forbidden", "no"));
        let html = refusal(404, &[], "<html><body>nginx</body></html>");
        assert!(html.foreign && html.code.is_empty());
        assert!(!refusal(404, &[], "Not Found\n").foreign && refusal(404, &[], "Not Found here").foreign);
    }

    #[test]
    fn reads_both_forms_of_retry_after() {
        let of = |value| refusal(503, &[("retry-after", value)], "").retry_after;
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
    }

    #[test]
    fn the_table_of_statuses() {
        let table = [
            (401, Some((ErrorKind::Unauthenticated, Retry::Never, Effect::None))),
            (403, Some((ErrorKind::PermissionDenied, Retry::Never, Effect::None))),
            // No vendor answers a write so without a code; a read may be of what is missing, see below.
            (404, Some((ErrorKind::InvalidConfig, Retry::Never, Effect::None))),
            (408, Some((ErrorKind::Timeout, Retry::After(None), Effect::Unknown))),
            (409, None),
            (412, None),
            (429, Some((ErrorKind::RateLimited, Retry::After(None), Effect::None))),
            (500, Some((ErrorKind::Unavailable, Retry::After(None), Effect::Unknown))),
            (501, Some((ErrorKind::InvalidConfig, Retry::Never, Effect::None))),
            (503, Some((ErrorKind::Unavailable, Retry::After(None), Effect::Unknown))),
        ];
        for (status, wanted) in table {
            let told = refusal(status, &[], "").by_status();
            assert_eq!(
                told.map(|error| (error.kind(), error.retry(), error.effect())),
                wanted,
                "{status}"
            );
        }
        let coded = refusal(404, &[], "<Error><Code>NoSuchUpload</Code></Error>");
        assert!(
            coded.by_status().is_none(),
            "the vendor's own words are looked at elsewhere"
        );
        for method in [Method::HEAD, Method::GET, Method::DELETE] {
            let host = "host".to_owned();
            let bare = Refusal::new(method, host, StatusCode::NOT_FOUND, &HeaderMap::new(), b"");
            assert!(bare.by_status().is_none(), "it is missing");
        }
    }
}
