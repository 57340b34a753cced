//! Opening a resource: attempts, the time of each, and what is said when it fails for good.

use super::declared::{Declared, Texts, Value};
use crate::args::panicked;
use crate::event::{Emitter, Event};
use crate::json::causes;
use crate::policy::RetryPolicy;
use futures_util::FutureExt;
use larder_io_core::{Effect, Error, ErrorKind, Result, Retry, duration};
use std::any::TypeId;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// All that a run may open, by type.
pub(crate) type Starts = HashMap<TypeId, Arc<Start>>;

/// Who needs a resource: named in an error at most.
const NAMED: usize = 5;
/// What stands where a message quotes a setting that nobody may see.
const VEIL: &str = "[redacted]";
/// Shorter values are words like any other.
const SHORTEST: usize = 4;

/// How often and how long opening is tried, and how long closing may take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Care {
    pub(crate) retry: RetryPolicy,
    /// Of one attempt.
    pub(crate) timeout: Option<Duration>,
    pub(crate) close_timeout: Duration,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            timeout: Some(Duration::from_secs(60)),
            close_timeout: Duration::from_secs(5),
        }
    }
}

/// A resource with its settings: all that opening it needs.
pub(crate) struct Start {
    pub(crate) declared: Declared,
    /// Or why it cannot be opened: found out once somebody needs it, where nothing of the configuration is read.
    pub(crate) settings: Result<Texts>,
    /// Values of settings that no message shows.
    pub(crate) secrets: Vec<String>,
    pub(crate) care: Care,
    /// The place of its settings, for people.
    pub(crate) defined: Option<String>,
    /// Assets and checks that take it.
    pub(crate) users: Vec<String>,
}

/// Whether opening once more may help.
fn again(error: &Error) -> bool {
    match error.kind() {
        // The code's own, of which nobody can tell.
        ErrorKind::AssetFailed => true,
        ErrorKind::Cancelled => false,
        _ => error.retry() != Retry::Never,
    }
}

impl Start {
    /// `warehouse` (`my::Warehouse`).
    pub(crate) fn named(&self) -> String {
        format!("`{}` (`{}`)", self.declared.name, self.declared.spec.name)
    }

    /// Opens it, by as many attempts as it takes and may take.
    ///
    /// # Errors
    /// Of the last attempt's kind: names the resource, its type, the attempts, and who needs it.
    pub(super) async fn open(&self, emitter: &Emitter) -> Result<Value> {
        let name = &self.declared.name;
        let (began, mut delays, mut attempt) = (Instant::now(), self.care.retry.delays(), 0);
        loop {
            attempt += 1;
            let error = match self.attempt().await {
                Ok(value) => {
                    let duration = began.elapsed();
                    tracing::info!(resource = name, attempt, "opened");
                    emitter.emit(|| Event::ResourceOpened {
                        resource: name.clone(),
                        attempts: attempt,
                        duration,
                    });
                    return Ok(value);
                }
                Err(error) => error,
            };
            let asked = match error.retry() {
                Retry::After(Some(asked)) => asked,
                _ => Duration::ZERO,
            };
            let delay = delays.next().map(|delay| delay.max(asked)).filter(|delay| {
                let soon_enough = began.elapsed().saturating_add(*delay) <= self.care.retry.deadline;
                again(&error) && soon_enough
            });
            // No message: a client may quote what nobody is to see.
            tracing::warn!(resource = name, attempt, kind = ?error.kind(), again = delay.is_some(), "not opened");
            let Some(delay) = delay else {
                return Err(self.failed(&error, attempt));
            };
            emitter.emit(|| Event::ResourceRetried {
                resource: name.clone(),
                attempt,
                delay,
                error: Arc::new(self.explained(&error, String::new(), "open")),
            });
            sleep(delay).await;
        }
    }

    async fn attempt(&self) -> Result<Value> {
        let texts = match &self.settings {
            Ok(texts) => texts.clone(),
            Err(error) => return Err(error.copied()),
        };
        // The closure itself may panic as well.
        let opening = AssertUnwindSafe(async { self.declared.open(texts).await }).catch_unwind();
        let opened = match self.care.timeout {
            None => opening.await,
            Some(most) => match timeout(most, opening).await {
                Ok(opened) => opened,
                Err(_) => {
                    let message = format!(
                        "an attempt took longer than {}; give it more time with `timeout` in `[resources.{}]`",
                        duration::text(most),
                        self.declared.name
                    );
                    return Err(Error::new(ErrorKind::Timeout, message));
                }
            },
        };
        opened.unwrap_or_else(|panic| Err(panicked(panic.as_ref(), "code that opens it")))
    }

    fn failed(&self, error: &Error, attempts: u32) -> Error {
        let mut users = self.users.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        if let Some(more) = self.users.len().checked_sub(NAMED).filter(|more| *more > 0) {
            users.push_str(&format!(" and {more} more"));
        }
        let often = match attempts {
            1 => String::new(),
            _ => format!(" in {attempts} attempts"),
        };
        let what = format!(
            "the resource {}, taken by {users}, could not be opened{often}: ",
            self.named()
        );
        self.explained(error, what, "open").with_attempts(attempts)
    }

    /// The same error with its causes as text, because each step gets a copy; without values that nobody may see.
    pub(super) fn explained(&self, error: &Error, what: String, operation: &'static str) -> Error {
        let mut message = error.message().to_owned();
        for cause in causes(error) {
            message.push_str(": ");
            message.push_str(&cause);
        }
        let mut hidden: Vec<&String> = self.secrets.iter().collect();
        hidden.retain(|secret| secret.chars().count() >= SHORTEST);
        // The longest first: one may be part of another.
        hidden.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in hidden {
            message = message.replace(secret.as_str(), VEIL);
            message = message.replace(&secret.escape_debug().to_string(), VEIL);
        }
        let place = self
            .defined
            .as_ref()
            .map(|place| format!(" ({place})"))
            .unwrap_or_default();
        let place = if what.is_empty() { String::new() } else { place };
        Error::new(error.kind(), format!("{what}{message}{place}"))
            .with_retry(error.retry())
            // Nothing was written yet, or everything was.
            .with_effect(Effect::None)
            .with_attempts(error.attempts())
            .with_context("operation", operation)
            .with_context("resource", &self.declared.name)
    }
}
