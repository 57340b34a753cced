//! A client that quotes its settings shows nothing that is secret.

use crate::support::{Db, Journal, definitions, options, run, seconds, takes};
use larder_executor::{Event, Observer, RetryPolicy, RunResource, json};
use larder_io_core::{Error, ErrorKind, ResultExt, Secret};
use serde::Deserialize;
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    host: String,
    user: String,
    password: Secret,
    sas_token: String,
}

/// Everything that observers are told, as text.
#[derive(Default)]
struct Told(Mutex<String>);

impl Observer for Told {
    fn on_event(&self, event: &Event) {
        let line = format!("{event:?} {}\n", json::event(event));
        self.0.lock().expect("no panic").push_str(&line);
    }
}

const TEXT: &str = r#"
[resources.db]
host = "db.example"
user = { env = "USER_OF_DB" }
password = "hunter2"
sas_token = "sig=abcdef"
"#;

#[tokio::test(start_paused = true)]
async fn in_no_error_and_no_event() {
    let quoting = RunResource::new("db", |settings: Settings| async move {
        let inner = Error::new(ErrorKind::Unavailable, format!("as {}", settings.password.expose()));
        let error = std::io::Error::other(inner);
        let told = format!("{}@{}?{}", settings.user, settings.host, settings.sas_token);
        Err::<Db, _>(error).context(told)
    });
    let pipeline = definitions([takes::<Db>("a", seconds(0))])
        .config_text(TEXT)
        .variables([("USER_OF_DB".to_owned(), "somebody-else".to_owned())])
        .run_resource(quoting.retry(RetryPolicy::of_attempts(2)))
        .build()
        .expect("is valid");
    let told = Arc::<Told>::default();
    let mut options = options(&Journal::default());
    options.observers.push(Arc::<Told>::clone(&told));
    let report = run(&pipeline, options).await;
    let error = report.error("a").expect("has failed");
    assert!(error.message().contains("[redacted]@db.example?[redacted]"), "{error}");
    assert!(error.message().ends_with("as [redacted] (larder.toml:2:12)"), "{error}");
    let all = format!("{error:?} {report:?} {}", told.0.lock().expect("no panic"));
    assert!(all.contains("ResourceRetried") && all.contains("StepFailed"), "{all}");
    for secret in ["hunter2", "somebody-else", "abcdef"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}
