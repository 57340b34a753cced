//! A manager behind its policies.

use super::context::{Operation, Subject, Verb};
use super::retry::retryable;
use super::staged::GuardedStaged;
use super::timeout::{Attempt, Clock};
use super::{Stack, listing, loaded, size};
use crate::watch::watched;
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::stream::BoxStream;
use larder_io_core::{
    Error, ErrorKind, Finding, FormatChoice, Garbage, GcOptions, InputContext, IoManager, Location, Maintenance,
    ManagerInfo, OptimizeOptions, Optimized, Original, OutputContext, Receipt, Result, Staged, VacuumOptions, Value,
    Version, Versions,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Every operation of the manager below, each through [`Stack::run`].
pub(super) struct Guarded(Arc<Stack>);

impl Guarded {
    pub(super) fn manager(stack: Arc<Stack>) -> Arc<dyn IoManager> {
        Arc::new(Self(stack))
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

type StageFuture<'a> = futures_util::future::BoxFuture<'a, Result<Box<dyn Staged>>>;

impl Stack {
    /// One attempt at staging: the clock watches the value's source.
    pub(super) fn staging<'a>(
        &'a self,
        ctx: &'a OutputContext,
        value: &'a Value,
        source_failed: &Arc<AtomicBool>,
    ) -> Attempt<'a, StageFuture<'a>> {
        if self.rules.is_none() {
            return Attempt::untimed(self.inner.stage(ctx, value));
        }
        let clock = Arc::new(Clock::new(size::known(value)).telling(source_failed));
        let seen = watched(value.clone(), Arc::<Clock>::clone(&clock));
        let attempt = Attempt::by(clock, async move { self.inner.stage(ctx, &seen).await }.boxed());
        match size::of_native(value) {
            Some(ask) => attempt.asking(ask),
            None => attempt,
        }
    }

    /// The bytes of what is published, asked when loading takes its time.
    pub(super) fn stored_size<'a>(&'a self, ctx: InputContext) -> futures_util::future::BoxFuture<'a, Option<u64>> {
        let head = async move {
            let receipt = self.inner.head(&ctx).await.ok().flatten();
            receipt.map(|receipt| receipt.bytes)
        };
        head.boxed()
    }
}

#[async_trait]
impl IoManager for Guarded {
    fn info(&self) -> &ManagerInfo {
        self.0.info()
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let source_failed = Arc::new(AtomicBool::new(false));
        let again = |error: &Error| {
            // What the asset's own code gave is not computed again, whatever kind it is of.
            value.replayable() && !source_failed.load(Ordering::Relaxed) && retryable(error)
        };
        let operation = self.0.operation(Verb::Stage, Subject::Output(ctx));
        let attempt = || self.0.staging(ctx, value, &source_failed);
        let inner = self.0.run(operation, again, attempt).await?;
        Ok(Box::new(GuardedStaged::new(
            Arc::clone(&self.0),
            ctx,
            Some(value),
            inner,
        )))
    }

    async fn stage_copy(&self, ctx: &OutputContext, original: &Original<'_>) -> Result<Option<Box<dyn Staged>>> {
        let operation = self.0.operation(Verb::Stage, Subject::Output(ctx));
        let attempt = || Attempt::of(original.receipt.bytes, self.0.inner.stage_copy(ctx, original));
        let inner = self.0.run(operation, retryable, attempt).await?;
        Ok(inner.map(|inner| Box::new(GuardedStaged::new(Arc::clone(&self.0), ctx, None, inner)) as _))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        let operation = self.0.operation(Verb::Load, Subject::Input(ctx));
        let attempt = || match &self.0.rules {
            None => Attempt::untimed(self.0.inner.load_input(ctx)),
            Some(_) => Attempt::of(0, self.0.inner.load_input(ctx)).asking(self.0.stored_size(ctx.clone())),
        };
        let value = self.0.run(operation, retryable, attempt).await?;
        Ok(loaded::guarded(&self.0, ctx, value))
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        let operation = self.0.operation(Verb::Head, Subject::Input(ctx));
        let attempt = || Attempt::of(0, self.0.inner.head(ctx));
        self.0.run(operation, retryable, attempt).await
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        let operation = self.0.operation(Verb::Delete, Subject::Input(ctx));
        let attempt = || Attempt::of(0, self.0.inner.delete(ctx));
        self.0.run(operation, retryable, attempt).await
    }

