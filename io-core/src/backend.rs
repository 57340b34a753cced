//! Schemes and URLs: how a backend is handed to a pipeline.

use crate::error::{Error, ErrorKind, Result};
use crate::manager::IoManager;
use crate::reference::Target;
use crate::settings::Setting;
use crate::userinfo;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Opens I/O managers of one URL scheme. Handed over with `Definitions::backend`, never registered behind one's back.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The scheme it answers to, such as `file`; the one that its managers are called by.
    fn scheme(&self) -> &str;

    /// Every scheme it answers to, [`Backend::scheme`] and its other names. Default: that one alone.
    fn schemes(&self) -> Vec<&str> {
        vec![self.scheme()]
    }

    /// The JSON schema of its settings, for editors and for `config schema`. Default: anything.
    fn schema(&self) -> serde_json::Value {
        serde_json::json!({ "type": "object" })
    }

    /// Opens a manager.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting; what opening the root gives.
    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>>;

    /// What a reference points to: the address of the target itself, with the settings of the manager whose root it is in, where there is one.
    /// No I/O but opening a root. Default: nothing can be pointed to.
    ///
    /// # Errors
    /// `Unsupported` where nothing can be pointed to; `InvalidData` for an address that is none here; `InvalidConfig` for settings that
    /// cannot work.
    fn target(&self, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
        let _ = format;
        let message = format!(
            "a reference cannot point to `{url}`: nothing behind `{}:` is a target",
            self.scheme()
        );
        Err(Error::new(ErrorKind::Unsupported, message))
    }
}

/// A manager's address: `scheme:address?setting=value&..`, such as `file:///data/lake?table=arrow`.
#[derive(Clone, PartialEq, Eq)]
pub struct ManagerUrl {
    scheme: String,
    address: String,
    pub(crate) query: String,
    /// Settings that do not stand in the query.
    pub(crate) settings: Vec<Setting>,
    /// Instead of the process's environment.
    pub(crate) variables: Option<BTreeMap<String, String>>,
    /// What relative paths are below.
    pub(crate) directory: PathBuf,
}

impl ManagerUrl {
    /// Makes a URL of its parts; `query` is URL-encoded and has no question mark.
    pub fn new(scheme: impl Into<String>, address: impl Into<String>, query: impl Into<String>) -> Self {
        Self {
            scheme: scheme.into().to_ascii_lowercase(),
            address: address.into(),
            query: query.into(),
            settings: Vec::new(),
            variables: None,
            directory: PathBuf::new(),
        }
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Everything between the scheme and the settings, with the `//` of an empty host removed: `file:///a` has `/a`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Host and path of the address, without slashes at their ends: `s3://bucket/a/b` has `bucket` and `a/b`, `s3:///a` no host.
    pub fn host_and_path(&self) -> (&str, &str) {
        let address = self.address.strip_prefix("//").unwrap_or(&self.address);
        let (host, path) = address.split_once('/').unwrap_or((address, ""));
        (host, path.trim_matches('/'))
    }

    /// The same address and settings under another scheme: `delta+s3://bucket` has `s3://bucket` below it.
    #[must_use]
    pub fn with_scheme(mut self, scheme: impl Into<String>) -> Self {
        self.scheme = scheme.into().to_ascii_lowercase();
        self
    }

    /// The same scheme and settings with another address.
    #[must_use]
    pub fn with_address(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }

    /// Says what relative paths are below; by default the working directory.
    #[must_use]
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// A path of the address or of a setting. A relative one is below the directory of the file that the URL stands in.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.join(path)
    }

    /// The settings of the query, still URL-encoded, without the question mark.
    pub fn query(&self) -> &str {
        &self.query
    }
}

impl FromStr for ManagerUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let scheme_ok = |scheme: &str| {
            !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        };
        let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| scheme_ok(scheme)) else {
            let message = "an I/O manager's URL begins with a scheme, as in `file:///data/lake` or `memory:`";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let address = match address.strip_prefix("//") {
            Some(path) if path.is_empty() || path.starts_with('/') => path,
            _ => address,
        };
        let url = Self::new(scheme, address, query);
        if userinfo::is_cut(&url.scheme, &url.address, &url.query) {
            // Read on, a part of the password would be the name of a setting, which messages show.
            let message = "an I/O manager's URL has an `@` behind its `?`: percent-encode names and passwords, with `%40` for `@`, `%2F` for `/`, `%3F` for `?` and `%23` for `#`, and an `@` in a setting too";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        Ok(url)
    }
}

/// Without the settings, and without what may be a user's name and password.
impl fmt::Display for ManagerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&userinfo::redacted(&self.scheme, &self.address, &self.query))
    }
}

impl fmt::Debug for ManagerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_redacts() {
        let url: ManagerUrl = "file:///data?table=arrow".parse().expect("is valid");
        assert_eq!(
            (url.scheme(), url.address(), url.query()),
            ("file", "/data", "table=arrow")
        );
        let secret: ManagerUrl = "postgres://user:pass@host/db?password=x".parse().expect("is valid");
        assert_eq!(format!("{secret:?}"), "ManagerUrl(postgres://[redacted]@host/db)");
        for (text, shown) in [
            ("s3://bucket/a@b?secret_access_key=x", "s3://bucket/a@b"),
            ("file:///data/@home", "file:/data/@home"),
            // It may be a password that begins with digits.
            ("http://host:80/a@b", "http://[redacted]@b"),
            ("x://user:p@ss@host/db", "x://[redacted]@host/db"),
            ("x://user:p/ss@host/db", "x://[redacted]@host/db"),
            (
                "abfss://data@lake.dfs.core.windows.net/a@b",
                "abfss://data@lake.dfs.core.windows.net/a@b",
            ),
            (
                "abfs://user:pass@lake.dfs.core.windows.net/a",
                "abfs://[redacted]@lake.dfs.core.windows.net/a",
            ),
        ] {
            let url: ManagerUrl = text.parse().expect("is valid");
            assert_eq!(url.to_string(), shown);
        }
        assert!("no scheme".parse::<ManagerUrl>().is_err());
    }
}
