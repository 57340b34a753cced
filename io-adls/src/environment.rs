//! Settings that come from the environment when nothing else gives them: larder's own variables (`LARDER_AZURE_` and the
//! name of the setting), then Azure's.
//! <https://learn.microsoft.com/en-us/cli/azure/azure-cli-configuration>,
//! <https://learn.microsoft.com/en-us/dotnet/api/azure.identity.environmentcredential>

use crate::config::{AdlsConfig, backend};
use larder_io_core::{Environment, ManagerUrl, Result};

const ACCOUNT: &str = "account";
/// Variables of the account, larder's first.
const ACCOUNTS: [&str; 3] = [
    "LARDER_AZURE_ACCOUNT",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_ACCOUNT_NAME",
];

/// Keys and signatures.
const KEYS: [&str; 4] = ["access_key", "sas_token", "connection_string", "anonymous"];

/// Identities of a directory.
const IDENTITIES: [&str; 6] = [
    "tenant_id",
    "client_id",
    "client_secret",
    "federated_token_file",
    "authority_host",
    "identity",
];

fn environment() -> Environment {
    Environment::of_schema("LARDER_AZURE", &backend().schema())
        .also(ACCOUNT, &ACCOUNTS[1..])
        .also("access_key", &["AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY"])
        .also("sas_token", &["AZURE_STORAGE_SAS_TOKEN"])
        .also("connection_string", &["AZURE_STORAGE_CONNECTION_STRING"])
        .also("tenant_id", &["AZURE_TENANT_ID"])
        .also("client_id", &["AZURE_CLIENT_ID"])
        .also("client_secret", &["AZURE_CLIENT_SECRET"])
        .also("federated_token_file", &["AZURE_FEDERATED_TOKEN_FILE"])
        .also("authority_host", &["AZURE_AUTHORITY_HOST"])
        .also("endpoint", &["AZURE_STORAGE_SERVICE_ENDPOINT"])
}

/// Reads URL and environment. Credentials that are set leave those of the environment aside that would go before them.
/// `named` is the account that the URL names: keys that the environment has for another account are left aside too.
pub(crate) fn read(url: &ManagerUrl, named: Option<&str>) -> Result<AdlsConfig> {
    let given = url.setting_names();
    let sets = |group: &[&str]| group.iter().any(|name| given.iter().any(|known| known == name));
    let of = ACCOUNTS.iter().find_map(|variable| url.variable(variable));
    let foreign = named.is_some_and(|named| of.is_some_and(|account| account != named));
    let mut environment = environment();
    if named.is_some() {
        environment = environment.without(&[ACCOUNT]);
    }
    if sets(&KEYS) {
        environment = environment.without(&IDENTITIES);
    }
    if sets(&KEYS) || sets(&IDENTITIES) || foreign {
        environment = environment.without(&KEYS);
    }
    url.settings(environment)
}
