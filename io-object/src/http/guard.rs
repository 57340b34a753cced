//! The guard.

use super::idle::Idle;
use super::{Judge, Refusal, Transport, document};
use crate::error::nested;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::Method;
use http_body_util::BodyExt;
use larder_io_core::{Effect, Error, ErrorKind, Result, Retry};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use std::fmt;
use std::sync::Arc;

/// Bytes of a refusal that are read; the documents of the vendors take a few hundred.
const REFUSAL_BYTES: usize = 64 << 10;

/// Makes HTTP clients whose requests are guarded. See the [module](super).
#[derive(Clone)]
pub struct Guard {
    transport: Transport,
    judge: Judge,
    inner: Arc<dyn HttpConnector>,
}

impl Guard {
    /// Guards the usual client.
    pub fn new(transport: Transport, judge: Judge) -> Self {
        Self::over(transport, judge, Arc::new(ReqwestConnector::default()))
    }

    /// Guards the clients of another connector.
    pub(super) fn over(transport: Transport, judge: Judge, inner: Arc<dyn HttpConnector>) -> Self {
        Self {
            transport,
            judge,
            inner,
        }
    }

    /// How requests are sent.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// A client of its own, for a vendor's interface beyond object_store.
    ///
    /// # Errors
    /// `InvalidConfig` for a proxy that is no URL.
    pub fn client(&self) -> Result<HttpClient> {
        // The cause would show the proxy's password.
        self.connect(&self.transport.client_options()).map_err(|_| {
            Error::new(
                ErrorKind::InvalidConfig,
                "the HTTP client cannot be made; check `proxy`",
            )
        })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({} attempts)", self.transport.attempts)
    }
}

impl HttpConnector for Guard {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Guarded {
            inner: self.inner.connect(options)?,
            transport: self.transport.clone(),
            judge: Arc::clone(&self.judge),
        }))
    }
}

struct Guarded {
    inner: HttpClient,
    transport: Transport,
    judge: Judge,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded")
    }
}

#[async_trait]
impl HttpService for Guarded {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut delays = self.transport.delays();
        let mut attempt = 1;
        let mut may_have_happened = false;
        loop {
            let error = match self.attempt(request.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            may_have_happened |= error.effect() == Effect::Unknown;
            let wait = match (error.retry(), delays.next()) {
                // Whoever signed the request has to sign it again.
                _ if error.kind() == ErrorKind::Unauthenticated => None,
                (Retry::After(None), Some(delay)) => Some(delay),
                (Retry::After(Some(asked)), Some(delay)) => {
                    Some(asked.max(delay)).filter(|wait| *wait <= self.transport.longest_delay)
                }
                _ => None,
            };
            let Some(wait) = wait else {
                // The last answer speaks for the last attempt only.
                let error = match may_have_happened {
                    true => error.with_effect(Effect::Unknown),
                    false => error,
                };
                // A kind that object_store does not retry on its own account.
                return Err(HttpError::new(HttpErrorKind::Unknown, error.with_attempts(attempt)));
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

impl Guarded {
    async fn attempt(&self, request: HttpRequest) -> Result<HttpResponse> {
        let method = request.method().clone();
        let host = host(&request);
        let document = document::is_wanted(&request);
        let allowed = self.transport.allowed(request.body().content_length() as u64);
        let answered = match tokio::time::timeout(allowed, self.inner.execute(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(broken(error, &method, &host)),
            Err(_) => {
                let message = format!(
                    "`{host}` did not answer within {allowed:?}; check the network, or give `read_timeout` more time"
                );
                return Err(Error::new(ErrorKind::Timeout, message).with_effect(effect(&method)));
            }
        };
        let (parts, body) = answered.into_parts();
        let body = HttpResponseBody::new(Idle::new(body, self.transport.read_timeout, effect(&method)));
        if parts.status.is_success() {
            let body = match document {
                true => document::read(body).await.map_err(|error| cut(error, &method, &host))?,
                false => body,
            };
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let (said, whole) = beginning(body).await;
        let mut refusal = Refusal::new(method, host, parts.status, &parts.headers, &said);
        // Half a document has lost its marks.
        refusal.foreign &= whole;
        match (self.judge)(&refusal) {
            Some(error) => Err(error),
            None => Ok(left(parts, &refusal)),
        }
    }
}

/// A refusal that is left to others. They put the whole body into their errors, and a server may have put our request, with
/// its secrets, into the body: only its code and its words go on.
fn left(mut parts: http::response::Parts, refusal: &Refusal) -> HttpResponse {
    let body = refusal.as_xml();
    parts.headers.remove(http::header::CONTENT_ENCODING);
    parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
    HttpResponse::from_parts(parts, body.into())
}

/// The first bytes of a refusal, and whether they did not break off: the status says most.
async fn beginning(mut body: HttpResponseBody) -> (Bytes, bool) {
    let mut read = BytesMut::new();
    while read.len() < REFUSAL_BYTES {
        match body.frame().await {
            Some(Ok(frame)) => read.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(_)) => return (read.freeze(), false),
            None => break,
        }
    }
    (read.freeze(), true)
}

fn host(request: &HttpRequest) -> String {
    let uri = request.uri();
    let port = uri.port_u16().map_or(String::new(), |port| format!(":{port}"));
    format!("{}{port}", uri.host().unwrap_or("the storage"))
}

/// Whether a request without an answer may have been carried out.
fn effect(method: &Method) -> Effect {
    match *method {
        Method::GET | Method::HEAD => Effect::None,
        _ => Effect::Unknown,
    }
}

/// An answer that broke off: the error of the body itself.
fn cut(error: HttpError, method: &Method, host: &str) -> Error {
    nested(&error).unwrap_or_else(|| broken(error, method, host))
}

/// A connection that failed.
fn broken(error: HttpError, method: &Method, host: &str) -> Error {
    let (kind, message, effect) = match error.kind() {
        HttpErrorKind::Connect => (
            ErrorKind::Unavailable,
            format!("`{host}` cannot be reached; check the endpoint, the network and any proxy"),
            Effect::None,
        ),
        HttpErrorKind::Timeout => (
            ErrorKind::Timeout,
            format!("`{host}` did not answer in time"),
            effect(method),
        ),
        _ => (
            ErrorKind::Unavailable,
            format!("the connection to `{host}` broke off before it answered"),
            effect(method),
        ),
    };
    Error::new(kind, message).with_effect(effect).with_source(error)
}
