//! Requests that object_store has no words for.

use bytes::Bytes;
use http::{Method, StatusCode};
use larder_io_core::{Effect, Error, ErrorKind, Result};
use larder_io_object::error::nested;
use object_store::client::{HttpClient, HttpRequestBody, HttpResponse};
use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// What may stand in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Headers of one request.
pub(crate) type Headers = Vec<(String, String)>;

/// One container, through a client that signs.
#[derive(Clone)]
pub(crate) struct Api {
    client: HttpClient,
    container: String,
}

impl Api {
    /// `service` has no slash at its end.
    pub(crate) fn new(client: HttpClient, service: &str, container: &str) -> Self {
        Self {
            client,
            container: format!("{service}/{}", utf8_percent_encode(container, SEGMENT)),
        }
    }

    /// The address of the container, with a query.
    pub(crate) fn container(&self, query: &[(&str, &str)]) -> String {
        with_query(self.container.clone(), query)
    }

    /// The address of the account, with a query.
    pub(crate) fn service(&self, query: &[(&str, &str)]) -> String {
        let service = self.container.rsplit_once('/').map_or("", |(service, _)| service);
        with_query(format!("{service}/"), query)
    }

    /// The address of a blob by its whole path (prefix included), with a query.
    pub(crate) fn blob(&self, whole: &Path, query: &[(&str, &str)]) -> String {
        let mut url = self.container.clone();
        for part in whole.parts() {
            url.push('/');
            url.extend(utf8_percent_encode(part.as_ref(), SEGMENT));
        }
        with_query(url, query)
    }

    /// Sends a request. `what` begins the message of an error, such as `listing versions`.
    pub(crate) async fn send(
        &self,
        what: &str,
        method: Method,
        url: String,
        headers: Headers,
        body: Bytes,
    ) -> Result<HttpResponse> {
        let mut request = http::Request::builder().method(method).uri(url);
        // The signature covers the length, which the client below would add too late.
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(HttpRequestBody::from(body)).map_err(|cause| {
            let message = format!("{what} cannot be asked for: a name or setting is no part of a request");
            Error::new(ErrorKind::InvalidConfig, message).with_source(cause)
        })?;
        let answered = self.client.execute(request).await.map_err(|failed| {
            nested(&failed).unwrap_or_else(|| {
                let message = format!("{what} failed: the connection broke off");
                Error::new(ErrorKind::Unavailable, message)
                    .with_effect(Effect::Unknown)
                    .with_source(failed)
            })
        })?;
        match answered.status().is_success() {
            true => Ok(answered),
            false => Err(refused(what, &answered)),
        }
    }

    /// The same for a question that is answered with a document.
    pub(crate) async fn ask(&self, what: &str, url: String) -> Result<Bytes> {
        let answered = self.send(what, Method::GET, url, Headers::new(), Bytes::new()).await?;
        answered.into_body().bytes().await.map_err(|failed| {
            let message = format!("{what} failed: the answer broke off");
            nested(&failed).unwrap_or_else(|| Error::new(ErrorKind::Unavailable, message).with_source(failed))
        })
    }

    /// Removes a blob.
    ///
    /// A request of its own for each: the answer to a batch says too little of what went wrong with one of it.
    ///
    /// # Errors
    /// `NotFound` when there is none, also where a directory is.
    pub(crate) async fn delete(&self, whole: &Path, query: &[(&str, &str)]) -> Result<()> {
        let url = self.blob(whole, query);
        match self
            .send("deleting a value", Method::DELETE, url, Headers::new(), Bytes::new())
            .await
        {
            // What is a directory with something in it is no value.
            Err(refused)
                if refused.kind() == ErrorKind::Conflict && refused.message().contains("DirectoryIsNotEmpty") =>
            {
                Err(Error::new(ErrorKind::NotFound, "a directory is there, and no value").with_source(refused))
            }
            other => other.map(drop),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.container)
    }
}

/// The value of a header.
pub(crate) fn header(answer: &HttpResponse, name: &str) -> Option<String> {
    answer.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// What the judge left to object_store.
fn refused(what: &str, answer: &HttpResponse) -> Error {
    let status = answer.status();
    let code = header(answer, "x-ms-error-code").unwrap_or_default();
    let (kind, why) = match status {
        StatusCode::NOT_FOUND => (ErrorKind::NotFound, "it is not there"),
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED | StatusCode::NOT_MODIFIED => {
            (ErrorKind::Conflict, "the value was changed by somebody else")
        }
        _ => (ErrorKind::Unexpected, "the answer is not understood"),
    };
    Error::new(
        kind,
        format!("{what} failed: {why} (status {}, {code})", status.as_u16()),
    )
    .with_effect(Effect::None)
}

fn with_query(mut url: String, query: &[(&str, &str)]) -> String {
    if query.is_empty() {
        return url;
    }
    let encoded = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    url.push('?');
    url.push_str(&encoded);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_object::http::{Guard, Transport};
    use std::sync::Arc;

    #[test]
    fn addresses_are_encoded() {
        let client = Guard::new(Transport::default(), Arc::new(|_| None))
            .client()
            .expect("is a client");
        let api = Api::new(client, "http://127.0.0.1:1/account", "data");
        let whole = Path::parse("a b/ä%2F/x.json").expect("is a path");
        let blob = api.blob(&whole, &[("comp", "block"), ("blockid", "a+/=")]);
        assert_eq!(
            blob,
            "http://127.0.0.1:1/account/data/a%20b/%C3%A4%252F/x.json?comp=block&blockid=a%2B%2F%3D"
        );
        assert_eq!(
            api.service(&[("restype", "account")]),
            "http://127.0.0.1:1/account/?restype=account"
        );
        assert_eq!(api.container(&[]), "http://127.0.0.1:1/account/data");
    }
}
