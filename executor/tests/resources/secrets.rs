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

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Linked {
    url: String,
    dsn: String,
}

/// A client that quotes the whole of its URL, or the password that it found in it.
#[tokio::test(start_paused = true)]
async fn a_password_within_a_url_is_in_none_either() {
    let quoting = RunResource::new("db", |settings: Linked| async move {
        let told = format!("cannot reach {} as hun#ter2, nor {}", settings.url, settings.dsn);
        Err::<Db, _>(Error::new(ErrorKind::InvalidConfig, told))
    });
    let text = r#"
[resources.db]
url = "postgres://me:hun%23ter2@db.example:5432/d?sslmode=require&sslpassword=other-one"
dsn = "host=db.example user=me password='third-one'"
"#;
    let pipeline = definitions([takes::<Db>("a", seconds(0))])
        .config_text(text)
        .run_resource(quoting)
        .build()
        .expect("is valid");
    let report = run(&pipeline, options(&Journal::default())).await;
    let error = report.error("a").expect("has failed");
    assert!(
        error.message().contains("postgres://me:[redacted]@db.example:5432/d"),
        "{error}"
    );
    let all = format!("{error:?} {report:?}");
    for secret in ["hun%23ter2", "hun#ter2", "other-one", "third-one"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}

/// The words of a type that reads the URL may quote it.
#[test]
fn what_a_url_is_refused_for_does_not_quote_it() {
    #[derive(Debug)]
    struct Url;
    impl<'de> Deserialize<'de> for Url {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("`{text}` is none")))
        }
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Settings {
        url: Url,
    }
    let refused = |url: &str| {
        let resource = RunResource::new("db", |_: Settings| async move {
            Err::<Db, _>(std::io::Error::other("none"))
        });
        let definitions = definitions([takes::<Db>("a", seconds(0))])
            .config_text(format!("[resources.db]\nurl = \"{url}\"\n"))
            .run_resource(resource);
        format!("{:?}", definitions.check_config().expect_err("is refused"))
    };
    let error = refused("postgres://me:hunter2@host/db");
    assert!(!error.contains("hunter2"), "{error}");
    assert!(refused("postgres://me@host/db").contains("`postgres://me@host/db` is none"));
}
