//! Who we are: explicit keys and signatures, Microsoft's own library, or object_store's chain.

use crate::config::AdlsConfig;
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::http::Guard;
use object_store::StaticCredentialProvider;
use object_store::azure::{AzureAccessKey, AzureCredential, AzureCredentialProvider};
use std::sync::Arc;

/// The provider of what signs requests; `None` for anonymous ones. With keys and signatures nothing else is asked.
pub(crate) fn provider(config: &AdlsConfig, guard: &Guard) -> Result<Option<AzureCredentialProvider>> {
    if config.anonymous {
        return Ok(None);
    }
    let fixed = |credential| -> Result<Option<AzureCredentialProvider>> {
        Ok(Some(Arc::new(StaticCredentialProvider::new(credential))))
    };
    if let Some(key) = &config.access_key {
        // The cause would show where the key is wrong.
        let key = AzureAccessKey::try_new(key.expose()).map_err(|_| {
            Error::new(
                ErrorKind::InvalidConfig,
                "`access_key` is no base64; copy the account's key again from the portal",
            )
        })?;
        return fixed(AzureCredential::AccessKey(key));
    }
    if let Some(token) = &config.sas_token {
        return fixed(AzureCredential::SASToken(pairs(token.expose())?));
    }
    chain(config, guard).map(Some)
}

/// The pairs of a signature, decoded: it is percent-encoded, and a plus sign is itself.
fn pairs(token: &str) -> Result<Vec<(String, String)>> {
    let wrong = || {
        let message = "`sas_token` is no shared access signature; it looks like `sv=..&sp=..&sig=..`";
        Error::new(ErrorKind::InvalidConfig, message)
    };
    let text = token.trim().trim_start_matches('?');
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(String::from)
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        Ok((decode(name).map_err(|_| wrong())?, decode(value).map_err(|_| wrong())?))
    };
    let pairs: Vec<_> = text
        .split('&')
        .filter(|text| !text.is_empty())
        .map(pair)
        .collect::<Result<_>>()?;
    match pairs.iter().any(|(name, _)| name == "sig") {
        true => Ok(pairs),
        false => Err(wrong()),
    }
}

#[cfg(feature = "sdk")]
fn chain(config: &AdlsConfig, guard: &Guard) -> Result<AzureCredentialProvider> {
    Ok(Arc::new(crate::sdk::Chain::new(config, guard.transport())?))
}

/// object_store's own chain, which it makes with a client.
#[cfg(not(feature = "sdk"))]
fn chain(config: &AdlsConfig, guard: &Guard) -> Result<AzureCredentialProvider> {
    use crate::config::Identity;
    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
    let mut transport = guard.transport().clone();
    // Managed identities are asked for over plain HTTP.
    transport.allow_http = true;
    let tokens = Guard::new(transport.clone(), Arc::new(crate::error::judge_token));
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(config.account.clone().unwrap_or_default())
        .with_container_name(&config.container)
        .with_client_options(transport.client_options())
        .with_retry(transport.body_retries())
        .with_http_connector(tokens)
        .with_use_azure_cli(config.identity == Identity::Developer);
    let workload = matches!(config.identity, Identity::Auto | Identity::Workload) && config.client_secret.is_none();
    let settings = [
        (AzureConfigKey::AuthorityId, config.tenant_id.clone()),
        (AzureConfigKey::ClientId, config.client_id.clone()),
        (
            AzureConfigKey::ClientSecret,
            config.client_secret.as_ref().map(|secret| secret.expose().to_owned()),
        ),
        (
            AzureConfigKey::FederatedTokenFile,
            config.federated_token_file.clone().filter(|_| workload),
        ),
        (AzureConfigKey::AuthorityHost, config.authority_host.clone()),
    ];
    for (key, value) in settings {
        if let Some(value) = value {
            builder = builder.with_config(key, value);
        }
    }
    let made = builder.build().map_err(|cause| {
        Error::new(
            ErrorKind::InvalidConfig,
            "the identity cannot be used; check `tenant_id`, `client_id` and `identity`",
        )
        .with_source(cause)
    })?;
    Ok(Arc::clone(made.credentials()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_decoded_once() {
        let read = pairs("?sv=2023-11-03&sig=a%2Bb+c%3D").expect("is a signature");
        let wanted = [("sv", "2023-11-03"), ("sig", "a+b+c=")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, wanted);
        for wrong in ["", "hunter2", "sv=2023", "sig"] {
            let error = pairs(wrong).expect_err(wrong);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }
}
