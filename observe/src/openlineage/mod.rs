//! OpenLineage: which run of which job read and wrote which datasets.
//!
//! The events are those of version 2-0-2 of the specification. A run of larder is a run of the job `<job>`; each of its steps is a run
//! of the job `<job>.<asset>` with the first as its parent. A dataset is an asset: its name is the key, whatever partition or manager it is in; where
//! the value lies, say the facets `symlinks` and `dataSource`.
//!
//! | event | when | facets |
//! |---|---|---|
//! | START | the run, a step begins | `parent`, `processing_engine`, `jobType` |
//! | COMPLETE | everything is published | of inputs and outputs `schema`, `version`; of outputs `symlinks`, `dataSource`, `outputStatistics` (`rowCount`, `size` in bytes) |
//! | FAIL | an error; what was published before it is among the outputs | `errorMessage` |
//! | ABORT | the run was cancelled | |
//!
//! A step of many partitions has one output for each asset, with the sums of its rows and bytes; a version and a place only where it made one
//! partition. Steps that were fresh or skipped did not run and send nothing. What else larder knows of a step is in the run's facet `larder_step`.

mod event;
mod facets;
mod ids;
mod queue;

use crate::endpoint::Endpoint;
use crate::lines::Lines;
use crate::steps::{End, Steps, Told};
use crate::told::waiting;
use event::{Current, Names};
use larder_executor::{Event, Observer};
use larder_io_core::{Result, Secret};
use queue::{Queue, Target};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Where events go.
#[derive(Debug)]
enum Sink {
    File(Lines),
    Http(Queue),
}

/// How events are sent to an endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    /// Sent as `Authorization: Bearer`. Default: none.
    pub token: Option<Secret>,
    /// How long one request may take. Default: 5 seconds.
    pub timeout: Duration,
    /// How long the end of a run waits for events that are still to be sent. Default: 5 seconds.
    pub flush: Duration,
    /// How many events wait at most; more are dropped, which is said once. Default: 10,000; at least 1.
    pub queue: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            token: None,
            timeout: Duration::from_secs(5),
            flush: Duration::from_secs(5),
            queue: 10_000,
        }
    }
}

/// Tells what runs read and write, in events of OpenLineage.
///
/// By HTTP, events are sent one after another by a thread of its own. One that is not taken is sent up to three times, while the endpoint is there; an
/// endpoint that is down is told once by `tracing::warn!`, and the run goes on. At the end of a run it waits for what is still to be sent,
/// `HttpOptions::flush` at most.
#[derive(Debug)]
pub struct OpenLineage {
    sink: Sink,
    names: Names,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    steps: Steps,
    current: Current,
}

impl OpenLineage {
    /// Appends events to a file, one on each line.
    ///
    /// # Errors
    /// `InvalidConfig` when it cannot be opened.
    pub fn file(path: impl AsRef<Path>) -> Result<Self> {
        Lines::append(path.as_ref()).map(|lines| Self::to(Sink::File(lines)))
    }

    /// Posts events to an endpoint, such as `http://localhost:5000/api/v1/lineage`.
    ///
    /// # Errors
    /// `InvalidConfig` for what is no URL of `http` or `https`; `Unavailable` when no thread can be started. The endpoint is not
    /// tried.
    pub fn http(url: &str, options: HttpOptions) -> Result<Self> {
        let target = Target::new(Endpoint::new(url, "OpenLineage", options.timeout)?, &options);
        Queue::new(target, &options).map(|queue| Self::to(Sink::Http(queue)))
    }

    /// Sets the namespace of jobs and datasets. Default: `larder`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.names.namespace = namespace.into();
        self
    }

    /// Sets the name of the job that a run is a run of. Default: `pipeline`.
    #[must_use]
    pub fn job(mut self, job: impl Into<String>) -> Self {
        self.names.job = job.into();
        self
    }

    fn to(sink: Sink) -> Self {
        Self {
            sink,
            names: Names::default(),
            state: Mutex::default(),
        }
    }

    fn send(&self, document: Json) {
        match &self.sink {
            Sink::File(lines) => lines.write(&document),
            Sink::Http(queue) => queue.send(document),
        }
    }

    fn tell(&self, current: &mut Current, told: Told) {
        let (names, now) = (&self.names, SystemTime::now());
        match told {
            Told::RunStarted { run } => {
                current.begin(&run);
                self.send(event::run(names, current, "START", now, None));
            }
            Told::StepStarted(step) => {
                let began = step.began;
                self.send(event::step(names, current, &step, "START", began, None));
            }
            Told::StepEnded(step, end) => {
                current.remember(&step);
                let (kind, error) = match &end {
                    End::Succeeded => ("COMPLETE", None),
                    End::Failed(error) => ("FAIL", Some(&**error)),
                    End::Stopped => ("ABORT", None),
                };
                if let Some(error) = error {
                    current.failed(&step, error);
                }
                self.send(event::step(names, current, &step, kind, now, error));
            }
            Told::RunFinished { counts, .. } => {
                let failure = current.failure(counts);
                let kind = if failure.is_some() { "FAIL" } else { "COMPLETE" };
                self.send(event::run(names, current, kind, now, failure.as_deref()));
            }
            Told::RunStopped => self.send(event::run(names, current, "ABORT", now, None)),
            Told::StepFresh | Told::StepSkipped => {}
        }
    }
}

impl Observer for OpenLineage {
    fn on_event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { steps, current } = &mut *state;
        for told in steps.hear(event) {
            self.tell(current, told);
        }
        drop(state);
        if let Event::RunFinished { .. } = event {
            match &self.sink {
                Sink::File(lines) => lines.flush(),
                Sink::Http(queue) => waiting(|| queue.flush()),
            }
        }
    }

    fn trouble(&self) -> Option<String> {
        match &self.sink {
            Sink::File(lines) => lines.trouble().map(str::to_owned),
            Sink::Http(queue) => queue.trouble(),
        }
    }
}

impl Drop for OpenLineage {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut state = std::mem::take(state);
        for told in state.steps.stop() {
            self.tell(&mut state.current, told);
        }
    }
}
