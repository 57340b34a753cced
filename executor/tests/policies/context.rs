//! What errors say of where they come from, and what is traced.

use crate::support::*;
use larder_executor::policy::{assemble, assemble_by_default};
use larder_io_core::{Error, ErrorKind, PartitionKey};
use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[tokio::test(start_paused = true)]
async fn an_error_says_everything_once() {
    let (mut out, mut into) = (output(), input());
    let day = PartitionKey::new([("date", "2024-01-01")]).expect("is a partition key");
    (out.partition, into.partition) = (Some(day.clone()), Some(day));
    let manager = Scripted::new()
        .script("stage", fails(ErrorKind::PermissionDenied, 1))
        .script("load", fails(ErrorKind::PermissionDenied, 1));
    for guarded in [
        manager.behind(&plain()),
        assemble_by_default(
            Arc::new(
                manager
                    .clone()
                    .script("stage", fails(ErrorKind::NotFound, 1))
                    .script("load", fails(ErrorKind::NotFound, 1)),
            ),
            "scripted",
            None,
        ),
    ] {
        let error = guarded.stage(&out, &blob()).await.err().expect("fails");
        let run = out.run.to_string();
        let said: Vec<(&str, &str)> = error.contexts().collect();
        let expected = [
            ("operation", "stage"),
            ("asset", "reports/summary"),
            ("partition", "date=2024-01-01"),
            ("io_manager", "scripted (script:/stage)"),
            ("location", "reports/summary"),
            ("run", run.as_str()),
        ];
        assert_eq!(said, expected);
        let error = guarded.load_input(&into).await.expect_err("fails");
        let said: Vec<&str> = error.contexts().map(|(name, _)| name).collect();
        assert_eq!(said, ["operation", "asset", "partition", "io_manager", "location"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_layer_below_said_stays() {
    let error = Error::new(ErrorKind::Conflict, "x").with_context("location", "inner.parquet");
    let manager = Scripted::new().script("publish", [Act::Fail(Duration::ZERO, error)]);
    let once = manager.behind(&plain());
    // Two stacks, as when somebody wraps twice: the inner one knows best.
    let twice = assemble(once, "outer", &plain());
    let error = twice.handle_output(&output(), &blob()).await.expect_err("fails");
    assert_eq!(error.context("location"), Some("inner.parquet"));
    assert_eq!(error.context("io_manager"), Some("scripted (script:/stage)"));
    assert_eq!(error.contexts().filter(|(name, _)| *name == "location").count(), 1);
}

/// Keeps what is traced as text.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Traced {
    fn keep(&self, line: String) {
        self.0.lock().expect("no panic").push(line);
    }
}

impl Subscriber for Traced {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("larder_executor::policy")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(format!("{} {}", span.metadata().level(), span.metadata().name()));
        span.record(&mut fields);
        self.keep(fields.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.keep(fields.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn each_failed_attempt_is_told_and_no_message_is() {
    let traced = Traced::default();
    let _here = tracing::subscriber::set_default(traced.clone());
    let secret = "https://storage.test/x?sig=hidden-signature";
    let fail = |kind| Act::Fail(Duration::ZERO, Error::new(kind, secret));
    let acts = [fail(ErrorKind::Unavailable), busy(ms(400)), fail(ErrorKind::Timeout)];
    let policies = plain().with_retry(plain().retry.with_deadline(ms(600)));
    let manager = Scripted::new().script("head", acts);
    manager
        .behind(&policies)
        .head(&input())
        .await
        .expect_err("has no time for a fourth");
    let missing = Scripted::new().script("load", [fail(ErrorKind::NotFound)]);
    missing
        .behind(&policies)
        .load_input(&input())
        .await
        .expect_err("is missing");
    let lines = traced.0.lock().expect("no panic").clone();
    let common = r#"io_manager="scripted (script:/stage)" operation="head" asset=reports/summary"#;
    let expected = [
        format!("DEBUG io {common} location=reports/summary"),
        format!(
            "WARN message=failed, tries again {common} kind=Unavailable attempt=1 delay_ms=100 effect_unknown=true"
        ),
        format!(
            "WARN message=failed, tries again {common} kind=RateLimited attempt=2 delay_ms=400 effect_unknown=false"
        ),
        format!("WARN message=failed {common} kind=Timeout attempt=3 effect_unknown=true"),
    ];
    assert_eq!(lines[..4], expected);
    // That something is missing is an answer, not a trouble.
    assert!(lines[5].starts_with("DEBUG message=failed io_manager"), "{}", lines[5]);
    assert!(lines.iter().all(|line| !line.contains("hidden-signature")), "{lines:?}");
}
