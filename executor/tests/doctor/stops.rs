//! Managers that do not answer, and people who do not want to wait.

use super::patient::{Patient, stored};
use super::{complaints, of, verdicts};
use larder_executor::doctor::examine;
use larder_executor::{DoctorOptions, Verdict};
use larder_io_core::ErrorKind;
use larder_io_memory::MemoryIo;
use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn silence_ends_and_the_rest_is_asked() {
    let memory = MemoryIo::new();
    let silent = Patient::new(memory.clone()).hanging();
    let mut options = DoctorOptions::default();
    options.patience = Duration::from_secs(7);
    let diagnosis = examine("patient", Arc::new(silent), &options, pending()).await;
    let read = of(&diagnosis, "read");
    let error = read.error.as_ref().expect("says why");
    assert_eq!((error.kind(), read.took), (ErrorKind::Timeout, Some(options.patience)));
    assert!(error.message().starts_with("no answer within 7 s"), "{error}");
    assert_eq!(of(&diagnosis, "list").verdict, Verdict::Fine);
    assert_eq!(stored(&memory).await, 0);
}

#[tokio::test]
async fn a_stop_skips_the_rest_and_removes_what_was_written() {
    let memory = MemoryIo::new();
    let silent = Patient::new(memory.clone()).hanging().surveyed();
    let asked = Arc::clone(&silent.asked);
    let stop = async move { asked.notified().await };
    let diagnosis = examine("patient", Arc::new(silent), &DoctorOptions::default(), stop).await;
    let stopped = ["read", "conditional writes", "list", "history", "survey"];
    assert_eq!(complaints(&diagnosis), stopped.map(|what| (what, Verdict::Skipped)));
    assert!(
        stopped.iter().all(|what| of(&diagnosis, what).answer == "stopped"),
        "{diagnosis:#?}"
    );
    assert_eq!(of(&diagnosis, "delete").answer, "nothing is left");
    assert_eq!(stored(&memory).await, 0);
}

#[tokio::test]
async fn a_stop_before_the_beginning_asks_nothing() {
    let memory = MemoryIo::new();
    let diagnosis = examine("patient", Arc::new(memory), &DoctorOptions::default(), ready(())).await;
    let asked: Vec<_> = verdicts(&diagnosis)
        .into_iter()
        .filter(|(_, verdict)| *verdict != Verdict::Skipped)
        .collect();
    assert_eq!(
        asked,
        [("delete", Verdict::Fine)],
        "nobody knows whether the write was sent"
    );
}
