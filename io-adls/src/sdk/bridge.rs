//! The library's requests through the guard.

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, Request, StatusCode};
use object_store::client::{HttpClient, HttpRequestBody};

/// A guarded client as the library wants one.
#[derive(Debug)]
pub(super) struct Bridge(pub(super) HttpClient);

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> azure_core::Error {
    azure_core::Error::new(ErrorKind::Io, error)
}

#[async_trait]
impl azure_core::http::HttpClient for Bridge {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut built = http::Request::builder()
            .method(request.method().as_str())
            .uri(request.url().as_str());
        for (name, value) in request.headers().iter() {
            built = built.header(name.as_str(), value.as_str());
        }
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.clone(),
            Body::SeekableStream(_) => return Err(failed("the request has a stream for a body")),
        };
        let built = built.body(HttpRequestBody::from(body)).map_err(failed)?;
        let (parts, body) = self.0.execute(built).await.map_err(failed)?.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(HeaderName::from(name.to_string()), HeaderValue::from(value.to_owned()));
            }
        }
        let bytes = body.bytes().await.map_err(failed)?;
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::from(parts.status.as_u16()),
            headers,
            bytes,
        ))
    }
}
