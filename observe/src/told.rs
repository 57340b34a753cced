//! Saying something once, and waiting without holding up a runtime.

use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(any(feature = "openlineage", feature = "otlp"))]
use tokio::runtime::{Handle, RuntimeFlavor};

/// A trouble that is told the first time and never again.
#[derive(Debug, Default)]
pub(crate) struct Once(AtomicBool);

impl Once {
    /// Calls `tell` if nobody told before.
    pub(crate) fn tell(&self, tell: impl FnOnce()) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tell();
        }
    }

    /// Whether it was told.
    #[cfg(feature = "openlineage")]
    pub(crate) fn told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits in a task of a run. Other tasks of a runtime with several threads go on meanwhile.
#[cfg(any(feature = "openlineage", feature = "otlp"))]
pub(crate) fn waiting<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}
