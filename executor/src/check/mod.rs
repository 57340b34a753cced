//! Checks: functions that look at a value before it is published, and say whether it is as it should be.
//!
//! | file | owns |
//! |---|---|
//! | `mod` | one check, as a pipeline defines it |
//! | `result` | what a check says, and what came of it |
//! | `resolve` | which asset a check is of, whether it can take what it asks for |
//! | `make` | making a check of one value |
//! | `stored` | making checks of what is published |
//! | `table` | ready-made checks of tables |

mod make;
mod resolve;
mod result;
mod stored;
#[cfg(feature = "arrow")]
pub mod table;

pub(crate) use make::{Subject, blocked};
pub(crate) use resolve::{Checks, Known, resolve};
pub use result::{CheckResult, Checked, Earlier, Severity};
pub use stored::{CheckInfo, CheckOptions, CheckReport};

use crate::args::Args;
use crate::asset::{InputSpec, ResourceSpec};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::{Input, Result};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// What `#[check]` makes of a function: a type that knows how to make the [`Check`].
pub trait CheckFn {
    /// Makes the check.
    fn check() -> Check;
}

pub(crate) type Function = dyn Fn(Args) -> BoxFuture<'static, Result<CheckResult>> + Send + Sync;

/// A function that says whether a value of an asset is as it should be.
///
/// It is made of every value that is computed, of each partition by itself, when the value is stored and not yet published. Where it is blocking
/// and the value does not pass, nothing of that call is published: old values stay, and what depends on the asset is skipped. What a check says is
/// kept in the catalogue, however it ends.
#[derive(Clone)]
pub struct Check {
    pub(crate) name: String,
    /// The asset's key; otherwise the first input's name finds it.
    pub(crate) asset: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) blocking: bool,
    pub(crate) severity: Severity,
    /// How many earlier values it is told of.
    pub(crate) history: usize,
    pub(crate) inputs: Vec<InputSpec>,
    pub(crate) resources: Vec<ResourceSpec>,
    pub(crate) function: Arc<Function>,
}

impl Check {
    /// Begins a check without the attribute.
    ///
    /// ```
    /// use larder_executor::Check;
    /// let check = Check::builder("some")
    ///     .asset("raw/numbers")
    ///     .input::<Vec<u64>>("numbers")
    ///     .blocking()
    ///     .function(|mut args| async move {
    ///         let numbers: Vec<u64> = args.input().await?;
    ///         Ok(!numbers.is_empty())
    ///     });
    /// ```
    pub fn builder(name: impl Into<String>) -> CheckBuilder {
        CheckBuilder(Self {
            name: name.into(),
            asset: None,
            description: None,
            blocking: false,
            severity: Severity::Error,
            history: 0,
            inputs: Vec::new(),
            resources: Vec::new(),
            function: Arc::new(|_| async { Ok(CheckResult::passed()) }.boxed()),
        })
    }

    /// Keeps a value that does not pass from being published.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    /// How much it matters that a value does not pass; default [`Severity::Error`].
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Another name than its own: two checks of one asset cannot have the same.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocking = if self.blocking { ", blocking" } else { "" };
        let of = self.asset.as_deref().unwrap_or("its first input");
        write!(f, "Check({} of {of}{blocking})", self.name)
    }
}

/// A check in the making.
#[derive(Clone, Debug)]
pub struct CheckBuilder(Check);

impl CheckBuilder {
    /// The key of the asset whose values it looks at. Without it the first input's name finds the asset.
    #[must_use]
    pub fn asset(mut self, key: impl Into<String>) -> Self {
        self.0.asset = Some(key.into());
        self
    }

    /// What it looks for, for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.0.description = Some(text.into());
        self
    }

    /// As [`Check::blocking`].
    #[must_use]
    pub fn blocking(mut self) -> Self {
        self.0.blocking = true;
        self
    }

    /// As [`Check::severity`].
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.0.severity = severity;
        self
    }

    /// How many earlier values `ctx.history()` tells of, of the same asset and partition. Default none.
    #[must_use]
    pub fn history(mut self, values: usize) -> Self {
        self.0.history = values;
        self
    }

    /// The first is the value that is checked. Others are loaded as they are published at that moment: the asset that the name finds.
    #[must_use]
    pub fn input<T: Input>(mut self, argument: impl Into<String>) -> Self {
        self.0.inputs.push(InputSpec::of::<T>(argument.into(), None));
        self
    }

    /// The same by key.
    #[must_use]
    pub fn input_from<T: Input>(mut self, argument: impl Into<String>, key: impl Into<String>) -> Self {
        self.0
            .inputs
            .push(InputSpec::of::<T>(argument.into(), Some(key.into())));
        self
    }

    /// A resource by its type.
    #[must_use]
    pub fn resource<T: Send + Sync + 'static>(mut self) -> Self {
        self.0.resources.push(ResourceSpec::of::<T>());
        self
    }

    /// The function: it answers whether the value passes, by a `bool` or a [`CheckResult`]. An error of it says that it could not tell: the value
    /// does not pass.
    pub fn function<R, F, Fut>(mut self, function: F) -> Check
    where
        R: Into<CheckResult>,
        F: Fn(Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R>> + Send + 'static,
    {
        self.0.function = Arc::new(move |args| {
            let made = function(args);
            async move { made.await.map(Into::into) }.boxed()
        });
        self.0
    }
}
