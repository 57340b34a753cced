//! When a failed attempt is followed by another.

use super::config::RetryPolicy;
use super::context::Operation;
use super::limit::Slot;
use backon::Retryable;
use larder_io_core::{Effect, Error, ErrorKind, Result, Retry};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Whether an error lets the same call be tried again.
pub(super) fn retryable(error: &Error) -> bool {
    let final_kind = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::AssetFailed);
    !final_kind && error.retry() != Retry::Never
}

impl RetryPolicy {
    /// The delays between attempts: each twice the one before, up to the cap; with jitter any part of it.
    pub(crate) fn delays(&self) -> impl Iterator<Item = Duration> + Send + Sync + Unpin + use<> {
        let (max, jitter) = (self.max_delay, self.jitter);
        let mut next = self.first_delay.min(max);
        let delays = std::iter::repeat_with(move || {
            let delay = next;
            next = next.saturating_mul(2).min(max);
            if jitter { delay.mul_f64(fastrand::f64()) } else { delay }
        });
        delays.take(self.attempts.saturating_sub(1) as usize)
    }
}

/// What the attempts of one operation add up to.
#[derive(Default)]
struct Tally {
    attempts: AtomicU32,
    may_have_happened: AtomicBool,
}

impl Tally {
    fn add(&self, error: &Error) {
        // Layers below may have tried more than once.
        self.attempts.fetch_add(error.attempts().max(1), Ordering::Relaxed);
        if error.effect() == Effect::Unknown {
            self.may_have_happened.store(true, Ordering::Relaxed);
        }
    }

    /// The last error, with what it cannot know: the attempts before it.
    fn conclude(&self, error: Error) -> Error {
        // These answers come of looking at what is published, after whatever the earlier attempts did.
        let sees_all = matches!(
            error.kind(),
            ErrorKind::Conflict | ErrorKind::AlreadyExists | ErrorKind::NotFound
        );
        let error = match self.may_have_happened.load(Ordering::Relaxed) && !sees_all {
            true => error.with_effect(Effect::Unknown),
            false => error,
        };
        error.with_attempts(self.attempts.load(Ordering::Relaxed))
    }
}

/// Attempts until one succeeds, `again` refuses, or attempts or time are used up; then the last error as it is.
pub(super) async fn retried<T, Fut: Future<Output = Result<T>>>(
    policy: &RetryPolicy,
    operation: &Operation<'_>,
    slot: &Slot<'_>,
    again: impl Fn(&Error) -> bool,
    attempt: impl Fn() -> Fut,
) -> Result<T> {
    let began = Instant::now();
    let tally = Tally::default();
    let attempts = || async {
        slot.enter().await;
        attempt().await
    };
    let done = attempts
        .retry(policy.delays())
        .when(|error| {
            tally.add(error);
            again(error)
        })
        .adjust(|error: &Error, delay| {
            let delay = match error.retry() {
                Retry::After(Some(server)) => delay?.max(server),
                _ => delay?,
            };
            (began.elapsed().saturating_add(delay) <= policy.deadline).then_some(delay)
        })
        .notify(|error, delay| {
            slot.leave();
            operation.failed(error, tally.attempts.load(Ordering::Relaxed), Some(delay));
        })
        .await;
    done.map_err(|error| {
        let error = tally.conclude(error);
        operation.failed(&error, error.attempts(), None);
        error
    })
}
