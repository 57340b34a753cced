//! Google's own chain of credentials: user accounts, service accounts, workload identity, impersonation, instances.
//! <https://cloud.google.com/docs/authentication/application-default-credentials>

use async_trait::async_trait;
use google_cloud_auth::credentials::{
    AccessTokenCredentials, Builder, external_account, impersonated, service_account, user_account,
};
use larder_io_core::{Effect, Error, ErrorKind, Result, Retry};
use object_store::CredentialProvider;
use object_store::gcp::GcpCredential;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tokio::runtime::{Handle, Id};
use tokio::sync::Mutex;

/// The chain, made at the first request. It renews its token by itself, some minutes before that expires.
pub(crate) struct Chain {
    json: Option<Value>,
    /// With the runtime whose task renews the token.
    made: Mutex<Option<(Id, AccessTokenCredentials)>>,
}

impl Chain {
    /// Credentials as Google's tools write them, or whatever the chain finds.
    pub(crate) fn new(json: Option<Value>) -> Self {
        Self {
            json,
            made: Mutex::new(None),
        }
    }

    async fn token(&self) -> Result<String> {
        let credentials = {
            let mut made = self.made.lock().await;
            let here = Handle::current().id();
            match made.as_ref().filter(|(runtime, _)| *runtime == here) {
                Some((_, credentials)) => credentials.clone(),
                None => {
                    let credentials = self.make()?;
                    *made = Some((here, credentials.clone()));
                    credentials
                }
            }
        };
        match credentials.access_token().await {
            Ok(token) => Ok(token.token),
            Err(error) => {
                // What failed for good is never tried again by the library: files may have been mended since.
                *self.made.lock().await = None;
                let (kind, message) = match error.is_transient() {
                    true => (ErrorKind::Unavailable, UNREACHED),
                    false => (ErrorKind::Unauthenticated, ADVICE),
                };
                let error = Error::new(kind, message).with_effect(Effect::None).with_source(error);
                Err(if kind == ErrorKind::Unavailable {
                    error.with_retry(Retry::After(None))
                } else {
                    error
                })
            }
        }
    }

    fn make(&self) -> Result<AccessTokenCredentials> {
        // The library's TLS has no default; another one that the program has installed stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = match self.json.clone() {
            None => Builder::default().build_access_token_credentials(),
            Some(json) => match json["type"].as_str() {
                Some("authorized_user") => user_account::Builder::new(json).build_access_token_credentials(),
                Some("service_account") => service_account::Builder::new(json).build_access_token_credentials(),
                Some("external_account") => external_account::Builder::new(json).build_access_token_credentials(),
                Some("impersonated_service_account") => {
                    impersonated::Builder::new(json).build_access_token_credentials()
                }
                _ => return Err(Error::new(ErrorKind::InvalidConfig, UNKNOWN)),
            },
        };
        // Without the cause: a parser may quote what it found.
        made.map_err(|_| Error::new(ErrorKind::Unauthenticated, ADVICE))
    }
}

const ADVICE: &str = "no usable credentials were found; set `service_account_path`, run `gcloud auth application-default login`, or give the instance a service account";
const UNREACHED: &str = "Google gives no token at the moment, or no credentials are set and this is no instance of Google's: set `service_account_path`, or run `gcloud auth application-default login`";
const UNKNOWN: &str = "the credentials have an unknown `type`; there are authorized_user, service_account, external_account, impersonated_service_account";

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        match self.token().await {
            Ok(bearer) => Ok(Arc::new(GcpCredential { bearer })),
            Err(error) => Err(object_store::Error::Generic {
                store: "GCS",
                source: Box::new(error),
            }),
        }
    }
}
