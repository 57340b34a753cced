//! Counters and histograms as Prometheus reads them.
//!
//! | metric | type | labels | counts |
//! |---|---|---|---|
//! | `larder_runs_total` | counter | `status`: `succeeded`, `failed`, `stopped` | runs that ended |
//! | `larder_run_seconds` | histogram | | time of whole runs |
//! | `larder_run_last_success_timestamp_seconds` | gauge | | when a run last ended without a failure, since 1970 |
//! | `larder_steps_total` | counter | `status`: `succeeded`, `failed`, `stopped`, `fresh`, `skipped` | steps that ended |
//! | `larder_steps_running` | gauge | | steps on their way |
//! | `larder_step_seconds` | histogram | `status`: `succeeded`, `failed`, `stopped` | from a step's begin to its end |
//! | `larder_load_seconds`, `larder_compute_seconds`, `larder_store_seconds` | histogram | | time of each value that was stored |
//! | `larder_stored_values_total` | counter | `asset` | values that were published |
//! | `larder_stored_bytes_total` | counter | `asset` | bytes of them |
//! | `larder_stored_rows_total` | counter | `asset` | rows of them, where they are tables |
//! | `larder_failures_total` | counter | `kind`: `timeout`, `not_found`, .. | steps that failed, by the kind of the error |
//!
//! Partitions are no labels: each would be a time series of its own.

mod listen;

use crate::steps::{End, Step, Steps, Told};
use crate::told::Once;
use larder_executor::{Event, Materialization, Observer};
use larder_io_core::{Error, ErrorKind, Result};
use listen::Listener;
use metrics::{Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Upper bounds of histograms, in seconds: from a value in memory to a step of three hours.
const BUCKETS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_200.0, 3_600.0, 10_800.0,
];

const METADATA: Metadata<'static> = Metadata::new("larder", Level::INFO, None);

/// Counts what runs do, in a registry of its own.
///
/// The text comes from [`Prometheus::render`], in a file for node_exporter's textfile collector ([`Prometheus::textfile`]), or on a port
/// of this machine ([`Prometheus::listen`]).
pub struct Prometheus {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    steps: Mutex<Steps>,
    textfile: Option<PathBuf>,
    told: Once,
    listener: Option<Listener>,
}

impl Prometheus {
    /// An empty registry.
    ///
    /// # Errors
    /// `Unexpected` when the bounds of the histograms are refused, which would be a defect of ours.
    pub fn new() -> Result<Self> {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS);
        let builder = builder
            .map_err(|error| Error::new(ErrorKind::Unexpected, "the bounds of histograms").with_source(error))?;
        let recorder = builder.build_recorder();
        describe(&recorder);
        Ok(Self {
            handle: recorder.handle(),
            recorder,
            steps: Mutex::default(),
            textfile: None,
            told: Once::default(),
            listener: None,
        })
    }

    /// Writes the metrics to a file at the end of each run, for the textfile collector: its name must end with `.prom`. A file
    /// that cannot be written is told once by `tracing::warn!`.
    #[must_use]
    pub fn textfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.textfile = Some(path.into());
        self
    }

    /// Answers `GET /metrics` on an address of this machine until it is dropped. Port 0 takes any free one; [`Prometheus::address`] says which.
    ///
    /// # Errors
    /// `InvalidConfig` for an address that other machines can reach, and for one that is taken.
    pub fn listen(mut self, address: SocketAddr) -> Result<Self> {
        self.listener = Some(Listener::new(address, self.handle.clone())?);
        Ok(self)
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().map(Listener::address)
    }

    /// The metrics in the text format of Prometheus, version 0.0.4.
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// Writes the metrics to a file: whole or not at all, so that nobody reads half of them.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut other = path.as_os_str().to_owned();
        // The collector looks at names that end with `.prom`: not at this one.
        other.push(".new");
        let written = std::fs::write(&other, self.render()).and_then(|()| std::fs::rename(&other, path));
        written.map_err(|error| {
            let message = format!("cannot write metrics to {}", path.display());
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        })
    }

    fn count(&self, name: &'static str, label: Option<(&'static str, String)>, by: u64) {
        self.recorder
            .register_counter(&key(name, label), &METADATA)
            .increment(by);
    }

    fn time(&self, name: &'static str, label: Option<(&'static str, String)>, time: Duration) {
        let histogram = self.recorder.register_histogram(&key(name, label), &METADATA);
        histogram.record(time.as_secs_f64());
    }

    fn running(&self, by: f64) {
        let gauge = self
            .recorder
            .register_gauge(&key("larder_steps_running", None), &METADATA);
        gauge.increment(by);
    }

    fn step(&self, status: &str) {
        self.count("larder_steps_total", Some(("status", status.to_owned())), 1);
    }

    fn run(&self, status: &str) {
        self.count("larder_runs_total", Some(("status", status.to_owned())), 1);
    }

    fn stored(&self, made: &Materialization) {
        let asset = || Some(("asset", made.asset.to_string()));
        self.time("larder_load_seconds", None, made.load);
        self.time("larder_compute_seconds", None, made.compute);
        self.time("larder_store_seconds", None, made.store);
        self.count("larder_stored_values_total", asset(), 1);
        if let Some(receipt) = &made.receipt {
            self.count("larder_stored_bytes_total", asset(), receipt.bytes);
            if let Some(rows) = receipt.rows {
                self.count("larder_stored_rows_total", asset(), rows);
            }
        }
    }

    fn ended(&self, step: &Step, end: &End) {
        let status = match end {
            End::Succeeded => "succeeded",
            End::Failed(_) => "failed",
            End::Stopped => "stopped",
        };
        self.running(-1.0);
        self.step(status);
        let took = SystemTime::now().duration_since(step.began).unwrap_or_default();
        self.time("larder_step_seconds", Some(("status", status.to_owned())), took);
        if let End::Failed(error) = end {
            self.count("larder_failures_total", Some(("kind", snake(error.kind()))), 1);
        }
    }

    fn tell(&self, told: &Told) {
        match told {
            Told::RunStarted { .. } => {}
            Told::StepStarted(_) => self.running(1.0),
            Told::StepEnded(step, end) => self.ended(step, end),
            Told::StepFresh => self.step("fresh"),
            Told::StepSkipped => self.step("skipped"),
            Told::RunFinished {
                counts: [_, failed, skipped],
                duration,
            } => {
                self.time("larder_run_seconds", None, *duration);
                let failed = failed + skipped > 0;
                self.run(if failed { "failed" } else { "succeeded" });
                if !failed {
                    let name = "larder_run_last_success_timestamp_seconds";
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                    let gauge = self.recorder.register_gauge(&key(name, None), &METADATA);
                    gauge.set(now.as_secs_f64());
                }
            }
            Told::RunStopped => self.run("stopped"),
        }
    }
}

