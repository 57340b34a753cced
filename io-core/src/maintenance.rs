//! Looking after what is stored: leftovers of crashes, files of old versions, many small files.

use crate::context::InputContext;
use crate::error::{Error, ErrorKind, Result};
use crate::key::Version;
use async_trait::async_trait;
use std::time::Duration;

/// What to clean up.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GcOptions {
    /// Only what is older; a running write must never look abandoned. Default 24 h.
    pub older_than: Duration,
    /// Only tell.
    pub dry_run: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self {
            older_than: Duration::from_secs(24 * 3600),
            dry_run: false,
        }
    }
}

/// One thing that was (or would be) removed, or that could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Garbage {
    /// Its name inside the manager's root.
    pub name: String,
    /// What it is: `staged`, `receipt`, `directory`, `old`.
    pub what: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its age.
    pub age: Duration,
    /// Why it could not be removed and is still there; `None` for what was.
    pub stays: Option<String>,
}

impl Garbage {
    /// Makes an entry.
    pub fn new(name: impl Into<String>, what: &'static str, bytes: u64, age: Duration) -> Self {
        Self {
            name: name.into(),
            what,
            bytes,
            age,
            stays: None,
        }
    }

    /// Says that it could not be removed, and why.
    #[must_use]
    pub fn staying(mut self, why: impl Into<String>) -> Self {
        self.stays = Some(why.into());
        self
    }
}

/// One thing that was found out about where values are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was asked: `region`, `versioning`.
    pub what: &'static str,
    /// The answer.
    pub answer: String,
    /// What to do about it; `None` when nothing is wrong.
    pub advice: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub fn fine(what: &'static str, answer: impl Into<String>) -> Self {
        Self {
            what,
            answer: answer.into(),
            advice: None,
        }
    }

    /// Something to mend.
    pub fn wrong(what: &'static str, answer: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what,
            answer: answer.into(),
            advice: Some(advice.into()),
        }
    }
}

/// How to rewrite a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptimizeOptions {
    /// Columns by which rows are put together that are near each other in all of them, so that filters on any of them
    /// read less. Rows change places. Default none: rows stay in their order.
    pub z_order: Vec<String>,
    /// Bytes of a file to aim at; files that have as many are left alone. Default the manager's own.
    pub target_bytes: Option<u64>,
}

/// What rewriting did. Nothing was rewritten where `files_before` is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Optimized {
    /// Files that were rewritten.
    pub files_before: u64,
    /// Their bytes.
    pub bytes_before: u64,
    /// Files that took their place.
    pub files_after: u64,
    /// Their bytes.
    pub bytes_after: u64,
    /// The version of the storage that has them; `None` where nothing was rewritten.
    pub version: Option<Version>,
}

/// Which files of old versions to remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VacuumOptions {
    /// Only files that no version has needed for so long. Default what the value's own settings say, or 7 days.
    pub retention: Option<Duration>,
    /// Also with a shorter retention than those settings: whoever still reads an old version fails, and so does a write
    /// that has been running for longer.
    pub force: bool,
    /// Only tell.
    pub dry_run: bool,
}

/// Looking after what is stored, and at where it is kept.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Removes staged data that was never published or discarded, and whatever else nobody can reach.
    ///
    /// # Errors
    /// Whatever the storage gives; what was removed before stays removed.
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>>;

    /// Rewrites the published value, so that it is read faster. Its rows and its version stay.
    ///
    /// # Errors
    /// `Unsupported` where values are not kept in many files; `NotFound` without a value; `InvalidDefinition` for an
    /// unknown column; `Conflict` when others wrote all the while.
    ///
    /// # Cancel safety
    /// A dropped future leaves the old files or the new ones; what else it wrote is found by [`gc`](Self::gc).
    async fn optimize(&self, ctx: &InputContext, options: &OptimizeOptions) -> Result<Optimized> {
        let _ = (ctx, options);
        let message = "the value is one file, which is written as it is best read; `optimize` is for Delta tables";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    /// Removes files that only old versions need, and files that none does. Those versions cannot be loaded any more.
    ///
    /// # Errors
    /// `Unsupported` where old versions are kept in another way; `NotFound` without a value; `InvalidConfig` for a
    /// retention that is too short; whatever the storage gives, and what was removed before stays removed.
    async fn vacuum(&self, ctx: &InputContext, options: &VacuumOptions) -> Result<Vec<Garbage>> {
        let _ = (ctx, options);
        let message = "old versions are kept as the I/O manager's settings say; `vacuum` is for Delta tables";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    /// What is worth knowing about where values are kept.
    ///
    /// # Errors
    /// When the storage cannot be asked at all; one question that is refused is a finding.
    async fn survey(&self) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }
}
