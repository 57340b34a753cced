//! Endpoints that observers send to by HTTP: blocking, from threads of their own.

use crate::told::Once;
use larder_io_core::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use ureq::Agent;
use url::{Host, Url};

/// Times that something is sent while the endpoint is there.
const TRIES: u32 = 3;
/// Before the second try; twice that before the third.
const PAUSE: Duration = Duration::from_millis(100);

/// Somebody who listens, or should.
#[derive(Debug)]
pub(crate) struct Endpoint {
    agent: Agent,
    url: Url,
    /// What it is one of.
    what: &'static str,
    up: AtomicBool,
    told: Once,
}

impl Endpoint {
    /// Gives up a request after `timeout`. It is not tried yet.
    ///
    /// # Errors
    /// `InvalidConfig` for what is no URL of `http` or `https`.
    pub(crate) fn new(url: &str, what: &'static str, timeout: Duration) -> Result<Self> {
        let url = parse(url)?;
        Ok(Self {
            agent: agent(&url, timeout),
            url,
            what,
            up: AtomicBool::new(true),
            told: Once::default(),
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Sends by `post`, which gives a status and more; a few times while the endpoint is overloaded or not there. That it does not take something is
    /// told once. While it is down there is one try for each request, so that a run's end does not wait for long.
    pub(crate) fn send<T>(
        &self,
        mut post: impl FnMut(&Agent) -> Result<(u16, T), ureq::Error>,
    ) -> Result<(u16, T), ureq::Error> {
        let tries = if self.up.load(Ordering::Relaxed) { TRIES } else { 1 };
        let mut attempt = 1;
        loop {
            let sent = post(&self.agent);
            let (again, why) = match &sent {
                Ok((200..300, _)) => {
                    self.up.store(true, Ordering::Relaxed);
                    return sent;
                }
                // Another try would not change such an answer.
                Ok((status, _)) => (
                    *status == 429 || *status >= 500,
                    format!("it answers with status {status}"),
                ),
                Err(error) => (true, error.to_string()),
            };
            if again && attempt < tries {
                thread::sleep(PAUSE * attempt);
                attempt += 1;
                continue;
            }
            self.up.store(!again, Ordering::Relaxed);
            self.tell(&why);
            return sent;
        }
    }

    fn tell(&self, why: &str) {
        // Without user, password and query.
        let endpoint = format!("{}{}", self.url.origin().ascii_serialization(), self.url.path());
        let what = self.what;
        self.told.tell(|| {
            tracing::warn!(
                endpoint,
                why,
                "the endpoint of {what} does not take what a run tells; the run goes on without it"
            );
            format!("the endpoint of {what} at {endpoint} does not take what a run tells: {why}")
        });
    }

    /// What was told.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.told.told()
    }
}

fn parse(text: &str) -> Result<Url> {
    let invalid = |why: &str| {
        let message = format!("an endpoint is `http://host:port/path` or `https://..`: {why}");
        Error::new(ErrorKind::InvalidConfig, message)
    };
    // The text is not told: it may hold a password.
    let url = Url::parse(text).map_err(|error| invalid("this one is no URL").with_source(error))?;
    match (url.scheme(), url.has_host()) {
        ("http" | "https", true) => Ok(url),
        (scheme, _) => Err(invalid(&format!("this one has the scheme `{scheme}`"))),
    }
}

/// Proxies are taken from the environment, but never for this machine.
fn agent(url: &Url, timeout: Duration) -> Agent {
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let config = Agent::config_builder()
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
