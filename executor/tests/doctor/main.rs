//! Managers that are well, broken, silent, and out of reach.

mod definitions;
mod faults;
mod patient;
mod stops;

use larder_executor::doctor::examine;
use larder_executor::{Diagnosis, DoctorOptions, Examination, Verdict};
use larder_io_core::{Form, IoManager};
use larder_io_memory::MemoryIo;
use patient::{Patient, stored};
use std::future::pending;
use std::sync::Arc;

async fn examined_with(manager: impl IoManager, options: &DoctorOptions) -> Diagnosis {
    examine("patient", Arc::new(manager), options, pending()).await
}

async fn examined(manager: impl IoManager) -> Diagnosis {
    examined_with(manager, &DoctorOptions::default()).await
}

fn large(bytes: u64) -> DoctorOptions {
    let mut options = DoctorOptions::default();
    options.large = Some(bytes);
    options
}

fn of<'d>(diagnosis: &'d Diagnosis, what: &str) -> &'d Examination {
    let found = diagnosis.examined.iter().find(|examination| examination.what == what);
    found.unwrap_or_else(|| panic!("{what} was not examined: {diagnosis:#?}"))
}

fn verdicts(diagnosis: &Diagnosis) -> Vec<(&'static str, Verdict)> {
    let examined = diagnosis.examined.iter();
    examined
        .map(|examination| (examination.what, examination.verdict))
        .collect()
}

/// What is not fine.
fn complaints(diagnosis: &Diagnosis) -> Vec<(&'static str, Verdict)> {
    let mut all = verdicts(diagnosis);
    all.retain(|(_, verdict)| *verdict != Verdict::Fine);
    all
}

#[tokio::test]
async fn a_good_manager_is_fine_and_is_left_as_it_was() {
    let memory = MemoryIo::new();
    let diagnosis = examined_with(memory.clone(), &large(3_000_000)).await;
    let all = verdicts(&diagnosis);
    assert_eq!(
        all.iter().map(|(what, _)| *what).collect::<Vec<_>>(),
        [
            "write",
            "head",
            "read",
            "conditional writes",
            "list",
            "history",
            "large write",
            "large read",
            "large conditional writes",
            "delete"
        ],
    );
    assert_eq!(complaints(&diagnosis), [], "{diagnosis:#?}");
    assert_eq!(
        (
            diagnosis.verdict(),
            diagnosis.io_manager.as_str(),
            diagnosis.root.as_str()
        ),
        (Verdict::Fine, "patient", "memory:")
    );
    assert_eq!(stored(&memory).await, 0);
}

#[tokio::test]
async fn forms_that_are_taken_are_examined() {
    for form in [Form::Object, Form::Blob] {
        let diagnosis = examined(Patient::new(MemoryIo::new()).taking(form)).await;
        assert_eq!(complaints(&diagnosis), [], "{diagnosis:#?}");
    }
    let nothing = examined(Patient::new(MemoryIo::new()).taking(Form::Nothing)).await;
    assert_eq!(verdicts(&nothing), [("write", Verdict::Skipped)]);
    let objects = examined_with(Patient::new(MemoryIo::new()).taking(Form::Object), &large(1)).await;
    assert_eq!(complaints(&objects), [("large write", Verdict::Skipped)]);
}

#[tokio::test]
async fn what_is_not_claimed_is_not_asked() {
    let diagnosis = examined(Patient::new(MemoryIo::new()).claiming_nothing()).await;
    let skipped = [("conditional writes", Verdict::Skipped), ("history", Verdict::Skipped)];
    assert_eq!(complaints(&diagnosis), skipped);
    assert_eq!(diagnosis.verdict(), Verdict::Fine);
}

#[tokio::test]
async fn findings_are_told_as_they_are() {
    let diagnosis = examined(Patient::new(MemoryIo::new()).surveyed()).await;
    assert_eq!(complaints(&diagnosis), [("versioning", Verdict::Advised)]);
    assert_eq!(diagnosis.verdict(), Verdict::Advised);
    assert_eq!(of(&diagnosis, "region").answer, "eu-central-1");
    let versioning = of(&diagnosis, "versioning");
    assert_eq!(
        (versioning.answer.as_str(), versioning.advice.as_deref()),
        ("off", Some("turn it on"))
    );
}
