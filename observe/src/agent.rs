//! The HTTP client of observers: blocking, for threads of their own.

use larder_io_core::{Error, ErrorKind, Result};
use std::time::Duration;
use url::{Host, Url};

/// Parses the address of an endpoint.
pub(crate) fn endpoint(text: &str) -> Result<Url> {
    let invalid = |why: &str| {
        let message = format!("an endpoint is not `http://host:port/path` or `https://..`: {why}");
        Error::new(ErrorKind::InvalidConfig, message)
    };
    // The text is not told: it may hold a password.
    let url = Url::parse(text).map_err(|error| invalid("it is no URL").with_source(error))?;
    match (url.scheme(), url.has_host()) {
        ("http" | "https", true) => Ok(url),
        (scheme, _) => Err(invalid(&format!("its scheme is `{scheme}`"))),
    }
}

/// A URL as it may be told: without user, password and query.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// A client that gives up a request after `timeout`. Proxies are taken from the environment, but never for this machine.
pub(crate) fn agent(url: &Url, timeout: Duration) -> ureq::Agent {
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("larder/", env!("CARGO_PKG_VERSION")));
    let config = match here {
        true => config.proxy(None),
        false => config,
    };
    config.build().new_agent()
}
