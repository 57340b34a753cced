//! How requests are sent: timeouts, retries, proxies.

use backon::{BackoffBuilder, ExponentialBuilder};
use larder_io_core::{Error, ErrorKind, Result, Secret};
use object_store::{ClientOptions, RetryConfig};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Body bytes per second below which a connection counts as stalled.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 << 10;

/// Time for a connection to a metadata address.
const METADATA_CONNECT: Duration = Duration::from_secs(1);

/// How requests are sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Transport {
    /// Times one request is sent at most, the first included. Default 3. The policies above retry whole operations;
    /// this one is for blips, and for the parts of a stream that cannot be read again.
    pub attempts: u32,
    /// The first wait between them; it doubles, with jitter. Default 100 ms.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub first_delay: Duration,
    /// The longest wait; a server that asks for a longer one is left to the policies above. Default 5 s.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub longest_delay: Duration,
    /// Time for a connection. Default 5 s.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// Time without a byte of the answer after which a request counts as lost; while a body is sent, one more second
    /// for every 64 KiB of it. Default 30 s.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub read_timeout: Duration,
    /// Whether plain HTTP is allowed. A backend sets it where the endpoint says `http:`.
    #[serde(skip)]
    pub allow_http: bool,
    /// A proxy, as `http://host:port`, with `user:password@` where it wants them. Default the system's
    /// (`HTTPS_PROXY`, `NO_PROXY`).
    #[schemars(with = "Option<String>")]
    pub proxy: Option<Secret>,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            allow_http: false,
            proxy: None,
        }
    }
}

/// Refuses an endpoint that cannot be one. No message shows it: it may have a password in it.
///
/// # Errors
/// `InvalidConfig`.
pub fn check_endpoint(endpoint: &str) -> Result<()> {
    let wrong = |problem: &str| Err(Error::new(ErrorKind::InvalidConfig, problem));
    let Some(uri) = address(endpoint) else {
        return wrong(
            "`endpoint` must begin with `https://` or `http://` and name a host, as in `http://127.0.0.1:4566`",
        );
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
        || endpoint.contains(['?', '#'])
    {
        return wrong("`endpoint` takes no user, password or query; give credentials by the settings made for them");
    }
    Ok(())
}

/// A text as an address of HTTP, if it is one.
fn address(text: &str) -> Option<http::Uri> {
    let uri: http::Uri = text.parse().ok()?;
    (matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()).then_some(uri)
}

impl Transport {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub fn validate(&self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::new(ErrorKind::InvalidConfig, problem));
        if self.attempts == 0 {
            return wrong("http.attempts is 0, it must be 1 or more: the first attempt counts");
        }
        if self.connect_timeout.is_zero() || self.read_timeout.is_zero() {
            return wrong("http.connect_timeout and http.read_timeout must be longer than 0");
        }
        // Whoever parses it later quotes it, password and all.
        if self
            .proxy
            .as_ref()
            .is_some_and(|proxy| address(proxy.expose()).is_none())
        {
            return wrong("http.proxy is no address such as `http://host:port` or `http://user:password@host:port`");
        }
        Ok(())
    }

    /// As many attempts at a metadata address, which is near or not there at all: a second to connect, without TLS, and no
    /// proxy leads to it.
    #[must_use]
    pub fn for_metadata(&self) -> Self {
        Self {
            attempts: self.attempts,
            connect_timeout: METADATA_CONNECT,
            allow_http: true,
            ..Self::default()
        }
    }

    /// The same for object_store's clients.
    pub fn client_options(&self) -> ClientOptions {
        let options = ClientOptions::new()
            .with_allow_http(self.allow_http)
            .with_connect_timeout(self.connect_timeout)
            // The guard measures time without a byte instead of total time, which large parts would need more of.
            .with_timeout_disabled();
        match &self.proxy {
            Some(proxy) => options.with_proxy_url(proxy.expose()),
            None => options,
        }
    }

    /// object_store's own retries: none. The guard repeats requests, and whoever reads a value asks again for what broke
    /// off; a third layer would multiply with them, and nobody would count its attempts.
    pub fn body_retries(&self) -> RetryConfig {
        RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        }
    }

    /// The waits between attempts.
    pub(super) fn delays(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.longest_delay)
            .with_max_times(self.attempts.saturating_sub(1) as usize)
            .with_jitter()
            .build()
    }

    /// Time for the answer to a request with a body of this size.
    pub(super) fn allowed(&self, body_bytes: u64) -> Duration {
        self.read_timeout + Duration::from_secs(body_bytes / SLOWEST_BYTES_PER_SECOND)
    }
}
