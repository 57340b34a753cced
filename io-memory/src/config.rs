//! Settings, and the backend that opens a manager from a URL.

use crate::store::MemoryIo;
use larder_io_core::{Backend, Error, ErrorKind, IoManager, ManagerUrl, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The settings of a [`MemoryIo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// Versions of each value that are kept, the published one included. Default 5, at least 1. Every kept version
    /// stays in memory.
    #[schemars(range(min = 1))]
    pub history: usize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { history: 5 }
    }
}

impl MemoryConfig {
    /// Opens an empty manager.
    ///
    /// # Errors
    /// `InvalidConfig` for a history of 0.
    pub fn open(&self) -> Result<MemoryIo> {
        match self.history {
            0 => {
                let message = "`history` is 0, but the published version needs a place; set 1 to keep no old versions";
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
            history => Ok(MemoryIo::keeping(history)),
        }
    }
}

/// The backend of the scheme `memory`.
pub fn backend() -> Arc<dyn Backend> {
    Arc::new(MemoryBackend)
}

#[derive(Debug)]
struct MemoryBackend;

impl Backend for MemoryBackend {
    fn scheme(&self) -> &'static str {
        "memory"
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        if !url.address().is_empty() {
            let message = format!("`{url}` has an address, but memory has no place; write `memory:`");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let config: MemoryConfig = url.settings([])?;
        Ok(Arc::new(config.open()?))
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(MemoryConfig).to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str) -> Result<Arc<dyn IoManager>> {
        backend().open(&url.parse().expect("is a URL"))
    }

    #[test]
    fn opens_by_url() {
        assert_eq!(open("memory:").expect("opens").info().scheme, "memory");
        assert!(open("memory://?history=2").is_ok());
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for bad in [
            "memory:/tmp",
            "memory:?histroy=2",
            "memory:?history=0",
            "memory:?history=x",
        ] {
            let error = open(bad).expect_err("is wrong");
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{bad}");
        }
        let error = open("memory:?histroy=2").expect_err("is unknown");
        assert!(error.message().ends_with("did you mean `history`?"), "{error}");
    }

    #[test]
    fn the_schema_refuses_what_it_does_not_know() {
        let schema = backend().schema();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["history"]["minimum"], 1);
    }
}
