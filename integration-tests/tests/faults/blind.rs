//! Faults that come together, so that a writer cannot see what became of its write.

use crate::run::{report, secrets};
use crate::step::Step;
use crate::table::Now;
use crate::trouble::Trouble;
use crate::vendor::{AZURE, GCS, S3, Vendor};
use crate::world::World;
use larder::{Effect, ErrorKind, Retry};
use larder_testkit::cloud::{Operation, When};

/// Every answer about the value fails, so that nobody sees whose it is.
fn blind(world: &World) {
    let looks = |request: &larder_testkit::cloud::Request| {
        matches!(
            request.operation,
            Operation::Head | Operation::Get | Operation::RangedGet
        )
    };
    world
        .cloud
        .fail(When::any().matching(looks).always(), Trouble::Internal.fault());
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
    let name = format!("{:?} {step:?} lost {lost} times", vendor.dialect);
    report(wrong.into_iter().map(|wrong| format!("{name}: {wrong}")).collect());
}

#[tokio::test]
async fn a_lost_upload_keeps_its_receipt() {
    for vendor in [&S3, &GCS, &AZURE] {
        for step in [Step::CompleteAbsent, Step::CompleteUnchanged] {
            own_success(vendor, step, u64::MAX).await;
            own_success(vendor, step, 1).await;
        }
        own_success(vendor, Step::Complete, u64::MAX).await;
    }
}

#[tokio::test]
async fn a_lost_put_is_not_told_as_a_failure() {
    for vendor in [&S3, &GCS, &AZURE] {
        for step in [Step::PutAbsent, Step::PutUnchanged] {
            own_success(vendor, step, u64::MAX).await;
            own_success(vendor, step, 1).await;
        }
        own_success(vendor, Step::Put, u64::MAX).await;
    }
}

/// The last answer speaks for the last request only.
#[tokio::test]
async fn a_refusal_does_not_undo_what_went_before() {
    let refusals = [
        (Trouble::TooMany, ErrorKind::RateLimited),
        (Trouble::Forbidden, ErrorKind::PermissionDenied),
        (Trouble::Expired, ErrorKind::Unauthenticated),
    ];
    for (vendor, (refusal, kind)) in [&S3, &GCS, &AZURE]
        .into_iter()
        .flat_map(|vendor| refusals.map(|one| (vendor, one)))
    {
        let world = World::new(vendor, Step::Delete, Trouble::ResetAfter, |manager| manager).await;
        world.begin(1);
        world.then(refusal, u64::MAX);
        let error = world.act().await.expect_err("it is refused");
        world.cloud.heal();
        assert_eq!((error.kind(), error.effect()), (kind, Effect::Unknown), "{error:?}");
        report(world.visible(Now::Nothing).await.into_iter().collect());
    }
}
