//! Schemes and URLs: how a backend is handed to a pipeline.

use crate::error::{Error, ErrorKind, Result};
use crate::manager::IoManager;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Opens I/O managers of one URL scheme. Handed over with `Definitions::backend`, never registered behind one's back.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The scheme it answers to, such as `file`.
    fn scheme(&self) -> &'static str;

    /// Opens a manager.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting; what opening the root gives.
    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>>;
}

/// A manager's address: `scheme:address?setting=value&..`, such as `file:///data/lake?table=arrow`.
#[derive(Clone, PartialEq, Eq)]
pub struct ManagerUrl {
    scheme: String,
    address: String,
    query: String,
}

impl ManagerUrl {
    /// Makes a URL of its parts; `query` is URL-encoded and has no question mark.
    pub fn new(scheme: impl Into<String>, address: impl Into<String>, query: impl Into<String>) -> Self {
        Self {
            scheme: scheme.into().to_ascii_lowercase(),
            address: address.into(),
            query: query.into(),
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

    /// The settings, still URL-encoded, without the question mark.
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
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            address: address.to_owned(),
            query: query.to_owned(),
        })
    }
}

/// Without the settings and without a user's name and password, which may be secret.
impl fmt::Display for ManagerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self.address.split_once('@') {
            Some((_, host)) => format!("//[redacted]@{host}"),
            None => self.address.clone(),
        };
        write!(f, "{}:{address}", self.scheme)
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
        assert!("no scheme".parse::<ManagerUrl>().is_err());
    }
}
