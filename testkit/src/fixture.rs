//! A store to prove, and what a check may know about it.

use larder_io_core::IoManager;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Reopen = Arc<dyn Fn() -> Arc<dyn IoManager> + Send + Sync>;

/// A manager of an empty store, and what the checks may know about it. Every manager turns into one by `From`.
pub struct Fixture {
    // Declared before `keep`, so that the manager goes before the directory it works in.
    manager: Arc<dyn IoManager>,
    reopen: Option<Reopen>,
    root: Option<PathBuf>,
    secret: Option<String>,
    keep: Vec<Box<dyn Any + Send + Sync>>,
}

impl Fixture {
    /// Wraps a manager about which nothing else is known.
    pub fn new(manager: Arc<dyn IoManager>) -> Self {
        Self {
            manager,
            reopen: None,
            root: None,
            secret: None,
            keep: Vec::new(),
        }
    }

    /// Adds the way to open the same store again, as another process would. Needed where a manager claims to be
    /// persistent.
    #[must_use]
    pub fn with_reopen(mut self, reopen: impl Fn() -> Arc<dyn IoManager> + Send + Sync + 'static) -> Self {
        self.reopen = Some(Arc::new(reopen));
        self
    }

    /// Puts the manager, and every one that is opened again, behind something that keeps the laws too, such as a policy.
    #[must_use]
    pub fn wrapped(mut self, wrap: impl Fn(Arc<dyn IoManager>) -> Arc<dyn IoManager> + Send + Sync + 'static) -> Self {
        self.manager = wrap(self.manager);
        self.reopen = self.reopen.map(|reopen| Arc::new(move || wrap(reopen())) as Reopen);
        self
    }

    /// Adds the local directory in which the store keeps its files under their locations' names. Checks look for
    /// staged files in it and damage published ones.
    #[must_use]
    pub fn with_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// Adds a text, such as a password the manager was given, that must never be shown.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Keeps something alive as long as the fixture: a temporary directory, a server.
    #[must_use]
    pub fn keep(mut self, kept: impl Any + Send + Sync) -> Self {
        self.keep.push(Box::new(kept));
        self
    }

    /// The manager.
    pub fn manager(&self) -> &Arc<dyn IoManager> {
        &self.manager
    }

    /// The same store opened again, when the fixture knows how.
    pub fn reopened(&self) -> Option<Arc<dyn IoManager>> {
        self.reopen.as_ref().map(|reopen| reopen())
    }

    /// The local directory, when there is one.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The text that must never be shown.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }
}

impl<M: IoManager> From<M> for Fixture {
    fn from(manager: M) -> Self {
        Self::new(Arc::new(manager))
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fixture({:?}, {} kept)", self.manager, self.keep.len())
    }
}

/// Makes the fixture of one check.
pub async fn prepare<F>(factory: F) -> Fixture
where
    F: Future<Output: Into<Fixture>>,
{
    factory.await.into()
}
