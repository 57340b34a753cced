//! How long one attempt may take.

use super::config::TimeoutPolicy;
use super::context::Operation;
use crate::watch::Watch;
use futures_util::future::BoxFuture;
use larder_io_core::{Effect, Error, ErrorKind, Result, duration};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// While the value's source works, the clock stands; it is looked at again after this time at the earliest.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The time of one attempt without that of the value's own source, and the bytes that it moves.
pub(super) struct Clock {
    began: Instant,
    source: Mutex<Source>,
    /// Known before anything passed.
    expected: AtomicU64,
    passed: AtomicU64,
    source_failed: Arc<AtomicBool>,
}

#[derive(Default)]
struct Source {
    /// How many answers it works on.
    working: usize,
    since: Option<Instant>,
    /// Its time so far.
    took: Duration,
}

impl Clock {
    pub(super) fn new(expected: u64) -> Self {
        Self {
            began: Instant::now(),
            source: Mutex::default(),
            expected: AtomicU64::new(expected),
            passed: AtomicU64::new(0),
            source_failed: Arc::default(),
        }
    }

    /// Tells here when the source fails.
    pub(super) fn telling(mut self, source_failed: &Arc<AtomicBool>) -> Self {
        self.source_failed = Arc::clone(source_failed);
        self
    }

    fn bytes(&self) -> u64 {
        self.expected
            .load(Ordering::Relaxed)
            .max(self.passed.load(Ordering::Relaxed))
    }

    /// What is left of the time allowed, and whether the source works at present; `None` when it is over.
    fn left(&self, policy: &TimeoutPolicy) -> Option<(Duration, bool)> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let at_present = source.since.map_or(Duration::ZERO, |since| now - since);
        let active = (now - self.began).saturating_sub(source.took + at_present);
        let left = policy.allows(self.bytes()).checked_sub(active)?;
        (!left.is_zero()).then_some((left, source.since.is_some()))
    }
}

impl Watch for Clock {
    fn asked(&self) {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.working += 1;
        source.since.get_or_insert_with(Instant::now);
    }

    fn answered(&self, _took: Duration) {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.working = source.working.saturating_sub(1);
        if source.working == 0
            && let Some(since) = source.since.take()
        {
            source.took += since.elapsed();
        }
    }

    fn passed(&self, _rows: usize, bytes: usize) {
        self.passed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn arrived(&self, bytes: u64) {
        self.expected.fetch_add(bytes, Ordering::Relaxed);
    }

    fn failed(&self) {
        self.source_failed.store(true, Ordering::Relaxed);
    }
}

/// One attempt of an operation.
pub(super) struct Attempt<'a, F> {
    pub(super) work: F,
    timer: Timer,
    /// Asked once, when the time is over: how many bytes is this about?
    ask: Option<BoxFuture<'a, Option<u64>>>,
}

enum Timer {
    /// It may take as long as it likes, or times its parts itself.
    Off,
    Bytes(u64),
    /// A clock that watches what passes.
    Watching(Arc<Clock>),
}

impl<'a, F> Attempt<'a, F> {
    fn new(timer: Timer, work: F) -> Self {
        Self { work, timer, ask: None }
    }

    pub(super) fn untimed(work: F) -> Self {
        Self::new(Timer::Off, work)
    }

    /// An attempt that moves so many bytes.
    pub(super) fn of(bytes: u64, work: F) -> Self {
        Self::new(Timer::Bytes(bytes), work)
    }

    /// An attempt whose bytes a clock counts.
    pub(super) fn by(clock: Arc<Clock>, work: F) -> Self {
        Self::new(Timer::Watching(clock), work)
    }

    pub(super) fn asking(mut self, ask: BoxFuture<'a, Option<u64>>) -> Self {
        self.ask = Some(ask);
        self
    }
}

/// Does one attempt in the time it is allowed. Dropping the work is safe by the contract of every operation.
pub(super) async fn timed<T, F: Future<Output = Result<T>>>(
    policy: Option<&TimeoutPolicy>,
    operation: &Operation<'_>,
    attempt: Attempt<'_, F>,
) -> Result<T> {
    let Attempt { work, timer, mut ask } = attempt;
    let clock = match timer {
        Timer::Off => None,
        Timer::Bytes(bytes) => Some(Arc::new(Clock::new(bytes))),
        Timer::Watching(clock) => Some(clock),
    };
    let (Some(policy), Some(clock)) = (policy, clock) else {
        return work.await;
    };
    let mut work = pin!(work);
    loop {
        match (clock.left(policy), ask.take_if(|_| clock.left(policy).is_none())) {
            (Some((left, source_works)), _) => {
                let wait = if source_works { left.max(LOOK_AGAIN) } else { left };
                tokio::select! {
                    biased;
                    done = &mut work => return done,
                    () = sleep(wait) => {}
                }
            }
            (None, Some(ask)) => tokio::select! {
                biased;
                done = &mut work => return done,
                answer = timeout(policy.base, ask) => {
                    if let Ok(Some(bytes)) = answer {
                        clock.expected.fetch_max(bytes, Ordering::Relaxed);
                    }
                }
            },
            (None, None) => return Err(too_slow(policy, operation, &clock)),
        }
    }
}

fn too_slow(policy: &TimeoutPolicy, operation: &Operation<'_>, clock: &Clock) -> Error {
    let bytes = clock.bytes();
    let (base, rate) = (duration::text(policy.base), policy.bytes_per_second);
    let allowed = match bytes {
        0 => base,
        _ => format!(
            "{} ({base}, and {bytes} bytes at {rate} bytes per second)",
            duration::text(policy.allows(bytes))
        ),
    };
    // With that number the allowance can be set.
    let passed = match clock.passed.load(Ordering::Relaxed) {
        0 => String::new(),
        passed => {
            let rate = passed as f64 / policy.allows(bytes).as_secs_f64().max(0.001);
            format!(", in which {passed} bytes passed, {rate:.0} bytes per second")
        }
    };
    let message = format!(
        "no end after {allowed}{passed}; if the storage is not stuck but slow, raise `timeout.base` or lower `timeout.bytes_per_second` of the I/O manager `{}`",
        operation.key()
    );
    let effect = if operation.writes() {
        Effect::Unknown
    } else {
        Effect::None
    };
    Error::new(ErrorKind::Timeout, message).with_effect(effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_an_engine_wrote_is_given_time_to_be_taken_over() {
        let policy = TimeoutPolicy::default();
        let clock = Clock::new(0);
        clock.asked();
        tokio::time::advance(Duration::from_secs(7200)).await;
        clock.answered(Duration::ZERO);
        assert_eq!(
            clock.left(&policy),
            Some((policy.base, false)),
            "the engine's time is no time of the storage"
        );
        clock.arrived(100 * policy.bytes_per_second);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(
            clock.left(&policy),
            Some((policy.base + Duration::from_secs(10), false))
        );
        tokio::time::advance(policy.base + Duration::from_secs(10)).await;
        assert_eq!(clock.left(&policy), None);
    }
}
