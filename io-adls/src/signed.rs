//! The layer between object_store and the guard that signs requests.
//!
//! object_store would sign them itself; but then nothing could be added to a request that the signature covers, such as
//! a customer's key, and an error of object_store would show the URL with a signature in it.

use crate::config::AdlsConfig;
use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderName, HeaderValue, Method};
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::error::error;
use larder_io_object::http::Guard;
use object_store::ClientOptions;
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use std::fmt;
use std::sync::Arc;

/// The version of the interface that object_store speaks.
pub(crate) const API_VERSION: HeaderValue = HeaderValue::from_static("2023-11-03");

/// Makes clients whose requests are signed and carry what every request about a value carries.
#[derive(Clone)]
pub(crate) struct Signed {
    guard: Guard,
    provider: Option<AzureCredentialProvider>,
    account: Arc<str>,
    encryption: Arc<Encryption>,
}

impl Signed {
    pub(crate) fn new(config: &AdlsConfig, guard: Guard, provider: Option<AzureCredentialProvider>) -> Result<Self> {
        Ok(Self {
            guard,
            provider,
            account: config.account.as_deref().unwrap_or_default().into(),
            encryption: Arc::new(Encryption::new(config)?),
        })
    }

    /// A client for what object_store has no words for.
    pub(crate) fn client(&self) -> Result<HttpClient> {
        Ok(HttpClient::new(self.service(self.guard.client()?)))
    }

    pub(crate) fn provider(&self) -> Option<&AzureCredentialProvider> {
        self.provider.as_ref()
    }

    fn service(&self, inner: HttpClient) -> Service {
        Service {
            inner,
            signed: self.clone(),
        }
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({})", self.account)
    }
}

impl HttpConnector for Signed {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.service(self.guard.connect(options)?)))
    }
}

#[derive(Debug)]
struct Service {
    inner: HttpClient,
    signed: Signed,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        self.signed.encryption.add(&mut request);
        request.headers_mut().insert("x-ms-version", API_VERSION);
        plain_spaces(&mut request);
        if let Some(provider) = &self.signed.provider {
            let credential = provider.get_credential().await;
            // A kind that object_store does not retry on its own account.
            let credential = credential.map_err(|cause| HttpError::new(HttpErrorKind::Unknown, error(cause)))?;
            AzureAuthorizer::new(&credential, &self.signed.account).authorize(&mut request);
        }
        self.inner.execute(request).await
    }
}

/// object_store writes a space in a tag as a plus sign, which not every reader of a header takes for one.
fn plain_spaces(request: &mut HttpRequest) {
    let Some(tags) = request.headers_mut().get_mut("x-ms-tags") else {
        return;
    };
    let spaced = tags.to_str().ok().map(|text| text.replace('+', "%20"));
    if let Some(spaced) = spaced.and_then(|text| HeaderValue::from_str(&text).ok()) {
        *tags = spaced;
    }
}

/// Encryption at rest, as headers.
struct Encryption {
    /// Of requests that write a value.
    scope: Option<HeaderValue>,
    /// Of requests that read or write a value.
    customer: Vec<(HeaderName, HeaderValue)>,
}

impl Encryption {
    fn new(config: &AdlsConfig) -> Result<Self> {
        let scope = config
            .encryption_scope
            .as_deref()
            .map(|scope| header("encryption_scope", scope))
            .transpose()?;
        let Some(key) = &config.customer_key else {
            return Ok(Self {
                scope,
                customer: Vec::new(),
            });
        };
        let raw = BASE64_STANDARD
            .decode(key.expose())
            .ok()
            .filter(|raw| raw.len() == 32)
            .ok_or_else(|| {
                let message = "`customer_key` must be 32 bytes in base64; `openssl rand -base64 32` makes one";
                Error::new(ErrorKind::InvalidConfig, message)
            })?;
        let digest = ring::digest::digest(&ring::digest::SHA256, &raw);
        let mut key = header("customer_key", key.expose())?;
        key.set_sensitive(true);
        let customer = vec![
            (HeaderName::from_static("x-ms-encryption-key"), key),
            (
                HeaderName::from_static("x-ms-encryption-key-sha256"),
                header("customer_key", &BASE64_STANDARD.encode(digest))?,
            ),
            (
                HeaderName::from_static("x-ms-encryption-algorithm"),
                HeaderValue::from_static("AES256"),
            ),
        ];
        Ok(Self { scope, customer })
    }

    /// Questions about containers and accounts, and deletes, take no such headers.
    fn add(&self, request: &mut HttpRequest) {
        let query = request.uri().query().unwrap_or_default();
        let value = !query.split('&').any(|pair| pair.starts_with("restype="));
        let (reads, writes) = (
            *request.method() == Method::GET || *request.method() == Method::HEAD,
            *request.method() == Method::PUT,
        );
        let headers = request.headers_mut();
        if value
            && writes
            && let Some(scope) = &self.scope
        {
            headers.insert("x-ms-encryption-scope", scope.clone());
        }
        if value && (reads || writes) {
            headers.extend(self.customer.iter().cloned());
        }
    }
}

fn header(setting: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| {
        let message = format!("`{setting}` has characters that a header cannot carry");
        Error::new(ErrorKind::InvalidConfig, message)
    })
}
