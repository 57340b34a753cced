//! Headers that object_store has no words for: who pays, which key encrypts. Each goes with the requests that take it.
//! <https://cloud.google.com/storage/docs/xml-api/reference-headers>

use crate::config::GcsConfig;
use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Uri};
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::http::{Guard, Transport};
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService};
use ring::digest::{SHA256, digest};
use std::fmt;
use std::sync::Arc;

/// The guard, and the headers that requests to the storage carry.
#[derive(Clone, Debug)]
pub(crate) struct Dressed {
    guard: Guard,
    headers: Arc<Headers>,
}

impl Dressed {
    pub(crate) fn new(config: &GcsConfig, guard: Guard) -> Result<Self> {
        let headers = Arc::new(Headers::new(config)?);
        Ok(Self { guard, headers })
    }

    pub(crate) fn transport(&self) -> &Transport {
        self.guard.transport()
    }

    /// A client of its own, for requests that object_store does not make.
    pub(crate) fn client(&self) -> Result<HttpClient> {
        Ok(self.around(self.guard.client()?))
    }

    fn around(&self, inner: HttpClient) -> HttpClient {
        HttpClient::new(Service {
            inner,
            headers: Arc::clone(&self.headers),
        })
    }
}

impl HttpConnector for Dressed {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.around(self.guard.connect(options)?))
    }
}

#[derive(Debug)]
struct Service {
    inner: HttpClient,
    headers: Arc<Headers>,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        self.headers.add(&method, &uri, request.headers_mut());
        self.inner.execute(request).await
    }
}

/// What a request does, as far as headers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Put,
    Begin,
    Part,
    Read,
    Rewrite,
    Other,
}

struct Headers {
    authority: Authority,
    /// The path of the endpoint, mostly `/`.
    root: String,
    user_project: Option<HeaderValue>,
    kms_key_name: Option<HeaderValue>,
    customer: Option<[(&'static str, HeaderValue); 3]>,
}

impl Headers {
    fn new(config: &GcsConfig) -> Result<Self> {
        let endpoint: Uri = config.address().parse().map_err(|error| {
            Error::new(
                ErrorKind::InvalidConfig,
                "`endpoint` is no URL; write it as `https://host:port`",
            )
            .with_source(error)
        })?;
        let authority = endpoint.authority().cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                "`endpoint` names no host; write it as `https://host:port`",
            )
        })?;
        Ok(Self {
            authority,
            root: endpoint.path().trim_end_matches('/').to_owned(),
            user_project: header("user_project", config.user_project.as_deref())?,
            kms_key_name: header("kms_key_name", config.kms_key_name.as_deref())?,
            customer: config
                .customer_key
                .as_ref()
                .map(|key| customer(key.expose()))
                .transpose()?,
        })
    }

    fn add(&self, method: &Method, uri: &Uri, headers: &mut HeaderMap) {
        // Requests for tokens go elsewhere and are none of these headers' business.
        if uri.authority() != Some(&self.authority) {
            return;
        }
        if headers
            .get(AUTHORIZATION)
            .is_some_and(|value| value.as_bytes().trim_ascii() == b"Bearer")
        {
            headers.remove(AUTHORIZATION);
        }
        if let Some(project) = &self.user_project {
            headers.insert("x-goog-user-project", project.clone());
        }
        let what = self.what(method, uri);
        if let Some(key) = self
            .kms_key_name
            .as_ref()
            .filter(|_| matches!(what, What::Put | What::Begin))
        {
            headers.insert("x-goog-encryption-kms-key-name", key.clone());
        }
        if what == What::Begin && uri.path().contains("larder%2Fuploads%2F") {
            // What is put together is deleted at once; other classes bill it for 30 days and more.
            headers.insert("x-goog-storage-class", HeaderValue::from_static("STANDARD"));
        }
        for (name, value) in self.customer.iter().flatten().filter(|_| what != What::Other) {
            if let Ok(name) = format!("x-goog-{name}").parse::<http::HeaderName>() {
                headers.insert(name, value.clone());
            }
            if let Some(Ok(name)) =
                (what == What::Rewrite).then(|| format!("x-goog-copy-source-{name}").parse::<http::HeaderName>())
            {
                headers.insert(name, value.clone());
            }
        }
    }

    fn what(&self, method: &Method, uri: &Uri) -> What {
        let path = uri.path().strip_prefix(&self.root).unwrap_or(uri.path());
        let query = uri.query().unwrap_or_default();
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        if path.starts_with("/storage/v1/") {
            return if path.contains("/rewriteTo/") {
                What::Rewrite
            } else {
                What::Other
            };
        }
        // Keys are encoded: bucket and key are two segments.
        let object = path
            .trim_start_matches('/')
            .split_once('/')
            .is_some_and(|(_, key)| !key.is_empty());
        match *method {
            Method::PUT if object && has("uploadId") => What::Part,
            Method::PUT if object => What::Put,
            Method::POST if object && has("uploads") => What::Begin,
            Method::GET | Method::HEAD if object => What::Read,
            _ => What::Other,
        }
    }
}

/// The digest of a key may be shown, nothing else here.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({})", self.authority)
    }
}

fn header(name: &str, value: Option<&str>) -> Result<Option<HeaderValue>> {
    let made = value.map(HeaderValue::from_str).transpose();
    made.map_err(|_| {
        Error::new(
            ErrorKind::InvalidConfig,
            format!("`{name}` has characters that no header has; correct it"),
        )
    })
}

/// The three headers of a customer's key, without the vendor's prefix.
/// <https://cloud.google.com/storage/docs/encryption/using-customer-supplied-keys>
fn customer(key: &str) -> Result<[(&'static str, HeaderValue); 3]> {
    let wrong = || {
        let message = "`customer_key` must be 32 bytes in base64; `openssl rand -base64 32` makes one";
        Error::new(ErrorKind::InvalidConfig, message)
    };
    let raw = BASE64_STANDARD
        .decode(key)
        .ok()
        .filter(|raw| raw.len() == 32)
        .ok_or_else(wrong)?;
    let digest = BASE64_STANDARD.encode(digest(&SHA256, &raw));
    let mut secret = HeaderValue::from_str(key).map_err(|_| wrong())?;
    secret.set_sensitive(true);
    Ok([
        ("encryption-algorithm", HeaderValue::from_static("AES256")),
        ("encryption-key", secret),
        (
            "encryption-key-sha256",
            HeaderValue::from_str(&digest).map_err(|_| wrong())?,
        ),
    ])
}