impl Observer for Prometheus {
    fn on_event(&self, event: &Event) {
        if let Event::Materialized(made) = event {
            self.stored(made);
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let told = steps.hear(event);
        drop(steps);
        told.iter().for_each(|told| self.tell(told));
        if let (Event::RunFinished { .. }, Some(path)) = (event, &self.textfile)
            && let Err(error) = self.write(path)
        {
            self.told.tell(|| {
                tracing::warn!(%error, causes = ?error.causes(), "metrics are not written");
                error.message().to_owned()
            });
        }
    }

    fn trouble(&self) -> Option<String> {
        self.told.told().map(str::to_owned)
    }
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus")
            .field("textfile", &self.textfile)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

fn key(name: &'static str, label: Option<(&'static str, String)>) -> Key {
    let labels: Vec<Label> = label.into_iter().map(|(name, value)| Label::new(name, value)).collect();
    Key::from_parts(name, labels)
}

/// A kind as a label: `NotFound` is `not_found`.
fn snake(kind: ErrorKind) -> String {
    let mut text = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

fn describe(recorder: &PrometheusRecorder) {
    for (name, unit, text) in [
        ("larder_runs_total", Unit::Count, "Runs that ended."),
        ("larder_steps_total", Unit::Count, "Steps that ended."),
        ("larder_stored_values_total", Unit::Count, "Values that were published."),
        ("larder_stored_bytes_total", Unit::Bytes, "Bytes of published values."),
        ("larder_stored_rows_total", Unit::Count, "Rows of published tables."),
        (
            "larder_failures_total",
            Unit::Count,
            "Steps that failed, by the kind of the error.",
        ),
    ] {
        recorder.describe_counter(name.into(), Some(unit), text.into());
    }
    for (name, text) in [
        ("larder_run_seconds", "Time of whole runs."),
        ("larder_step_seconds", "Time from a step's begin to its end."),
        ("larder_load_seconds", "Time loading the inputs of a value."),
        ("larder_compute_seconds", "Time in the asset's own code, of a value."),
        ("larder_store_seconds", "Time encoding, writing and publishing a value."),
    ] {
        recorder.describe_histogram(name.into(), Some(Unit::Seconds), text.into());
    }
    for (name, unit, text) in [
        ("larder_steps_running", Unit::Count, "Steps on their way."),
        (
            "larder_run_last_success_timestamp_seconds",
            Unit::Seconds,
            "When a run last ended without a failure, in seconds since 1970.",
        ),
    ] {
        recorder.describe_gauge(name.into(), Some(unit), text.into());
    }
}
