//! Requests of our own, with the credentials and through the guard that object_store's have.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::error::{error, nested};
use object_store::client::HttpClient;
use object_store::gcp::GcpCredentialProvider;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A client of both interfaces.
#[derive(Clone)]
pub(super) struct Http {
    client: HttpClient,
    credentials: GcpCredentialProvider,
    base: String,
}

impl Http {
    pub(super) fn new(client: HttpClient, credentials: GcpCredentialProvider, base: String) -> Self {
        Self {
            client,
            credentials,
            base,
        }
    }

    /// Sends a request to a path of the endpoint; gives the body of the answer.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` and what the guard makes of a refusal; `what` says what was tried.
    pub(super) async fn send(&self, method: Method, path: &str, body: Option<&Value>, what: &str) -> Result<Bytes> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let credential = self.credentials.get_credential().await.map_err(error)?;
        if !credential.bearer.is_empty() {
            let value = HeaderValue::from_str(&format!("Bearer {}", credential.bearer)).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            // Its error would show the token.
            let value = value.map_err(|_| {
                Error::new(
                    ErrorKind::Unauthenticated,
                    "the token has characters that no header has",
                )
            })?;
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(text.into()).map_err(|cause| {
            Error::new(
                ErrorKind::InvalidConfig,
                "the endpoint and the name make no URL; check `endpoint`",
            )
            .with_source(cause)
        })?;
        let broken = |cause: object_store::client::HttpError| {
            nested(&cause)
                .unwrap_or_else(|| Error::new(ErrorKind::Unavailable, format!("{what} failed")).with_source(cause))
        };
        let answer = self.client.execute(request).await.map_err(broken)?;
        let (parts, body) = answer.into_parts();
        match parts.status {
            status if status.is_success() => body.bytes().await.map_err(broken),
            StatusCode::NOT_FOUND => Err(Error::new(
                ErrorKind::NotFound,
                format!("{what} failed: it is not there"),
            )),
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Err(Error::new(
                ErrorKind::Conflict,
                format!("{what} failed: it was changed by somebody else"),
            )),
            status => Err(Error::new(
                ErrorKind::Unexpected,
                format!("{what} failed (status {status})"),
            )),
        }
    }

    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        what: &str,
    ) -> Result<T> {
        let answer = self.send(method, path, body, what).await?;
        serde_json::from_slice(&answer).map_err(|cause| strange(what).with_source(cause))
    }

    pub(super) async fn xml<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T> {
        let answer = self.send(Method::GET, path, None, what).await?;
        quick_xml::de::from_reader(answer.as_ref()).map_err(|cause| strange(what).with_source(cause))
    }
}

/// An answer that no Google Cloud Storage would give.
pub(super) fn strange(what: &str) -> Error {
    let message =
        format!("{what} got an answer that is none of Google Cloud Storage; check `endpoint` and any proxy between");
    Error::new(ErrorKind::Unexpected, message)
}

/// A name as one segment of a path or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
