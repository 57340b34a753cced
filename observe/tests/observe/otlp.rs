//! OTLP, decoded by OpenTelemetry's own messages.

use crate::receiver::{Receiver, nobody, silent};
use crate::support::{at_once, cancelled, heard, result, run, run_all, warned};
use larder_io_core::{ErrorKind, Secret};
use larder_observe::Otlp;
use larder_observe::otlp::OtlpOptions;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(yes) => Some(yes.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

/// What a receiver got: spans, metrics, and the attributes of the resource.
struct Got {
    spans: Vec<Span>,
    metrics: Vec<Metric>,
    resource: Vec<KeyValue>,
}

fn got(receiver: &Receiver) -> Got {
    let mut got = Got {
        spans: Vec::new(),
        metrics: Vec::new(),
        resource: Vec::new(),
    };
    for request in receiver.requests() {
        assert_eq!(request.method, "POST");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        match request.path.as_str() {
            "/v1/traces" => {
                let traces = ExportTraceServiceRequest::decode(&*request.body).expect("is a message");
                for of in traces.resource_spans {
                    got.resource = of.resource.expect("is there").attributes;
                    got.spans
                        .extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
                }
            }
            "/v1/metrics" => {
                let metrics = ExportMetricsServiceRequest::decode(&*request.body).expect("is a message");
                // They are cumulative: the last ones tell all.
                got.metrics.clear();
                for of in metrics.resource_metrics {
                    got.metrics
                        .extend(of.scope_metrics.into_iter().flat_map(|scope| scope.metrics));
                }
            }
            other => panic!("{other}"),
        }
    }
    got
}

fn options() -> OtlpOptions {
    let mut options = OtlpOptions::default();
    options.service = "flights".to_owned();
    options.resource = [("deployment.environment.name".to_owned(), "test".to_owned())].into();
    options.headers = [("x-api-key".to_owned(), Secret::new("s3cret"))].into();
    options
}

#[test]
fn a_run_is_a_trace_of_its_steps() {
    let receiver = Receiver::new(&[]);
    let report = run_all(true, Arc::new(result(Otlp::new(&receiver.url(""), options()))));
    let Got { spans, resource, .. } = got(&receiver);
    assert_eq!(text(&resource, "service.name").as_deref(), Some("flights"));
    assert_eq!(text(&resource, "deployment.environment.name").as_deref(), Some("test"));
    assert!(
        receiver
            .requests()
            .iter()
            .all(|request| request.headers["x-api-key"] == "s3cret")
    );
    let run = spans.iter().find(|span| span.name == "run").expect("is there");
    assert!(run.parent_span_id.is_empty());
    assert_eq!(text(&run.attributes, "larder.run"), Some(report.run.to_string()));
    assert_eq!(text(&run.attributes, "larder.steps.failed").as_deref(), Some("1"));
    assert!(spans.iter().all(|span| span.trace_id == run.trace_id));
    assert!(
        spans
            .iter()
            .all(|span| span.start_time_unix_nano <= span.end_time_unix_nano)
    );

    let mut children: HashMap<&[u8], Vec<&Span>> = HashMap::new();
    for span in &spans {
        children.entry(&span.parent_span_id).or_default().push(span);
    }
    let names = |of: &Span| -> Vec<&str> {
        let below = children.get(&*of.span_id).map(Vec::as_slice).unwrap_or_default();
        let mut names: Vec<&str> = below.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(run), ["broken", "days", "days", "delays", "raw/flights"]);
    let step = |name: &str| spans.iter().find(|span| span.name == name).expect("is there");
    assert_eq!(names(step("raw/flights")), ["compute", "store"]);
    assert_eq!(names(step("delays")), ["compute", "load", "store"]);
    assert_eq!(names(step("broken")), [] as [&str; 0]);
    assert_eq!(names(step("days")), ["compute", "store"]);

    let flights = step("raw/flights");
    assert_eq!(
        text(&flights.attributes, "larder.asset").as_deref(),
        Some("raw/flights")
    );
    assert_eq!(text(&flights.attributes, "larder.rows").as_deref(), Some("3"));
    let made = report.materialization("raw/flights").expect("is made");
    let receipt = made.receipt.as_ref().expect("is stored");
    assert_eq!(
        text(&flights.attributes, "larder.bytes"),
        Some(receipt.bytes.to_string())
    );
    let store = children[&*flights.span_id]
        .iter()
        .find(|span| span.name == "store")
        .expect("is there");
    assert_eq!(text(&store.attributes, "larder.version"), made.version);
    assert_eq!(text(&store.attributes, "larder.format").as_deref(), Some("parquet"));
    let load = children[&*step("delays").span_id]
        .iter()
        .find(|span| span.name == "load")
        .expect("is there");
    assert_eq!(text(&load.attributes, "larder.input").as_deref(), Some("raw/flights"));
    let mut days: Vec<String> = spans
        .iter()
        .filter(|span| span.name == "days")
        .filter_map(|span| text(&span.attributes, "larder.partition"))
        .collect();
    days.sort();
    assert_eq!(days, ["2024-01-01", "2024-01-02"]);

    let broken = step("broken");
    assert_eq!(text(&broken.attributes, "error.type").as_deref(), Some("Timeout"));
    let status = broken.status.as_ref().expect("is there");
    assert_eq!(status.code, StatusCode::Error as i32);
    assert_eq!(status.message, "nobody \"answered\"\nin time");
    assert_eq!(
        run.status.as_ref().map(|status| status.code),
        Some(StatusCode::Error as i32)
    );
    let fine = flights.status.as_ref().map_or(0, |status| status.code);
    assert_eq!(fine, StatusCode::Unset as i32);
}

fn sum(metrics: &[Metric], name: &str, label: (&str, &str)) -> Option<i64> {
    let metric = metrics.iter().find(|metric| metric.name == name)?;
    let Some(Data::Sum(sum)) = &metric.data else {
        panic!("{metric:?}")
    };
    assert!(sum.is_monotonic);
    let point = sum
        .data_points
        .iter()
        .find(|point| text(&point.attributes, label.0).as_deref() == Some(label.1))?;
    match point.value? {
        number_data_point::Value::AsInt(value) => Some(value),
        number_data_point::Value::AsDouble(value) => panic!("{value}"),
    }
}

#[test]
fn metrics_of_all_runs_are_sent() {
    let receiver = Receiver::new(&[]);
    let observer = Arc::new(result(Otlp::new(&receiver.url("/"), options())));
    run_all(false, observer.clone());
    run_all(true, observer);
    let metrics = got(&receiver).metrics;
    assert_eq!(sum(&metrics, "larder.steps", ("status", "succeeded")), Some(8));
    assert_eq!(sum(&metrics, "larder.steps", ("status", "skipped")), Some(1));
    assert_eq!(sum(&metrics, "larder.failures", ("error.type", "Timeout")), Some(1));
    assert_eq!(
        sum(&metrics, "larder.stored.rows", ("larder.asset", "raw/flights")),
        Some(6)
    );
    assert!(sum(&metrics, "larder.stored.bytes", ("larder.asset", "raw/flights")) > Some(0));
    for (name, times) in [
        ("larder.step.duration", 9),
        ("larder.store.duration", 8),
        ("larder.load.duration", 8),
    ] {
        let metric = metrics.iter().find(|metric| metric.name == name).expect("is there");
        assert_eq!(metric.unit, "s");
        let Some(Data::Histogram(histogram)) = &metric.data else {
            panic!("{metric:?}")
        };
        let count: u64 = histogram.data_points.iter().map(|point| point.count).sum();
        assert_eq!(count, times, "{name}");
    }
}

#[test]
fn runs_are_traces_of_their_own() {
    let receiver = Receiver::new(&[]);
    let observer = Arc::new(result(Otlp::new(&receiver.url(""), options())));
    run_all(false, observer.clone());
    run_all(false, observer);
    let spans = got(&receiver).spans;
    let runs: Vec<&Span> = spans.iter().filter(|span| span.name == "run").collect();
    assert_eq!(runs.len(), 2);
    assert_ne!(runs[0].trace_id, runs[1].trace_id);
}

#[tokio::test]
async fn a_call_for_many_partitions_is_one_step() {
    let receiver = Receiver::new(&[]);
    run(
        &at_once(false),
        Arc::new(result(Otlp::new(&receiver.url(""), options()))),
    )
    .await;
    let spans = got(&receiver).spans;
    let count = |name: &str| spans.iter().filter(|span| span.name == name).count();
    assert_eq!(
        [count("run"), count("pair+other"), count("compute"), count("store")],
        [1, 1, 1, 6]
    );
}

#[tokio::test]
async fn a_run_that_is_cancelled_is_sent_as_failed() {
    let receiver = Receiver::new(&[]);
    cancelled(Arc::new(result(Otlp::new(&receiver.url(""), options())))).await;
    let spans = loop {
        let spans = got(&receiver).spans;
        if spans.len() == 2 {
            break spans;
        }
        tokio::task::yield_now().await;
    };
    for span in spans {
        let status = span.status.expect("is there");
        assert_eq!(
            (status.code, &*status.message),
            (StatusCode::Error as i32, "the run was cancelled")
        );
    }
}

#[test]
fn what_is_not_taken_is_sent_again_and_nothing_is_warned_of() {
    heard();
    let receiver = Receiver::new(&[503, 503]);
    let url = receiver.url("/busy");
    run_all(false, Arc::new(result(Otlp::new(&url, options()))));
    let requests = receiver.requests();
    assert_eq!(requests[0].body, requests[2].body);
    assert!(warned(&url).is_empty());
}

#[test]
fn an_endpoint_that_never_answers_holds_up_the_end_of_a_run_for_a_bounded_time() {
    heard();
    let mut options = options();
    options.flush = std::time::Duration::from_millis(50);
    // Without the bound this would take a minute for each request.
    options.timeout = std::time::Duration::from_secs(60);
    let url = format!("http://{}/silent", silent());
    let report = run_all(false, Arc::new(result(Otlp::new(&url, options))));
    assert!(report.succeeded());
    let told = warned("before all its spans and metrics are sent");
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn an_endpoint_that_is_down_is_told_once_and_the_run_goes_on() {
    heard();
    let url = format!("http://{}/otlp", nobody());
    let observer = Arc::new(result(Otlp::new(&url, options())));
    assert!(run_all(false, observer.clone()).succeeded());
    assert!(run_all(false, observer).succeeded());
    let told = warned(&url);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!told[0].contains("s3cret"), "{told:?}");
}

#[test]
fn an_endpoint_that_refuses_is_told_once() {
    heard();
    let receiver = Receiver::new(&[403; 100]);
    let url = receiver.url("/refuses");
    assert!(run_all(false, Arc::new(result(Otlp::new(&url, options())))).succeeded());
    let told = warned(&url);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("status 403"), "{told:?}");
}

#[test]
fn what_is_no_endpoint_is_refused() {
    let error = Otlp::new("localhost:4318", options()).expect_err("is no URL of HTTP");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(!format!("{:?}", options()).contains("s3cret"));
}
