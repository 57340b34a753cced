//! What a run and the process of a step tell each other: one JSON document on each line of a socket.

use crate::check::{Checked, Earlier};
use crate::definitions::AssetPartition;
use crate::event::{Level, Materialization};
use larder_catalog::InputVersions;
use larder_io_core::{AssetKey, Effect, Error, ErrorKind, PartitionKey, Result, Retry, RunId, Version};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a process is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) run: RunId,
    /// The first asset of the step.
    pub(super) asset: AssetKey,
    pub(super) partitions: Option<Vec<PartitionKey>>,
    /// As of when partitions exist, and the values of the dynamic ones: as the run found them.
    pub(super) as_of: jiff::Timestamp,
    pub(super) dynamic: BTreeMap<String, Vec<String>>,
    pub(super) force: bool,
    pub(super) traces: bool,
    pub(super) inlines: bool,
    pub(super) build_id: Option<String>,
    pub(super) sources: Vec<(Option<PartitionKey>, Vec<InputVersions>)>,
    /// Values before those that are made, where a check wants to know.
    pub(super) earlier: Vec<(Place, Vec<Earlier>)>,
}

/// An asset, or a partition of one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Place(AssetKey, Option<PartitionKey>);

impl From<AssetPartition> for Place {
    fn from(of: AssetPartition) -> Self {
        Self(of.asset, of.partition)
    }
}

impl From<Place> for AssetPartition {
    fn from(Place(asset, partition): Place) -> Self {
        Self { asset, partition }
    }
}

/// What a process tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    InputLoaded {
        input: AssetKey,
        missing: bool,
        duration: Duration,
    },
    Computed {
        duration: Duration,
    },
    StoreStarted {
        asset: AssetKey,
        partition: Option<PartitionKey>,
    },
    Stored {
        asset: AssetKey,
        partition: Option<PartitionKey>,
        rows: u64,
        bytes: u64,
    },
    Log {
        level: Level,
        message: String,
    },
    /// It waits for a resource to be opened or closed, or no longer: that is none of the step's time.
    Waits(bool),
    /// From here on it is not stopped.
    Publishing,
    Checked(Box<Checked>),
    Materialized(Box<Published>),
    /// The last word: nothing for a step that was made.
    Ended(Option<WireError>),
}

/// A value that was published, with what the catalogue wants to know of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Published {
    materialization: Materialization,
    fingerprint: Option<String>,
    code_version: Option<String>,
    inputs: Vec<InputVersions>,
    inline: Option<Vec<u8>>,
}

impl Published {
    pub(super) fn new(materialization: &Materialization, origin: &crate::freshness::Origin<'_>) -> Self {
        Self {
            materialization: materialization.clone(),
            fingerprint: origin.fingerprint.clone(),
            code_version: origin.code_version.clone(),
            inputs: origin.inputs.to_vec(),
            inline: origin.inline.clone(),
        }
    }

    /// The materialization, and its origin by the inputs that it holds.
    pub(super) fn parts(self) -> (Materialization, Vec<InputVersions>, Remaining) {
        let mut made = self.materialization;
        // A receipt is kept without them.
        if let Some(receipt) = &mut made.receipt {
            receipt.uri = made.uri.clone().unwrap_or_default();
            receipt.version = Version::from_text(made.version.clone().unwrap_or_default());
        }
        let remaining = Remaining {
            fingerprint: self.fingerprint,
            code_version: self.code_version,
            inline: self.inline,
        };
        (made, self.inputs, remaining)
    }
}

/// What else of an origin came over.
pub(super) struct Remaining {
    pub(super) fingerprint: Option<String>,
    pub(super) code_version: Option<String>,
    pub(super) inline: Option<Vec<u8>>,
}

/// An error on its way between two processes of one program.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireError {
    kind: String,
    message: String,
    retry: WireRetry,
    effect_unknown: bool,
    attempts: u32,
    context: Vec<(String, String)>,
    causes: Vec<String>,
}

/// An option within an option is none in JSON.
#[derive(Debug, Serialize, Deserialize)]
enum WireRetry {
    Never,
    Soon,
    After(Duration),
}

