//! How many steps run, for telling which of them overlapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many steps run and how many were ever started, for telling which of them overlapped.
#[derive(Debug, Default)]
pub(crate) struct Overlap {
    running: AtomicUsize,
    started: AtomicUsize,
}

impl Overlap {
    /// A step begins; what it gets back tells at its end how many others ran at some moment of it.
    pub(crate) fn begin(self: &Arc<Self>) -> Overlapping {
        let already = self.running.fetch_add(1, Ordering::Relaxed);
        let started = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        Overlapping {
            of: Arc::clone(self),
            already,
            started,
        }
    }
}

/// One running step.
#[derive(Debug)]
pub(crate) struct Overlapping {
    of: Arc<Overlap>,
    already: usize,
    started: usize,
}

impl Overlapping {
    pub(crate) fn others(&self) -> usize {
        self.already + self.of.started.load(Ordering::Relaxed).saturating_sub(self.started)
    }
}

impl Drop for Overlapping {
    fn drop(&mut self) {
        self.of.running.fetch_sub(1, Ordering::Relaxed);
    }
}
