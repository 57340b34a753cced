//! Observers of runs: they tell others what a run does.
//!
//! | observer | feature | tells |
//! |---|---|---|
//! | [`JsonLines`] | | every event, a line of JSON each, to a file or a writer |
//! | `OpenLineage` | `openlineage` | START, COMPLETE, FAIL and ABORT of the run and of its steps, with their datasets; to a file or by HTTP |
//! | `Prometheus` | `prometheus` | counters and histograms, as text, in a file or on a port |
//! | `Otlp` | `otlp` | traces and metrics of OpenTelemetry, over HTTP |
//!
//! They are handed over in `RunOptions.observers`, or by name: [`kinds`] are for `Definitions::observer_kind`, and then `[observe]` of `larder.toml`
//! and `--observe` of the command line name them. What is told is never worth a run: an observer that cannot write or reach
//! its endpoint says so once, by `tracing::warn!`, and the run goes on.
//!
//! An observer follows one run at a time, because the events of a step do not name their run; of several runs one after
//! another it tells them all.

#![cfg_attr(
    not(any(feature = "openlineage", feature = "prometheus", feature = "otlp")),
    allow(dead_code)
)]

#[cfg(any(feature = "openlineage", feature = "otlp"))]
mod endpoint;
mod kinds;
mod lines;
#[cfg(feature = "openlineage")]
pub mod openlineage;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "prometheus")]
pub mod prometheus;
// Each observer takes of it what it needs.
#[cfg(any(feature = "openlineage", feature = "prometheus", feature = "otlp"))]
#[cfg_attr(
    not(all(feature = "openlineage", feature = "prometheus", feature = "otlp")),
    allow(dead_code)
)]
mod steps;
mod told;

pub use kinds::kinds;
pub use larder_executor::json;
pub use lines::JsonLines;
#[cfg(feature = "openlineage")]
pub use openlineage::OpenLineage;
#[cfg(feature = "otlp")]
pub use otlp::Otlp;
#[cfg(feature = "prometheus")]
pub use prometheus::Prometheus;