const KINDS: [ErrorKind; 15] = [
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::Conflict,
    ErrorKind::PermissionDenied,
    ErrorKind::Unauthenticated,
    ErrorKind::InvalidConfig,
    ErrorKind::InvalidDefinition,
    ErrorKind::Unsupported,
    ErrorKind::InvalidData,
    ErrorKind::RateLimited,
    ErrorKind::Timeout,
    ErrorKind::Unavailable,
    ErrorKind::Cancelled,
    ErrorKind::AssetFailed,
    ErrorKind::Unexpected,
];

impl From<&Error> for WireError {
    fn from(error: &Error) -> Self {
        Self {
            kind: format!("{:?}", error.kind()),
            message: error.message().to_owned(),
            retry: match error.retry() {
                Retry::Never => WireRetry::Never,
                Retry::After(None) => WireRetry::Soon,
                Retry::After(Some(delay)) => WireRetry::After(delay),
            },
            effect_unknown: error.effect() == Effect::Unknown,
            attempts: error.attempts(),
            context: error
                .contexts()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            causes: error.causes(),
        }
    }
}

impl From<WireError> for Error {
    fn from(wire: WireError) -> Self {
        let kind = KINDS.into_iter().find(|kind| format!("{kind:?}") == wire.kind);
        let cause = wire.causes.into_iter().rev().fold(None, |under, text| {
            let under = under.map(Box::new);
            Some(Cause { text, under })
        });
        let error = Self::new(kind.unwrap_or(ErrorKind::Unexpected), wire.message)
            .with_retry(match wire.retry {
                WireRetry::Never => Retry::Never,
                WireRetry::Soon => Retry::After(None),
                WireRetry::After(delay) => Retry::After(Some(delay)),
            })
            .with_effect(if wire.effect_unknown {
                Effect::Unknown
            } else {
                Effect::None
            })
            .with_attempts(wire.attempts);
        let context = wire.context.into_iter();
        let error = context.fold(error, |error, (name, value)| error.with_context(interned(name), value));
        match cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

/// Names of context are constants of the program, and it is the same program: there are few of them, each kept once.
fn interned(name: String) -> &'static str {
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    match names.get(name.as_str()) {
        Some(known) => known,
        None => {
            let name: &'static str = Box::leak(name.into_boxed_str());
            names.insert(name);
            name
        }
    }
}

/// One of the causes of an error, by its text.
#[derive(Debug)]
struct Cause {
    text: String,
    under: Option<Box<Self>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.under.as_deref().map(|cause| cause as _)
    }
}

/// One message as a line.
pub(super) fn line(message: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message).map_err(|error| garbled(&error))?;
    line.push(b'\n');
    Ok(line)
}

/// The message of a line.
pub(super) fn read<'l, T: Deserialize<'l>>(line: &'l str) -> Result<T> {
    serde_json::from_str(line).map_err(|error| garbled(&error))
}

fn garbled(error: &serde_json::Error) -> Error {
    let message = format!("a run and the process of a step do not understand each other: {error}");
    Error::new(ErrorKind::Unexpected, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_over_as_it_is() {
        for kind in KINDS {
            for retry in [
                Retry::Never,
                Retry::After(None),
                Retry::After(Some(Duration::from_secs(3))),
            ] {
                for effect in [Effect::None, Effect::Unknown] {
                    let source = std::io::Error::other(Error::new(ErrorKind::Timeout, "below"));
                    let error = Error::new(kind, "what\nis wrong")
                        .with_retry(retry)
                        .with_effect(effect)
                        .with_attempts(4)
                        .with_context("asset", "a")
                        .with_context("partition", "date=x")
                        .with_source(source);
                    let line = line(&Told::Ended(Some((&error).into()))).expect("is written");
                    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
                    let text = std::str::from_utf8(&line).expect("is text");
                    let Told::Ended(Some(wire)) = read(text).expect("is read") else {
                        panic!("{text}");
                    };
                    let read = Error::from(wire);
                    assert_eq!(format!("{read:?}"), format!("{error:?}"));
                }
            }
        }
    }
}
