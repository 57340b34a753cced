//! Stores that many targets share.

use larder_io_core::Result;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Stores that are kept open at most; of more the one that was opened first goes.
const MOST: usize = 8;

/// Stores by the settings that opened them, so that many references into one bucket share a client and its connections.
pub struct OpenStores<C, S>(Mutex<Vec<(C, S)>>);

impl<C, S> OpenStores<C, S> {
    /// None yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<C, S> Default for OpenStores<C, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: PartialEq, S: Clone> OpenStores<C, S> {
    /// The store of these settings.
    ///
    /// # Errors
    /// Of `open`.
    pub fn get(&self, config: C, open: impl FnOnce(&C) -> Result<S>) -> Result<S> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, store)) = known.iter().find(|(other, _)| *other == config) {
            return Ok(store.clone());
        }
        let store = open(&config)?;
        if known.len() == MOST {
            known.remove(0);
        }
        known.push((config, store.clone()));
        Ok(store)
    }
}

/// Without the settings, which hold secrets.
impl<C, S> fmt::Debug for OpenStores<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenStores")
    }
}
