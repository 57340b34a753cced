//! Containers on Azurite.

use super::{address, unique};
use larder_io_adls::AdlsConfig;
use larder_io_core::{IoManager, Secret};
use larder_io_object::http::{Guard, Transport};
use larder_testkit::Fixture;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use object_store::client::HttpRequestBody;
use std::sync::Arc;

/// The account of every emulator, and its key, which Microsoft publishes.
/// <https://learn.microsoft.com/en-us/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key>
pub const ACCOUNT: &str = "devstoreaccount1";
/// See [`ACCOUNT`].
pub const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Settings for a new prefix of a container that is made if it is not there.
pub async fn config(variable: &str) -> AdlsConfig {
    let endpoint = address(variable);
    create(&endpoint, "larder-plain").await;
    let mut config = AdlsConfig::new(ACCOUNT, "larder-plain", unique("at"));
    config.endpoint = Some(endpoint);
    config.access_key = Some(Secret::new(KEY));
    // Azurite keeps no versions.
    config.versions = false;
    config
}

/// An empty store for one law.
pub async fn fixture(variable: &str) -> Fixture {
    let config = config(variable).await;
    let open = move || Arc::new(config.open().expect("opens")) as Arc<dyn IoManager>;
    Fixture::new(open()).with_reopen(open).with_secret(KEY)
}

/// Makes a container; one that is there already is as good as a new one.
pub async fn create(endpoint: &str, container: &str) {
    let mut transport = Transport::default();
    transport.allow_http = true;
    let guard = Guard::new(transport, Arc::new(|_| None));
    let request = http::Request::put(format!("{endpoint}/{container}?restype=container"));
    let mut request = request
        .header("content-length", 0)
        .body(HttpRequestBody::from(String::new()))
        .expect("is a request");
    let credential = AzureCredential::AccessKey(AzureAccessKey::try_new(KEY).expect("is a key"));
    AzureAuthorizer::new(&credential, ACCOUNT).authorize(&mut request);
    let answer = guard
        .client()
        .expect("connects")
        .execute(request)
        .await
        .expect("answers");
    let status = answer.status();
    assert!(
        status.is_success() || status.as_u16() == 409,
        "{container} answers {status}"
    );
}
