//! References: an asset whose value lives elsewhere.

use crate::error::{Error, ErrorKind, Result};
use crate::object::native;
use crate::value::{AssetValue, Form, Forms, Value};
use serde::{Deserialize, Serialize};

/// A pointer to data that larder does not keep: a table in a warehouse, a path in a lake. It is stored as a small
/// object; what it points to is never copied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataRef {
    /// Where the data is: `s3://lake/raw/2024/`, `postgres://host/db?table=t`.
    pub uri: String,
    /// The data's format, when the address does not tell.
    pub format: Option<String>,
    /// Rows behind the reference, when known.
    pub rows: Option<u64>,
    /// Bytes behind the reference, when known.
    pub bytes: Option<u64>,
    /// The target's own version, when it has one.
    pub version: Option<String>,
}

impl DataRef {
    /// Makes a reference to `uri` with nothing else known.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            format: None,
            rows: None,
            bytes: None,
            version: None,
        }
    }
}

/// The stored shape. Apart from [`DataRef`] so that the type is not a serde type and can bring its own impl.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    data_ref: String,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    rows: Option<u64>,
    #[serde(default)]
    bytes: Option<u64>,
    #[serde(default)]
    version: Option<String>,
}

#[async_trait::async_trait]
impl AssetValue for DataRef {
    fn forms() -> Forms {
        Forms::of([Form::Object])
    }

    fn into_value(self) -> Value {
        let Self {
            uri,
            format,
            rows,
            bytes,
            version,
        } = self;
        native(Stored {
            data_ref: uri,
            format,
            rows,
            bytes,
            version,
        })
    }

    async fn from_value(value: Value) -> Result<Self> {
        let Stored {
            data_ref,
            format,
            rows,
            bytes,
            version,
        } = Stored::from_value(value).await?;
        if data_ref.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "the stored reference has an empty address",
            ));
        }
        Ok(Self {
            uri: data_ref,
            format,
            rows,
            bytes,
            version,
        })
    }
}
