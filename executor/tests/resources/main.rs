//! Resources that runs open and close: time is paused, nothing really waits.

mod checks;
mod closing;
mod once;
mod refusals;
mod secrets;
mod settings;
mod start;
mod support;
