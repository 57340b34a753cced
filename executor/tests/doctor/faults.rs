//! What is wrong is found, and told with what to do; nothing is left behind.

use super::patient::{Patient, Quirk, stored};
use super::{complaints, examined, examined_with, large, of, verdicts};
use larder_executor::Verdict::{Advised, Skipped, Wrong};
use larder_io_core::ErrorKind;
use larder_io_memory::MemoryIo;
use larder_testkit::broken::{Broken, Fault};
use larder_testkit::faulty::{Faulty, Op, Outcome};

/// Above 8 MiB, where some faults begin.
const LARGE: u64 = (8 << 20) + 1;

#[tokio::test]
async fn broken_stores_are_found_out() {
    for (fault, complaint) in [
        (Fault::IgnoresPreconditions, ("conditional writes", Wrong)),
        (Fault::IgnoresLargePreconditions, ("large conditional writes", Wrong)),
        (Fault::ListsTwice, ("list", Wrong)),
        (Fault::HashesWrites, ("read", Wrong)),
        (Fault::TruncatesBlobs, ("large write", Wrong)),
        (Fault::MiscountsReceipts, ("large write", Wrong)),
        (Fault::ClaimsVersions, ("history", Wrong)),
        (Fault::ForgetsHistory, ("history", Advised)),
        (Fault::DeleteDoesNothing, ("delete", Wrong)),
        (Fault::HeadOfMissingFails, ("delete", Wrong)),
    ] {
        let memory = MemoryIo::new();
        let diagnosis = examined_with(Broken::new(memory.clone(), fault), &large(LARGE)).await;
        let found = complaints(&diagnosis);
        assert!(found.contains(&complaint), "{fault:?}: {diagnosis:#?}");
        assert_eq!(diagnosis.verdict(), complaint.1, "{fault:?}: {diagnosis:#?}");
        let left = usize::from(fault == Fault::DeleteDoesNothing);
        assert_eq!(stored(&memory).await, left, "{fault:?}");
    }
    let good = Broken::new(MemoryIo::new(), Fault::None);
    let good = examined_with(good, &large(LARGE)).await;
    assert_eq!(complaints(&good), [], "{good:#?}");
}

#[tokio::test]
async fn the_advice_on_ignored_preconditions_is_exact() {
    for (fault, what) in [
        (Fault::IgnoresPreconditions, "conditional writes"),
        (Fault::IgnoresLargePreconditions, "large conditional writes"),
    ] {
        let diagnosis = examined_with(Broken::new(MemoryIo::new(), fault), &large(LARGE)).await;
        let told = of(&diagnosis, what);
        assert!(
            told.answer.contains("ignored: a write that wanted nothing to be there"),
            "{told:?}"
        );
        let advice = told.advice.as_deref().unwrap_or_default();
        assert!(advice.contains("set `preconditions = false`"), "{told:?}");
        assert_eq!(
            complaints(&diagnosis),
            [(what, Wrong)],
            "the rest is fine: {diagnosis:#?}"
        );
    }
}

#[tokio::test]
async fn every_way_of_getting_preconditions_wrong_has_its_words() {
    for (quirk, words) in [
        (
            Quirk::IgnoresUnchanged,
            "ignored: a write that wanted an old version to be there replaced the value",
        ),
        (
            Quirk::RefusesUnchanged,
            "a write that wanted the published version to be there was refused",
        ),
        (
            Quirk::WritesRefused,
            "a write was refused, and replaced the value all the same",
        ),
        (Quirk::Unsupported, "failed"),
    ] {
        let memory = MemoryIo::new();
        let diagnosis = examined(Patient::new(memory.clone()).with(quirk)).await;
        let told = of(&diagnosis, "conditional writes");
        assert_eq!((told.verdict, told.answer.as_str()), (Wrong, words), "{told:?}");
        let advice = told.advice.as_deref().unwrap_or_default();
        assert!(advice.contains("set `preconditions = false`"), "{told:?}");
        assert_eq!(stored(&memory).await, 0, "{quirk:?}");
    }
}

