//! A manager in front of another one, which claims, tells and hangs as the test wants.

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use larder_io_core::{
    Capabilities, Error, ErrorKind, Finding, Form, Forms, Garbage, GcOptions, InputContext, IoManager, Location,
    Maintenance, ManagerInfo, OutputContext, Precondition, Receipt, Result, Staged, Value, Versions, async_trait,
};
use std::sync::Arc;
use tokio::sync::Notify;

/// How many values are published.
pub(crate) async fn stored(manager: &impl IoManager) -> usize {
    let all: Vec<Location> = manager.list(None).try_collect().await.expect("lists");
    all.len()
}

/// What is wrong with preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// `Unchanged` is not looked at.
    IgnoresUnchanged,
    /// `Unchanged` never holds.
    RefusesUnchanged,
    /// What is refused is written all the same.
    WritesRefused,
    /// They are claimed, and not supported.
    Unsupported,
}

#[derive(Clone, Debug)]
pub(crate) struct Patient {
    inner: Arc<dyn IoManager>,
    info: ManagerInfo,
    surveyed: bool,
    hangs: bool,
    fails: Option<(&'static str, ErrorKind)>,
    quirk: Option<Quirk>,
    /// Told when a load hangs.
    pub(crate) asked: Arc<Notify>,
}

impl Patient {
    pub(crate) fn new(inner: impl IoManager) -> Self {
        Self {
            info: inner.info().clone(),
            inner: Arc::new(inner),
            surveyed: false,
            hangs: false,
            fails: None,
            quirk: None,
            asked: Arc::default(),
        }
    }

    pub(crate) fn taking(mut self, form: Form) -> Self {
        self.info.forms = Forms::of([form]);
        self
    }

    pub(crate) fn claiming_nothing(mut self) -> Self {
        self.info.capabilities = Capabilities::default();
        self
    }

    pub(crate) fn surveyed(mut self) -> Self {
        self.surveyed = true;
        self
    }

    /// Loads never end.
    pub(crate) fn hanging(mut self) -> Self {
        self.hangs = true;
        self
    }

    pub(crate) fn with(mut self, quirk: Quirk) -> Self {
        self.quirk = Some(quirk);
        self
    }

    /// `history` or `survey` fails.
    pub(crate) fn failing(mut self, call: &'static str, kind: ErrorKind) -> Self {
        self.fails = Some((call, kind));
        self.surveyed |= call == "survey";
        self
    }

    fn fail(&self, call: &str) -> Result<()> {
        match self.fails {
            Some((failing, kind)) if failing == call => {
                Err(Error::new(kind, format!("{call} fails; do this and that")))
            }
            _ => Ok(()),
        }
    }

    fn inner_versions(&self) -> &dyn Versions {
        self.inner.versions().expect("asked only when there are some")
    }
}

#[async_trait]
impl IoManager for Patient {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let mut ctx = ctx.clone();
        match (self.quirk, &ctx.precondition) {
            (Some(Quirk::IgnoresUnchanged), Precondition::Unchanged(_)) => ctx.precondition = Precondition::None,
            (Some(Quirk::RefusesUnchanged), Precondition::Unchanged(_)) => ctx.precondition = Precondition::Absent,
            (Some(Quirk::Unsupported), Precondition::Absent | Precondition::Unchanged(_)) => {
                return Err(Error::new(ErrorKind::Unsupported, "this server knows no preconditions"));
            }
            _ => {}
        }
        self.inner.stage(&ctx, value).await
    }

    async fn handle_output(&self, ctx: &OutputContext, value: &Value) -> Result<Receipt> {
        let stored = self.stage(ctx, value).await?.publish().await;
        if stored.is_err() && self.quirk == Some(Quirk::WritesRefused) {
            let mut ctx = ctx.clone();
            ctx.precondition = Precondition::None;
            self.inner.handle_output(&ctx, value).await?;
        }
        stored
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        if self.hangs {
            self.asked.notify_one();
            std::future::pending::<()>().await;
        }
        self.inner.load_input(ctx).await
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        self.inner.head(ctx).await
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        self.inner.delete(ctx).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        self.inner.list(prefix)
    }

    fn versions(&self) -> Option<&dyn Versions> {
        self.inner.versions().map(|_| self as &dyn Versions)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.surveyed.then_some(self as &dyn Maintenance)
    }
}

#[async_trait]
impl Versions for Patient {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        self.fail("history")?;
        self.inner_versions().history(ctx).await
    }

    async fn restore(&self, ctx: &InputContext, version: &larder_io_core::Version) -> Result<Receipt> {
        self.inner_versions().restore(ctx, version).await
    }
}

#[async_trait]
impl Maintenance for Patient {
    async fn gc(&self, _: &GcOptions) -> Result<Vec<Garbage>> {
        Ok(Vec::new())
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        self.fail("survey")?;
        Ok(vec![
            Finding::fine("region", "eu-central-1"),
            Finding::wrong("versioning", "off", "turn it on"),
        ])
    }
}
