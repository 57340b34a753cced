//! Counters and histograms.

use crate::steps::{End, Told};
use larder_executor::Materialization;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use std::time::SystemTime;

/// Upper bounds of histograms, in seconds: from a value in memory to a step of three hours.
const BOUNDS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_200.0, 3_600.0, 10_800.0,
];

pub(super) struct Measures {
    steps: Counter<u64>,
    failures: Counter<u64>,
    bytes: Counter<u64>,
    rows: Counter<u64>,
    step: Histogram<f64>,
    load: Histogram<f64>,
    compute: Histogram<f64>,
    store: Histogram<f64>,
}

impl Measures {
    pub(super) fn new(meters: &SdkMeterProvider) -> Self {
        let meter = meters.meter("larder");
        let counter = |name: &'static str, unit: &'static str, text: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(text).build()
        };
        let time = |name: &'static str, text: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(text);
            histogram.with_boundaries(BOUNDS.to_vec()).build()
        };
        Self {
            steps: counter("larder.steps", "{step}", "Steps that ended."),
            failures: counter("larder.failures", "{failure}", "Steps that failed."),
            bytes: counter("larder.stored.bytes", "By", "Bytes of published values."),
            rows: counter("larder.stored.rows", "{row}", "Rows of published tables."),
            step: time("larder.step.duration", "Time from a step's begin to its end."),
            load: time("larder.load.duration", "Time loading the inputs of a value."),
            compute: time("larder.compute.duration", "Time in the asset's own code, of a value."),
            store: time(
                "larder.store.duration",
                "Time encoding, writing and publishing a value.",
            ),
        }
    }

    pub(super) fn stored(&self, made: &Materialization) {
        self.load.record(made.load.as_secs_f64(), &[]);
        self.compute.record(made.compute.as_secs_f64(), &[]);
        self.store.record(made.store.as_secs_f64(), &[]);
        if let Some(receipt) = &made.receipt {
            let asset = [KeyValue::new("larder.asset", made.asset.to_string())];
            self.bytes.add(receipt.bytes, &asset);
            if let Some(rows) = receipt.rows {
                self.rows.add(rows, &asset);
            }
        }
    }

    pub(super) fn tell(&self, told: &Told) {
        match told {
            Told::StepEnded(step, end) => {
                let status = match end {
                    End::Succeeded => "succeeded",
                    End::Failed(_) => "failed",
                    End::Stopped => "stopped",
                };
                let took = SystemTime::now().duration_since(step.began).unwrap_or_default();
                self.step.record(took.as_secs_f64(), &[KeyValue::new("status", status)]);
                self.ended(status);
                if let End::Failed(error) = end {
                    let kind = KeyValue::new("error.type", format!("{:?}", error.kind()));
                    self.failures.add(1, &[kind]);
                }
            }
            Told::StepFresh => self.ended("fresh"),
            Told::StepSkipped => self.ended("skipped"),
            _ => {}
        }
    }

    fn ended(&self, status: &'static str) {
        self.steps.add(1, &[KeyValue::new("status", status)]);
    }
}
