//! Observers of real runs, with real receivers.

mod kinds;
mod lines;
#[cfg(feature = "openlineage")]
mod openlineage;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(any(feature = "openlineage", feature = "otlp"))]
mod receiver;
mod support;
