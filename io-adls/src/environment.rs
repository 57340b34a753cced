//! Settings that come from the environment when nothing else gives them: larder's own variables, then Azure's.
//! <https://learn.microsoft.com/en-us/cli/azure/azure-cli-configuration>,
//! <https://learn.microsoft.com/en-us/dotnet/api/azure.identity.environmentcredential>

use crate::config::AdlsConfig;
use larder_io_core::{ManagerUrl, Result};

type Variables = (&'static str, &'static [&'static str]);

const ACCOUNT: [Variables; 1] = [(
    "account",
    &[
        "LARDER_AZURE_ACCOUNT",
        "AZURE_STORAGE_ACCOUNT",
        "AZURE_STORAGE_ACCOUNT_NAME",
    ],
)];

/// Keys and signatures.
const KEYS: [Variables; 4] = [
    (
        "access_key",
        &[
            "LARDER_AZURE_ACCESS_KEY",
            "AZURE_STORAGE_KEY",
            "AZURE_STORAGE_ACCOUNT_KEY",
        ],
    ),
    ("sas_token", &["LARDER_AZURE_SAS_TOKEN", "AZURE_STORAGE_SAS_TOKEN"]),
    (
        "connection_string",
        &["LARDER_AZURE_CONNECTION_STRING", "AZURE_STORAGE_CONNECTION_STRING"],
    ),
    ("anonymous", &["LARDER_AZURE_ANONYMOUS"]),
];

/// Identities of a directory.
const IDENTITIES: [Variables; 6] = [
    ("tenant_id", &["LARDER_AZURE_TENANT_ID", "AZURE_TENANT_ID"]),
    ("client_id", &["LARDER_AZURE_CLIENT_ID", "AZURE_CLIENT_ID"]),
    ("client_secret", &["LARDER_AZURE_CLIENT_SECRET", "AZURE_CLIENT_SECRET"]),
    (
        "federated_token_file",
        &["LARDER_AZURE_FEDERATED_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE"],
    ),
    (
        "authority_host",
        &["LARDER_AZURE_AUTHORITY_HOST", "AZURE_AUTHORITY_HOST"],
    ),
    ("identity", &["LARDER_AZURE_IDENTITY"]),
];

const OTHERS: [Variables; 15] = [
    ("endpoint", &["LARDER_AZURE_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT"]),
    ("encryption_scope", &["LARDER_AZURE_ENCRYPTION_SCOPE"]),
    ("customer_key", &["LARDER_AZURE_CUSTOMER_KEY"]),
    ("storage_class", &["LARDER_AZURE_STORAGE_CLASS"]),
    ("versions", &["LARDER_AZURE_VERSIONS"]),
    ("preconditions", &["LARDER_AZURE_PRECONDITIONS"]),
    ("copy_range_bytes", &["LARDER_AZURE_COPY_RANGE_BYTES"]),
    ("object", &["LARDER_AZURE_OBJECT"]),
    ("table", &["LARDER_AZURE_TABLE"]),
    ("compression", &["LARDER_AZURE_COMPRESSION"]),
    ("verify", &["LARDER_AZURE_VERIFY"]),
    ("part_bytes", &["LARDER_AZURE_PART_BYTES"]),
    ("http.proxy", &["LARDER_AZURE_HTTP_PROXY"]),
    ("http.attempts", &["LARDER_AZURE_HTTP_ATTEMPTS"]),
    ("http.read_timeout", &["LARDER_AZURE_HTTP_READ_TIMEOUT"]),
];

/// Reads URL and environment. Credentials that are set leave those of the environment aside that would go before them.
/// `named` is the account that the URL names: keys that the environment has for another account are left aside too.
pub(crate) fn read(url: &ManagerUrl, named: Option<&str>) -> Result<AdlsConfig> {
    let given = url.setting_names();
    let sets = |group: &[Variables]| group.iter().any(|(name, _)| given.iter().any(|known| known == name));
    let of = ACCOUNT[0].1.iter().find_map(|variable| url.variable(variable));
    let foreign = named.is_some_and(|named| of.is_some_and(|account| account != named));
    let mut environment: Vec<Variables> = OTHERS.to_vec();
    if named.is_none() {
        environment.extend(ACCOUNT);
    }
    if !sets(&KEYS) {
        environment.extend(IDENTITIES);
        if !sets(&IDENTITIES) && !foreign {
            environment.extend(KEYS);
        }
    }
    url.settings(&environment)
}
