//! The observers by name, for `[observe]` of `larder.toml` and for `--observe`.

use crate::lines::JsonLines;
use larder_executor::{Observer, ObserverKind, ObserverTarget};
use larder_io_core::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// The kinds of observers that are compiled in, for `Definitions::observer_kind`.
///
/// | name | feature | target | settings |
/// |---|---|---|---|
/// | `json_lines` | | a file | |
/// | `openlineage` | `openlineage` | a file, or `http://..` | `job`, `namespace`, `token`, `timeout`, `flush` |
/// | `prometheus` | `prometheus` | a file whose name ends with `.prom`, or an address of this machine | |
/// | `otlp` | `otlp` | `http://..` | `service`, `resource.*`, `headers.*`, `timeout`, `flush` |
pub fn kinds() -> Vec<Arc<dyn ObserverKind>> {
    vec![
        Arc::new(Lines),
        #[cfg(feature = "openlineage")]
        Arc::new(lineage::Lineage),
        #[cfg(feature = "prometheus")]
        Arc::new(prometheus::Counters),
        #[cfg(feature = "otlp")]
        Arc::new(otlp::Traces),
    ]
}

fn file(target: &ObserverTarget, otherwise: &str) -> Result<PathBuf> {
    // The target is not shown: it may hold a password.
    let wrong = || {
        let scheme = target.to().split_once(':').map_or("", |(scheme, _)| scheme);
        let message = format!("it writes to {otherwise}, and cannot write to a URL of `{scheme}`");
        Error::new(ErrorKind::InvalidConfig, message)
    };
    target.path().ok_or_else(wrong)
}

#[cfg(any(feature = "openlineage", feature = "otlp"))]
fn is_http(target: &ObserverTarget) -> bool {
    let to = target.to().to_ascii_lowercase();
    to.starts_with("http://") || to.starts_with("https://")
}

struct Lines;

impl ObserverKind for Lines {
    fn name(&self) -> &'static str {
        "json_lines"
    }

    fn targets(&self) -> &'static str {
        "a file, to which a line of JSON is appended for each event"
    }

    fn open(&self, target: &ObserverTarget) -> Result<Arc<dyn Observer>> {
        Ok(Arc::new(JsonLines::file(file(target, "a file")?)?))
    }
}

#[cfg(feature = "openlineage")]
mod lineage {
    use super::{file, is_http};
    use crate::openlineage::{HttpOptions, OpenLineage};
    use larder_executor::{Observer, ObserverKind, ObserverTarget};
    use larder_io_core::{Result, Secret};
    use std::sync::Arc;

    pub(super) struct Lineage;

    impl ObserverKind for Lineage {
        fn name(&self) -> &'static str {
            "openlineage"
        }

        fn targets(&self) -> &'static str {
            "a file, or an endpoint as `http://localhost:5000/api/v1/lineage`"
        }

        fn settings(&self) -> &'static [&'static str] {
            &["job", "namespace", "token", "timeout", "flush"]
        }

        fn open(&self, target: &ObserverTarget) -> Result<Arc<dyn Observer>> {
            let mut observer = match is_http(target) {
                true => {
                    let mut options = HttpOptions {
                        token: target.setting("token").map(Secret::new),
                        ..HttpOptions::default()
                    };
                    options.timeout = target.time("timeout")?.unwrap_or(options.timeout);
                    options.flush = target.time("flush")?.unwrap_or(options.flush);
                    OpenLineage::http(target.to(), options)?
                }
                false => OpenLineage::file(file(target, "a file or to `http://..`")?)?,
            };
            if let Some(job) = target.setting("job") {
                observer = observer.job(job);
            }
            if let Some(namespace) = target.setting("namespace") {
                observer = observer.namespace(namespace);
            }
            Ok(Arc::new(observer))
        }
    }
}

#[cfg(feature = "prometheus")]
mod prometheus {
    use super::file;
    use crate::Prometheus;
    use larder_executor::{Observer, ObserverKind, ObserverTarget};
    use larder_io_core::{Error, ErrorKind, Result};
    use std::net::SocketAddr;
    use std::sync::Arc;

    pub(super) struct Counters;

    impl ObserverKind for Counters {
        fn name(&self) -> &'static str {
            "prometheus"
        }

        fn targets(&self) -> &'static str {
            "a file whose name ends with `.prom`, or an address of this machine to listen on, as `127.0.0.1:9464`"
        }

        fn open(&self, target: &ObserverTarget) -> Result<Arc<dyn Observer>> {
            let observer = Prometheus::new()?;
            if let Ok(address) = target.to().parse::<SocketAddr>() {
                return Ok(Arc::new(observer.listen(address)?));
            }
            let path = file(target, self.targets())?;
            if path.extension().is_none_or(|extension| extension != "prom") {
                let message = format!(
                    "{} is neither a file whose name ends with `.prom` nor an address such as `127.0.0.1:9464`",
                    path.display()
                );
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
            Ok(Arc::new(observer.textfile(path)))
        }
    }
}

#[cfg(feature = "otlp")]
mod otlp {
    use super::is_http;
    use crate::otlp::{Otlp, OtlpOptions};
    use larder_executor::{Observer, ObserverKind, ObserverTarget};
    use larder_io_core::{Error, ErrorKind, Result, Secret};
    use std::sync::Arc;

    pub(super) struct Traces;

    impl ObserverKind for Traces {
        fn name(&self) -> &'static str {
            "otlp"
        }

        fn targets(&self) -> &'static str {
            "a collector, as `http://localhost:4318`"
        }

        fn settings(&self) -> &'static [&'static str] {
            &["service", "resource", "headers", "timeout", "flush"]
        }

        fn open(&self, target: &ObserverTarget) -> Result<Arc<dyn Observer>> {
            if !is_http(target) {
                let message = "it sends to a collector, as `http://localhost:4318`, and to nothing else";
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
            let mut options = OtlpOptions::default();
            if let Some(service) = target.setting("service") {
                service.clone_into(&mut options.service);
            }
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            options.resource = target.below("resource").map(owned).collect();
            let secret = |(name, value): (&str, &str)| (name.to_owned(), Secret::new(value));
            options.headers = target.below("headers").map(secret).collect();
            options.timeout = target.time("timeout")?.unwrap_or(options.timeout);
            options.flush = target.time("flush")?.unwrap_or(options.flush);
            Ok(Arc::new(Otlp::new(target.to(), options)?))
        }
    }
}
