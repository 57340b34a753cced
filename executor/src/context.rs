//! What an asset's code is told, and what it tells.

use crate::event::{Emitter, Event, Level};
use larder_io_core::{AssetKey, PartitionKey, RunId};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// The context of one computation.
pub struct AssetContext {
    asset: AssetKey,
    partition: Option<PartitionKey>,
    run: RunId,
    emitter: Emitter,
    said: Mutex<Said>,
}

/// What the code said so far.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) metadata: BTreeMap<String, Json>,
    pub(crate) load: Duration,
}

impl AssetContext {
    pub(crate) fn new(asset: AssetKey, run: RunId, emitter: Emitter) -> Self {
        Self {
            asset,
            partition: None,
            run,
            emitter,
            said: Mutex::default(),
        }
    }

    /// The asset that is computed; the first one of a function that makes several.
    pub fn asset(&self) -> &AssetKey {
        &self.asset
    }

    /// The partition, for a partitioned asset.
    pub fn partition(&self) -> Option<&PartitionKey> {
        self.partition.as_ref()
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Adds metadata to the materialization; a name that comes again replaces the value before.
    pub fn add_metadata(&self, name: impl Into<String>, value: impl Into<Json>) {
        if let Ok(mut said) = self.said.lock() {
            said.metadata.insert(name.into(), value.into());
        }
    }

    /// Tells something worth knowing.
    pub fn info(&self, message: impl Into<String>) {
        self.log(Level::Info, message.into());
    }

    /// Tells something that may be wrong.
    pub fn warn(&self, message: impl Into<String>) {
        self.log(Level::Warn, message.into());
    }

    fn log(&self, level: Level, message: String) {
        match level {
            Level::Info => tracing::info!(asset = %self.asset, run = %self.run, "{message}"),
            Level::Warn => tracing::warn!(asset = %self.asset, run = %self.run, "{message}"),
        }
        self.emitter.emit(|| Event::Log {
            asset: self.asset.clone(),
            level,
            message,
        });
    }

    pub(crate) fn add_load_time(&self, time: Duration) {
        if let Ok(mut said) = self.said.lock() {
            said.load += time;
        }
    }

    pub(crate) fn take(&self) -> Said {
        self.said
            .lock()
            .map(|mut said| std::mem::take(&mut *said))
            .unwrap_or_default()
    }
}

impl fmt::Debug for AssetContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssetContext({}, run {})", self.asset, self.run)
    }
}
