//! The policies, one by one and in their order, with scripted errors and paused time.

mod context;
mod definitions;
mod laws;
mod limit;
mod listing;
#[cfg(feature = "arrow")]
mod loaded;
mod retry;
mod staged;
mod support;
mod timeout;
