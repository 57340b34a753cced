//! Resources: clients that a run opens once, when a step or a check first needs them, and closes at its end.
//!
//! | file | owns |
//! |---|---|
//! | `mod` | the trait, and what a pipeline declares |
//! | `declared` | a declaration without its types |
//! | `start` | opening one: attempts, their time, what an error says |
//! | `held` | what a run holds: each once, closed in reverse order |
//! | `fields` | which settings a type has |
//!
//! A value that is ready before the run is a resource too, and none of this concerns it: [`Definitions::resource`](crate::Definitions::resource).

mod declared;
mod fields;
mod held;
mod start;

pub(crate) use declared::{Declared, Texts};
pub(crate) use held::Held;
pub(crate) use start::{Care, Start, Starts};

use crate::policy::RetryPolicy;
use larder_io_core::{Result, async_trait};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A client that a run opens once and closes at its end; assets and checks take it as `&T`.
///
/// It is opened when the first step or check of a run that takes it begins, once, however many ask at the same time, and never by commands that
/// compute nothing (`plan`, `list`, ..). Where steps are processes, each process that needs it opens its own. Opening it is no attempt at the step that
/// waits for it, and its time is none of the step's.
///
/// Settings come from `[resources.NAME]` of `larder.toml`. They are read when definitions are built, and once more for each attempt at opening.
///
/// ```
/// use larder_executor::{Definitions, Resource};
/// use larder_io_core::{Result, Secret, async_trait};
/// use serde::Deserialize;
///
/// struct Warehouse {
///     host: String,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     host: String,
///     password: Option<Secret>,
/// }
///
/// #[async_trait]
/// impl Resource for Warehouse {
///     type Settings = Settings;
///
///     async fn open(settings: Settings) -> Result<Self> {
///         Ok(Self { host: settings.host })
///     }
/// }
///
/// let definitions = Definitions::new()
///     .config_text("[resources.warehouse]\nhost = 'db.example'\nretries = 2")
///     .resource_named::<Warehouse>("warehouse");
/// # definitions.build()?;
/// # Ok::<(), larder_io_core::Error>(())
/// ```
#[async_trait]
pub trait Resource: Send + Sync + Sized + 'static {
    /// What `[resources.NAME]` may say; [`NoSettings`] for nothing. With `#[serde(deny_unknown_fields)]` a name that it does not have is refused with the
    /// nearest. A [`Secret`](larder_io_core::Secret) is never shown. `retries`, `retry`, `timeout` and `close_timeout` are larder's own, and `#[serde(flatten)]` does
    /// not work.
    type Settings: DeserializeOwned + Send + 'static;

    /// Opens it: one attempt.
    ///
    /// # Errors
    /// One that may pass is tried again: an error of another library always, one of larder's where it says so
    /// ([`Error::retry`](larder_io_core::Error::retry)).
    ///
    /// # Cancel safety
    /// Dropped at an await when its time is over or the run ends: what it holds then had better let go when it is dropped.
    async fn open(settings: Self::Settings) -> Result<Self>;

    /// Lets go of what it holds, when the run ends. A step that was given up and does not stop may still use it. Default: nothing, it is only dropped.
    ///
    /// # Errors
    /// Told as a warning: a run that succeeded stays one.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// The settings of a resource that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

type Source = Box<dyn StdError + Send + Sync>;

/// A resource of type `T` as definitions declare it: its name, how it is opened and closed. For types of other crates, which cannot be a [`Resource`],
/// and for defaults of one's own.
///
/// ```
/// use larder_executor::{Definitions, RunResource};
/// use larder_io_core::Error;
/// # #[derive(Clone)] struct Pool;
/// # impl Pool {
/// #     async fn connect(_: &str) -> Result<Self, std::io::Error> { Ok(Self) }
/// #     async fn end(&self) {}
/// # }
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct PoolSettings {
///     url: String,
/// }
///
/// let pool = RunResource::new("pool", |settings: PoolSettings| async move { Pool::connect(&settings.url).await })
///     .closed_by(|pool| async move {
///         pool.end().await;
///         Ok::<(), Error>(())
///     });
/// let definitions = Definitions::new().run_resource(pool);
/// ```
pub struct RunResource<T> {
    pub(crate) declared: Declared,
    of: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> RunResource<T> {
    /// One that a closure opens, with the settings that it takes.
    pub fn new<S, F, Fut, E>(name: impl Into<String>, open: F) -> Self
    where
        S: DeserializeOwned + Send + 'static,
        F: Fn(S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<Source>,
    {
        Self {
            declared: Declared::new::<T, S, F, Fut, E>(name.into(), open),
            of: PhantomData,
        }
    }

    /// One that opens and closes itself.
    pub fn of(name: impl Into<String>) -> Self
    where
        T: Resource,
    {
        Self::new(name, |settings: T::Settings| T::open(settings)).closed_by(|it| async move { it.close().await })
    }

    /// Closes it at the end of a run; without this it is only dropped. An error is told as a warning.
    #[must_use]
    pub fn closed_by<F, Fut, E>(mut self, close: F) -> Self
    where
        F: Fn(Arc<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Source>,
    {
        self.declared.closed_by(close);
        self
    }

    /// When opening is tried again. Default: [`RetryPolicy::default`], up to 5 attempts. `retry` and `retries` in `larder.toml` go before it.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.declared.care.retry = retry;
        self
    }

    /// How long one attempt at opening may take; `None` for as long as it likes. Default 60 s. `timeout` in `larder.toml` goes before it.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.declared.care.timeout = timeout.into();
        self
    }

    /// How long closing may take, then it is dropped as it is. Default 5 s. `close_timeout` in `larder.toml` goes before it.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.declared.care.close_timeout = timeout;
        self
    }
}

impl<T> Clone for RunResource<T> {
    fn clone(&self) -> Self {
        Self {
            declared: self.declared.clone(),
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for RunResource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunResource({}: {})", self.declared.name, self.declared.spec.name)
    }
}
