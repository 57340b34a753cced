//! Microsoft's own library, for credentials.

mod bridge;

use crate::config::{AdlsConfig, Identity};
use crate::error::judge_token;
use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::http::{ClientOptions, HttpClient, RetryOptions, Transport as AzureTransport};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, DeveloperToolsCredential,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::error::nested;
use larder_io_object::http::{Guard, Transport};
use object_store::CredentialProvider;
use object_store::azure::AzureCredential;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// What tokens are asked for.
const SCOPE: &str = "https://storage.azure.com/.default";

/// Tokens are asked for again this long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_secs(300);

/// One source of tokens.
type Source = (&'static str, Arc<dyn TokenCredential>);

/// The sources in their order, the one that gave a token, and what it gave last.
pub(crate) struct Chain {
    config: AdlsConfig,
    logins: Arc<dyn HttpClient>,
    metadata: Arc<dyn HttpClient>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    chosen: Option<Source>,
    last: Option<(Arc<AzureCredential>, SystemTime)>,
}

impl Chain {
    pub(crate) fn new(config: &AdlsConfig, transport: &Transport) -> Result<Self> {
        let client = |transport| Guard::new(transport, Arc::new(judge_token)).client();
        Ok(Self::with_clients(
            config,
            Arc::new(bridge::Bridge(client(transport.clone())?)),
            Arc::new(bridge::Bridge(client(transport.for_metadata())?)),
        ))
    }

    fn with_clients(config: &AdlsConfig, logins: Arc<dyn HttpClient>, metadata: Arc<dyn HttpClient>) -> Self {
        Self {
            config: config.clone(),
            logins,
            metadata,
            state: Mutex::default(),
        }
    }

    fn options(&self, client: &Arc<dyn HttpClient>) -> ClientOptions {
        let cloud = self.config.authority_host.as_ref().map(|host| {
            let mut custom = CustomConfiguration::default();
            custom.authority_host.clone_from(host);
            Arc::new(CloudConfiguration::Custom(custom))
        });
        ClientOptions {
            transport: Some(AzureTransport::new(Arc::clone(client))),
            // The guard repeats what is worth repeating.
            retry: RetryOptions::none(),
            cloud,
            ..ClientOptions::default()
        }
    }

    /// The sources that the settings allow. A source that cannot be made here is left out, unless it was asked for.
    fn sources(&self) -> azure_core::Result<Vec<Source>> {
        if let Some(secret) = &self.config.client_secret {
            return Ok(vec![("service principal", self.principal(secret.expose())?)]);
        }
        match self.config.identity {
            Identity::Workload => Ok(vec![("workload identity", self.workload()?)]),
            Identity::Managed => Ok(vec![("managed identity", self.managed()?)]),
            Identity::Developer => Ok(vec![("developer tools", DeveloperToolsCredential::new(None)?)]),
            Identity::Auto => {
                let workload = self.workload().ok().map(|made| ("workload identity", made));
                let managed = self.managed().ok().map(|made| ("managed identity", made));
                let developer = DeveloperToolsCredential::new(None)?;
                let sources = workload.into_iter().chain(managed);
                Ok(sources
                    .chain([("developer tools", developer as Arc<dyn TokenCredential>)])
                    .collect())
            }
        }
    }

    fn principal(&self, secret: &str) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let options = ClientSecretCredentialOptions {
            client_options: self.options(&self.logins),
        };
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        let secret = Secret::new(secret.to_owned());
        Ok(ClientSecretCredential::new(
            &id(&self.config.tenant_id),
            id(&self.config.client_id),
            secret,
            Some(options),
        )?)
    }

    fn workload(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let options = WorkloadIdentityCredentialOptions {
            credential_options: ClientAssertionCredentialOptions {
                client_options: self.options(&self.logins),
            },
            client_id: self.config.client_id.clone(),
            tenant_id: self.config.tenant_id.clone(),
            token_file_path: self.config.federated_token_file.clone().map(Into::into),
        };
        Ok(WorkloadIdentityCredential::new(Some(options))?)
    }

    fn managed(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: self.config.client_id.clone().map(UserAssignedId::ClientId),
            client_options: self.options(&self.metadata),
        };
        Ok(ManagedIdentityCredential::new(Some(options))?)
    }

    async fn ask(&self, state: &mut State) -> Result<AccessToken> {
        if let Some((name, source)) = &state.chosen {
            let token = source.get_token(&[SCOPE], None).await;
            return token.map_err(|failed| refused(&[(name, failed)]));
        }
        let sources = self.sources().map_err(|failed| {
            let message =
                "the identity cannot be used; check `tenant_id`, `client_id`, `identity` and `federated_token_file`";
            Error::new(ErrorKind::InvalidConfig, message).with_source(Said(failed.to_string()))
        })?;
        let mut failures = Vec::new();
        for (name, source) in sources {
            match source.get_token(&[SCOPE], None).await {
                Ok(token) => {
                    state.chosen = Some((name, source));
                    return Ok(token);
                }
                Err(failed) => failures.push((name, failed)),
            }
        }
        Err(refused(
            &failures.iter().map(|(name, failed)| (name, failed)).collect::<Vec<_>>(),
        ))
    }
}

/// Why nobody gave a token. What may pass by itself stays so where there was one source.
fn refused<E: std::borrow::Borrow<azure_core::Error>>(failures: &[(&&'static str, E)]) -> Error {
    if let [(_, only)] = failures
        && let Some(own) = nested(only.borrow())
    {
        return own;
    }
    let tried: Vec<&str> = failures.iter().map(|(name, _)| **name).collect();
    let said: Vec<String> = failures
        .iter()
        .map(|(name, failed)| format!("{name}: {}", failed.borrow()))
        .collect();
    let message = format!(
        "no credentials were found ({} gave no token); log in (`az login`), set `access_key`, `sas_token` or `client_secret`, or give this machine an identity",
        tried.join(", ")
    );
    Error::new(ErrorKind::Unauthenticated, message).with_source(Said(said.join("; ")))
}

/// The words of a cause, whose own form would show a whole answer.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let mut state = self.state.lock().await;
        if let Some((credential, until)) = &state.last
            && *until > SystemTime::now()
        {
            return Ok(Arc::clone(credential));
        }
        let token = self
            .ask(&mut state)
            .await
            .map_err(|error| object_store::Error::Generic {
                store: "MicrosoftAzure",
                source: Box::new(error),
            })?;
        let expiry = SystemTime::from(token.expires_on);
        let until = expiry.checked_sub(BEFORE_EXPIRY).unwrap_or(expiry);
        let credential = Arc::new(AzureCredential::BearerToken(token.token.secret().to_owned()));
        state.last = Some((Arc::clone(&credential), until));
        Ok(credential)
    }
}

#[cfg(test)]
mod tests;
