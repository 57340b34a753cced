//! The faulty manager.

use super::staged::{BrokenStaged, told};
use super::{Fault, value};
use futures_util::stream::{self, BoxStream, StreamExt};
use larder_io_core::hash::digest_object;
use larder_io_core::{
    AssetValue, Error, ErrorKind, Garbage, GcOptions, InputContext, IoManager, Location, Maintenance, ManagerInfo,
    OutputContext, Precondition, Receipt, Result, Staged, Value, Version, Versions, WriteId, async_trait,
};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A manager that does one thing wrong. See [`Fault`].
#[derive(Clone)]
pub struct Broken {
    core: Arc<Core>,
    info: ManagerInfo,
}

pub(super) struct Core {
    pub(super) inner: Arc<dyn IoManager>,
    pub(super) fault: Fault,
    root: Option<PathBuf>,
    secret: String,
    staged: Mutex<Vec<Location>>,
}

impl Core {
    pub(super) fn staged(&self) -> MutexGuard<'_, Vec<Location>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, location: &Location) -> Option<PathBuf> {
        self.root.as_ref().map(|root| root.join(location.as_str()))
    }

    /// Writes the stand-in for a published file.
    pub(super) fn write_file(&self, receipt: &Receipt) -> Result<()> {
        let Some(path) = self.file(&receipt.location) else {
            return Ok(());
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(std::fs::write(path, content(receipt))?)
    }

    /// Fails when the stand-in is not as it was written.
    fn verify(&self, receipt: &Receipt) -> Result<()> {
        let Some(path) = self.file(&receipt.location) else {
            return Ok(());
        };
        if self.fault == Fault::TrustsDamage || std::fs::read(path)? == content(receipt) {
            return Ok(());
        }
        assert_ne!(self.fault, Fault::PanicsOnDamage, "on purpose: the file is damaged");
        Err(Error::new(ErrorKind::InvalidData, "the file is damaged"))
    }
}

/// What the stand-in for a published file holds.
fn content(receipt: &Receipt) -> Vec<u8> {
    format!("{:?}", receipt.content_hash).repeat(4).into_bytes()
}

impl Broken {
    /// Breaks a manager.
    pub fn new(inner: impl IoManager, fault: Fault) -> Self {
        Self::make(Arc::new(inner), fault, None)
    }

    /// Breaks a manager and keeps a stand-in file for each published value below `root`, which can be damaged; the
    /// manager then claims to verify.
    pub fn on_disk(inner: impl IoManager, fault: Fault, root: impl Into<PathBuf>) -> Self {
        Self::make(Arc::new(inner), fault, Some(root.into()))
    }

    /// What [`Fault::ShowsSecrets`] shows.
    pub const SECRET: &'static str = "pass-word-of-the-test";

