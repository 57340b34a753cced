//! The SDK's client over our own requests, and its errors in our words.

use crate::config::S3Config;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::{
    HttpClient as SmithyClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use bytes::Bytes;
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::error::nested;
use larder_io_object::http::Guard;
use object_store::aws::{AmazonS3, AwsCredentialProvider};
use object_store::client::HttpClient;
use std::future::Future;
use std::sync::Arc;
use tracing::instrument::{WithDispatch, WithSubscriber};
use tracing::subscriber::NoSubscriber;

/// Sends without a word to the log: the SDK's signer traces every header, the customer's key among them.
pub(super) trait Quietly: Future + Sized {
    fn quietly(self) -> WithDispatch<Self> {
        self.with_subscriber(NoSubscriber::default())
    }
}

impl<F: Future> Quietly for F {}

pub(super) fn make(config: &S3Config, guard: &Guard, region: &str, objects: &Arc<AmazonS3>) -> Result<Client> {
    let mut sdk = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(Transport::new(guard.client()?))
        // The guard repeats what is worth repeating, and gives up on what stalls.
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Parts are sent by object_store, without the checksums that an upload would otherwise promise.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .force_path_style(config.in_path());
    if let Some(endpoint) = &config.endpoint {
        sdk = sdk.endpoint_url(endpoint);
    }
    sdk = match config.anonymous {
        true => sdk.allow_no_auth(),
        false => sdk.credentials_provider(Same(Arc::clone(objects.credentials()))),
    };
    Ok(Client::from_conf(sdk.build()))
}

/// The SDK signs with the credentials that object_store has.
#[derive(Debug)]
struct Same(AwsCredentialProvider);

impl ProvideCredentials for Same {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credential = self
                .0
                .get_credential()
                .await
                .map_err(CredentialsError::provider_error)?;
            let token = credential.token.clone();
            Ok(Credentials::new(
                &credential.key_id,
                &credential.secret_key,
                token,
                None,
                "larder",
            ))
        })
    }
}

/// The SDK's requests through the guard.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    far: HttpClient,
    /// For addresses without TLS.
    near: HttpClient,
}

impl Transport {
    pub(super) fn new(client: HttpClient) -> Self {
        Self {
            near: client.clone(),
            far: client,
        }
    }

    /// Reaches what has no TLS, as metadata addresses of instances and containers, by another client.
    pub(super) fn with_near(self, near: HttpClient) -> Self {
        Self { near, ..self }
    }
}

impl SmithyClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = match request.uri().starts_with("http:") {
            true => self.near.clone(),
            false => self.far.clone(),
        };
        HttpConnectorFuture::new(async move {
            let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
            let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
            let (parts, body) = request.into_parts();
            let bytes = body
                .bytes()
                .map(Bytes::copy_from_slice)
                .ok_or_else(|| user("the body is a stream".into()))?;
            let request = http::Request::from_parts(parts, bytes.into());
            let answered = client.execute(request).await;
            let answered = answered.map_err(|error| ConnectorError::other(error.into(), None))?;
            let (parts, body) = answered.into_parts();
            let body = body.bytes().await.map_err(|error| ConnectorError::io(error.into()))?;
            let answer = http::Response::from_parts(parts, SdkBody::from(body));
            HttpResponse::try_from(answer).map_err(|error| user(error.into()))
        })
    }
}

/// What an error of the SDK means. The guard has said most of it already.
pub(super) fn error<E>(failed: SdkError<E, HttpResponse>, what: &str) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let Some(own) = nested(&failed) {
        return own;
    }
    let status = failed.raw_response().map(|answer| answer.status().as_u16());
    let code = failed.code().unwrap_or_default().to_owned();
    let kind = match (status, code.as_str()) {
        (_, "NoSuchUpload" | "NoSuchKey" | "NoSuchVersion") | (Some(404), _) => ErrorKind::NotFound,
        (_, "PreconditionFailed" | "ConditionalRequestConflict") | (Some(409 | 412), _) => ErrorKind::Conflict,
        // Completing and copying may fail after the status was sent.
        (_, "InternalError" | "ServiceUnavailable" | "SlowDown") => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    };
    let message = match (code.as_str(), failed.message()) {
        ("", _) => format!("{what} failed"),
        (code, Some(said)) => format!("{what} failed ({code}: {said})"),
        (code, None) => format!("{what} failed ({code})"),
    };
    let error = Error::new(kind, message);
    // The failure itself holds the whole answer, and an answer may hold what was sent.
    match failed.into_source() {
        Ok(source) => error.with_source(source),
        Err(_) => error,
    }
}
