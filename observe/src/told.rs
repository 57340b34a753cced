//! Saying something once, and waiting without holding up a runtime.

use std::sync::OnceLock;
#[cfg(any(feature = "openlineage", feature = "otlp"))]
use tokio::runtime::{Handle, RuntimeFlavor};

/// A trouble that is told the first time and never again.
#[derive(Debug, Default)]
pub(crate) struct Once(OnceLock<String>);

impl Once {
    /// Calls `tell` if nobody told before; what it gives is the trouble in words.
    pub(crate) fn tell(&self, tell: impl FnOnce() -> String) {
        self.0.get_or_init(tell);
    }

    /// What was told.
    pub(crate) fn told(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Several troubles in one sentence; `None` for none.
#[cfg(any(feature = "openlineage", feature = "otlp"))]
pub(crate) fn together<'t>(troubles: impl IntoIterator<Item = Option<&'t str>>) -> Option<String> {
    let troubles: Vec<&str> = troubles.into_iter().flatten().collect();
    (!troubles.is_empty()).then(|| troubles.join("; "))
}

/// Waits in a task of a run. Other tasks of a runtime with several threads go on meanwhile.
#[cfg(any(feature = "openlineage", feature = "otlp"))]
pub(crate) fn waiting<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}
