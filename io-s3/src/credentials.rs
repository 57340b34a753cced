//! Who we are: explicit keys, AWS's own chain, or object_store's.

use crate::config::S3Config;
use larder_io_core::Result;
use larder_io_object::http::Guard;
use object_store::StaticCredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use std::sync::Arc;

/// With explicit keys nothing else is asked; `None` leaves it to object_store's own chain.
pub(crate) fn provider(config: &S3Config, guard: &Guard) -> Result<Option<AwsCredentialProvider>> {
    if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
        let credential = AwsCredential {
            key_id: id.clone(),
            secret_key: secret.expose().to_owned(),
            token: config.session_token.as_ref().map(|token| token.expose().to_owned()),
        };
        return Ok(Some(Arc::new(StaticCredentialProvider::new(credential))));
    }
    chain(config, guard)
}

#[cfg(feature = "sdk")]
fn chain(config: &S3Config, guard: &Guard) -> Result<Option<AwsCredentialProvider>> {
    Ok(Some(Arc::new(crate::sdk::Chain::new(config, guard)?)))
}

#[cfg(not(feature = "sdk"))]
fn chain(config: &S3Config, _: &Guard) -> Result<Option<AwsCredentialProvider>> {
    use larder_io_core::{Error, ErrorKind};
    match &config.profile {
        Some(_) => {
            let message = "`profile` needs the feature `sdk` of larder-io-s3; turn it on, or set the keys themselves";
            Err(Error::new(ErrorKind::InvalidConfig, message))
        }
        None => Ok(None),
    }
}

/// The region of AWS's config file.
#[cfg(feature = "sdk")]
pub(crate) fn profile_region(config: &S3Config) -> Result<Option<String>> {
    crate::sdk::profile_region(config.profile.clone())
}

#[cfg(not(feature = "sdk"))]
pub(crate) fn profile_region(_: &S3Config) -> Result<Option<String>> {
    Ok(None)
}
