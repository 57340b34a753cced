//! Where a container is: URLs of managers, accounts, endpoints.

use larder_io_core::{Error, ErrorKind, Result};

/// The host of public Azure behind an account's name.
const PUBLIC: &str = "core.windows.net";

/// What a manager's URL says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) container: String,
    pub(crate) prefix: String,
    /// The account, where the URL names it.
    pub(crate) account: Option<String>,
    /// What follows `account.dfs.`, such as `core.windows.net`; of China and others where the URL says so.
    pub(crate) suffix: Option<String>,
}

impl Address {
    /// Reads `//filesystem@account.dfs.core.windows.net/prefix` or `//container/prefix`.
    pub(crate) fn parse(address: &str) -> Result<Self> {
        let bare = address.strip_prefix("//").unwrap_or(address);
        let (authority, prefix) = bare.split_once('/').unwrap_or((bare, ""));
        let prefix = prefix.trim_matches('/').to_owned();
        let Some((container, host)) = authority.split_once('@') else {
            return Ok(Self {
                container: authority.to_owned(),
                prefix,
                ..Self::default()
            });
        };
        let found = host.split_once('.').and_then(|(account, rest)| {
            let suffix = rest.strip_prefix("dfs.").or_else(|| rest.strip_prefix("blob."))?;
            Some((account, suffix))
        });
        let Some((account, suffix)) = found.filter(|(account, suffix)| !account.is_empty() && !suffix.is_empty())
        else {
            return Err(wrong(
                "the host behind `@` is no storage account; write `abfss://filesystem@account.dfs.core.windows.net/prefix`",
            ));
        };
        Ok(Self {
            container: container.to_owned(),
            prefix,
            account: Some(account.to_owned()),
            suffix: Some(suffix.to_owned()),
        })
    }
}

/// The endpoint of the Blob API, without a slash at its end.
pub(crate) fn endpoint(account: &str, suffix: Option<&str>) -> String {
    format!("https://{account}.blob.{}", suffix.unwrap_or(PUBLIC))
}

/// The address for people and other tools, without a scheme.
pub(crate) fn root(container: &str, prefix: &str, account: &str, suffix: Option<&str>) -> String {
    let authority = format!("{container}@{account}.dfs.{}", suffix.unwrap_or(PUBLIC));
    joined(&authority, prefix)
}

/// The same where the endpoint is not Azure's own.
pub(crate) fn plain_root(container: &str, prefix: &str) -> String {
    joined(container, prefix)
}

fn joined(authority: &str, prefix: &str) -> String {
    match prefix {
        "" => format!("//{authority}"),
        prefix => format!("//{authority}/{prefix}"),
    }
}

/// The account that an endpoint names: in its path, as emulators have it, or in its host.
pub(crate) fn account_of(endpoint: &str) -> Option<String> {
    let (_, rest) = endpoint.split_once("://")?;
    let (host, path) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return path.rsplit('/').next().map(str::to_owned);
    }
    let (account, rest) = host.split_once('.')?;
    rest.starts_with("blob.").then(|| account.to_owned())
}

/// Refuses names that no account has. <https://learn.microsoft.com/en-us/azure/storage/common/storage-account-overview>
pub(crate) fn check_account(account: &str) -> Result<()> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match account.is_empty() || account.contains(|c| !known(c)) {
        true => Err(wrong(
            "`account` must be the name of a storage account alone: lower-case letters and digits",
        )),
        false => Ok(()),
    }
}

/// Refuses names that no container has.
/// <https://learn.microsoft.com/en-us/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>
pub(crate) fn check_container(container: &str) -> Result<()> {
    let special = matches!(container, "$root" | "$web" | "$logs");
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fine = !container.is_empty() && container.len() <= 63 && !container.contains(|c| !known(c));
    match special || fine {
        true => Ok(()),
        false => Err(wrong(
            "the container is missing or has characters that no container has (lower-case letters, digits and `-`); write `abfss://filesystem@account.dfs.core.windows.net/prefix` or `az://container/prefix`",
        )),
    }
}

fn wrong(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(address: &str) -> (String, String, Option<String>, Option<String>) {
        let Address {
            container,
            prefix,
            account,
            suffix,
        } = Address::parse(address).expect("is an address");
        (container, prefix, account, suffix)
    }

    #[test]
    fn reads_both_forms() {
        let (public, china) = ("core.windows.net".to_owned(), "core.chinacloudapi.cn".to_owned());
        let table = [
            (
                "//data@lake.dfs.core.windows.net/a/b/",
                "a/b",
                Some("lake"),
                Some(public.clone()),
            ),
            ("//data@lake.blob.core.windows.net", "", Some("lake"), Some(public)),
            (
                "//data@lake.dfs.core.chinacloudapi.cn/a",
                "a",
                Some("lake"),
                Some(china),
            ),
            ("//data/a", "a", None, None),
            ("//data", "", None, None),
        ];
        for (text, prefix, account, suffix) in table {
            let wanted = ("data".to_owned(), prefix.to_owned(), account.map(str::to_owned), suffix);
            assert_eq!(parsed(text), wanted, "{text}");
        }
        for wrong in [
            "//data@lake",
            "//data@lake.example.com/a",
            "//data@.dfs.core.windows.net",
        ] {
            let error = Address::parse(wrong).expect_err(wrong);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_names_its_account() {
        let table = [
            ("http://127.0.0.1:10000/devstoreaccount1", Some("devstoreaccount1")),
            ("http://127.0.0.1:10000/devstoreaccount1/", Some("devstoreaccount1")),
            ("https://lake.blob.core.windows.net/", Some("lake")),
            ("https://lake.example.com", None),
        ];
        for (endpoint, account) in table {
            assert_eq!(account_of(endpoint).as_deref(), account, "{endpoint}");
        }
    }

    #[test]
    fn names_are_checked() {
        for good in ["data", "a-1", "$web"] {
            check_container(good).expect(good);
        }
        for bad in ["", "Data", "a_b", "a.b", "a b", &"x".repeat(64)] {
            assert!(check_container(bad).is_err(), "{bad}");
        }
        assert!(check_account("lake").is_ok() && check_account("lake.blob").is_err() && check_account("").is_err());
    }
}
