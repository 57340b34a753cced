//! Hooks: code of the pipeline that is called before and after what a step does.
//!
//! A hook is told and decides nothing: whatever it returns, the step goes on, and its error or panic is a warning of the step
//! ([`Event::Log`](crate::Event::Log)). What may refuse a value is the asset itself, or a check.

use crate::definitions::Definitions;
use crate::event::Materialization;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::{AssetKey, Error, Result, RunId};
use larder_partitions::PartitionSet;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moment {
    /// The step begins, once however often it is tried. Not for one that is fresh or skipped.
    BeforeStep,
    /// An input is about to be loaded, or found loaded already.
    BeforeLoad,
    /// It is there.
    AfterLoad,
    /// A value is about to be written.
    BeforeStore,
    /// It is published; nobody downstream has begun with it.
    AfterStore,
    /// Everything of the step is published.
    AfterStep,
    /// The step failed for good. Not for a step that was stopped together with its run.
    OnFailure,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeStep => "before the step",
            Self::BeforeLoad => "before a load",
            Self::AfterLoad => "after a load",
            Self::BeforeStore => "before a store",
            Self::AfterStore => "after a store",
            Self::AfterStep => "after the step",
            Self::OnFailure => "on failure",
        })
    }
}

/// What a hook is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HookContext {
    /// When it is called.
    pub moment: Moment,
    /// The run.
    pub run: RunId,
    /// The assets that the step makes.
    pub assets: Vec<AssetKey>,
    /// The partitions that it makes.
    pub partitions: Option<PartitionSet>,
    /// What is loaded or stored: the input, or the output. `None` at other moments.
    pub subject: Option<AssetKey>,
    /// What was published, after a store.
    pub materialization: Option<Arc<Materialization>>,
    /// What went wrong, on failure.
    pub error: Option<Arc<Error>>,
}

type Hook = dyn Fn(HookContext) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// All of them, in the order in which they were added.
#[derive(Clone, Default)]
pub(crate) struct Hooks(Vec<(Moment, Arc<Hook>)>);

impl Hooks {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a moment.
    pub(crate) fn at(&self, moment: Moment) -> impl Iterator<Item = &Arc<Hook>> {
        let hooks = self.0.iter().filter(move |(at, _)| *at == moment);
        hooks.map(|(_, hook)| hook)
    }
}

impl Definitions {
    /// Adds a hook: a closure that is called at a moment of every step, one after another in the order in which they were added. Without hooks
    /// none of this costs anything.
    ///
    /// ```
    /// # use larder_executor::{Definitions, hook::Moment};
    /// let definitions = Definitions::new().hook(Moment::OnFailure, |failed| async move {
    ///     eprintln!("{:?} failed: {:?}", failed.assets, failed.error);
    ///     Ok(())
    /// });
    /// ```
    ///
    /// The step waits for it, and nobody else does. Hooks of loads, and those before a store, are within the step's timeout; no timeout ends the others, but for
    /// that of the run: they had better have one of their own. An error and a panic are
    /// told as a warning of the step and harm nothing. With the executor `processes` hooks of loads and stores are called in the process of the step,
    /// the others in that of the run.
    ///
    /// # Cancel safety
    /// A hook is dropped at its next await together with its step: when its time or that of the run is over, when the run is stopped. Others are then
    /// not called.
    #[must_use]
    pub fn hook<F, Fut>(mut self, moment: Moment, hook: F) -> Self
    where
        F: Fn(HookContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let hook: Arc<Hook> = Arc::new(move |context| hook(context).boxed());
        self.hooks.0.push((moment, hook));
        self
    }
}
