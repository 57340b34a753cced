//! Observers by name, `[run]`, and runs that go on from the failures of another.

use larder_executor::{Asset, Definitions, Event, Observer, ObserverKind, ObserverTarget};
use larder_io_core::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

/// An observer whose endpoint is down.
struct Deaf;

impl Observer for Deaf {
    fn on_event(&self, _: &Event) {}

    fn trouble(&self) -> Option<String> {
        Some("nobody hears".to_owned())
    }
}

impl ObserverKind for Deaf {
    fn name(&self) -> &'static str {
        "deaf"
    }

    fn targets(&self) -> &'static str {
        "anything"
    }

    fn open(&self, _: &ObserverTarget) -> Result<Arc<dyn Observer>> {
        Ok(Arc::new(Self))
    }
}

/// `raw`, `clean`, which fails while the file `broken` is there, and `report` of it.
fn definitions(home: &Path, config: &str) -> Definitions {
    let broken = home.join("broken");
    let raw = Asset::builder("raw").function(|_| async { Ok(1_u64) });
    let clean = Asset::builder("clean").input::<u64>("raw").function(move |mut args| {
        let broken = broken.exists();
        async move {
            match broken {
                true => Err(Error::new(ErrorKind::AssetFailed, "no data")),
                false => args.input::<u64>().await,
            }
        }
    });
    let report = Asset::builder("report")
        .input::<u64>("clean")
        .function(|mut args| async move { args.input::<u64>().await });
    larder_observe::kinds()
        .into_iter()
        .fold(Definitions::new(), Definitions::observer_kind)
        .observer_kind(Arc::new(Deaf))
        .backend(larder_io_fs::backend())
        .assets([raw, clean, report])
        .variables([("LARDER_HOME".to_owned(), home.display().to_string())])
        .config_text(config)
}

fn run(home: &Path, config: &str, arguments: &str) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = std::iter::once("flights")
        .chain(arguments.split_whitespace())
        .map(OsString::from);
    let code = larder_cli::run(definitions(home, config), arguments, &mut out, &mut err, false);
    (
        code,
        String::from_utf8_lossy(&out).into_owned(),
        String::from_utf8_lossy(&err).into_owned(),
    )
}

#[test]
fn observers_are_named_in_the_file_and_on_the_command_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, other) = (dir.path().join("events.ndjson"), dir.path().join("other.ndjson"));
    let config = format!("[observe]\njson_lines = '{}'", file.display());
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    // Who only looks observes nothing.
    assert_eq!(run(dir.path(), &config, "list").0, 0);
    assert!(!file.exists());
    let (code, _, err) = run(dir.path(), &config, "materialize raw");
    assert_eq!((code, lines(&file)), (0, 6), "{err}");
    let named = format!("materialize raw --observe json_lines={}", other.display());
    assert_eq!(run(dir.path(), &config, &named).0, 0);
    assert_eq!((lines(&file), lines(&other)), (6, 6));

    let (code, out, _) = run(dir.path(), &config, "config check");
    assert_eq!(code, 0);
    assert!(
        out.contains("observer    defined\njson_lines  larder.toml:2:1"),
        "{out}"
    );
    let (_, schema, _) = run(dir.path(), "", "config schema");
    assert!(
        schema.contains("\"json_lines\"") && schema.contains("\"step_timeout\""),
        "{schema}"
    );
}

#[test]
fn what_observers_could_not_tell_is_said_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (code, out, err) = run(dir.path(), "", "materialize --observe deaf=x");
    assert_eq!(code, 0, "the run goes on: {err}");
    assert_eq!(err.matches("warning: nobody hears").count(), 1, "{out}{err}");
}

#[test]
fn observers_that_cannot_be_had_are_refused_before_anything_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    for (config, arguments, message) in [
        ("", "materialize --observe json_line=x", "did you mean `json_lines`?"),
        (
            "",
            "materialize --observe json_lines",
            "written as `json_lines=events.ndjson`",
        ),
        (
            "",
            "materialize --observe json_lines=no/such/x",
            "the observer `json_lines`: cannot open no/such/x",
        ),
        (
            "",
            "materialize --observe json_lines=http://x",
            "cannot write to a URL of `http`",
        ),
        (
            "[observe]\njson_lines = 'no/such/x'",
            "materialize",
            "larder.toml:2:1: `json_lines`: cannot open",
        ),
        (
            "[run]\nmax_concurrent = 0",
            "materialize",
            "larder.toml:2:18: `run.max_concurrent`",
        ),
    ] {
        let (code, _, err) = run(dir.path(), config, arguments);
        assert_eq!(code, 2, "{arguments}: {err}");
        assert!(err.contains(message), "{message} is not in {err}");
    }
    assert!(!dir.path().join("storage").join("raw.json").exists());
}

#[test]
fn a_run_goes_on_from_the_failures_of_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let broken = dir.path().join("broken");
    std::fs::write(&broken, "").expect("is written");
    assert_eq!(run(dir.path(), "", "materialize").0, 1);
    let (code, out, err) = run(dir.path(), "", "plan --from-failure last");
    assert_eq!(code, 0, "{err}");
    let planned: Vec<&str> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(planned, ["asset", "clean", "report", "2"], "{out}");
    std::fs::remove_file(&broken).expect("is removed");
    let (code, out, err) = run(dir.path(), "", "materialize --json --from-failure last");
    assert_eq!(code, 0, "{err}");
    let made = out.lines().filter(|line| line.contains("\"event\":\"materialized\""));
    assert_eq!(made.count(), 2, "{out}");
    for (arguments, message) in [
        ("materialize --from-failure last", "nothing failed in the run `"),
        ("materialize --from-failure zz", "there is no run `zz`"),
        ("materialize raw --from-failure last", "cannot be used with"),
        ("materialize --partitions x --from-failure last", "cannot be used with"),
        ("materialize --no-catalog --from-failure last", "cannot be used with"),
    ] {
        let (code, _, err) = run(dir.path(), "", arguments);
        assert_eq!(code, 2, "{arguments}: {err}");
        assert!(err.contains(message), "{message} is not in {err}");
    }
}

#[test]
fn the_command_line_goes_before_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("broken"), "").expect("is written");
    let config = "[run]\nretries = 2\nretry = { first_delay = '1ms', max_delay = '1ms' }";
    let attempts = |arguments: &str| {
        let (code, out, err) = run(dir.path(), config, arguments);
        assert_eq!(code, 1, "{err}");
        out.matches("\"event\":\"step_retried\"").count()
    };
    assert_eq!(attempts("materialize +clean --json"), 2);
    assert_eq!(attempts("materialize +clean --json --retries 1"), 1);
    assert_eq!(attempts("materialize +clean --json --retries 0"), 0);
    let (_, out, _) = run(dir.path(), config, "explain clean");
    assert!(out.contains("execution     retries 2 (by [run])"), "{out}");
}
