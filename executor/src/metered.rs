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
}

/// Wraps streamed values; others pass unchanged.
pub(crate) fn metered(value: Value, meter: &Arc<Meter>) -> Value {
    watched(value, Arc::<Meter>::clone(meter))
}
