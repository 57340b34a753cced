//! Spans: a run, its steps, and what these spent their time with.

use crate::steps::{End, Span as Took, Step, Told};
use larder_executor::Materialization;
use opentelemetry::trace::{Span as _, SpanContext, Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use std::time::SystemTime;

/// How many values of one step have a span of their own.
const VALUES: usize = 100;

pub(super) struct Spans {
    tracer: SdkTracer,
    run: Option<Span>,
}

impl Spans {
    pub(super) fn new(traces: &SdkTracerProvider) -> Self {
        Self {
            tracer: traces.tracer("larder"),
            run: None,
        }
    }

    pub(super) fn tell(&mut self, told: &Told) {
        match told {
            Told::RunStarted { run } => {
                let span = self
                    .tracer
                    .span_builder("run")
                    .with_attributes([KeyValue::new("larder.run", run.to_string())]);
                self.run = Some(span.start_with_context(&self.tracer, &Context::new()));
            }
            // A span that begins is told with its end only, and then all of it is known.
            Told::StepStarted(_) | Told::StepFresh | Told::StepSkipped => {}
            Told::StepEnded(step, end) => self.step(step, end),
            Told::RunFinished { counts, .. } => {
                let Some(mut run) = self.run.take() else { return };
                let names = ["larder.steps.succeeded", "larder.steps.failed", "larder.steps.skipped"];
                run.set_attributes(
                    names
                        .into_iter()
                        .zip(counts)
                        .map(|(name, count)| number(name, *count as u64)),
                );
                if counts[1] + counts[2] > 0 {
                    let message = format!("{} steps failed, {} were skipped", counts[1], counts[2]);
                    run.set_status(Status::error(message));
                }
                run.end();
            }
            Told::RunStopped => {
                let Some(mut run) = self.run.take() else { return };
                run.set_status(Status::error("the run was cancelled"));
                run.end();
            }
        }
    }

    fn step(&self, step: &Step, end: &End) {
        let parent = self.run.as_ref().map(|run| run.span_context().clone());
        let receipts = || step.made.iter().filter_map(|(_, made)| made.receipt.as_ref());
        let mut attributes = vec![KeyValue::new("larder.asset", step.name())];
        if let Some(partitions) = &step.partitions {
            attributes.push(KeyValue::new("larder.partition", partitions.to_string()));
        }
        if receipts().next().is_some() {
            attributes.push(number("larder.bytes", receipts().map(|receipt| receipt.bytes).sum()));
        }
        if receipts().any(|receipt| receipt.rows.is_some()) {
            let rows = receipts().filter_map(|receipt| receipt.rows).sum();
            attributes.push(number("larder.rows", rows));
        }
        let mut span = self.begin(step.name(), step.began, attributes, parent);
        let within = Some(span.span_context().clone());
        for read in &step.reads {
            let attributes = vec![
                KeyValue::new("larder.input", read.input.to_string()),
                KeyValue::new("larder.missing", read.missing),
            ];
            self.took("load", &read.span, attributes, within.clone());
        }
        if let Some(computed) = &step.computed {
            self.took("compute", computed, Vec::new(), within.clone());
        }
        for (ended, made) in step.made.iter().take(VALUES) {
            let stored = Took {
                ended: *ended,
                took: made.store,
            };
            self.took("store", &stored, about(made), within.clone());
        }
        match end {
            End::Succeeded => {}
            End::Failed(error) => {
                span.set_attribute(KeyValue::new("error.type", format!("{:?}", error.kind())));
                span.set_status(Status::error(error.message().to_owned()));
            }
            End::Stopped => span.set_status(Status::error("the run was cancelled")),
        }
        span.end();
    }

    fn took(&self, name: &'static str, took: &Took, attributes: Vec<KeyValue>, parent: Option<SpanContext>) {
        let mut span = self.begin(name.to_owned(), took.began(), attributes, parent);
        span.end_with_timestamp(took.ended);
    }

    fn begin(&self, name: String, began: SystemTime, attributes: Vec<KeyValue>, parent: Option<SpanContext>) -> Span {
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let builder = self
            .tracer
            .span_builder(name)
            .with_start_time(began)
            .with_attributes(attributes);
        builder.start_with_context(&self.tracer, &context)
    }
}

/// What is known of a value that was stored.
fn about(made: &Materialization) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("larder.asset", made.asset.to_string())];
    let mut text = |name: &'static str, value: Option<String>| {
        attributes.extend(value.map(|value| KeyValue::new(name, value)));
    };
    text("larder.partition", made.partition.as_ref().map(ToString::to_string));
    text("larder.version", made.version.clone());
    text("larder.uri", made.uri.clone());
    text(
        "larder.format",
        made.receipt.as_ref().map(|receipt| receipt.format.clone()),
    );
    if let Some(receipt) = &made.receipt {
        attributes.push(number("larder.bytes", receipt.bytes));
        attributes.extend(receipt.rows.map(|rows| number("larder.rows", rows)));
    }
    attributes
}

fn number(name: &'static str, value: u64) -> KeyValue {
    KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX))
}
