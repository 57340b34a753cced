//! The manager.

use crate::config::MemoryConfig;
use crate::shelf::{Entry, Shelf};
use crate::stage::{Pending, prepare};
use futures_util::stream::{self, BoxStream, StreamExt};
use larder_io_core::{
    Capabilities, Error, ErrorKind, Form, Forms, InputContext, IoManager, Location, ManagerInfo, OutputContext,
    Precondition, Receipt, Result, Retention, Staged, Value, Version, Versions, async_trait,
};
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// Keeps values by reference in this process. Cloning gives another handle to the same values.
#[derive(Clone)]
pub struct MemoryIo {
    info: Arc<ManagerInfo>,
    shelves: Shelves,
}

impl MemoryIo {
    /// Makes an empty manager with the default settings.
    pub fn new() -> Self {
        Self::keeping(MemoryConfig::default().history)
    }

    pub(crate) fn keeping(history: usize) -> Self {
        let mut capabilities = Capabilities::default();
        capabilities.atomic_publish = true;
        capabilities.preconditions = true;
        capabilities.versions = true;
        let (forms, formats) = forms();
        let info = ManagerInfo::new("memory", "", capabilities, forms).with_formats(formats);
        Self {
            info: Arc::new(info),
            shelves: Shelves {
                by_location: Arc::default(),
                retention: Retention::last(NonZeroUsize::new(history).unwrap_or(NonZeroUsize::MIN)),
            },
        }
    }

    fn missing(&self, ctx: &InputContext) -> Error {
        let message = match &ctx.version {
            Some(version) => format!("version {version} of `{}` is not kept in memory", ctx.location),
            None => format!(
                "nothing is stored at `{}` in memory; materialize the asset first",
                ctx.location
            ),
        };
        Error::new(ErrorKind::NotFound, message)
    }
}

#[cfg(feature = "arrow")]
fn forms() -> (Forms, Vec<(&'static str, String)>) {
    let (mut forms, mut formats) = without_tables();
    forms.insert(1, Form::Table);
    formats.insert(1, ("table", "table".to_owned()));
    (Forms::of(forms), formats)
}

#[cfg(not(feature = "arrow"))]
fn forms() -> (Forms, Vec<(&'static str, String)>) {
    let (forms, formats) = without_tables();
    (Forms::of(forms), formats)
}

fn without_tables() -> (Vec<Form>, Vec<(&'static str, String)>) {
    let formats = vec![("object", "native".to_owned()), ("blob", "blob".to_owned())];
    (vec![Form::Object, Form::Blob], formats)
}

impl Default for MemoryIo {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows how much is kept, never a value.
impl fmt::Debug for MemoryIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let published = self
            .shelves
            .read(|shelves| shelves.values().filter_map(Shelf::current).count());
        write!(f, "MemoryIo({published} values, {} of each)", self.shelves.retention)
    }
}

/// Every shelf behind one lock, which is held for a look-up or a swap and never across an await.
#[derive(Clone)]
pub(crate) struct Shelves {
    by_location: Arc<RwLock<BTreeMap<Location, Shelf>>>,
    retention: Retention,
}

impl Shelves {
    fn read<T>(&self, look: impl FnOnce(&BTreeMap<Location, Shelf>) -> T) -> T {
        // A panic elsewhere cannot leave a shelf half changed, so a poisoned lock is as good as any.
        look(&self.by_location.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut BTreeMap<Location, Shelf>) -> T) -> T {
        change(&mut self.by_location.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Publishes unless this write landed before or its precondition does not hold.
    pub(crate) fn publish(
        &self,
        value: Value,
        receipt: Receipt,
        precondition: &Precondition,
        retention: Option<Retention>,
    ) -> Result<Receipt> {
        let location = receipt.location.clone();
        let published: Result<(Receipt, Vec<Entry>)> = self.write(|shelves| {
            let shelf = shelves.entry(location).or_default();
            if let Some(landed) = shelf.landed(&receipt.write) {
                return Ok((landed.clone(), Vec::new()));
            }
            shelf.check(precondition)?;
            let dropped = shelf.publish(value, receipt.clone(), &retention.unwrap_or(self.retention));
            Ok((receipt, dropped))
        });
        let (receipt, dropped) = published?;
        // Freeing a large value takes a while: not under the lock.
        drop(dropped);
        Ok(receipt)
    }

    fn find(&self, ctx: &InputContext) -> Option<Entry> {
        self.read(|shelves| {
            let shelf = shelves.get(&ctx.location)?;
            match &ctx.version {
                Some(version) => shelf.version(version).cloned(),
                None => shelf.current().cloned(),
            }
        })
    }
}

#[async_trait]
impl IoManager for MemoryIo {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let began = Instant::now();
        let (value, receipt) = prepare(ctx, value).await?;
        Ok(Box::new(Pending::new(self.shelves.clone(), ctx, value, receipt, began)))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        let Entry { value, receipt, .. } = self.shelves.find(ctx).ok_or_else(|| self.missing(ctx))?;
        match ctx.form.filter(|form| *form != receipt.form) {
            None => Ok(value),
            Some(wanted) => {
                let (stored, at) = (receipt.form, &ctx.location);
                let message = format!(
                    "`{at}` holds a value of form {stored}, but form {wanted} was asked for; materialize the asset again if its type changed"
                );
                Err(Error::new(ErrorKind::InvalidData, message))
            }
        }
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        Ok(self.shelves.find(ctx).map(|entry| entry.receipt))
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        self.shelves
            .write(|shelves| shelves.get_mut(&ctx.location).map(Shelf::delete));
        Ok(())
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        let wanted = |location: &Location| prefix.is_none_or(|prefix| location.is_within(prefix));
        let stems: Vec<Result<Location>> = self.shelves.read(|shelves| {
            let published = shelves.iter().filter(|(_, shelf)| shelf.current().is_some());
            published
                .map(|(location, _)| location)
                .filter(|location| wanted(location))
                .cloned()
                .map(Ok)
                .collect()
        });
        stream::iter(stems).boxed()
    }

    fn versions(&self) -> Option<&dyn Versions> {
        Some(self)
    }
}

#[async_trait]
impl Versions for MemoryIo {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        Ok(self
            .shelves
            .read(|shelves| shelves.get(&ctx.location).map(Shelf::history).unwrap_or_default()))
    }

    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt> {
        let restored = self
            .shelves
            .write(|shelves| shelves.get_mut(&ctx.location)?.restore(version));
        restored.ok_or_else(|| self.missing(&ctx.clone().with_version(version.clone())))
    }

    fn removes(&self) -> bool {
        true
    }

    async fn remove(&self, ctx: &InputContext, version: &Version) -> Result<()> {
        let removed = self.shelves.write(|shelves| match shelves.get_mut(&ctx.location) {
            Some(shelf) => shelf.remove(version),
            None => Ok(None),
        });
        // Freed here, not under the lock.
        removed.map(drop)
    }
}
