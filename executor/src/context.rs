//! What an asset's code is told, and what it tells.

use crate::check::Earlier;
use crate::event::{Emitter, Event, Level};
use crate::graph::definition;
use larder_io_core::{AssetKey, PartitionKey, Result, RunId};
use larder_partitions::{PartitionSet, TimeWindow};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The context of one computation.
pub struct AssetContext {
    asset: AssetKey,
    partition: Option<PartitionKey>,
    partitions: Option<PartitionSet>,
    run: RunId,
    emitter: Emitter,
    history: Arc<[Earlier]>,
    said: Mutex<Said>,
}

/// What the code said so far.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) metadata: BTreeMap<String, Json>,
    pub(crate) load: Duration,
}

impl AssetContext {
    pub(crate) fn new(asset: AssetKey, partitions: Option<PartitionSet>, run: RunId, emitter: Emitter) -> Self {
        let one = partitions.as_ref().filter(|set| set.len() == 1);
        Self {
            asset,
            partition: one.and_then(PartitionSet::first),
            partitions,
            run,
            emitter,
            history: Arc::default(),
            said: Mutex::default(),
        }
    }

    pub(crate) fn with_history(self, history: Arc<[Earlier]>) -> Self {
        Self { history, ..self }
    }

    /// The asset that is computed; the first one of a function that makes several.
    pub fn asset(&self) -> &AssetKey {
        &self.asset
    }

    /// The partition that is computed; `None` for an asset without partitions, and when this call makes several.
    pub fn partition(&self) -> Option<&PartitionKey> {
        self.partition.as_ref()
    }

    /// The partitions that this call makes, in order; `None` for an asset without partitions.
    pub fn partitions(&self) -> Option<&PartitionSet> {
        self.partitions.as_ref()
    }

    /// The window of time of the partition.
    ///
    /// # Errors
    /// `InvalidDefinition` without exactly one partition, or one whose dimensions are not of time.
    pub fn window(&self) -> Result<TimeWindow> {
        match (&self.partition, &self.partitions) {
            (Some(partition), Some(all)) => all.keyspace().window(partition),
            (None, Some(all)) => Err(definition(format!(
                "this call makes {} partitions; ask `keyspace().window(..)` for the window of each",
                all.len()
            ))),
            _ => Err(definition(format!(
                "`{}` has no partitions, so there is no window of time",
                self.asset
            ))),
        }
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Earlier values of what is checked, the newest first: in a check as many as it asks for with `history`, as far as the catalogue knows them. Empty
    /// in an asset.
    pub fn history(&self) -> &[Earlier] {
        &self.history
    }

    /// Adds metadata to the materialization; a name that comes again replaces the value before. Names that begin with `larder/` are larder's own, which
    /// writes over them.
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
            partitions: self.partitions.clone(),
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
