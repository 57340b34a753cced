//! JSON lines.

use crate::support::{Heard, heard, result, run_all, warned};
use larder_io_core::ErrorKind;
use larder_observe::JsonLines;
use serde_json::Value as Json;
use std::io::{self, Write};
use std::sync::Arc;

fn documents(text: &str) -> Vec<Json> {
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).expect("is JSON"))
        .collect()
}

fn count(documents: &[Json], event: &str) -> usize {
    documents.iter().filter(|line| line["event"] == event).count()
}

#[test]
fn every_event_is_a_line_of_its_run() {
    let home = tempfile::tempdir().expect("is made");
    let path = home.path().join("events.ndjson");
    let report = run_all(true, Arc::new(result(JsonLines::file(&path))));
    let lines = documents(&std::fs::read_to_string(&path).expect("is there"));
    for (event, times) in [
        ("run_started", 1),
        ("step_started", 5),
        ("input_loaded", 1),
        ("computed", 4),
        ("store_started", 4),
        ("materialized", 4),
        ("log", 1),
        ("step_failed", 1),
        ("step_skipped", 1),
        ("run_finished", 1),
    ] {
        assert_eq!(count(&lines, event), times, "{event}: {lines:#?}");
    }
    assert!(lines.iter().all(|line| line["run"] == report.run.as_str()));
    assert!(
        lines
            .iter()
            .all(|line| line["at"].as_str().is_some_and(|at| at.ends_with('Z')))
    );
    assert_eq!(lines[0]["event"], "run_started");
    let last = lines.last().expect("is not empty");
    assert_eq!([&last["succeeded"], &last["failed"], &last["skipped"]], [4, 1, 1]);
    let flights = lines
        .iter()
        .find(|line| line["event"] == "materialized" && line["asset"] == "raw/flights")
        .expect("is told");
    assert_eq!(flights["receipt"]["rows"], 3);
    assert_eq!(flights["receipt"]["format"], "parquet");
    let failed = lines
        .iter()
        .find(|line| line["event"] == "step_failed")
        .expect("is told");
    assert_eq!(failed["error"]["kind"], "Timeout");
    assert_eq!(failed["error"]["message"], "nobody \"answered\"\nin time");
    assert_eq!(failed["error"]["causes"], serde_json::json!(["the disk is full"]));
}

#[test]
fn a_file_is_appended_to() {
    let home = tempfile::tempdir().expect("is made");
    let path = home.path().join("events.ndjson");
    let observer = Arc::new(result(JsonLines::file(&path)));
    let runs = [
        run_all(false, observer.clone()).run,
        run_all(false, observer).run,
        run_all(false, Arc::new(result(JsonLines::file(&path)))).run,
    ];
    let lines = documents(&std::fs::read_to_string(&path).expect("is there"));
    assert_eq!(count(&lines, "run_finished"), 3);
    let told: Vec<&Json> = lines
        .iter()
        .filter(|line| line["event"] == "step_started")
        .map(|line| &line["run"])
        .collect();
    let each = |run: &larder_io_core::RunId| told.iter().filter(|told| ***told == run.as_str()).count();
    assert_eq!(runs.each_ref().map(each), [4; 3]);
}

#[test]
fn a_file_that_cannot_be_opened_is_refused() {
    let error = JsonLines::file("/nowhere/at/all/events.ndjson").expect_err("there is no directory");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("/nowhere/at/all/events.ndjson"), "{error}");
}

/// Takes some lines, and no more.
struct Full(usize, Heard);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                self.1.write(bytes)
            }
            None => Err(io::Error::other("no space left")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_written_is_told_once_and_the_run_goes_on() {
    heard();
    let kept = Heard::default();
    let report = run_all(false, Arc::new(JsonLines::writer(Full(3, kept.clone()))));
    assert!(report.succeeded());
    assert_eq!(documents(&kept.text()).len(), 3);
    let told = warned("no space left");
    assert_eq!(told.len(), 1, "{told:?}");
}
