//! What stands between a run and a manager, in one fixed order, whatever order it is configured in:
//!
//! ```text
//! manager -> attempt timeout (grows with size) -> retry -> concurrency limit -> error context and tracing
//! ```
//!
//! | policy | holds |
//! |---|---|
//! | timeout | each attempt by itself has `base` and the time of its bytes; the value's own source does not count |
//! | retry | asks the error ([`Error::retry`](larder_io_core::Error::retry)) and never changes its kind; the last error is told, with all attempts |
//! | limit | operations at once; one that waits for its next attempt, or that is staged and not yet published, is none |
//! | context | `operation`, `asset`, `partition`, `io_manager`, `location`, `run` on every error; a span at debug level |
//!
//! [`assemble`] puts all of it around a manager. The result is a manager that keeps the same laws. Not covered is what
//! happens while a loaded table or blob is read: only its beginning is tried again.

mod config;
mod context;
mod limit;
mod listing;
mod loaded;
mod manager;
mod retry;
mod size;
mod staged;
mod timeout;

pub use config::{Policies, RetryPolicy, TimeoutPolicy};
pub(crate) use context::{describe, root};

use context::{Operation, Subject, Verb};
use larder_io_core::{Error, IoManager, ManagerInfo, Result};
use limit::Slot;
use manager::Guarded;
use std::fmt;
use std::sync::Arc;
use timeout::{Attempt, timed};
use tokio::sync::Semaphore;
use tracing::Instrument;

/// Puts policies around a manager, which errors will call `key`. A setting that [`Policies::validate`] refuses counts
/// as the least that works.
///
/// What is staged keeps its value until it is published, if the value can be read again: should the storage lose what
/// was staged, it is staged once more.
pub fn assemble(manager: Arc<dyn IoManager>, key: &str, policies: &Policies) -> Arc<dyn IoManager> {
    Guarded::manager(Stack::new(manager, key, Some(policies)))
}

/// Puts policies around a manager: those that were asked for; without any the defaults around one that is reached over
/// a network, and around others nothing but the context of errors and the span.
pub fn assemble_by_default(manager: Arc<dyn IoManager>, key: &str, policies: Option<&Policies>) -> Arc<dyn IoManager> {
    let defaults = Policies::default();
    let remote = manager.info().remote;
    Guarded::manager(Stack::new(manager, key, policies.or(remote.then_some(&defaults))))
}

/// A manager and its policies.
struct Stack {
    inner: Arc<dyn IoManager>,
    key: String,
    /// As [`describe`] writes it.
    name: String,
    rules: Option<Arc<Rules>>,
}

struct Rules {
    policies: Policies,
    semaphore: Semaphore,
}

impl Stack {
    fn new(inner: Arc<dyn IoManager>, key: &str, policies: Option<&Policies>) -> Arc<Self> {
        let rules = policies.map(|policies| {
            let most = usize::try_from(policies.max_concurrent).unwrap_or(usize::MAX);
            Arc::new(Rules {
                policies: policies.clone(),
                semaphore: Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)),
            })
        });
        Arc::new(Self {
            name: describe(key, inner.info()),
            key: key.to_owned(),
            inner,
            rules,
        })
    }

    /// The same policies around the same storage with other settings: both share one limit.
    fn around(&self, inner: Arc<dyn IoManager>) -> Arc<Self> {
        Arc::new(Self {
            name: describe(&self.key, inner.info()),
            key: self.key.clone(),
            inner,
            rules: self.rules.clone(),
        })
    }

    fn info(&self) -> &ManagerInfo {
        self.inner.info()
    }

    fn operation<'a>(&'a self, verb: Verb, subject: Subject<'a>) -> Operation<'a> {
        Operation {
            key: &self.key,
            manager: &self.name,
            verb,
            subject,
            limited: true,
        }
    }

    /// Does one operation: every policy in its order.
    async fn run<'a, T, F>(
        &self,
        operation: Operation<'_>,
        again: impl Fn(&Error) -> bool,
        attempt: impl Fn() -> Attempt<'a, F>,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let span = operation.span();
        let done = match &self.rules {
            None => attempt().work.instrument(span).await,
            // Boxed, so that an operation without rules is not as large as one with them.
            Some(rules) => {
                let semaphore = operation.limited.then_some(&rules.semaphore);
                Box::pin(rules.run(semaphore, &operation, again, attempt).instrument(span)).await
            }
        };
        done.map_err(|error| operation.explain(error))
    }

    /// Part of an attempt, timed by itself.
    async fn part<'a, T, F>(&self, operation: &Operation<'_>, attempt: Attempt<'a, F>) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let policy = self.rules.as_ref().and_then(|rules| rules.policies.timeout.as_ref());
        timed(policy, operation, attempt).await
    }
}

impl Rules {
    /// Limit, retry, timeout: from the outside in.
    async fn run<'a, T, F>(
        &self,
        semaphore: Option<&Semaphore>,
        operation: &Operation<'_>,
        again: impl Fn(&Error) -> bool,
        attempt: impl Fn() -> Attempt<'a, F>,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let slot = Slot::of(semaphore);
        // Before retry's deadline begins: a queue is no trouble of the storage.
        slot.enter().await;
        let timed = || timed(self.policies.timeout.as_ref(), operation, attempt());
        retry::retried(&self.policies.retry, operation, &slot, again, timed).await
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rules {
            Some(rules) => write!(f, "Policies({:?}, {:?})", self.inner, rules.policies),
            None => write!(f, "{:?}", self.inner),
        }
    }
}