    async fn next_format(&self, ctx: &InputContext) -> Result<Option<FormatChoice>> {
        let operation = self.0.operation(Verb::Head, Subject::Input(ctx));
        let attempt = || Attempt::of(0, self.0.inner.next_format(ctx));
        self.0.run(operation, retryable, attempt).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        listing::list(&self.0, prefix)
    }

    fn versions(&self) -> Option<&dyn Versions> {
        self.0.inner.versions().map(|_| self as &dyn Versions)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.0.inner.maintenance().map(|_| self as &dyn Maintenance)
    }

    fn with_settings(&self, settings: &BTreeMap<String, String>) -> Result<Arc<dyn IoManager>> {
        let inner = self.0.inner.with_settings(settings)?;
        Ok(Self::manager(self.0.around(inner)))
    }
}

/// The error of asking a part of the manager that went away since it was handed out.
fn gone(operation: &Operation<'_>, what: &str) -> Error {
    let message = format!("the I/O manager `{}` keeps no {what} any more", operation.key());
    operation.explain(Error::new(ErrorKind::Unsupported, message))
}

#[async_trait]
impl Versions for Guarded {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        let operation = self.0.operation(Verb::History, Subject::Input(ctx));
        let Some(versions) = self.0.inner.versions() else {
            return Err(gone(&operation, "old versions"));
        };
        let attempt = || Attempt::of(0, versions.history(ctx));
        self.0.run(operation, retryable, attempt).await
    }

    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt> {
        let operation = self.0.operation(Verb::Restore, Subject::Input(ctx));
        let Some(versions) = self.0.inner.versions() else {
            return Err(gone(&operation, "old versions"));
        };
        let attempt = || {
            let size = self.0.stored_size(ctx.clone().with_version(version.clone()));
            Attempt::of(0, versions.restore(ctx, version)).asking(size)
        };
        self.0.run(operation, retryable, attempt).await
    }

    fn removes(&self) -> bool {
        self.0.inner.versions().is_some_and(Versions::removes)
    }

    async fn remove(&self, ctx: &InputContext, version: &Version) -> Result<()> {
        let operation = self.0.operation(Verb::Remove, Subject::Input(ctx));
        let Some(versions) = self.0.inner.versions() else {
            return Err(gone(&operation, "old versions"));
        };
        let attempt = || Attempt::of(0, versions.remove(ctx, version));
        self.0.run(operation, retryable, attempt).await
    }
}

#[async_trait]
impl Maintenance for Guarded {
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        let operation = self.0.operation(Verb::Gc, Subject::Everything);
        let Some(maintenance) = self.0.inner.maintenance() else {
            return Err(gone(&operation, "garbage"));
        };
        // As long as there is something to remove it takes its time, and nobody can say how much there is.
        let attempt = || Attempt::untimed(maintenance.gc(options));
        self.0.run(operation, retryable, attempt).await
    }

    async fn optimize(&self, ctx: &InputContext, options: &OptimizeOptions) -> Result<Optimized> {
        let operation = self.0.operation(Verb::Optimize, Subject::Input(ctx));
        let Some(maintenance) = self.0.inner.maintenance() else {
            return Err(gone(&operation, "files"));
        };
        // It reads and writes everything that is stored, and nobody can say how long that takes.
        let attempt = || Attempt::untimed(maintenance.optimize(ctx, options));
        self.0.run(operation, retryable, attempt).await
    }

    async fn vacuum(&self, ctx: &InputContext, options: &VacuumOptions) -> Result<Vec<Garbage>> {
        let operation = self.0.operation(Verb::Vacuum, Subject::Input(ctx));
        let Some(maintenance) = self.0.inner.maintenance() else {
            return Err(gone(&operation, "files"));
        };
        let attempt = || Attempt::untimed(maintenance.vacuum(ctx, options));
        self.0.run(operation, retryable, attempt).await
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        let operation = self.0.operation(Verb::Survey, Subject::Everything);
        let Some(maintenance) = self.0.inner.maintenance() else {
            return Err(gone(&operation, "findings"));
        };
        let attempt = || Attempt::of(0, maintenance.survey());
        self.0.run(operation, retryable, attempt).await
    }
}
