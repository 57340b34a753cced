//! What is expected of each fault on each request.

use crate::step::{Act, Condition, Step};
use crate::trouble::{Meaning, Trouble};
use crate::vendor::{ATTEMPTS, Vendor};
use larder::{Effect, ErrorKind, Retry};
use larder_testkit::cloud::Dialect;

/// How often the fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// To the first request of the step.
    Once,
    /// To every one.
    Always,
}

/// What is visible afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Now {
    /// What was there before: the old value, or nothing.
    Before,
    /// The new value.
    New,
    /// Nothing.
    Nothing,
}

/// An error, with how often the request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) meaning: Meaning,
    pub(crate) attempts: u32,
}

/// What a case has to end in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) failure: Option<Failure>,
    pub(crate) now: Now,
    /// Requests of the step.
    pub(crate) requests: usize,
    /// Uploads that nobody but the server knows of.
    pub(crate) orphans: usize,
}

/// Whether the trouble can happen to the request; the table has no row where it cannot.
fn makes_sense(vendor: &Vendor, step: Step, trouble: Trouble) -> bool {
    match trouble {
        // Answers to requests with a condition, and to no others.
        Trouble::Concurrent | Trouble::Condition | Trouble::OwnConflict | Trouble::OwnSuccess => {
            step.publishes() && step.condition() != Condition::Any
        }
        // Where an answer has no body, none can be cut.
        Trouble::StallBody | Trouble::TruncatedBody | Trouble::WrongLength => vendor.answers(step),
        // The form of other vendors is that of `Expired`.
        Trouble::Expired403 => vendor.dialect == Dialect::S3,
        // Blocks have names instead of ETags.
        Trouble::WrongEtag if vendor.dialect == Dialect::Azure && matches!(step, Step::FirstPart | Step::LastPart) => {
            false
        }
        // These answers have an ETag that is used.
        Trouble::WrongEtag => {
            step.publishes()
                || matches!(
                    step,
                    Step::FirstPart | Step::LastPart | Step::Get | Step::GetFront | Step::RangedGet | Step::Head
                )
        }
        // A request has time by its size, and a part of 5 MiB has a minute; the last part is as good.
        Trouble::Stall | Trouble::StallAfter => step != Step::FirstPart,
        _ => true,
    }
}

/// What is expected; nothing where the case makes no sense.
pub(crate) fn expected(vendor: &Vendor, step: Step, trouble: Trouble, lasts: Lasts) -> Option<Expected> {
    if !vendor.has(step) || !makes_sense(vendor, step, trouble) {
        return None;
    }
    let done = match step.act() {
        Act::Store => Now::New,
        Act::Delete => Now::Nothing,
        Act::Load | Act::Head | Act::List => Now::Before,
    };
    let well = |requests| Expected {
        failure: None,
        now: done,
        requests,
        orphans: 0,
    };
    let badly = |meaning, attempts| Expected {
        failure: Some(Failure { meaning, attempts }),
        now: if trouble.after() && step.act() == Act::Delete {
            Now::Nothing
        } else {
            Now::Before
        },
        requests: attempts as usize,
        orphans: 0,
    };
    let meaning = trouble.meaning(vendor, step);
    if let Some(special) = special(vendor, step, trouble, lasts) {
        return Some(match special {
            Ok(requests) => well(requests),
            Err((meaning, requests)) => Expected {
                requests,
                orphans: usize::from(step == Step::Create),
                ..badly(meaning, 1)
            },
        });
    }
    let mut expected = match (trouble.is_repeated(vendor), lasts) {
        (true, Lasts::Once) => well(2),
        // Whoever looks sees that the write was carried out.
        (true, Lasts::Always) if trouble.after() && step.publishes() => well(ATTEMPTS as usize),
        (true, Lasts::Always) => badly(meaning, ATTEMPTS),
        (false, _) => badly(meaning, 1),
    };
    if step == Step::Create && trouble.after() {
        expected.orphans = if lasts == Lasts::Once { 1 } else { ATTEMPTS as usize };
    }
    Some(expected)
}

/// What follows no rule: requests of a success, or an error after some requests.
fn special(vendor: &Vendor, step: Step, trouble: Trouble, lasts: Lasts) -> Option<Result<usize, (Meaning, usize)>> {
    match (trouble, step) {
        // Our own write carries our write id.
        (Trouble::OwnSuccess | Trouble::OwnConflict, _) if !trouble.is_repeated(vendor) => Some(Ok(1)),
        // What is stored is right; only the version that the receipt tells is not.
        (Trouble::WrongEtag, Step::Get | Step::Head) => Some(Ok(1)),
        (Trouble::WrongEtag, step) if step.publishes() => Some(Ok(1)),
        // What was staged cannot be put together, and only staging it again helps.
        (Trouble::WrongEtag, Step::FirstPart | Step::LastPart) => {
            let meaning = Meaning {
                kind: ErrorKind::NotFound,
                retry: Retry::Never,
                effect: Effect::None,
            };
            Some(Err((meaning, 1)))
        }
        // A GET tells why the HEAD was refused; when it is not refused itself, it has the answer.
        (Trouble::Expired | Trouble::Expired403 | Trouble::Forbidden, Step::Head) => match lasts {
            Lasts::Once => Some(Ok(2)),
            Lasts::Always => Some(Err((trouble.meaning(vendor, step), 2))),
        },
        // Another copy of what was put together is as good as the first.
        (Trouble::StallBody | Trouble::TruncatedBody, Step::Complete) if vendor.dialect == Dialect::Gcs => None,
        // The upload is gone at the second request, and half of a refusal is a refusal.
        (Trouble::StallBody | Trouble::TruncatedBody, step) if step.publishes() || step == Step::Join => Some(Ok(2)),
        // Half a document agrees with itself, and cannot be read.
        (Trouble::WrongLength, step) if step.publishes() => Some(Ok(1)),
        (Trouble::WrongLength, Step::List | Step::Create | Step::Join | Step::Delete) => {
            Some(Err((trouble.meaning(vendor, step), 1)))
        }
        _ => None,
    }
}
