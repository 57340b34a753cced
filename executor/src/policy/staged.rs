//! A staged value behind the policies of its manager.

use super::Stack;
use super::context::{Subject, Verb};
use super::retry::retryable;
use super::timeout::Attempt;
use async_trait::async_trait;
use larder_io_core::{Error, ErrorKind, OutputContext, Receipt, Result, ResultExt, Staged, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;
use tracing::Instrument;

/// What was staged, and what is needed to stage it again.
pub(super) struct GuardedStaged {
    stack: Arc<Stack>,
    ctx: OutputContext,
    inner: Box<dyn Staged>,
    /// Kept until it is published, when it can be read again and something would be tried again.
    value: Option<Value>,
    /// The storage said that it has lost what was staged.
    lost: AtomicBool,
}

impl GuardedStaged {
    pub(super) fn new(stack: Arc<Stack>, ctx: &OutputContext, value: Option<&Value>, inner: Box<dyn Staged>) -> Self {
        let retries = stack
            .rules
            .as_ref()
            .is_some_and(|rules| rules.policies.retry.attempts > 1);
        Self {
            ctx: ctx.clone(),
            inner,
            value: value.filter(|value| retries && value.replayable()).cloned(),
            lost: AtomicBool::new(false),
            stack,
        }
    }
}

/// Stages once more in the place of what was lost. What is left of it goes first: both carry the same write id, so
/// that cleaning up afterwards could take something from the new one.
async fn restage(
    stack: &Stack,
    ctx: &OutputContext,
    value: &Value,
    source_failed: &Arc<AtomicBool>,
    inner: &mut Box<dyn Staged>,
) -> Result<()> {
    let discard = stack.operation(Verb::Discard, Subject::Output(ctx));
    let _ = stack.part(&discard, Attempt::of(0, inner.discard())).await;
    let stage = stack.operation(Verb::Stage, Subject::Output(ctx));
    *inner = stack.part(&stage, stack.staging(ctx, value, source_failed)).await?;
    Ok(())
}

#[async_trait]
impl Staged for GuardedStaged {
    fn receipt(&self) -> &Receipt {
        self.inner.receipt()
    }

    async fn load(&self) -> Result<Value> {
        let operation = self.stack.operation(Verb::Load, Subject::Output(&self.ctx));
        let loaded = self.inner.load().await;
        loaded.map_err(|error| operation.explain(error))
    }

    async fn publish(&mut self) -> Result<Receipt> {
        if self.stack.rules.is_none() {
            let operation = self.stack.operation(Verb::Publish, Subject::Output(&self.ctx));
            let published = self.inner.publish().instrument(operation.span()).await;
            return published.map_err(|error| operation.explain(error));
        }
        Box::pin(self.publish_again()).await
    }

    async fn discard(&mut self) -> Result<()> {
        let operation = self.stack.operation(Verb::Discard, Subject::Output(&self.ctx));
        let inner = Mutex::new(&mut self.inner);
        let attempt = || Attempt::of(0, async { inner.lock().await.discard().await });
        self.stack.run(operation, retryable, attempt).await
    }
}

impl GuardedStaged {
    /// Publishes; what was lost meanwhile is staged again, when that can be.
    async fn publish_again(&mut self) -> Result<Receipt> {
        let Self {
            stack,
            ctx,
            inner,
            value,
            lost,
        } = self;
        let operation = stack.operation(Verb::Publish, Subject::Output(ctx));
        let source_failed = Arc::new(AtomicBool::new(false));
        // Whether the last error is publish's own: `NotFound` of staging says that something else is missing.
        let in_publish = AtomicBool::new(false);
        let tells_loss = |error: &Error| error.kind() == ErrorKind::NotFound && in_publish.load(Ordering::Relaxed);
        let again = |error: &Error| {
            let can_be_staged_again = tells_loss(error) && value.is_some();
            (can_be_staged_again || retryable(error)) && !source_failed.load(Ordering::Relaxed)
        };
        let inner = Mutex::new(inner);
        let attempt = || {
            let work = async {
                let mut inner = inner.lock().await;
                in_publish.store(false, Ordering::Relaxed);
                if let (true, Some(value)) = (lost.load(Ordering::Relaxed), value.as_ref()) {
                    restage(stack, ctx, value, &source_failed, &mut inner).await?;
                    lost.store(false, Ordering::Relaxed);
                }
                in_publish.store(true, Ordering::Relaxed);
                let attempt = Attempt::of(inner.receipt().bytes, inner.publish());
                let published = stack.part(&operation, attempt).await;
                if published.as_ref().is_err_and(tells_loss) {
                    lost.store(true, Ordering::Relaxed);
                }
                published
            };
            Attempt::untimed(work)
        };
        let published = stack.run(operation, again, attempt).await;
        match published {
            Err(error) if tells_loss(&error) => {
                let why = match value {
                    Some(_) => "what was staged was lost each time before it was published",
                    None => {
                        "what was staged was lost before it was published, and it cannot be staged again: its value is a stream that can be read only once, or retries are off; materialize the asset again"
                    }
                };
                Err(error).context(why)
            }
            Err(error) => Err(error),
            Ok(receipt) => {
                *value = None;
                Ok(receipt)
            }
        }
    }
}
