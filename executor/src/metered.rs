//! How much of a value passed on its way into storage, and the time its production took.

use crate::event::Progress;
use crate::watch::{Watch, watched};
use larder_io_core::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Counts what passes, and the time its production took.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) progress: Arc<Progress>,
    produced: AtomicU64,
    /// Whether the value is stored: who reads it from now on is not counted.
    stopped: AtomicBool,
    #[cfg(feature = "arrow")]
    table: table::Looking,
}

impl Meter {
    /// Counts nothing from now on.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Time the source took.
    pub(crate) fn produced(&self) -> Duration {
        Duration::from_nanos(self.produced.load(Ordering::Relaxed))
    }
}

impl Watch for Meter {
    fn answered(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.produced.fetch_add(nanos, Ordering::Relaxed);
    }

    fn passed(&self, rows: usize, bytes: usize) {
        if !self.stopped.load(Ordering::Relaxed) {
            self.progress.add(rows, bytes);
        }
    }

    #[cfg(feature = "arrow")]
    fn scanned(&self, whole: bool) {
        self.table.scanned(whole);
    }

    #[cfg(feature = "arrow")]
    fn batch(&self, batch: &arrow_array::RecordBatch, bytes: usize) {
        if !self.stopped.load(Ordering::Relaxed) {
            self.table.batch(batch, bytes);
        }
    }
}

/// Wraps streamed values; others pass unchanged.
pub(crate) fn metered(value: Value, meter: &Arc<Meter>) -> Value {
    watched(value, Arc::<Meter>::clone(meter))
}

/// Tables are looked at besides.
#[cfg(feature = "arrow")]
mod table {
    use super::Meter;
    use crate::table_facts::{Gathering, TableFacts, Wanted};
    use crate::watch::batch_bytes;
    use arrow_array::RecordBatch;
    use larder_io_core::Value;
    use std::sync::{Mutex, PoisonError};

    /// What was gathered, and whether the scan that passes now is one of all rows.
    #[derive(Debug, Default)]
    pub(super) struct Looking(Option<Mutex<(Gathering, bool)>>);

    impl Looking {
        pub(super) fn scanned(&self, whole: bool) {
            if let Some(looking) = &self.0 {
                let mut looking = looking.lock().unwrap_or_else(PoisonError::into_inner);
                looking.1 = whole;
                if whole {
                    looking.0.restart();
                }
            }
        }

        pub(super) fn batch(&self, batch: &RecordBatch, bytes: usize) {
            if let Some(looking) = &self.0 {
                let mut looking = looking.lock().unwrap_or_else(PoisonError::into_inner);
                if looking.1 {
                    looking.0.add(batch, bytes);
                }
            }
        }
    }

    impl Meter {
        /// One that looks at tables too.
        pub(crate) fn looking(wanted: Wanted) -> Self {
            let looking = Gathering::new(wanted).map(|gathering| Mutex::new((gathering, false)));
            Self {
                table: Looking(looking),
                ..Self::default()
            }
        }

        /// What is told of a table that was stored, of so many rows. One that is in memory may have been stored without passing here.
        pub(crate) fn facts(&self, value: &Value, rows: Option<u64>) -> Option<Box<TableFacts>> {
            let Value::Table(source) = value else { return None };
            let mut looking = self.table.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
            if looking.0.is_empty()
                && let Some(table) = source.in_memory()
            {
                for batch in table.batches() {
                    looking.0.add(batch, batch_bytes(batch));
                }
            }
            looking.0.facts(rows).map(Box::new)
        }
    }

    /// The bytes of a table in memory.
    pub(crate) fn bytes_in_memory(value: &Value) -> Option<u64> {
        let Value::Table(source) = value else { return None };
        let table = source.in_memory()?;
        Some(table.batches().iter().map(|batch| batch_bytes(batch) as u64).sum())
    }
}

#[cfg(feature = "arrow")]
pub(crate) use table::bytes_in_memory;
