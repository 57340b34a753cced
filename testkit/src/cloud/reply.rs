//! One answer, before a fault may spoil it.

use super::content::Content;
use super::xml::Xml;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Status, headers and body. The server adds Content-Length.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Content,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Content::default(),
        }
    }

    /// Sets a header; what cannot stand in one is left out.
    pub(super) fn header(mut self, name: &str, value: impl ToString) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.to_string().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn header_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    pub(super) fn body(mut self, kind: &str, body: Content) -> Self {
        self.body = body;
        self.header("content-type", kind)
    }

    pub(super) fn xml(self, xml: &mut Xml) -> Self {
        let body = xml.finish();
        self.body("application/xml", body)
    }

    pub(super) fn json(self, value: &serde_json::Value) -> Self {
        let body = value.to_string().into_bytes().into();
        self.body("application/json; charset=UTF-8", body)
    }

    pub(super) fn etag(&self) -> Option<&str> {
        self.headers.get("etag").and_then(|value| value.to_str().ok())
    }

    /// Puts another ETag in the header, and in the body of an answer that names it there.
    pub(super) fn spoil_etag(&mut self) {
        const WRONG: &str = "00000000000000000000000000000bad";
        let known = self.etag().map(|etag| etag.trim_matches('"').to_owned());
        self.headers
            .insert("etag", HeaderValue::from_static("\"00000000000000000000000000000bad\""));
        let kind = self.headers.get("content-type").map_or(&b""[..], HeaderValue::as_bytes);
        if let (Some(known), b"application/xml") = (known, kind) {
            self.body = self.body.text().replace(&known, WRONG).into_bytes().into();
        }
    }
}
