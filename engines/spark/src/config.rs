//! How the engine is handed over.

use crate::address::Address;
use crate::engine::SparkEngine;
use crate::settings::Settings;
use larder_io_core::{EngineBackend, Environment, Error, ErrorKind, ManagerUrl, Result, Secret, SqlEngine};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The name in `engine = ".."` and `[engines.spark]`.
pub(crate) const NAME: &str = "spark";

/// Settings of the engine; as a URL, `sc://spark.example:15002?staging=/shared/larder`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SparkConfig {
    /// A directory that this process and every worker reach under the same path: for the rows of tables that are in no files that the cluster reads.
    /// Without it a query over such a table is refused.
    pub(crate) staging: Option<PathBuf>,
    /// The token to log in with, where the address has none; needs TLS.
    #[schemars(with = "Option<String>")]
    pub(crate) token: Option<Secret>,
    /// How long one try to reach the server may take. Default 10 s.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub(crate) connect_timeout: Duration,
    /// How long the server may say nothing of a query. Default 10 min.
    #[serde(with = "larder_io_core::duration")]
    #[schemars(with = "String")]
    pub(crate) idle: Duration,
    /// How often a call is tried that found nobody, the first time included. Default 5.
    pub(crate) tries: u32,
    /// Settings of Spark for each query, such as `spark.sql.shuffle.partitions`.
    pub(crate) session: BTreeMap<String, String>,
}

impl Default for SparkConfig {
    fn default() -> Self {
        let usual = Settings::default();
        Self {
            staging: None,
            token: None,
            connect_timeout: usual.connect_timeout,
            idle: usual.idle,
            tries: usual.tries,
            session: usual.session,
        }
    }
}

impl SparkConfig {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            connect_timeout: self.connect_timeout,
            idle: self.idle,
            tries: self.tries,
            session: self.session.clone(),
        }
    }
}

/// Opens the engine that `[engines.spark]` gives an address: `url = "sc://127.0.0.1:15002"`, and its settings.
pub fn backend() -> Arc<dyn EngineBackend> {
    Arc::new(SparkBackend)
}

#[derive(Debug)]
struct SparkBackend;

impl EngineBackend for SparkBackend {
    fn name(&self) -> &str {
        NAME
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["sc"]
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(SparkConfig).to_value()
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn SqlEngine>> {
        let mut config: SparkConfig = url.settings(Environment::of_schema("LARDER_SPARK", &self.schema()))?;
        config.staging = config.staging.map(|staging| url.path(staging));
        if let Some(staging) = config.staging.as_ref().filter(|staging| !staging.is_absolute()) {
            let message = format!(
                "`staging` is a path that every worker has, so that it is absolute, not `{}`",
                staging.display()
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message).with_context("setting", "staging"));
        }
        let mut address = format!("sc:{}", url.address());
        if !address.starts_with("sc://") {
            address = format!("sc://{}", url.address().trim_start_matches('/'));
        }
        if let Some(token) = &config.token {
            let separator = match address.contains("/;") {
                true => ";",
                false => "/;",
            };
            address = format!(
                "{}{separator}token={}",
                address.trim_end_matches('/'),
                encoded(token.expose())
            );
        }
        Ok(Arc::new(SparkEngine::new(Address::parse(&address)?, config)?))
    }
}

/// As a value of an address, where `;`, `=` and `%` say something.
fn encoded(value: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Arc<dyn SqlEngine>> {
        let url: ManagerUrl = url.parse()?;
        backend().open(&url.with_variables(BTreeMap::new()))
    }

    #[test]
    fn opens_by_url() {
        let engine =
            of("sc://127.0.0.1:15002?staging=/shared&connect_timeout=2s&session.spark\\.sql\\.shuffle\\.partitions=3");
        assert_eq!(engine.expect("opens").name(), "spark");
        for (url, said) in [
            ("sc://127.0.0.1:15002?stagging=/x", "staging"),
            ("sc://127.0.0.1:15002?staging=shared", "absolute"),
            ("sc://127.0.0.1:15002?idle=soon", "idle"),
            (
                "sc://127.0.0.1:15002?session.spark\\.sql\\.ansi\\.enabled=false",
                "spark.sql.ansi.enabled",
            ),
        ] {
            let error = of(url).map(drop).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}: {error}");
            assert!(format!("{error}").contains(said), "{url}: {error}");
        }
        // Of base64, with what would be another setting of the address.
        of("sc://h:1/;use_ssl=true?token=dG9r%3D%3D%3Buser%3Dx").expect("opens");
        assert_eq!(encoded("dG9r==;a%41"), "dG9r%3D%3D%3Ba%2541");
        let error = of("sc://h:1?token=s3cret").map(drop);
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}
