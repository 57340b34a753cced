//! How the engine is handed over.

use crate::engine::PostgresEngine;
use larder_io_core::{EngineBackend, Environment, ManagerUrl, Result, Secret, SqlEngine};
use larder_io_postgres::wire::{self, Server};
use larder_io_postgres::{PostgresConfig, Tls};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The name in `engine = ".."` and `[engines.postgres]`.
pub(crate) const NAME: &str = "postgres";

/// Settings of the engine: those of its connections. As a URL, `postgres://me@db.example/warehouse?sslmode=require`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EngineConfig {
    /// The password, where it does not stand in the address. Default: `PGPASSWORD`, else the line of `PGPASSFILE` or `~/.pgpass` that fits.
    #[schemars(with = "Option<String>")]
    password: Option<Secret>,
    /// Whether bytes are encrypted: `prefer` (default, always but on this machine), `require` and `verify-full` (always, and the server's certificate is
    /// verified), `disable`.
    sslmode: Tls,
    /// The host, or the directory of a Unix socket, where the address has none.
    host: Option<String>,
    /// The port, where the address has none. Default 5432.
    port: Option<u16>,
    /// How long a host may take until a session can begin: network, TLS, password and all. Default 10 s, from 1 s on.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    connect_timeout: Duration,
    /// Connections that are kept open when nobody uses them. Default 4. One in which a query has run is not kept.
    idle_connections: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        let usual = PostgresConfig::default();
        Self {
            password: usual.password,
            sslmode: usual.sslmode,
            host: usual.host,
            port: usual.port,
            connect_timeout: usual.connect_timeout,
            idle_connections: usual.idle_connections,
        }
    }
}

/// Reads an address and its settings.
///
/// # Errors
/// `InvalidConfig` for an address or a setting that is wrong, or means nothing to an engine.
pub(crate) fn server(url: &ManagerUrl) -> Result<Server> {
    wire::check(url)?;
    let environment = Environment::of_schema("LARDER_POSTGRES", &backend().schema()).also("password", &["PGPASSWORD"]);
    let own: EngineConfig = url.settings(environment)?;
    let mut config = PostgresConfig::new(url.address());
    config.password = own.password;
    config.sslmode = own.sslmode;
    config.host = own.host;
    config.port = own.port;
    config.connect_timeout = own.connect_timeout;
    config.idle_connections = own.idle_connections;
    Server::open(&config, url)
}

/// Opens the engine that `[engines.postgres]` gives an address: `url = "postgres://me@db.example/warehouse"`, the same as the manager's whose tables it
/// is to read and write where they are, and its settings for the connection.
pub fn backend() -> Arc<dyn EngineBackend> {
    Arc::new(PostgresEngineBackend)
}

#[derive(Debug)]
struct PostgresEngineBackend;

impl EngineBackend for PostgresEngineBackend {
    fn name(&self) -> &str {
        NAME
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["postgres", "postgresql"]
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(EngineConfig).to_value()
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn SqlEngine>> {
        Ok(Arc::new(PostgresEngine::open(url)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_core::ErrorKind;

    fn of(url: &str) -> Result<Arc<dyn SqlEngine>> {
        let url: ManagerUrl = url.parse()?;
        backend().open(&url.with_variables([("PGPASSFILE".to_owned(), "/nowhere".to_owned())].into()))
    }

    #[test]
    fn opens_by_url() {
        let engine = of("postgresql://me@db.example/d?sslmode=require&connect_timeout=2s&idle_connections=0");
        assert_eq!(engine.expect("opens").name(), "postgres");
        for (url, said) in [
            ("postgres://me@h/d?history=3", "history"),
            ("postgres://me@h/d?schema=x", "schema"),
            ("postgres://me@h/d?grace=1m", "grace"),
            ("postgres://me@h/d?views=false", "views"),
            ("postgres://me@h/d?lock_timeout=1s", "lock_timeout"),
            ("postgres://me@h/d?conect_timeout=1s", "did you mean `connect_timeout`"),
            ("postgres://me@h/d?connect_timeout=1ms", "connect_timeout"),
            ("postgres://h/d", "names no user"),
        ] {
            let error = of(url).map(drop).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}: {error}");
            assert!(format!("{error}").contains(said), "{url}: {error}");
        }
        for url in [
            "postgres://me:s3cret?x@h/d",
            "postgres://me:pw@h/d?password=s3cret&nope=1",
        ] {
            let error = of(url).map(drop);
            assert!(error.is_err() && !format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn editors_know_its_own_settings_only() {
        let schema = backend().schema();
        assert_eq!(schema["additionalProperties"], false);
        let known: Vec<&String> = schema["properties"].as_object().expect("has some").keys().collect();
        assert_eq!(
            known,
            [
                "connect_timeout",
                "host",
                "idle_connections",
                "password",
                "port",
                "sslmode"
            ]
        );
    }
}
