//! Settings of tables in PostgreSQL.

use crate::address;
use crate::store::PostgresIo;
use larder_io_core::{Backend, Environment, Error, ErrorKind, IoManager, ManagerUrl, Result, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The URL scheme, and its other name.
const SCHEMES: [&str; 2] = ["postgres", "postgresql"];

/// Settings of tables in PostgreSQL; as a URL, `postgres://me@db.example/warehouse?schema=analytics&history=3`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// `user:password@host:port/database`. Secret, because a password may stand in it.
    #[serde(skip)]
    pub address: Secret,
    /// The schema that has the tables. It is made when it is missing. Default `assets`.
    pub schema: String,
    /// The password, where it does not stand in the address. Default: `PGPASSWORD`, else the line of `PGPASSFILE` or
    /// `~/.pgpass` that fits.
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// Whether bytes are encrypted: `prefer` (default, always but on this machine), `require` and `verify-full` (always,
    /// and the server's certificate is verified), `disable`.
    pub sslmode: Tls,
    /// The host, or the directory of a Unix socket, where the address has none.
    pub host: Option<String>,
    /// The port, where the address has none. Default 5432.
    pub port: Option<u16>,
    /// Versions of each value that are kept, the published one included. Default 5, at least 1.
    #[schemars(range(min = 1))]
    pub history: usize,
    /// How long the table of a replaced version stays for those who are about to read it. Default 10 min, at most a year.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub grace: Duration,
    /// Whether SQL users get a view of each asset, named after it. Default true.
    pub views: bool,
    /// Whether every load compares the stored hash first, which reads the value twice. Default false.
    pub verify: bool,
    /// How long a publish waits for others who publish or read the same view. Default 30 s, 1 ms to 12 days.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub lock_timeout: Duration,
    /// How long a host may take until a session can begin: network, TLS, password and all. Default 10 s, from 1 s on.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// Connections that are kept open when nobody uses them. Default 4. As many are made as are used at once: the
    /// executor's limit of concurrent steps bounds them.
    pub idle_connections: usize,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            address: Secret::default(),
            schema: "assets".to_owned(),
            password: None,
            sslmode: Tls::Prefer,
            host: None,
            port: None,
            history: 5,
            grace: Duration::from_secs(600),
            views: true,
            verify: false,
            lock_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            idle_connections: 4,
        }
    }
}

/// Whether bytes on the way are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Always but on this machine.
    #[default]
    Prefer,
    /// Always, with a verified certificate.
    Require,
    /// The same as `Require`: a certificate is always verified.
    VerifyFull,
    /// Never.
    Disable,
}

impl Tls {
    /// `None` where it depends on the host.
    pub(crate) fn wants_tls(self) -> Option<bool> {
        match self {
            Self::Prefer => None,
            Self::Require | Self::VerifyFull => Some(true),
            Self::Disable => Some(false),
        }
    }
}

impl PostgresConfig {
    /// Settings for an address, `user:password@host:port/database`, and defaults.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: Secret::new(address),
            ..Self::default()
        }
    }

    /// Reads the settings of a URL.
    ///
    /// # Errors
    /// `InvalidConfig` for a setting that is unknown or wrong.
    pub fn of_url(url: &ManagerUrl) -> Result<Self> {
        address::check(url.address())?;
        let environment =
            Environment::of_schema("LARDER_POSTGRES", &backend().schema()).also("password", &["PGPASSWORD"]);
        let mut config: Self = url.settings(environment)?;
        config.address = Secret::new(url.address());
        config.check()?;
        Ok(config)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |setting: &'static str, message: &str| {
            Err(Error::new(ErrorKind::InvalidConfig, message).with_context("setting", setting))
        };
        let longest = Duration::from_millis(1 << 30);
        if self.history == 0 {
            let message = "`history` is 0, but the published version needs a place; set 1 to keep no old versions";
            return wrong("history", message);
        }
        if self.lock_timeout < Duration::from_millis(1) || self.lock_timeout > longest {
            return wrong("lock_timeout", "`lock_timeout` is from 1 ms to 12 days");
        }
        if self.grace > Duration::from_secs(366 * 86_400) {
            return wrong(
                "grace",
                "`grace` is a year at most: what is to stay for longer belongs to `history`",
            );
        }
        if self.connect_timeout < Duration::from_secs(1) {
            return wrong("connect_timeout", "`connect_timeout` is 1 s or more");
        }
        Ok(())
    }

    /// Opens a manager. No I/O: the first call connects.
    ///
    /// # Errors
    /// `InvalidConfig` for an address or a setting that is wrong, or a password file that others may read.
    pub fn open(&self) -> Result<PostgresIo> {
        self.check()?;
        PostgresIo::new(address::read(self, None)?, self)
    }
}

/// The backend of the schemes `postgres` and `postgresql`.
pub fn backend() -> Arc<dyn Backend> {
    Arc::new(PostgresBackend)
}

#[derive(Debug)]
struct PostgresBackend;

impl Backend for PostgresBackend {
    fn scheme(&self) -> &'static str {
        SCHEMES[0]
    }

    fn schemes(&self) -> Vec<&str> {
        SCHEMES.to_vec()
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        let config = PostgresConfig::of_url(url)?;
        Ok(Arc::new(PostgresIo::new(address::read(&config, Some(url))?, &config)?))
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(PostgresConfig).to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_by_url() {
        let url: ManagerUrl = "postgresql://me@localhost/db?history=3&views=false"
            .parse()
            .expect("is a URL");
        let manager = backend().open(&url).expect("opens");
        assert_eq!(
            (manager.info().scheme.as_str(), manager.info().remote),
            ("postgres", true)
        );
        assert_eq!(manager.info().root, "postgres://me@localhost:5432/db (schema assets)");
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for bad in [
            "histroy=3",
            "history=0",
            "lock_timeout=0s",
            "grace=400d",
            "connect_timeout=1ms",
            "sslmode=verify-ca",
            "port=x",
        ] {
            let url: ManagerUrl = format!("postgres://me@localhost/db?{bad}").parse().expect("is a URL");
            let error = backend().open(&url).expect_err("is wrong");
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{bad}");
        }
    }

    #[test]
    fn the_schema_refuses_what_it_does_not_know() {
        let schema = backend().schema();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["history"]["minimum"], 1);
    }
}