#[tokio::test]
async fn a_refused_write_skips_what_needs_it() {
    let faulty = Faulty::new(MemoryIo::new()).failing(Op::Stage, 0, Outcome::Refused(ErrorKind::PermissionDenied));
    let diagnosis = examined(Patient::new(faulty).surveyed()).await;
    let wanted = [
        ("write", Wrong),
        ("head", Skipped),
        ("read", Skipped),
        ("conditional writes", Skipped),
        ("list", Skipped),
        ("history", Skipped),
        ("delete", Skipped),
        ("versioning", Advised),
    ];
    assert_eq!(complaints(&diagnosis), wanted);
    let error = of(&diagnosis, "write").error.as_ref().expect("says why");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(of(&diagnosis, "delete").answer, "nothing was written");

    // What is out of reach is not asked again.
    let faulty = Faulty::new(MemoryIo::new()).failing(Op::Stage, 0, Outcome::Refused(ErrorKind::Unavailable));
    let diagnosis = examined_with(Patient::new(faulty).surveyed(), &large(1)).await;
    assert!(complaints(&diagnosis).contains(&("survey", Skipped)), "{diagnosis:#?}");
    assert!(
        complaints(&diagnosis).contains(&("large write", Skipped)),
        "{diagnosis:#?}"
    );
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_removed() {
    let memory = MemoryIo::new();
    let lost = Outcome::AnswerLost(ErrorKind::Timeout);
    let diagnosis = examined(Faulty::new(memory.clone()).failing(Op::Publish, 1, lost)).await;
    assert_eq!(of(&diagnosis, "write").verdict, Wrong);
    assert_eq!(of(&diagnosis, "delete").answer, "nothing is left");
    assert_eq!(stored(&memory).await, 0);
}

#[tokio::test]
async fn one_failure_does_not_hide_the_rest() {
    let memory = MemoryIo::new();
    let refused = Outcome::Refused(ErrorKind::InvalidData);
    let diagnosis = examined(Faulty::new(memory.clone()).failing(Op::Load, 1, refused)).await;
    assert_eq!(complaints(&diagnosis), [("read", Wrong)], "{diagnosis:#?}");
    assert_eq!(stored(&memory).await, 0);

    let refused = Outcome::Refused(ErrorKind::PermissionDenied);
    let faulty = Faulty::new(memory.clone()).failing(Op::Delete, 0, refused);
    let diagnosis = examined(faulty).await;
    assert_eq!(complaints(&diagnosis), [("delete", Wrong)]);
    let advice = of(&diagnosis, "delete").advice.clone().unwrap_or_default();
    assert!(advice.starts_with("remove what is left at `larder-doctor-"), "{advice}");
}

#[tokio::test]
async fn what_the_store_says_of_its_history_is_the_advice() {
    let unsupported = Patient::new(MemoryIo::new()).failing("history", ErrorKind::Unsupported);
    let diagnosis = examined(unsupported).await;
    assert_eq!(complaints(&diagnosis), [("history", Advised)]);
    let history = of(&diagnosis, "history");
    assert_eq!(history.advice.as_deref(), Some("history fails; do this and that"));
    let unavailable = Patient::new(MemoryIo::new()).failing("history", ErrorKind::Unavailable);
    assert_eq!(complaints(&examined(unavailable).await), [("history", Wrong)]);
}

#[tokio::test]
async fn a_survey_that_is_refused_is_no_failure() {
    let refused = Patient::new(MemoryIo::new()).failing("survey", ErrorKind::PermissionDenied);
    let diagnosis = examined(refused).await;
    assert_eq!(complaints(&diagnosis), [("survey", Advised)]);
    assert_eq!(verdicts(&diagnosis).last(), Some(&("survey", Advised)));
}
