//! What can be set: retry, timeout, limit.

use larder_io_core::{Error, ErrorKind, Result, duration, nearest};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// The policies of one I/O manager. In a configuration each of the three names may be left out.
///
/// ```
/// # use larder_executor::policy::Policies;
/// let policies: Policies = serde_json::from_str(
///     r#"{"retry": {"attempts": 3}, "timeout": {"base": "2m"}, "max_concurrent": 8}"#,
/// )?;
/// policies.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policies {
    /// When a failed operation is tried again.
    pub retry: RetryPolicy,
    /// How long one attempt may take; `None`, in a configuration `"off"`, for as long as it likes.
    #[serde(serialize_with = "write_timeout", deserialize_with = "read_timeout")]
    pub timeout: Option<TimeoutPolicy>,
    /// Operations that this manager does at once. Default 64, at least 1. Waiting between two attempts does not count.
    pub max_concurrent: u32,
}

/// When a failed operation is tried again: exponential delays with a cap.
///
/// The error says whether it may be tried again ([`Error::retry`]); nothing else is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts in all, the first included. Default 5, at least 1; 1 turns retries off.
    pub attempts: u32,
    /// The delay after the first attempt; it doubles after each. Default 100 ms, at most `max_delay`.
    #[serde(with = "duration")]
    pub first_delay: Duration,
    /// The longest delay. Default 10 s. A server that asks for a longer one is obeyed.
    #[serde(with = "duration")]
    pub max_delay: Duration,
    /// No attempt begins later than this after the operation began. Default 5 min. An attempt that runs is not cut
    /// short by it.
    #[serde(with = "duration")]
    pub deadline: Duration,
    /// Draws each delay between nothing and its full length, so that many clients do not come back at once. Default
    /// true.
    pub jitter: bool,
}

/// How long one attempt may take: `base` and the time its bytes take at `bytes_per_second`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TimeoutPolicy {
    /// The time that every attempt has. Default 60 s, more than 0.
    #[serde(with = "duration")]
    pub base: Duration,
    /// The slowest transfer that counts as alive, in bytes per second. Default 1,048,576 (1 MiB), at least 1.
    pub bytes_per_second: u64,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            timeout: Some(TimeoutPolicy::default()),
            max_concurrent: 64,
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
            deadline: Duration::from_secs(5 * 60),
            jitter: true,
        }
    }
}

impl Default for TimeoutPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(60),
            bytes_per_second: 1024 * 1024,
        }
    }
}

impl Policies {
    /// Replaces the retry policy.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Replaces the timeout; `None` turns it off.
    #[must_use]
    pub fn with_timeout(mut self, timeout: impl Into<Option<TimeoutPolicy>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Replaces the limit of operations at once.
    #[must_use]
    pub fn with_max_concurrent(mut self, max_concurrent: u32) -> Self {
        self.max_concurrent = max_concurrent;
        self
    }

    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// `InvalidConfig` that names the setting.
    pub fn validate(&self) -> Result<()> {
        self.retry.validate()?;
        let wrong = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
        if let Some(timeout) = &self.timeout {
            if timeout.base.is_zero() {
                return wrong("`timeout.base` is 0, so that nothing could ever end in time; write `timeout = \"off\"` for no timeout".to_owned());
            }
            if timeout.bytes_per_second == 0 {
                return wrong("`timeout.bytes_per_second` is 0, so that a transfer could take for ever; write `timeout = \"off\"` for no timeout".to_owned());
            }
        }
        if self.max_concurrent == 0 {
            return wrong("`max_concurrent` is 0, so that nothing could ever be done; the least is 1".to_owned());
        }
        Ok(())
    }
}

impl RetryPolicy {
    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// `InvalidConfig` that names the setting.
    pub fn validate(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
        if self.attempts == 0 {
            return wrong("`retry.attempts` is 0, so that nothing would be tried; 1 turns retries off".to_owned());
        }
        if self.first_delay > self.max_delay {
            return wrong(format!(
                "`retry.first_delay` is {}, longer than `retry.max_delay` of {}; make one of them fit the other",
                duration::text(self.first_delay),
                duration::text(self.max_delay)
            ));
        }
        Ok(())
    }

    /// The default with another number of attempts, the first included.
    #[must_use]
    pub fn of_attempts(attempts: u32) -> Self {
        Self {
            attempts,
            ..Self::default()
        }
    }

    /// Replaces the first and the longest delay.
    #[must_use]
    pub fn with_delays(mut self, first: Duration, max: Duration) -> Self {
        (self.first_delay, self.max_delay) = (first, max);
        self
    }

    /// Replaces the deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Turns jitter on or off.
    #[must_use]
    pub fn with_jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }
}

impl TimeoutPolicy {
    /// Makes a timeout.
    pub fn new(base: Duration, bytes_per_second: u64) -> Self {
        Self { base, bytes_per_second }
    }

    /// What an attempt that moves `bytes` may take.
    pub fn allows(&self, bytes: u64) -> Duration {
        // In nanoseconds of 128 bits no number of bytes overflows.
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        let moving = u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos);
        self.base.saturating_add(moving)
    }
}

const OFF: &str = "off";

fn write_timeout<S: Serializer>(timeout: &Option<TimeoutPolicy>, serializer: S) -> Result<S::Ok, S::Error> {
    match timeout {
        Some(timeout) => timeout.serialize(serializer),
        None => serializer.serialize_str(OFF),
    }
}

fn read_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeoutPolicy>, D::Error> {
    deserializer.deserialize_any(TimeoutOrOff)
}

/// A table of settings, or the word.
struct TimeoutOrOff;

impl<'de> Visitor<'de> for TimeoutOrOff {
    type Value = Option<TimeoutPolicy>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`\"off\"`, or `base` and `bytes_per_second`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        TimeoutPolicy::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == OFF {
            return Ok(None);
        }
        let hint = match nearest(text, [OFF]) {
            Some(_) => "did you mean `off`?",
            None => "write `off`, or a table as in `{ base = \"60s\", bytes_per_second = 1048576 }`",
        };
        Err(E::custom(format!("`{text}` is no timeout; {hint}")))
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
