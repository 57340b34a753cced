//! What is traced. A test program of its own: whether a place in the code traces is remembered for the whole process.

#[allow(dead_code)]
#[path = "policies/support.rs"]
mod support;

use larder_io_core::{Error, ErrorKind};
use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Act, Scripted, busy, input, ms, plain};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

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
