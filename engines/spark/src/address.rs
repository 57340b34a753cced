//! Where a Spark Connect server is.

use larder_io_core::{Error, ErrorKind, Result};
use spark_connect_core::ChannelBuilder;
use std::fmt;

/// What is no secret, of what may stand behind the `;`.
const PUBLIC: [&str; 3] = ["use_ssl", "user_id", "user_agent"];

/// The address of a Spark Connect server: `sc://host:port/;use_ssl=true;token=..;user_id=..`.
///
/// The port is 15002 where none is given. What stands behind `;` are `use_ssl`, `token`, `user_id`, `user_agent`, and headers for every
/// call, such as `x-api-key`. Without a `token` it is taken from the variable `SPARK_CONNECT_AUTHENTICATE_TOKEN`. A token goes to this
/// machine or over TLS only.
///
/// Neither `Debug` nor `Display` shows tokens and headers.
#[derive(Clone)]
pub struct Address {
    builder: ChannelBuilder,
    shown: String,
}

impl Address {
    /// Reads an address. No I/O.
    ///
    /// # Errors
    /// `InvalidConfig` for what is no address; without the values that may be secret.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: String| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!("the address of Spark {why}; it is `sc://HOST:PORT/;NAME=VALUE;..`"),
            )
        };
        let rest = text
            .strip_prefix("sc://")
            .ok_or_else(|| refuse("does not begin with `sc://`".to_owned()))?;
        let (place, parameters) = match rest.split_once(';') {
            Some((place, parameters)) => (place, parameters),
            None => (rest, ""),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.contains(['/', '?', '#', '@']) {
            // What stands before an `@` may be a password.
            return Err(refuse("has a path, a query or a user before its `;`".to_owned()));
        }
        let mut shown = format!("sc://{place}");
        for (number, parameter) in parameters
            .split(';')
            .filter(|parameter| !parameter.is_empty())
            .enumerate()
        {
            let (name, value) = parameter
                .split_once('=')
                .filter(|(name, value)| !name.is_empty() && !value.contains('='))
                .ok_or_else(|| {
                    refuse(format!(
                        "has a part behind `;` (number {}) that is not NAME=VALUE, with `%3D` for a `=` in the value",
                        number + 1
                    ))
                })?;
            match name {
                "session_id" => {
                    return Err(refuse(
                        "names a `session_id`, but every query has a session of its own".to_owned(),
                    ));
                }
                "use_ssl" if !matches!(value, "true" | "false") => {
                    return Err(refuse("says `use_ssl` with neither `true` nor `false`".to_owned()));
                }
                _ => {}
            }
            let value = if PUBLIC.contains(&name) { value } else { "[redacted]" };
            shown.push_str(&format!("{}{name}={value}", if number == 0 { "/;" } else { ";" }));
        }
        let text = format!(
            "sc://{place}/{}{parameters}",
            if parameters.is_empty() { "" } else { ";" }
        );
        let text = text.trim_end_matches(';');
        // Its own words may repeat a secret.
        let builder = ChannelBuilder::parse(text)
            .map_err(|_| refuse(format!("`{shown}` has no host, or no port that is a number")))?;
        if builder.host().is_empty() {
            return Err(refuse("names no host".to_owned()));
        }
        if builder.token().is_some() && !builder.use_ssl() && !builder.is_loopback() {
            return Err(refuse(format!(
                "`{shown}` would send a token unencrypted: say `use_ssl=true`"
            )));
        }
        Ok(Self { builder, shown })
    }

    pub(crate) fn builder(&self) -> &ChannelBuilder {
        &self.builder
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

impl std::str::FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use larder_io_core::ErrorKind;

    #[test]
    fn addresses_are_read_and_secrets_are_not_shown() {
        for (text, shown, endpoint) in [
            ("sc://localhost", "sc://localhost", "localhost:15002"),
            ("sc://127.0.0.1:4000/", "sc://127.0.0.1:4000", "127.0.0.1:4000"),
            (
                "sc://db.example:443/;use_ssl=true;token=s3cret;user_id=me;x-key=s3cret",
                "sc://db.example:443/;use_ssl=true;token=[redacted];user_id=me;x-key=[redacted]",
                "db.example:443",
            ),
        ] {
            let address = Address::parse(text).expect("is right");
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("Address({shown})"));
            assert_eq!(address.builder().endpoint(), endpoint);
        }
        let address = Address::parse("sc://db.example:443/;use_ssl=true;token=s3cret").expect("is right");
        assert_eq!(address.builder().token().as_deref(), Some("s3cret"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for (text, told) in [
            ("http://s3cret.example", "does not begin with `sc://`"),
            ("sc://me:s3cret@db.example", "has a path, a query or a user"),
            ("sc://db.example/s3cret", "has a path, a query or a user"),
            ("sc://db.example:port", "no port that is a number"),
            ("sc://db.example:99999", "no port that is a number"),
            ("sc://:15002", "no host"),
            ("sc://db.example/;token", "(number 1) that is not NAME=VALUE"),
            (
                "sc://db.example/;use_ssl=true;token=s3cret=",
                "(number 2) that is not NAME=VALUE",
            ),
            ("sc://db.example/;session_id=s3cret", "a session of its own"),
            ("sc://db.example/;use_ssl=yes", "neither `true` nor `false`"),
            ("sc://db.example/;token=s3cret", "unencrypted: say `use_ssl=true`"),
        ] {
            let error = Address::parse(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.to_string().contains(told), "{text}: {error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