    fn make(inner: Arc<dyn IoManager>, fault: Fault, root: Option<PathBuf>) -> Self {
        let mut info = inner.info().clone();
        info.capabilities.verify |= root.is_some();
        match fault {
            Fault::ClaimsPersistence => info.capabilities.persistent = true,
            Fault::HidesPreconditions => info.capabilities.preconditions = false,
            _ => {}
        }
        let core = Core {
            inner,
            fault,
            root,
            secret: Self::SECRET.to_owned(),
            staged: Mutex::default(),
        };
        Self {
            core: Arc::new(core),
            info,
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.core.fault == fault
    }

    /// Where the faulty store believes a location to be.
    fn locate(&self, location: &Location) -> Location {
        let text = location.as_str();
        let text = match self.core.fault {
            Fault::FoldsCase => text.to_ascii_lowercase(),
            Fault::ReplacesPercent => text.replace('%', "_"),
            Fault::CutsLongNames => {
                let mut end = text.len().min(150);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                text[..end].to_owned()
            }
            _ => return location.clone(),
        };
        text.parse().unwrap_or_else(|_| location.clone())
    }

    fn input(&self, ctx: &InputContext) -> InputContext {
        let mut ctx = ctx.clone();
        ctx.location = self.locate(&ctx.location);
        if self.is(Fault::GivesAnyForm) {
            ctx.form = None;
        }
        ctx
    }

    async fn output(&self, ctx: &OutputContext, size: u64) -> Result<OutputContext> {
        let mut ctx = ctx.clone();
        ctx.location = self.locate(&ctx.location);
        match self.core.fault {
            Fault::IgnoresPreconditions => ctx.precondition = Precondition::None,
            Fault::IgnoresLargePreconditions if size > 1 << 20 => ctx.precondition = Precondition::None,
            Fault::ForgetsOwnWrites => ctx.write = WriteId::random(),
            Fault::LosesExtensions if ctx.extension.as_ref().is_some_and(|text| text.contains('.')) => {
                ctx.location = format!("{}-odd", ctx.location).parse()?;
            }
            Fault::ChecksThenWrites => {
                let input = InputContext::new(ctx.asset.clone(), None, ctx.location.clone());
                let found = self.core.inner.head(&input).await?.map(|receipt| receipt.version);
                let holds = match &ctx.precondition {
                    Precondition::None => true,
                    Precondition::Absent => found.is_none(),
                    Precondition::Unchanged(version) => found.as_ref() == Some(version),
                };
                if !holds {
                    return Err(Error::new(ErrorKind::Conflict, "it changed"));
                }
                ctx.precondition = Precondition::None;
            }
            _ => {}
        }
        Ok(ctx)
    }

    /// The error, with the secret where that is the fault.
    fn tell(&self, error: Error) -> Error {
        match self.core.fault {
            Fault::ShowsSecrets => error.with_context("password", &self.core.secret),
            Fault::MissingIsUnavailable => Error::new(ErrorKind::Unavailable, error.message()),
            _ => error,
        }
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = if self.is(Fault::ShowsSecrets) {
            &self.core.secret
        } else {
            "[redacted]"
        };
        write!(f, "Broken({:?}, {:?}, {secret})", self.core.inner, self.core.fault)
    }
}

/// How large a value of the checks is.
async fn size(value: &Value) -> u64 {
    match value {
        Value::Blob(source) => source.size().unwrap_or(0),
        Value::Table(source) => source.rows().unwrap_or(0) * 8,
        Value::Native(_) => Vec::<u64>::from_value(value.clone())
            .await
            .map_or(0, |words| words.len() as u64 * 8),
        _ => 0,
    }
}

#[async_trait]
impl IoManager for Broken {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let original = ctx;
        let mut value = value.clone();
        if self.is(Fault::StoresNothing) && matches!(value, Value::Nothing) {
            value = None::<u8>.into_value();
        }
        let ctx = self.output(ctx, size(&value).await).await?;
        let input = InputContext::new(ctx.asset.clone(), None, ctx.location.clone());
        if self.is(Fault::DeletesAtStage) {
            self.core.inner.delete(&input).await?;
        }
        let mut value = value::mangle(self.core.fault, &value).await?;
        if self.is(Fault::KeepsOldTail)
            && let Ok(old) = self.core.inner.load_input(&input).await
        {
            value = value::with_tail(&old, &value).await?;
        }
        let inner = self.core.inner.stage(&ctx, &value).await;
        let mut inner = inner.map_err(|error| match self.core.fault {
            Fault::RelabelsErrors => Error::new(ErrorKind::Unavailable, "the store failed").with_source(error),
            _ => self.tell(error),
        })?;
        if self.is(Fault::PublishesAtStage) {
            inner.publish().await?;
        }
        self.core.staged().push(original.location.clone());
        if let Some(path) = self.core.root.as_ref() {
            let file = match self.core.fault {
                Fault::StagesInPublic => Some(path.join(format!("{}.tmp", ctx.write))),
                Fault::KeepsDiscarded => Some(path.join(format!(".larder-{}", ctx.write))),
                _ => None,
            };
            if let Some(file) = file {
                std::fs::write(file, [0_u8; 8192])?;
            }
        }
        let receipt = told(self.core.fault, inner.receipt().clone());
        Ok(Box::new(BrokenStaged {
            core: Arc::clone(&self.core),
            inner,
            ctx,
            value,
            receipt,
            published: false,
        }))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        let ctx = self.input(ctx);
        let value = self
            .core
            .inner
            .load_input(&ctx)
            .await
            .map_err(|error| self.tell(error))?;
        if let Some(receipt) = self.core.inner.head(&ctx).await? {
            self.core.verify(&receipt)?;
        }
        match (value, self.core.fault) {
            (Value::Table(source), Fault::IgnoresPredicates) => Ok(Value::Table(Arc::new(value::Unfiltered(source)))),
            (Value::Blob(_), Fault::ReadsLate) => Ok(Value::Blob(Arc::new(value::Late {
                manager: Arc::clone(&self.core.inner),
                input: ctx,
            }))),
            (value @ Value::Native(_), Fault::NullIsMissing) => {
                let null = digest_object(&None::<u8>.into_value())?.hash;
                match digest_object(&value)?.hash == null {
                    true => Err(Error::new(ErrorKind::NotFound, "there is nothing")),
                    false => Ok(value),
                }
            }
            (value, _) => Ok(value),
        }
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        let ctx = self.input(ctx);
        let mut found = self
            .core
            .inner
            .head(&ctx)
            .await?
            .map(|receipt| told(self.core.fault, receipt));
        match (self.core.fault, &mut found) {
            (Fault::HeadOfMissingFails, None) => return Err(Error::new(ErrorKind::NotFound, "there is nothing")),
            (Fault::StaleHead, Some(_)) => {
                if let Some(versions) = self.core.inner.versions() {
                    return Ok(versions.history(&ctx).await?.pop());
                }
            }
            (Fault::ForgetfulHead, Some(receipt)) => receipt.run = larder_io_core::RunId::from_text(""),
            _ => {}
        }
        Ok(found)
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        let ctx = self.input(ctx);
        if self.is(Fault::DeleteDoesNothing) {
            return Ok(());
        }
        let found = self.core.inner.head(&ctx).await?;
        if found.is_none() && self.is(Fault::DeleteOfMissingFails) {
            return Err(Error::new(ErrorKind::NotFound, "there is nothing to delete"));
        }
        if let Some(path) = found.and_then(|receipt| self.core.file(&receipt.location)) {
            std::fs::remove_file(path)?;
        }
        self.core.inner.delete(&ctx).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        let inner = match (self.core.fault, prefix.map(|prefix| prefix.as_str().to_owned())) {
            (Fault::ListsByText, Some(prefix)) => {
                let all = self.core.inner.list(None);
                let begins = move |stem: &Result<Location>| {
                    let keep = stem.as_ref().is_ok_and(|stem| stem.as_str().starts_with(&prefix));
                    std::future::ready(keep)
                };
                all.filter(begins).boxed()
            }
            _ => self.core.inner.list(prefix),
        };
        match self.core.fault {
            Fault::ListsTwice => inner.chain(self.core.inner.list(prefix)).boxed(),
            Fault::ListsStaged => {
                let staged: Vec<_> = self.core.staged().iter().cloned().map(Ok).collect();
                inner.chain(stream::iter(staged)).boxed()
            }
            _ => inner,
        }
    }

