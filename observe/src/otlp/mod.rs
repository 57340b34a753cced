//! Traces and metrics of OpenTelemetry, over HTTP and protobuf.
//!
//! A run is a trace: a span `run`, below it a span for each step that is called like its assets, and below that its `load`, `compute` and
//! `store`, one for each input and each value; of a step of many partitions the first hundred values.
//!
//! | span | attributes |
//! |---|---|
//! | `run` | `larder.run`, `larder.steps.succeeded`, `larder.steps.failed`, `larder.steps.skipped` |
//! | of a step | `larder.asset`, `larder.partition`, `larder.bytes`, `larder.rows`; of one that failed `error.type`, and the message as status |
//! | `load` | `larder.input`, `larder.missing` |
//! | `store` | `larder.asset`, `larder.partition`, `larder.bytes`, `larder.rows`, `larder.version`, `larder.format`, `larder.uri` |
//!
//! | metric | unit | attributes |
//! |---|---|---|
//! | `larder.steps` | `{step}` | `status`: `succeeded`, `failed`, `stopped`, `fresh`, `skipped` |
//! | `larder.step.duration` | `s` | `status` |
//! | `larder.load.duration`, `larder.compute.duration`, `larder.store.duration` | `s` | |
//! | `larder.stored.bytes`, `larder.stored.rows` | `By`, `{row}` | `larder.asset` |
//! | `larder.failures` | `{failure}` | `error.type` |

mod client;
mod counted;
mod measures;
mod spans;

use crate::endpoint::Endpoint;
use crate::steps::{Steps, Told};
use crate::told::{Once, together, waiting};
use client::Client;
use counted::{Counts, Given, Taken};
use larder_executor::{Event, Observer};
use larder_io_core::{Error, ErrorKind, Result, Secret};
use measures::Measures;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use spans::Spans;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How to reach a collector, and what to call oneself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtlpOptions {
    /// The name of the service. Default: `larder`.
    pub service: String,
    /// More attributes of the resource, such as `deployment.environment.name`. Default: none.
    pub resource: BTreeMap<String, String>,
    /// Headers of each request, such as an API key. Default: none.
    pub headers: BTreeMap<String, Secret>,
    /// How long one request may take. Default: 5 seconds.
    pub timeout: Duration,
    /// How long the end of a run waits for what is still to be sent. Default: 5 seconds.
    pub flush: Duration,
    /// How many spans wait at most; more are dropped. Default: 8,192; at least 1.
    pub queue: usize,
}

impl Default for OtlpOptions {
    fn default() -> Self {
        Self {
            service: "larder".to_owned(),
            resource: BTreeMap::new(),
            headers: BTreeMap::new(),
            timeout: Duration::from_secs(5),
            flush: Duration::from_secs(5),
            queue: 8_192,
        }
    }
}

/// Tells a collector of OpenTelemetry what runs do.
///
/// Threads of its own send what is in a bounded queue. At the end of a run it waits for them, [`OtlpOptions::flush`] at most. An endpoint that is
/// down is told once by `tracing::warn!`, and the run goes on; how many spans its queue dropped, by
/// [`Observer::trouble`]. Nothing global of OpenTelemetry is set.
pub struct Otlp {
    traces: SdkTracerProvider,
    meters: SdkMeterProvider,
    state: Mutex<State>,
    measures: Measures,
    flush: Duration,
    late: Once,
    client: Arc<Client>,
    counts: Arc<Counts>,
}

struct State {
    steps: Steps,
    spans: Spans,
}

