//! Observers by name.

use crate::support::{heard, pipeline, run_all};
use larder_executor::{Observer, ObserverTarget};
use larder_io_core::{ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

fn open(name: &str, target: &ObserverTarget) -> Result<Arc<dyn Observer>> {
    let kinds = larder_observe::kinds();
    let kind = kinds.iter().find(|kind| kind.name() == name).expect("is compiled in");
    kind.open(target)
}

fn refused(name: &str, target: &ObserverTarget) -> String {
    let error = open(name, target).err().expect("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    error.message().to_owned()
}

#[test]
fn files_are_below_the_directory_of_the_configuration() {
    heard();
    let dir = tempfile::tempdir().expect("is made");
    let names: &[(&str, &str)] = &[
        ("json_lines", "events.ndjson"),
        #[cfg(feature = "openlineage")]
        ("openlineage", "file:lineage.ndjson"),
        #[cfg(feature = "prometheus")]
        ("prometheus", "larder.prom"),
    ];
    for (name, to) in names {
        let observer = open(name, &ObserverTarget::new(*to, dir.path())).expect("is opened");
        assert!(run_all(false, Arc::clone(&observer)).succeeded());
        assert_eq!(observer.trouble(), None);
        let file = dir.path().join(to.trim_start_matches("file:"));
        assert!(std::fs::metadata(&file).expect("is written").len() > 0, "{name}");
    }
}

#[test]
fn a_target_of_another_sort_is_refused() {
    let to = |to: &str| ObserverTarget::new(to, "/base");
    let message = refused("json_lines", &to("http://user:hunter2@host/x"));
    assert_eq!(message, "it writes to a file, and cannot write to a URL of `http`");
    #[cfg(feature = "openlineage")]
    assert_eq!(
        refused("openlineage", &to("ftp://host/x")),
        "it writes to a file or to `http://..`, and cannot write to a URL of `ftp`"
    );
    #[cfg(feature = "prometheus")]
    {
        assert_eq!(
            refused("prometheus", &to("metrics.txt")),
            "/base/metrics.txt is neither a file whose name ends with `.prom` nor an address such as `127.0.0.1:9464`"
        );
        let message = refused("prometheus", &to("0.0.0.0:9464"));
        assert!(message.contains("can be reached from other machines"), "{message}");
    }
    #[cfg(feature = "otlp")]
    {
        assert_eq!(
            refused("otlp", &to("localhost:4318")),
            "it sends to a collector, as `http://localhost:4318`, and to nothing else"
        );
        let message = refused("otlp", &to("http://localhost:4318").with_setting("timeout", "0s"));
        assert_eq!(message, "the setting `timeout` leaves no time at all");
    }
}

#[cfg(feature = "prometheus")]
#[test]
fn a_port_of_this_machine_is_listened_on() {
    use std::io::{Read, Write};
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("is bound");
    let address = free.local_addr().expect("has an address");
    drop(free);
    let observer = open("prometheus", &ObserverTarget::new(address.to_string(), "/base")).expect("is opened");
    assert!(run_all(false, observer.clone()).succeeded());
    let mut client = std::net::TcpStream::connect(address).expect("is heard");
    client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("is sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("is read");
    assert!(answer.contains("larder_runs_total{status=\"succeeded\"} 1"), "{answer}");
    drop(observer);
}

#[cfg(any(feature = "openlineage", feature = "otlp"))]
#[test]
fn an_endpoint_that_is_down_is_a_trouble_and_no_error() {
    heard();
    for name in [
        #[cfg(feature = "openlineage")]
        "openlineage",
        #[cfg(feature = "otlp")]
        "otlp",
    ] {
        let url = format!("http://user:hunter2@{}/x", crate::receiver::nobody());
        let observer = open(name, &ObserverTarget::new(&url, "/base")).expect("is not tried yet");
        assert!(run_all(false, Arc::clone(&observer)).succeeded());
        let trouble = observer.trouble().expect("is told");
        assert!(
            trouble.contains("does not take what a run tells: io: Connection refused"),
            "{trouble}"
        );
        assert!(!trouble.contains("hunter2"), "{trouble}");
        assert!(run_all(false, Arc::clone(&observer)).succeeded());
        assert_eq!(observer.trouble().as_ref(), Some(&trouble), "it is the same one");
    }
}

#[cfg(feature = "otlp")]
#[test]
fn spans_that_the_queue_drops_are_counted() {
    use larder_observe::Otlp;
    use larder_observe::otlp::OtlpOptions;
    heard();
    let mut options = OtlpOptions::default();
    options.queue = 1;
    // Nobody there: the queue waits for tries that are in vain, and more spans come meanwhile than it takes.
    let url = format!("http://{}", crate::receiver::nobody());
    let observer = Arc::new(Otlp::new(&url, options).expect("is made"));
    assert!(run_all(false, observer.clone()).succeeded());
    let trouble = observer.trouble().expect("is told");
    let dropped = trouble
        .split("; ")
        .find_map(|one| one.strip_suffix(" spans were dropped: the queue of OpenTelemetry was full"));
    let dropped: u64 = dropped.expect("is told").parse().expect("is a number");
    assert!(dropped > 0 && dropped < 100, "{trouble}");
}

#[test]
fn the_configuration_names_them() {
    let dir = tempfile::tempdir().expect("is made");
    let file = dir.path().join("events.ndjson");
    let text = format!("[observe]\njson_lines = '{}'", file.display());
    let definitions = larder_observe::kinds().into_iter().fold(
        larder_executor::Definitions::new(),
        larder_executor::Definitions::observer_kind,
    );
    let built = definitions.config_text(text).variables([]).build().expect("is valid");
    let observers = built.observers(&[]).expect("are opened");
    let mut options = larder_executor::RunOptions::default();
    options.observers = observers;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("is a runtime");
    let home: &Path = dir.path();
    let report = runtime
        .block_on(pipeline(home, false).run_with("*", options))
        .expect("runs");
    assert!(report.succeeded());
    let lines = std::fs::read_to_string(&file).expect("is written");
    assert!(lines.lines().count() > 10 && lines.contains("run_finished"), "{lines}");
}
