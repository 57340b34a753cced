//! Emulators of the object stores, as `cargo xtask emulators up` starts them.

pub mod azure;
pub mod gcs;
pub mod s3;

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The address of an emulator.
///
/// # Panics
/// When nobody told it, with what to do.
pub fn address(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set; run `cargo xtask test`, or `cargo xtask emulators up` and set what it prints")
    })
}

/// A name that no other test and no earlier run has.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{what}-{:x}-{}", since.as_nanos(), NEXT.fetch_add(1, Ordering::Relaxed))
}
