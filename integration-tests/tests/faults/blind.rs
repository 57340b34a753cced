//! Faults that come together, so that a writer cannot see what became of its write.

use crate::run::{report, secrets};
use crate::step::Step;
use crate::table::Now;
use crate::trouble::Trouble;
use crate::vendor::{S3, Vendor};
use crate::world::World;
use larder::{Effect, ErrorKind, Retry};
use larder_testkit::cloud::{Operation, When};

/// Every answer about the value fails, so that nobody sees whose it is.
fn blind(world: &World) {
    let looks = |request: &larder_testkit::cloud::Request| {
        matches!(request.operation, Operation::Head | Operation::Get | Operation::RangedGet)
    };
    world.cloud.fail(When::any().matching(looks).always(), Trouble::Internal.fault(world.vendor));
}

/// A store whose own success is lost, and that can look at nothing afterwards: it does not know, and destroys nothing.
async fn own_success(vendor: &'static Vendor, step: Step, lost: u64) {
    let world = World::new(vendor, step, Trouble::ResetAfter, |manager| manager).await;
    world.begin(lost);
    blind(&world);
    let error = world.act().await.expect_err("it cannot know");
    world.cloud.heal();
    let mut wrong = secrets(&error);
    if (error.kind(), error.effect()) != (ErrorKind::Unavailable, Effect::Unknown) {
        wrong.push(format!("the write may have happened: {error:?}"));
    }
    if error.retry() == Retry::Never {
        wrong.push(format!("it may be tried again: {error:?}"));
    }
    wrong.extend(world.visible(Now::New).await);
    wrong.extend(world.left_over(Now::New, 0).await);
    report(wrong);
}

#[tokio::test]
async fn a_lost_upload_keeps_its_receipt() {
    for step in [Step::Complete, Step::CompleteAbsent, Step::CompleteUnchanged] {
        own_success(&S3, step, u64::MAX).await;
        own_success(&S3, step, 1).await;
    }
}

#[tokio::test]
async fn a_lost_put_is_not_told_as_a_failure() {
    for step in [Step::PutAbsent, Step::PutUnchanged] {
        own_success(&S3, step, u64::MAX).await;
        own_success(&S3, step, 1).await;
    }
}

/// The last answer speaks for the last request only.
#[tokio::test]
async fn a_refusal_does_not_undo_what_went_before() {
    for (refusal, kind) in [
        (Trouble::TooMany, ErrorKind::RateLimited),
        (Trouble::Forbidden, ErrorKind::PermissionDenied),
        (Trouble::Expired, ErrorKind::Unauthenticated),
    ] {
        let world = World::new(&S3, Step::Delete, Trouble::ResetAfter, |manager| manager).await;
        world.begin(1);
        world.then(refusal, u64::MAX);
        let error = world.act().await.expect_err("it is refused");
        world.cloud.heal();
        assert_eq!((error.kind(), error.effect()), (kind, Effect::Unknown), "{error:?}");
        report(world.visible(Now::Nothing).await.into_iter().collect());
    }
}
