//! The I/O manager.
//!
//! # Laws
//! Each is a check in `larder-testkit`; other places cite them by number.
//! 1. A load returns exactly what the last published store wrote; a format that cannot keep something refuses.
//! 2. Publishing is one atomic step: a reader sees the old value or the new one, whole.
//! 3. A failed, cancelled or killed store leaves the old value and its receipt as they were.
//! 4. What `publish` acknowledged survives a power cut.
//! 5. Staged data is invisible; discarding removes it, `gc` finds what a crash left.
//! 6. Missing is `NotFound` on load, `None` on head, success on delete.
//! 7. Two writers: one value wins whole; under a precondition the loser gets `Conflict`, and a writer whose own write
//!    landed learns that it did.
//! 8. Locations are injective, none is inside another, nothing leaves the root.
//! 9. Keys survive: round trip or a clear refusal.
//! 10. List goes by whole segments and returns every published location once.
//! 11. A stream that fails in the middle publishes nothing.
//! 12. Memory is bounded while streaming.
//! 13. A receipt is true, and damage is `InvalidData` when verification is asked for.
//! 14. Old versions can be listed, loaded and restored; readers of a replaced version finish undisturbed.
//! 15. Every claimed capability works, every unclaimed one answers `Unsupported`, and no secret is shown.
//! 16. Stored bytes are never trusted: an error or other values, never a panic or unbounded memory.

use crate::context::{InputContext, OutputContext};
use crate::error::{Error, ErrorKind, Result};
use crate::key::Version;
use crate::location::Location;
use crate::maintenance::Maintenance;
use crate::receipt::Receipt;
use crate::value::{Forms, Value};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a manager can do beyond the laws that every manager keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Publishing is one atomic step. Without it the executor refuses the manager unless told otherwise.
    pub atomic_publish: bool,
    /// Preconditions hold atomically, for values of any size.
    pub preconditions: bool,
    /// Old versions can be listed, loaded and restored.
    pub versions: bool,
    /// What was acknowledged survives a power cut.
    pub durable: bool,
    /// Values outlive the process.
    pub persistent: bool,
    /// Stored bytes carry a hash that a load can verify.
    pub verify: bool,
    /// A load may give more than the last store wrote, because a store adds to what is there or changes it: then nobody may take a value for what
    /// a load would give.
    pub accumulates: bool,
}

/// Who a manager is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ManagerInfo {
    /// The URL scheme, such as `file`.
    pub scheme: String,
    /// Where it begins, without secrets: a directory, `s3://bucket/prefix`.
    pub root: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The forms it takes.
    pub forms: Forms,
    /// The format for each form it takes, for messages: `[("table", "parquet"), ..]`.
    pub formats: Vec<(&'static str, String)>,
    /// Whether it is reached over a network: then retries, timeouts and a limit apply unless told otherwise. Default
    /// false.
    pub remote: bool,
}

impl ManagerInfo {
    /// Makes the description of a manager that takes `forms`.
    pub fn new(scheme: impl Into<String>, root: impl Into<String>, capabilities: Capabilities, forms: Forms) -> Self {
        Self {
            scheme: scheme.into(),
            root: root.into(),
            capabilities,
            forms,
            formats: Vec::new(),
            remote: false,
        }
    }

    /// Adds the format names.
    #[must_use]
    pub fn with_formats(mut self, formats: Vec<(&'static str, String)>) -> Self {
        self.formats = formats;
        self
    }

    /// Says whether it is reached over a network.
    #[must_use]
    pub fn with_remote(mut self, remote: bool) -> Self {
        self.remote = remote;
        self
    }
}

/// The format that the next store of a value gets where the manager chooses it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FormatChoice {
    /// The format's name, such as `parquet`.
    pub format: String,
    /// Why, for people: `loaded 5 times since it was stored, 120 MB`.
    pub because: String,
}

impl FormatChoice {
    /// Makes a choice.
    pub fn new(format: impl Into<String>, because: impl Into<String>) -> Self {
        Self {
            format: format.into(),
            because: because.into(),
        }
    }
}

/// A published value of another manager, as a source for [`IoManager::stage_copy`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Original<'o> {
    /// Who keeps it.
    pub manager: &'o ManagerInfo,
    /// Its receipt.
    pub receipt: &'o Receipt,
}

impl<'o> Original<'o> {
    /// Names a value that `manager` keeps.
    pub fn new(manager: &'o ManagerInfo, receipt: &'o Receipt) -> Self {
        Self { manager, receipt }
    }
}

