//! Who we are: nobody, a token, a key of a service account, or whom Google's own chain finds.

use crate::config::GcsConfig;
use crate::headers::Dressed;
use async_trait::async_trait;
use larder_io_core::{Error, ErrorKind, Result};
use object_store::CredentialProvider;
use object_store::gcp::{GcpCredential, GcpCredentialProvider, GoogleCloudStorageBuilder};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The provider for every request. Whatever is explicit is the only source that is asked.
pub(crate) fn provider(config: &GcsConfig, requests: &Dressed) -> Result<GcpCredentialProvider> {
    if let Some(token) = config.access_token.as_ref().filter(|_| !config.anonymous) {
        return Ok(fixed(token.expose()));
    }
    let text = match (&config.service_account, &config.service_account_path) {
        _ if config.anonymous => return Ok(fixed("")),
        (Some(text), _) => Some(text.expose().to_owned()),
        (None, Some(path)) => Some(std::fs::read_to_string(path).map_err(|error| {
            let message =
                format!("the file `{path}` of `service_account_path` cannot be read; check its name and rights");
            Error::new(ErrorKind::InvalidConfig, message).with_source(error)
        })?),
        // Nobody's token goes over a connection that is not encrypted unless somebody says so.
        (None, None) if config.address().starts_with("http://") => return Ok(fixed("")),
        (None, None) => None,
    };
    let Some(text) = text else {
        return chain(None, requests);
    };
    // Errors of the parser quote what they found: here it is secret.
    let json: Value = serde_json::from_str(&text).map_err(|_| wrong("is no JSON"))?;
    match json["type"].as_str() {
        // Keys without a type are those of emulators.
        Some("service_account") | None if json["private_key"].is_string() => {
            let builder = builder(requests).with_service_account_key(text);
            found(builder).ok_or_else(|| wrong("is not a complete key of a service account"))
        }
        Some(_) => chain(Some(json), requests),
        None => Err(wrong("has neither `type` nor `private_key`")),
    }
}

fn wrong(what: &str) -> Error {
    let message = format!(
        "what `service_account` or `service_account_path` gives {what}; give a key as `gcloud iam service-accounts keys create` writes it"
    );
    Error::new(ErrorKind::InvalidConfig, message)
}

#[cfg(feature = "sdk")]
fn chain(json: Option<Value>, _: &Dressed) -> Result<GcpCredentialProvider> {
    Ok(Arc::new(crate::sdk::Chain::new(json)))
}

#[cfg(not(feature = "sdk"))]
fn chain(json: Option<Value>, requests: &Dressed) -> Result<GcpCredentialProvider> {
    if json.is_some() {
        return Err(wrong(
            "is no key of a service account, and other credentials need the feature `sdk` of larder-io-gcs",
        ));
    }
    found(builder(requests)).ok_or_else(|| {
        let message = "the application default credentials cannot be read; run `gcloud auth application-default login`, or give `service_account_path`";
        Error::new(ErrorKind::InvalidConfig, message)
    })
}

/// A client that is made for its credentials only.
fn builder(requests: &Dressed) -> GoogleCloudStorageBuilder {
    let transport = requests.transport();
    GoogleCloudStorageBuilder::new()
        .with_bucket_name("none")
        .with_client_options(transport.client_options())
        .with_retry(transport.body_retries())
        .with_http_connector(requests.clone())
}

fn found(builder: GoogleCloudStorageBuilder) -> Option<GcpCredentialProvider> {
    let made = builder.build().ok()?;
    Some(Arc::new(Hidden(Arc::clone(made.credentials()))))
}

fn fixed(bearer: &str) -> GcpCredentialProvider {
    Arc::new(Fixed(Arc::new(GcpCredential {
        bearer: bearer.to_owned(),
    })))
}

/// One token for good; the empty one stands for none. object_store's own provider would show it.
struct Fixed(Arc<GcpCredential>);

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fixed")
    }
}

#[async_trait]
impl CredentialProvider for Fixed {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        Ok(Arc::clone(&self.0))
    }
}

/// A provider of object_store's, whose Debug would show the token that it has.
struct Hidden(GcpCredentialProvider);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

#[async_trait]
impl CredentialProvider for Hidden {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        self.0.get_credential().await
    }
}
