//! Examining managers: whether each can be reached, keeps what it claims, and what could be better about it.
//!
//! | file | owns |
//! |---|---|
//! | `every` | which managers there are, also those that no asset uses |
//! | `examine` | the course of an examination |
//! | `basics`, `ending` | its calls: write, head, read, list, history; delete, survey |
//! | `conditional` | writes under preconditions |
//! | `large` | a value that is written in parts |
//! | `probe` | the values that are written |
//!
//! What is written lies at `larder-doctor-<random id>`, where no asset is, and is removed again, also after a failure
//! and after a stop. Every call goes through the manager's policies, as those of a run do.

mod basics;
mod conditional;
mod ending;
mod every;
mod examine;
mod large;
mod probe;

pub use every::Checkup;

use crate::Pipeline;
use examine::diagnose;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, join_all};
use larder_io_core::{Error, IoManager};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Time that each call has by default. That of a manager's own policies may be shorter.
const PATIENCE: Duration = Duration::from_secs(60);

/// How managers are examined.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DoctorOptions {
    /// Bytes of a large value that is written as well. It should be more than the manager's `part_bytes`, so that it is
    /// written in parts. Default none.
    pub large: Option<u64>,
    /// Time that each call may take, retries and all; for the large value, 1 s more for each MiB. Default 60 s, that of
    /// one attempt by [`TimeoutPolicy`](crate::TimeoutPolicy): a network that swallows everything shall not take the
    /// whole time of its retries.
    pub patience: Duration,
}

impl DoctorOptions {
    /// The default size of a large value: four parts of 8 MiB, the default of `part_bytes`.
    pub const LARGE: u64 = 32 << 20;
}

impl Default for DoctorOptions {
    fn default() -> Self {
        Self {
            large: None,
            patience: PATIENCE,
        }
    }
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// It works, and could be better.
    Advised,
    /// It does not work.
    Wrong,
    /// Not examined.
    Skipped,
}

impl Verdict {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Advised => "advised",
            Self::Wrong => "wrong",
            Self::Skipped => "skipped",
        }
    }
}

/// What was found out about one thing.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// What was examined: `write`, `conditional writes`, `region`.
    pub what: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub answer: String,
    /// What to do about it, where the answer or the error does not say it.
    pub advice: Option<String>,
    /// The time it took; `None` when nothing was asked, or when one question had several answers.
    pub took: Option<Duration>,
    /// The error, when a call failed.
    pub error: Option<Error>,
}

impl Examination {
    fn new(what: &'static str, verdict: Verdict, answer: impl Into<String>) -> Self {
        Self {
            what,
            verdict,
            answer: answer.into(),
            advice: None,
            took: None,
            error: None,
        }
    }

    fn fine(what: &'static str, answer: impl Into<String>) -> Self {
        Self::new(what, Verdict::Fine, answer)
    }

    fn wrong(what: &'static str, answer: impl Into<String>) -> Self {
        Self::new(what, Verdict::Wrong, answer)
    }

    fn skipped(what: &'static str, because: impl Into<String>) -> Self {
        Self::new(what, Verdict::Skipped, because)
    }

    fn failed(what: &'static str, error: Error) -> Self {
        Self {
            error: Some(error),
            ..Self::wrong(what, "failed")
        }
    }

    fn advised(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn took(mut self, took: Duration) -> Self {
        self.took = Some(took);
        self
    }
}

/// What was found out about one manager.
#[derive(Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The manager's key.
    pub io_manager: String,
    /// Its scheme and root; empty when it cannot be opened.
    pub root: String,
    /// What was examined, in the order in which it was.
    pub examined: Vec<Examination>,
}

impl Diagnosis {
    /// The worst verdict; what was skipped does not count.
    pub fn verdict(&self) -> Verdict {
        let has = |wanted| self.examined.iter().any(|examination| examination.verdict == wanted);
        match (has(Verdict::Wrong), has(Verdict::Advised)) {
            (true, _) => Verdict::Wrong,
            (false, true) => Verdict::Advised,
            (false, false) => Verdict::Fine,
        }
    }

    /// The diagnosis of a manager that cannot be had.
    fn unopened(io_manager: String, error: Error) -> Self {
        Self {
            io_manager,
            root: String::new(),
            examined: vec![Examination::failed("open", error)],
        }
    }
}

/// Ends the examination: what was not asked is skipped, and what was written is removed.
type Stop<'s> = Shared<BoxFuture<'s, ()>>;

impl Pipeline {
    /// Examines every manager that stores something, all at once; diagnoses come by key. Nothing more is asked when `stop`
    /// ends; [`std::future::pending`] never does.
    ///
    /// # Cancel safety
    /// A dropped future leaves its probes at `larder-doctor-<random id>`. End `stop` instead, and wait.
    pub async fn doctor(&self, options: &DoctorOptions, stop: impl Future<Output = ()> + Send) -> Vec<Diagnosis> {
        let mut managers = self.managers();
        managers.sort_by(|(a, _), (b, _)| a.cmp(b));
        all(managers, options, stop.boxed().shared()).await
    }
}

/// Examines one manager, which the diagnosis will call `key`; the pipeline's policies are not around it.
///
/// # Cancel safety
/// As [`Pipeline::doctor`].
pub async fn examine(
    key: impl Into<String>,
    manager: Arc<dyn IoManager>,
    options: &DoctorOptions,
    stop: impl Future<Output = ()> + Send,
) -> Diagnosis {
    diagnose(key.into(), manager, options, stop.boxed().shared()).await
}

async fn all<'s>(
    managers: Vec<(String, Arc<dyn IoManager>)>,
    options: &'s DoctorOptions,
    stop: Stop<'s>,
) -> Vec<Diagnosis> {
    let examinations = managers
        .into_iter()
        .map(|(key, manager)| diagnose(key, manager, options, stop.clone()));
    join_all(examinations).await
}
