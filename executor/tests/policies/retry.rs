//! How often, when, and when not.

use crate::support::*;
use larder_executor::policy::{Policies, RetryPolicy};
use larder_io_core::{Effect, Error, ErrorKind, GcOptions, IoManager, Retry, Version};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn every_attempt_waits_twice_as_long_up_to_the_cap() {
    let policies = plain().with_retry(plain().retry.with_delays(ms(100), ms(350)));
    let manager = Scripted::new().script("head", fails(ErrorKind::Unavailable, 9));
    let error = manager.behind(&policies).head(&input()).await.expect_err("fails");
    assert_eq!(manager.times("head"), [0, 100, 300, 650, 1000]);
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 5));
}

#[tokio::test(start_paused = true)]
async fn the_first_success_ends_it() {
    let manager = Scripted::new().script("load", fails(ErrorKind::Timeout, 2));
    manager.behind(&plain()).load_input(&input()).await.expect("loads");
    assert_eq!(manager.times("load"), [0, 100, 300]);
}

#[tokio::test(start_paused = true)]
async fn jitter_takes_any_part_of_a_delay_and_never_more() {
    let policies = plain().with_retry(plain().retry.with_jitter(true));
    let mut differs = false;
    for _ in 0..50 {
        let manager = Scripted::new().script("head", fails(ErrorKind::Unavailable, 4));
        manager
            .behind(&policies)
            .head(&input())
            .await
            .expect("succeeds in the end");
        let times = manager.times("head");
        let gaps: Vec<u128> = times.windows(2).map(|two| two[1] - two[0]).collect();
        for (gap, most) in gaps.iter().zip([100, 200, 400, 800]) {
            // The clock rounds up to a millisecond.
            assert!(*gap <= most + 1, "{gaps:?}");
        }
        differs |= gaps[3] < 400;
    }
    // Each of 50 delays is below the half with probability 1/2.
    assert!(differs, "jitter reaches below half of a delay");
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_delay_is_the_least() {
    let acts = [busy(ms(5000)), busy(ms(50)), fail(ErrorKind::RateLimited)];
    let manager = Scripted::new().script("delete", acts);
    manager
        .behind(&plain())
        .delete(&input())
        .await
        .expect("deletes in the end");
    // Longer than the cap of 1 s is obeyed, shorter than the delay of 200 ms is not shortened to.
    assert_eq!(manager.times("delete"), [0, 5000, 5200, 5600]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_always_asks_for_patience_does_not_get_more_attempts() {
    let manager = Scripted::new().script("head", (0..9).map(|_| busy(ms(10))));
    let error = manager.behind(&plain()).head(&input()).await.expect_err("gives up");
    assert_eq!((manager.calls().len(), error.attempts()), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_does_not_fit_ends_it_at_once_with_the_original_error() {
    let policies = plain().with_retry(plain().retry.with_deadline(ms(3000)));
    let manager = Scripted::new().script("head", [fail(ErrorKind::Unavailable), busy(ms(60_000))]);
    let (took, done) = measured(manager.behind(&policies).head(&input())).await;
    let error = done.expect_err("gives up");
    assert_eq!((took, error.kind(), error.attempts()), (100, ErrorKind::RateLimited, 2));
    assert_eq!(error.message(), "slow down");
    assert_eq!(
        error.retry(),
        Retry::After(Some(ms(60_000))),
        "it is the server's own error"
    );
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_the_deadline() {
    let slow = || Act::Fail(ms(1000), Error::new(ErrorKind::Unavailable, "slow"));
    let retry = RetryPolicy::of_attempts(100)
        .with_delays(ms(100), ms(100))
        .with_jitter(false)
        .with_deadline(ms(3300));
    let manager = Scripted::new().script("head", (0..100).map(|_| slow()));
    let (took, done) = measured(manager.behind(&plain().with_retry(retry)).head(&input())).await;
    let error = done.expect_err("gives up");
    // The fourth begins exactly at the deadline and is not cut short; the fifth would begin after it.
    assert_eq!(manager.times("head"), [0, 1100, 2200, 3300]);
    assert_eq!((took, error.attempts()), (4300, 4));
}

#[tokio::test(start_paused = true)]
async fn a_definite_answer_is_not_asked_for_again() {
    use ErrorKind::*;
    let definite = [
        NotFound,
        AlreadyExists,
        Conflict,
        PermissionDenied,
        Unauthenticated,
        InvalidConfig,
        InvalidDefinition,
        Unsupported,
        InvalidData,
        Cancelled,
        AssetFailed,
        Unexpected,
    ];
    for kind in definite {
        let manager = Scripted::new().script("head", [fail(kind)]);
        let error = manager.behind(&plain()).head(&input()).await.expect_err("fails");
        assert_eq!((error.kind(), error.attempts(), manager.calls().len()), (kind, 1, 1));
    }
    for kind in [Cancelled, AssetFailed] {
        // Even if it says otherwise.
        let error = Error::new(kind, "again, please").with_retry(Retry::After(None));
        let manager = Scripted::new().script("head", [Act::Fail(Duration::ZERO, error)]);
        manager.behind(&plain()).head(&input()).await.expect_err("fails");
        assert_eq!(manager.calls().len(), 1, "{kind:?}");
    }
    for kind in [RateLimited, Timeout, Unavailable] {
        let manager = Scripted::new().script("head", [fail(kind)]);
        manager.behind(&plain()).head(&input()).await.expect("succeeds at last");
        assert_eq!(manager.calls().len(), 2, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_decides_and_not_its_kind() {
    let again = Error::new(ErrorKind::Unexpected, "a reset connection").with_retry(Retry::After(None));
    let manager = Scripted::new().script("load", [Act::Fail(Duration::ZERO, again)]);
    manager.behind(&plain()).load_input(&input()).await.expect("loads");
    let never = Error::new(ErrorKind::Unavailable, "the disk is full").with_retry(Retry::Never);
    let manager = Scripted::new().script("load", [Act::Fail(Duration::ZERO, never)]);
    let error = manager.behind(&plain()).load_input(&input()).await.expect_err("fails");
    assert_eq!((manager.calls().len(), error.retry()), (1, Retry::Never));
}

#[tokio::test(start_paused = true)]
async fn attempts_of_layers_below_are_added() {
    let below = |attempts| {
        let error = Error::new(ErrorKind::Unavailable, "gone").with_attempts(attempts);
        Act::Fail(Duration::ZERO, error)
    };
    let policies = plain().with_retry(RetryPolicy::of_attempts(3));
    let manager = Scripted::new().script("head", [below(3), below(1), below(2)]);
    let error = manager.behind(&policies).head(&input()).await.expect_err("fails");
    assert_eq!(error.attempts(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_attempt_may_have_happened() {
    let policies = plain().with_retry(plain().retry.with_deadline(ms(1000)));
    let script = || [fail(ErrorKind::Timeout), busy(ms(60_000))];
    let manager = Scripted::new().script("delete", script());
    let error = manager.behind(&policies).delete(&input()).await.expect_err("fails");
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::RateLimited, Effect::Unknown)
    );
    // With only refusals it is known that nothing happened.
    let manager = Scripted::new().script("delete", [busy(ms(60_000))]);
    let error = manager.behind(&policies).delete(&input()).await.expect_err("fails");
    assert_eq!(error.effect(), Effect::None);
    // A conflict is found by looking at what is there, also for the attempt before.
    let manager = Scripted::new().script("publish", [fail(ErrorKind::Timeout), fail(ErrorKind::Conflict)]);
    let stored = manager.behind(&plain()).handle_output(&output(), &blob()).await;
    let error = stored.expect_err("somebody else was first");
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Conflict, Effect::None));
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_tried_again() {
    let once = || [fail(ErrorKind::Unavailable)];
    let mut manager = Scripted::new();
    let all = [
        "stage", "publish", "discard", "load", "head", "delete", "history", "restore", "gc",
    ];
    for operation in all {
        manager = manager.script(operation, once());
    }
    let guarded: Arc<dyn IoManager> = manager.behind(&plain());
    let mut staged = guarded.stage(&output(), &blob()).await.expect("stages");
    staged.publish().await.expect("publishes");
    staged.discard().await.expect("discards");
    guarded.load_input(&input()).await.expect("loads");
    guarded.head(&input()).await.expect("looks");
    guarded.delete(&input()).await.expect("deletes");
    let versions = guarded.versions().expect("keeps versions");
    versions.history(&input()).await.expect("tells");
    let old = Version::from_text("v1");
    versions.restore(&input(), &old).await.expect("restores");
    let maintenance = guarded.maintenance().expect("cleans up");
    maintenance.gc(&GcOptions::default()).await.expect("cleans");
    for operation in all {
        assert_eq!(manager.times(operation).len(), 2, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_no_retry() {
    let policies = Policies::default().with_retry(RetryPolicy::of_attempts(1));
    let manager = Scripted::new().script("head", fails(ErrorKind::Unavailable, 1));
    let (took, done) = measured(manager.behind(&policies).head(&input())).await;
    assert_eq!((took, done.expect_err("fails").attempts()), (0, 1));
}