impl Otlp {
    /// Sends to `<url>/v1/traces` and `<url>/v1/metrics`; `http://localhost:4318` is where a collector listens by default.
    ///
    /// # Errors
    /// `InvalidConfig` for what is no URL of `http` or `https`, and for headers that cannot be sent. The endpoint is not tried.
    pub fn new(url: &str, options: OtlpOptions) -> Result<Self> {
        let endpoint = Endpoint::new(url, "OpenTelemetry", options.timeout)?;
        let invalid = |error| {
            let message = "the exporter of OpenTelemetry cannot be made; look at its URL and headers";
            Error::new(ErrorKind::InvalidConfig, message).with_source(error)
        };
        let base = endpoint.url().as_str().trim_end_matches('/').to_owned();
        let headers: HashMap<String, String> = options
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect();
        let client = Arc::new(Client(endpoint));
        let spans = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(client.clone())
            .with_headers(headers.clone())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_timeout(options.timeout)
            // The client has its own.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(invalid)?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_shared_http_client(client.clone())
            .with_headers(headers)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/metrics"))
            .with_timeout(options.timeout)
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(invalid)?;
        let attributes = options.resource.iter();
        let resource = Resource::builder()
            .with_service_name(options.service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attributes(attributes.map(|(name, value)| KeyValue::new(name.clone(), value.clone())))
            .build();
        let batches = BatchConfigBuilder::default().with_max_queue_size(options.queue.max(1));
        let counts = Arc::<Counts>::default();
        let processor = BatchSpanProcessor::builder(Given(spans, Arc::clone(&counts)))
            .with_batch_config(batches.build())
            .build();
        let traces = SdkTracerProvider::builder()
            .with_span_processor(Taken(processor, Arc::clone(&counts)))
            .with_resource(resource.clone())
            .build();
        let meters = SdkMeterProvider::builder()
            .with_reader(PeriodicReader::builder(metrics).build())
            .with_resource(resource)
            .build();
        Ok(Self {
            measures: Measures::new(&meters),
            state: Mutex::new(State {
                steps: Steps::default(),
                spans: Spans::new(&traces),
            }),
            traces,
            meters,
            flush: options.flush,
            late: Once::default(),
            client,
            counts,
        })
    }

    /// Sends what is waiting, for a time.
    fn flush(&self) {
        let (done, ended) = channel();
        let (traces, meters) = (self.traces.clone(), self.meters.clone());
        let flushing = thread::Builder::new().name("larder-otlp".to_owned()).spawn(move || {
            // What goes wrong was told by the client.
            let _ = traces.force_flush();
            let _ = meters.force_flush();
            let _ = done.send(());
        });
        let waited = ended.recv_timeout(self.flush);
        if flushing.is_err() || waited == Err(RecvTimeoutError::Timeout) {
            self.late.tell(|| {
                tracing::warn!("the run ends before all its spans and metrics are sent");
                "a run ended before all its spans and metrics were sent".to_owned()
            });
        }
    }
}

fn tell(state: &mut State, measures: &Measures, told: &Told) {
    measures.tell(told);
    state.spans.tell(told);
}

impl Observer for Otlp {
    fn on_event(&self, event: &Event) {
        if let Event::Materialized(made) = event {
            self.measures.stored(made);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for told in state.steps.hear(event) {
            tell(&mut state, &self.measures, &told);
        }
        drop(state);
        if let Event::RunFinished { .. } = event {
            waiting(|| self.flush());
        }
    }

    fn trouble(&self) -> Option<String> {
        let dropped = match (self.counts.lost(), self.late.told()) {
            (0, _) => None,
            (lost, None) => Some(format!(
                "{lost} spans were dropped: the queue of OpenTelemetry was full"
            )),
            (lost, Some(_)) => Some(format!("{lost} spans were dropped or wait still")),
        };
        together([self.client.0.trouble(), self.late.told(), dropped.as_deref()])
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = state.steps.stop();
        let cancelled = !stopped.is_empty();
        for told in stopped {
            tell(&mut state, &self.measures, &told);
        }
        drop(state);
        if cancelled {
            self.flush();
        }
        // Ends the threads of the SDK, beside: one that waits for an endpoint must not hold up anybody.
        let (traces, meters) = (self.traces.clone(), self.meters.clone());
        let _ = thread::Builder::new().name("larder-otlp".to_owned()).spawn(move || {
            let _ = traces.shutdown();
            let _ = meters.shutdown();
        });
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("flush", &self.flush)
            .finish_non_exhaustive()
    }
}
