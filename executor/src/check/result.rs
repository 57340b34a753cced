//! What a check says, and what came of it.

use jiff::Timestamp;
use larder_io_core::{AssetKey, PartitionKey, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How much it matters that a value does not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is told, and nothing is blocked.
    Warn,
    /// The value is wrong.
    #[default]
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// What a check says of a value. A `bool` is one too.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckResult {
    pub(crate) passed: bool,
    pub(crate) severity: Option<Severity>,
    pub(crate) message: Option<String>,
    pub(crate) metadata: BTreeMap<String, Json>,
}

impl CheckResult {
    /// The value is as it should be, or not.
    pub fn of(passed: bool) -> Self {
        Self {
            passed,
            severity: None,
            message: None,
            metadata: BTreeMap::new(),
        }
    }

    /// The value is as it should be.
    pub fn passed() -> Self {
        Self::of(true)
    }

    /// The value is not, because of this.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::of(false).with_message(message)
    }

    /// What was found.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// What was measured; a name that comes again replaces the value before.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<Json>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// How much it matters this time, whatever the check says in general.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Whether the value is as it should be.
    pub fn has_passed(&self) -> bool {
        self.passed
    }

    /// What was found.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What was measured.
    pub fn metadata(&self) -> &BTreeMap<String, Json> {
        &self.metadata
    }
}

impl From<bool> for CheckResult {
    fn from(passed: bool) -> Self {
        Self::of(passed)
    }
}

/// A check that was made of one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Checked {
    /// The asset.
    pub asset: AssetKey,
    /// The partition.
    pub partition: Option<PartitionKey>,
    /// The run; `None` for a look at what is published.
    pub run: Option<RunId>,
    /// The check's name.
    pub name: String,
    /// Whether the value is as it should be.
    pub passed: bool,
    /// How much it matters.
    pub severity: Severity,
    /// Whether the check keeps values that do not pass from being published.
    pub blocking: bool,
    /// What was found.
    pub message: Option<String>,
    /// What was measured.
    pub metadata: BTreeMap<String, Json>,
    /// Time of the check, the reading of the value included.
    pub duration: Duration,
}

impl Checked {
    /// Whether the value must not be published.
    pub fn blocks(&self) -> bool {
        self.blocking && self.is_wrong()
    }

    /// Whether the value does not pass, and that is more than a warning.
    pub fn is_wrong(&self) -> bool {
        !self.passed && self.severity == Severity::Error
    }

    /// `does not pass ..: what was found`.
    pub fn text(&self) -> String {
        let verdict = if self.passed { "passes" } else { "does not pass" };
        let found = self.message.as_deref().map(|found| format!(": {found}"));
        format!("{verdict} the check `{}`{}", self.name, found.unwrap_or_default())
    }
}

/// An earlier value of the same asset and partition, as the catalogue knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Earlier {
    /// When it was published.
    pub at: Timestamp,
    /// The run that made it.
    pub run: RunId,
    /// Rows, of a table.
    pub rows: Option<u64>,
    /// Bytes as stored.
    pub bytes: Option<u64>,
}