    fn versions(&self) -> Option<&dyn Versions> {
        match self.core.fault {
            Fault::ClaimsVersions => None,
            _ => self.core.inner.versions().map(|_| self as &dyn Versions),
        }
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.is(Fault::GcRemovesPublished).then_some(self as &dyn Maintenance)
    }
}

#[async_trait]
impl Versions for Broken {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        let versions = self.core.inner.versions().expect("given only when there are some");
        let mut history = versions.history(&self.input(ctx)).await?;
        if self.is(Fault::ForgetsHistory) {
            history.truncate(1);
        }
        Ok(history
            .into_iter()
            .map(|receipt| told(self.core.fault, receipt))
            .collect())
    }

    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt> {
        let versions = self.core.inner.versions().expect("given only when there are some");
        if self.is(Fault::RestoreDoesNothing) {
            let history = versions.history(&self.input(ctx)).await?;
            let found = history.into_iter().find(|receipt| receipt.version == *version);
            return found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such version"));
        }
        versions.restore(&self.input(ctx), version).await
    }

    fn removes(&self) -> bool {
        self.core.inner.versions().is_some_and(Versions::removes)
    }

    async fn remove(&self, ctx: &InputContext, version: &Version) -> Result<()> {
        let versions = self.core.inner.versions().expect("given only when there are some");
        match self.core.fault {
            Fault::RemoveDoesNothing => Ok(()),
            _ => match versions.remove(&self.input(ctx), version).await {
                Err(_) if self.is(Fault::RemovesThePublished) => self.core.inner.delete(&self.input(ctx)).await,
                other => other,
            },
        }
    }
}

#[async_trait]
impl Maintenance for Broken {
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        if options.older_than.is_zero() && !options.dry_run {
            let mut stems = self.core.inner.list(None);
            while let Some(stem) = stems.next().await {
                let stem = stem?;
                let ctx = InputContext::new(stem.as_str().parse()?, None, stem);
                self.core.inner.delete(&ctx).await?;
            }
        }
        Ok(Vec::new())
    }
}
