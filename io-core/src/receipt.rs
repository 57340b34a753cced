//! Proof of a write.

use crate::error::{Error, ErrorKind};
use crate::key::{AssetKey, PartitionKey, RunId, Version, WriteId};
use crate::location::Location;
use crate::value::Form;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A BLAKE3 hash, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<blake3::Hash> for ContentHash {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl FromStr for ContentHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        blake3::Hash::from_hex(text).map(Self::from).map_err(|error| {
            Error::new(ErrorKind::InvalidData, "a content hash is not 64 hexadecimal digits").with_source(error)
        })
    }
}

impl TryFrom<String> for ContentHash {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// Proof of a write: what was stored, where, and how to know it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The asset.
    pub asset: AssetKey,
    /// The partition, for a partitioned asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<PartitionKey>,
    /// The address inside the manager's root, suffix included.
    pub location: Location,
    /// The address for other tools, such as `file:///data/reports/x.parquet`. Set when a receipt is handed out.
    #[serde(skip)]
    pub uri: String,
    /// The version that was published; empty on a receipt of what is only staged.
    #[serde(skip, default = "no_version")]
    pub version: Version,
    /// The id of the write.
    pub write: WriteId,
    /// The run.
    pub run: RunId,
    /// The version of the asset's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_version: Option<String>,
    /// Hash of all that the value was computed from: code, configuration, data versions of the inputs. Two writes of one
    /// fingerprint need not both be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The form.
    pub form: Form,
    /// The format's name: `parquet`, `json`, `native`.
    pub format: String,
    /// Bytes stored; in memory 0 when nothing was encoded.
    pub bytes: u64,
    /// Rows, for a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Hash of the logical value: equal values are equal on every backend. `None` where a type cannot be hashed so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<ContentHash>,
    /// Hash of the stored bytes. `None` in memory and for files that larder did not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_hash: Option<ContentHash>,
    /// The Arrow schema of a table as JSON, where its format cannot keep it: csv, ndjson, Avro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// When the value was staged.
    pub stored_at: jiff::Timestamp,
    /// Time from the beginning of staging to the end of publishing; on a receipt read back, of staging.
    pub duration: Duration,
}

fn no_version() -> Version {
    Version::from_text("")
}

impl Receipt {
    /// The receipt of a value that somebody else wrote: only what the store itself knows.
    pub fn foreign(ctx: &crate::InputContext, location: Location, form: Form, format: &str) -> Self {
        Self {
            asset: ctx.asset.clone(),
            partition: ctx.partition.clone(),
            location,
            uri: String::new(),
            version: no_version(),
            write: WriteId::from_text(""),
            run: RunId::from_text(""),
            code_version: None,
            fingerprint: None,
            form,
            format: format.to_owned(),
            bytes: 0,
            rows: None,
            content_hash: None,
            stored_hash: None,
            schema: None,
            stored_at: jiff::Timestamp::UNIX_EPOCH,
            duration: Duration::ZERO,
        }
    }

    /// What tells this value from others: the hash of the logical value, or the version where there is none.
    pub fn data_version(&self) -> String {
        match &self.content_hash {
            Some(hash) => hash.to_string(),
            None => self.version.to_string(),
        }
    }

    /// Begins a receipt from what the manager was told; sizes, hashes and version are filled in by the manager.
    pub fn begin(ctx: &crate::OutputContext, location: Location, form: Form, format: &str) -> Self {
        let about = crate::InputContext::new(ctx.asset.clone(), ctx.partition.clone(), location.clone());
        Self {
            write: ctx.write.clone(),
            run: ctx.run.clone(),
            code_version: ctx.code_version.clone(),
            fingerprint: ctx.fingerprint.clone(),
            stored_at: jiff::Timestamp::now(),
            ..Self::foreign(&about, location, form, format)
        }
    }
}
