//! Calling hooks.

use super::step::Step;
use crate::args::panicked;
use crate::event::{Event, Level};
use crate::hook::{HookContext, Moment};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

impl Step {
    /// Calls the hooks of a moment; what they say of themselves is a warning.
    pub(super) async fn hook(&self, moment: Moment, about: impl FnOnce(&mut HookContext) + Send) {
        if self.pipeline.0.hooks.at(moment).next().is_some() {
            // Boxed, so that a step without hooks is not as large as one with them.
            Box::pin(self.call_hooks(moment, about)).await;
        }
    }

    async fn call_hooks(&self, moment: Moment, about: impl FnOnce(&mut HookContext) + Send) {
        let assets = self.pipeline.graph().nodes[self.index].keys.clone();
        let Some(first) = assets.first().cloned() else { return };
        let mut context = HookContext {
            moment,
            run: self.run.clone(),
            assets,
            partitions: self.partitions.clone(),
            subject: None,
            materialization: None,
            error: None,
        };
        about(&mut context);
        for hook in self.pipeline.0.hooks.at(moment) {
            // The closure itself may panic, before there is anything to wait for.
            let called = AssertUnwindSafe(async { hook(context.clone()).await });
            let problem = match called.catch_unwind().await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.message().to_owned(),
                Err(panic) => panicked(panic.as_ref(), "hook").message().replacen("the hook", "it", 1),
            };
            self.emitter.emit(|| Event::Log {
                asset: first.clone(),
                partitions: self.partitions.clone(),
                level: Level::Warn,
                message: format!("a hook {moment} failed: {problem}"),
            });
        }
    }
}