/// Stores outputs and loads inputs. See the [module](self) for the laws it keeps.
#[async_trait]
pub trait IoManager: fmt::Debug + Send + Sync + 'static {
    /// Who it is. No I/O.
    fn info(&self) -> &ManagerInfo;

    /// Writes `value` so that no reader can see it yet. May be tried again while the value is replayable.
    ///
    /// # Errors
    /// `Unsupported` for a form or a type it cannot keep exactly; whatever the storage or the value's stream gives.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing visible (law 3); what it left behind is found by `gc`.
    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>>;

    /// Stages the stored bytes of another manager's value as they are, where this storage reaches them without taking them through the
    /// process: blocks that two files share, say. The stored hash is compared. `None` where it cannot; the value is then loaded and staged.
    ///
    /// # Errors
    /// `InvalidData` when the bytes are not what the receipt says; whatever the storage gives.
    ///
    /// # Cancel safety
    /// As [`IoManager::stage`].
    async fn stage_copy(&self, ctx: &OutputContext, original: &Original<'_>) -> Result<Option<Box<dyn Staged>>> {
        let _ = (ctx, original);
        Ok(None)
    }

    /// Loads the published value, or an old one when the context names its version.
    ///
    /// # Errors
    /// `NotFound` when there is none; `InvalidData` for a damaged value or one of another form.
    async fn load_input(&self, ctx: &InputContext) -> Result<Value>;

    /// The receipt of the published value; `None` when there is none.
    ///
    /// # Errors
    /// Only when it cannot tell.
    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>>;

    /// Removes the published value; what is not there counts as removed.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn delete(&self, ctx: &InputContext) -> Result<()>;

    /// Every published stem below `prefix`, by whole segments, each once, in any order.
    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>>;

    /// The format that the next store of this value gets, where it depends on more than the settings; `None` where
    /// [`ManagerInfo::formats`] says all. Changes nothing and promises nothing: the next load may change it.
    ///
    /// # Errors
    /// When it cannot tell.
    async fn next_format(&self, ctx: &InputContext) -> Result<Option<FormatChoice>> {
        let _ = ctx;
        Ok(None)
    }

    /// Old versions, when the manager keeps any.
    fn versions(&self) -> Option<&dyn Versions> {
        None
    }

    /// Cleaning up, when the manager leaves anything behind.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }

    /// The same storage with other settings, for assets that differ from the manager's others: names and texts as in its
    /// URL, such as `mode` = `append`. What does not belong to one asset, such as the address, cannot be set.
    ///
    /// # Errors
    /// `Unsupported` for a manager without such settings; `InvalidConfig` for a setting that is unknown or wrong, with the
    /// context `setting`.
    fn with_settings(&self, settings: &BTreeMap<String, String>) -> Result<Arc<dyn IoManager>> {
        let names: Vec<String> = settings.keys().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "a manager of `{}:` has no settings for single assets, so that {} cannot be set",
            self.info().scheme,
            names.join(", ")
        );
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    /// Stages and publishes in one go; what could not be published is discarded.
    ///
    /// # Errors
    /// As [`IoManager::stage`] and [`Staged::publish`].
    async fn handle_output(&self, ctx: &OutputContext, value: &Value) -> Result<Receipt> {
        let mut staged = self.stage(ctx, value).await?;
        match staged.publish().await {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                // The first error tells what happened; one of cleaning up would hide it, and `gc` cleans up as well.
                let _ = staged.discard().await;
                Err(error)
            }
        }
    }
}

const _: fn(&dyn IoManager) = |_| {};

/// A value that was written but that nobody sees yet.
#[async_trait]
pub trait Staged: Send + Sync {
    /// The receipt so far; its version is empty until the value is published.
    fn receipt(&self) -> &Receipt;

    /// The staged value, for checks before publishing.
    ///
    /// # Errors
    /// `Unsupported` unless the context asked for `keep_for_checks`.
    async fn load(&self) -> Result<Value>;

    /// Makes the value visible in one atomic step. Idempotent: after success it returns the same receipt again.
    ///
    /// # Errors
    /// `Conflict` when the precondition does not hold; whatever the storage gives, with its effect.
    ///
    /// # Cancel safety
    /// A dropped future leaves the old value or the new one; a second call finds out which.
    async fn publish(&mut self) -> Result<Receipt>;

    /// Removes what was staged. Does nothing after a successful publish.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn discard(&mut self) -> Result<()>;
}

/// Old versions of a value. Loading one is [`InputContext::version`].
#[async_trait]
pub trait Versions: Send + Sync {
    /// Receipts of every version that is kept, newest write first, the published one among them.
    ///
    /// # Errors
    /// Whatever the storage gives.
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>>;

    /// Publishes an old version again, in one atomic step; the version it replaces is kept.
    ///
    /// # Errors
    /// `NotFound` when the version is not kept.
    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt>;

    /// Whether versions can be removed one by one.
    fn removes(&self) -> bool {
        false
    }

    /// Removes an old version for good; one that is not kept counts as removed.
    ///
    /// # Errors
    /// `Conflict` when it is the published one; `Unsupported` unless [`Versions::removes`].
    async fn remove(&self, ctx: &InputContext, version: &Version) -> Result<()> {
        let _ = version;
        let message = format!(
            "versions of `{}` cannot be removed one by one where they are kept",
            ctx.asset
        );
        Err(Error::new(ErrorKind::Unsupported, message))
    }
}
