//! AWS's chain of credentials: environment, profiles, SSO, web identity, processes, containers, instances.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

use super::client::Transport;
use crate::config::S3Config;
use async_trait::async_trait;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::config::Region;
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::http::{Guard, Refusal};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Credentials are asked for again this long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_secs(300);

/// Credentials without an expiry are asked for again after this time: files and processes may change them.
const LASTING: Duration = Duration::from_secs(3600);

/// The chain, made at the first request, and what it gave last.
pub(crate) struct Chain {
    config: S3Config,
    transport: Transport,
    chain: tokio::sync::OnceCell<SharedCredentialsProvider>,
    last: Mutex<Option<(Arc<AwsCredential>, SystemTime)>>,
}

impl Chain {
    pub(crate) fn new(config: &S3Config, guard: &Guard) -> Result<Self> {
        Ok(Self {
            config: config.clone(),
            transport: Transport::new(guard.client()?).with_near(near(guard).client()?),
            chain: tokio::sync::OnceCell::new(),
            last: Mutex::new(None),
        })
    }

    async fn chain(&self) -> &SharedCredentialsProvider {
        let make = || async {
            let region = self.config.region.clone().map(Region::new);
            let configured = ProviderConfig::default()
                .with_http_client(self.transport.clone())
                .with_region(region);
            match &self.config.profile {
                // A profile that is named is the only source: whatever else there is belongs to somebody else.
                Some(profile) => {
                    let provider = ProfileFileCredentialsProvider::builder().configure(&configured);
                    SharedCredentialsProvider::new(provider.profile_name(profile).build())
                }
                None => {
                    let chain = DefaultCredentialsChain::builder().configure(configured);
                    SharedCredentialsProvider::new(chain.build().await)
                }
            }
        };
        self.chain.get_or_init(make).await
    }

    async fn ask(&self) -> Result<Credentials> {
        self.chain().await.provide_credentials().await.map_err(|error| {
            let message = match &self.config.profile {
                Some(profile) => format!(
                    "the profile `{profile}` gives no credentials; check its name and what AWS's config files say of it (`aws configure list --profile {profile}`), or log in (`aws sso login`)"
                ),
                None => "no credentials were found; set `access_key_id` and `secret_access_key`, a `profile`, or what AWS's own tools read (`aws configure`, `aws sso login`, AWS_ACCESS_KEY_ID)".to_owned(),
            };
            Error::new(ErrorKind::Unauthenticated, message).with_source(error)
        })
    }
}

/// For metadata addresses of instances and containers.
fn near(guard: &Guard) -> Guard {
    let judge = |refusal: &Refusal| match refusal.status.as_u16() {
        429 | 500.. => {
            let sentence = format!("`{}` gives no credentials at the moment", refusal.host);
            Some(refusal.again(ErrorKind::Unavailable, &sentence))
        }
        // The library knows what else they answer.
        _ => None,
    };
    Guard::new(guard.transport().for_metadata(), Arc::new(judge))
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        if let Some((credential, _)) = last.as_ref().filter(|(_, until)| *until > SystemTime::now()) {
            return Ok(Arc::clone(credential));
        }
        let given = self.ask().await.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(error),
        })?;
        let until = match given.expiry() {
            Some(expiry) => expiry.checked_sub(BEFORE_EXPIRY).unwrap_or(expiry),
            None => SystemTime::now() + LASTING,
        };
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().map(str::to_owned),
        });
        *last = Some((Arc::clone(&credential), until));
        Ok(credential)
    }
}

/// The region of a profile in AWS's config file. Reads files only, on a thread of its own: opening is not async.
pub(crate) fn profile_region(profile: Option<String>) -> Result<Option<String>> {
    let read = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut provider = ProfileFileRegionProvider::builder();
        if let Some(profile) = profile {
            provider = provider.profile_name(profile);
        }
        Ok::<_, std::io::Error>(runtime.block_on(async {
            use aws_config::meta::region::ProvideRegion;
            provider.build().region().await.map(|region| region.to_string())
        }))
    };
    match std::thread::spawn(read).join() {
        Ok(Ok(region)) => Ok(region),
        _ => Err(Error::new(
            ErrorKind::InvalidConfig,
            "AWS's config file cannot be read; set `region`",
        )),
    }
}
