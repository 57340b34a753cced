//! What settings cannot work.

use crate::address;
use crate::config::AdlsConfig;
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::http::check_endpoint;

/// The largest block. <https://learn.microsoft.com/en-us/rest/api/storageservices/put-block>
pub(crate) const LARGEST_BLOCK: u64 = 4000 << 20;

/// Bytes of metadata that Azure takes, names and values counted, less what a receipt may take.
const METADATA_BYTES: usize = 6 << 10;

/// Refuses settings that cannot work; everything that becomes a header must be one.
pub(crate) fn check(config: &AdlsConfig) -> Result<()> {
    let account = config.account.as_deref().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidConfig,
            "the storage account is missing; write `abfss://filesystem@account.dfs.core.windows.net/prefix`, or set `account` or AZURE_STORAGE_ACCOUNT",
        )
    })?;
    address::check_account(account)?;
    address::check_container(&config.container)?;
    check_endpoint(&config.service())?;
    let principal = [config.tenant_id.is_some(), config.client_id.is_some()];
    if config.client_secret.is_some() && principal.contains(&false) {
        return wrong("`client_secret` needs `tenant_id` and `client_id` beside it");
    }
    if config.encryption_scope.is_some() && config.customer_key.is_some() {
        return wrong("`encryption_scope` and `customer_key` exclude each other; take one away");
    }
    for (name, value) in [
        ("storage_class", &config.storage_class),
        ("encryption_scope", &config.encryption_scope),
    ] {
        let odd = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        if value
            .as_ref()
            .is_some_and(|value| value.is_empty() || value.contains(odd))
        {
            return wrong(&format!("`{name}` must be a name of letters, digits and `-`"));
        }
    }
    metadata(config)?;
    tags(config)?;
    if config.part_bytes > 1 << 30 {
        return wrong(
            "`part_bytes` must be 1 GiB (1073741824) or less: blocks grow from there to the 4000 MiB that Azure takes",
        );
    }
    if !(1 << 20..=LARGEST_BLOCK).contains(&config.copy_range_bytes) {
        return wrong("`copy_range_bytes` must be 1 MiB (1048576) to 4000 MiB (4194304000)");
    }
    larder_io_object::prefix(&config.prefix)?;
    config.transfer.validate()?;
    config.http.validate()
}

/// <https://learn.microsoft.com/en-us/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#metadata-names>
fn metadata(config: &AdlsConfig) -> Result<()> {
    for (name, value) in &config.metadata {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !begins || !goes_on {
            let shown: String = name.chars().flat_map(char::escape_debug).collect();
            return wrong(&format!(
                "`metadata` has the name `{shown}`; Azure takes letters, digits and `_`, and no digit first"
            ));
        }
        let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !printable || value.trim() != value {
            return wrong(&format!(
                "`metadata.{name}` has characters that a header cannot carry; use printable ASCII without white space at its ends"
            ));
        }
    }
    let bytes: usize = config
        .metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    match bytes > METADATA_BYTES {
        true => wrong("`metadata` is larger than 6 KiB; Azure takes 8 KiB, and the receipt is among it"),
        false => Ok(()),
    }
}

/// <https://learn.microsoft.com/en-us/azure/storage/blobs/storage-manage-find-blobs#setting-blob-index-tags>
fn tags(config: &AdlsConfig) -> Result<()> {
    if config.tags.len() > 10 {
        return wrong("Azure takes 10 `tags` at most");
    }
    let odd = |c: char| !(c.is_ascii_alphanumeric() || " +-./:=_".contains(c));
    for (name, value) in &config.tags {
        if name.is_empty() || name.len() > 128 || value.len() > 256 || name.contains(odd) || value.contains(odd) {
            let shown: String = name.chars().flat_map(char::escape_debug).collect();
            return wrong(&format!(
                "the tag `{shown}` cannot be one; Azure takes letters, digits and ` +-./:=_`, 128 in the name and 256 in the value"
            ));
        }
    }
    Ok(())
}

fn wrong(problem: &str) -> Result<()> {
    Err(Error::new(ErrorKind::InvalidConfig, problem))
}
