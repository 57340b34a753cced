//! References: an asset whose value lives elsewhere.

mod address;
mod change;
mod pin;
mod target;

pub use address::address;
pub use pin::{Latest, Pin, Pinned};
pub use target::{Target, TargetFacts};

use crate::error::{Error, ErrorKind, Result};
use crate::key::Version;
use crate::object::native;
use crate::value::{AssetValue, Form, Forms, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A pointer to data that larder does not keep: a file or a folder in a lake, a table. It is stored as a small object; what it points to
/// is never copied.
///
/// An asset returns one with its address; when it is stored the target is looked at, and what it says of itself is put into the fields that
/// were left open. Whoever takes the asset takes the reference itself, or a `Table`, `LazyTable`, `TableStream` or `Blob` and gets what it
/// points to.
///
/// ```
/// use larder_io_core::DataRef;
/// let pinned = DataRef::new("s3://lake/raw/2024/");
/// let moving = DataRef::new("file:///data/prices.csv").latest();
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataRef {
    /// Where the data is, as an absolute URI without secrets: `s3://lake/raw/2024.parquet`, `delta+s3://lake/sales`. A slash at its end
    /// means all files of a folder.
    pub uri: String,
    /// The data's format, such as `parquet`. Default by the suffix.
    pub format: Option<String>,
    /// Rows behind the reference, when known.
    pub rows: Option<u64>,
    /// Bytes behind the reference, when known.
    pub bytes: Option<u64>,
    /// Files behind the reference, where it is a folder.
    pub files: Option<u64>,
    /// The target's own version: an ETag, the number of a version, a hash of a folder's files.
    pub version: Option<String>,
    /// When the target was changed last, when known.
    pub modified: Option<jiff::Timestamp>,
    /// Names and types of the columns, when known and not very many.
    pub columns: Option<Vec<String>>,
    /// Whether consumers take what was recorded or what is there. Default what was recorded, where the target has a version.
    pub pin: Option<Pin>,
}

impl DataRef {
    /// Makes a reference to `uri` with nothing else known.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            format: None,
            rows: None,
            bytes: None,
            files: None,
            version: None,
            modified: None,
            columns: None,
            pin: None,
        }
    }

    /// Names the format, where the address does not tell: `parquet`, `arrow`, `csv`, `ndjson`, `avro`.
    #[must_use]
    pub fn with_format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// Points to one version of the target, instead of the one that is there when the reference is stored.
    #[must_use]
    pub fn at_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Consumers take what is there when they look, whatever was recorded.
    #[must_use]
    pub fn latest(mut self) -> Self {
        self.pin = Some(Pin::Latest);
        self
    }

    /// Consumers take what was recorded, or nothing. A target without a version is refused then.
    #[must_use]
    pub fn pinned(mut self) -> Self {
        self.pin = Some(Pin::Pinned);
        self
    }

    /// What consumers take who do not say otherwise.
    pub fn taken(&self) -> Pin {
        match (self.pin, &self.version) {
            (Some(pin), _) => pin,
            (None, Some(_)) => Pin::Pinned,
            (None, None) => Pin::Latest,
        }
    }

    /// The version to ask a target for; `None` for what is there.
    ///
    /// # Errors
    /// `Unsupported` when it is to be what was recorded, and nothing was.
    pub fn wanted(&self, pin: Pin) -> Result<Option<Version>> {
        match (pin, &self.version) {
            (Pin::Latest, _) => Ok(None),
            (Pin::Pinned, Some(version)) => Ok(Some(Version::from_text(version.as_str()))),
            (Pin::Pinned, None) => Err(self.without_version()),
        }
    }

    /// The reference with what its target says of itself.
    ///
    /// # Errors
    /// `Unsupported` when it must be pinned, and the target has no version.
    pub fn recorded(mut self, facts: &TargetFacts) -> Result<Self> {
        if self.pin == Some(Pin::Pinned) && facts.version.is_none() {
            return Err(self.without_version());
        }
        self.version = facts.version.as_ref().map(ToString::to_string);
        self.pin = Some(self.pin.unwrap_or(match facts.version {
            Some(_) => Pin::Pinned,
            None => Pin::Latest,
        }));
        // What the target does not tell, whoever made the reference may know.
        self.format = facts.format.clone().or(self.format);
        self.rows = facts.rows.or(self.rows);
        self.bytes = facts.bytes.or(self.bytes);
        self.files = facts.files.or(self.files);
        self.modified = facts.modified.or(self.modified);
        self.columns = facts.columns().or(self.columns);
        Ok(self)
    }

    fn without_version(&self) -> Error {
        let message = format!(
            "`{}` has no version of its own, so that nobody can tell whether it is still the same; say `.latest()` of the reference",
            self.shown()
        );
        Error::new(ErrorKind::Unsupported, message)
    }
}

/// Without the settings of the address, and without a user's name and password, which may be secret.
impl fmt::Debug for DataRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DataRef");
        shown.field("uri", &self.shown()).field("pin", &self.pin);
        for (name, known) in [("format", &self.format), ("version", &self.version)] {
            shown.field(name, known);
        }
        for (name, known) in [("rows", self.rows), ("bytes", self.bytes), ("files", self.files)] {
            shown.field(name, &known);
        }
        shown.finish_non_exhaustive()
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
    files: Option<u64>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    modified: Option<jiff::Timestamp>,
    #[serde(default)]
    columns: Option<Vec<String>>,
    #[serde(default)]
    pin: Option<Pin>,
}

#[async_trait::async_trait]
impl AssetValue for DataRef {
    fn forms() -> Forms {
        Forms::of([Form::Object])
    }

    fn refers() -> bool {
        true
    }

    fn into_value(self) -> Value {
        let Self {
            uri,
            format,
            rows,
            bytes,
            files,
            version,
            modified,
            columns,
            pin,
        } = self;
        native(Stored {
            data_ref: uri,
            format,
            rows,
            bytes,
            files,
            version,
            modified,
            columns,
            pin,
        })
    }

    async fn from_value(value: Value) -> Result<Self> {
        let stored = Stored::from_value(value).await?;
        if stored.data_ref.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "the stored reference has an empty address",
            ));
        }
        Ok(Self {
            uri: stored.data_ref,
            format: stored.format,
            rows: stored.rows,
            bytes: stored.bytes,
            files: stored.files,
            version: stored.version,
            modified: stored.modified,
            columns: stored.columns,
            pin: stored.pin,
        })
    }
}

#[cfg(test)]
mod tests;
