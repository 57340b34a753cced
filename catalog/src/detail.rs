//! What events keep as JSON.

use crate::{Durations, Entry, InputVersions};
use larder_io_core::{Receipt, Version};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

type Texts<'a, T> = Cow<'a, BTreeMap<String, T>>;

/// All of an [`Entry`] that has no column.
#[derive(Serialize, Deserialize)]
pub(crate) struct EntryDetail<'a> {
    io_manager: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    pub(crate) data_version: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_version: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    inputs: Cow<'a, [InputVersions]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<Cow<'a, Receipt>>,
    /// A receipt does not write its version and address itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt_version: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt_uri: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uri: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    metadata: Texts<'a, serde_json::Value>,
    #[serde(default, skip_serializing_if = "is_empty")]
    tags: Texts<'a, String>,
    /// Compute, load, store, each in seconds and nanoseconds.
    durations: [(u64, u32); 3],
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_empty<T: Clone>(map: &Texts<'_, T>) -> bool {
    map.is_empty()
}

impl<'a> EntryDetail<'a> {
    pub(crate) fn of(entry: &'a Entry) -> Self {
        let receipt = entry.receipt.as_ref();
        let (version, uri) = (entry.version.as_deref(), entry.uri.as_deref());
        Self {
            io_manager: Cow::Borrowed(&entry.io_manager),
            version: version.map(Cow::Borrowed),
            data_version: Cow::Borrowed(&entry.data_version),
            fingerprint: entry.fingerprint.as_deref().map(Cow::Borrowed),
            code_version: entry.code_version.as_deref().map(Cow::Borrowed),
            config: entry.config.as_deref().map(Cow::Borrowed),
            inputs: Cow::Borrowed(&entry.inputs),
            receipt: receipt.map(Cow::Borrowed),
            receipt_version: receipt
                .map(|it| it.version.as_str())
                .filter(|it| Some(*it) != version)
                .map(Cow::Borrowed),
            receipt_uri: receipt
                .map(|it| it.uri.as_str())
                .filter(|it| Some(*it) != uri)
                .map(Cow::Borrowed),
            uri: uri.map(Cow::Borrowed),
            metadata: Cow::Borrowed(&entry.metadata),
            tags: Cow::Borrowed(&entry.tags),
            durations: [entry.durations.compute, entry.durations.load, entry.durations.store]
                .map(|it| (it.as_secs(), it.subsec_nanos())),
        }
    }

    /// Fills in an entry that was begun from its columns.
    pub(crate) fn fill(self, mut entry: Entry) -> Entry {
        let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        entry.io_manager = self.io_manager.into_owned();
        entry.version = text(self.version);
        entry.data_version = self.data_version.into_owned();
        entry.fingerprint = text(self.fingerprint);
        entry.code_version = text(self.code_version);
        entry.config = text(self.config);
        entry.inputs = self.inputs.into_owned();
        entry.uri = text(self.uri);
        entry.receipt = self.receipt.map(Cow::into_owned).map(|mut receipt| {
            let version = text(self.receipt_version).or_else(|| entry.version.clone());
            receipt.version = Version::from_text(version.unwrap_or_default());
            receipt.uri = text(self.receipt_uri).or_else(|| entry.uri.clone()).unwrap_or_default();
            receipt
        });
        entry.metadata = self.metadata.into_owned();
        entry.tags = self.tags.into_owned();
        let [compute, load, store] = self.durations.map(|(seconds, nanos)| duration(seconds, nanos));
        entry.durations = Durations { compute, load, store };
        entry
    }
}

/// `Duration::new` panics where nanoseconds carry over the end, which damaged ones may.
fn duration(seconds: u64, nanos: u32) -> Duration {
    Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()))
}

/// All of an observation that has no column.
#[derive(Serialize, Deserialize)]
pub(crate) struct ObservationDetail<'a> {
    pub(crate) data_version: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) metadata: Texts<'a, serde_json::Value>,
}

/// All of a check that has no column.
#[derive(Serialize, Deserialize)]
pub(crate) struct CheckDetail<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) passed: bool,
    pub(crate) blocking: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) warning: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) metadata: Texts<'a, serde_json::Value>,
}

/// The version in the detail of an entry.
pub(crate) fn version_of(detail: &str) -> serde_json::Result<Option<String>> {
    #[derive(Deserialize)]
    struct Versioned {
        version: Option<String>,
    }
    serde_json::from_str(detail).map(|Versioned { version }| version)
}

pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string(value)
}
