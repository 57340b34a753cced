//! The manager.

use crate::address::Address;
use crate::book::{Book, Entry};
use crate::config::PostgresConfig;
use crate::connect::Connector;
use crate::error::Outcome;
use crate::pool::{Lease, Pool};
use crate::publish::{self, Pending};
use crate::stage::{Core, FORMAT, StagedTable};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use larder_io_core::{
    Capabilities, Error, ErrorKind, Form, Forms, InputContext, IoManager, Location, Maintenance, ManagerInfo,
    OutputContext, Receipt, Result, Retention, Staged, Value, Versions, async_trait,
};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

/// Keeps tables in a schema of a PostgreSQL database. Cloning gives another handle to the same connections.
#[derive(Clone)]
pub struct PostgresIo {
    info: Arc<ManagerInfo>,
    pub(crate) core: Core,
    retention: Retention,
    verify: bool,
}

impl PostgresIo {
    pub(crate) fn new(address: Address, config: &PostgresConfig) -> Result<Self> {
        let mut capabilities = Capabilities::default();
        capabilities.atomic_publish = true;
        capabilities.preconditions = true;
        capabilities.versions = config.history > 1;
        capabilities.persistent = true;
        capabilities.durable = true;
        capabilities.verify = true;
        let book = Book::new(&address.place);
        let root = format!("{} (schema {})", address.place.url, address.place.schema);
        let info = ManagerInfo::new("postgres", root, capabilities, Forms::of([Form::Table]))
            .with_formats(vec![("table", FORMAT.to_owned())])
            .with_remote(true);
        let connector = Connector::new(address, config.lock_timeout);
        Ok(Self {
            info: Arc::new(info),
            core: Core {
                pool: Pool::new(connector, config.idle_connections),
                book,
                views: config.views,
            },
            retention: Retention::last(NonZeroUsize::new(config.history).unwrap_or(NonZeroUsize::MIN)),
            verify: config.verify,
        })
    }

    /// Asks one question, or asks for one change that may as well be made twice. A connection that was lost meanwhile is made
    /// again. Without bookkeeping nothing is stored: `None`.
    pub(crate) async fn ask<T, F>(&self, question: impl Fn(Lease) -> F) -> Outcome<Option<T>>
    where
        F: Future<Output = Outcome<(Lease, T)>>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = match self.core.pool.lend().await {
                Ok(lease) => question(lease).await,
                Err(fault) => Err(fault),
            };
            match answer {
                Ok((lease, answer)) => {
                    lease.give_back();
                    return Ok(Some(answer));
                }
                // Something else may be missing, such as the table of another partition: then nothing is known.
                Err(fault) if fault.is_missing() => {
                    let lease = self.core.pool.lend().await?;
                    return match self.core.book.is_there(lease.client()?).await? {
                        true => Err(fault),
                        false => Ok(None),
                    };
                }
                Err(fault) if fault.is_silence() && tries == 1 => self.core.pool.clear(),
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn find(&self, ctx: &InputContext) -> Result<Option<Entry>> {
        let book = &self.core.book;
        let found = self
            .ask(|lease| async move {
                let found = book.find(lease.client()?, &ctx.location, ctx.version.as_ref()).await?;
                Ok((lease, found))
            })
            .await;
        found
            .map(Option::flatten)
            .map_err(|fault| self.core.error(fault, "looking for", &ctx.location))
    }

    pub(crate) fn missing(&self, ctx: &InputContext) -> Error {
        let (root, location) = (&self.info.root, &ctx.location);
        let message = match &ctx.version {
            Some(version) => format!("version {version} of `{location}` is not kept in {root}"),
            None => format!("nothing is stored at `{location}` in {root}; materialize the asset first"),
        };
        Error::new(ErrorKind::NotFound, message)
    }
}

impl fmt::Debug for PostgresIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresIo({})", self.info.root)
    }
}

#[async_trait]
impl IoManager for PostgresIo {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let began = Instant::now();
        let Value::Table(source) = value else {
            let message = format!(
                "PostgreSQL keeps tables only, and `{}` has the form {}; bind the asset to another manager",
                ctx.asset,
                value.form()
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let (data, receipt) = match self.core.fillable(source.as_ref())? {
            Some(place) => self.core.fill(ctx, source.as_ref(), place).await?,
            None => self.core.stage(ctx, source.as_ref()).await?,
        };
        let pending = Pending {
            data,
            location: ctx.location.clone(),
            asset_location: ctx.asset_location.clone(),
            write: ctx.write.clone(),
            precondition: ctx.precondition.clone(),
            retention: ctx.retention.unwrap_or(self.retention),
        };
        let core = self.core.clone();
        Ok(Box::new(StagedTable::new(
            core,
            receipt,
            pending,
            ctx.keep_for_checks,
            began,
        )))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        let entry = self.find(ctx).await?.ok_or_else(|| self.missing(ctx))?;
        if let Some(wanted) = ctx.form.filter(|form| *form != Form::Table) {
            let message = format!(
                "`{}` holds a table, but form {wanted} was asked for; materialize the asset again if its type changed",
                ctx.location
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        let stored = self.core.stored(&entry.data, &entry.receipt)?;
        if ctx.verify || self.verify {
            stored.verify(entry.receipt.stored_hash).await?;
        }
        Ok(Value::Table(Arc::new(stored)))
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        Ok(self.find(ctx).await?.map(|entry| entry.receipt))
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        let (book, views) = (&self.core.book, self.core.views);
        let deleted = self
            .ask(|lease| async move {
                publish::delete(lease.client()?, book, views, &ctx.location, &ctx.asset_location).await?;
                Ok((lease, ()))
            })
            .await;
        deleted
            .map(drop)
            .map_err(|fault| self.core.error(fault, "deleting", &ctx.location))
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        let (manager, prefix) = (self.clone(), prefix.cloned());
        stream::once(async move { manager.stems(prefix.as_ref()).await })
            .map_ok(|stems| stream::iter(stems.into_iter().map(Ok::<_, Error>)))
            .try_flatten()
            .boxed()
    }

    fn versions(&self) -> Option<&dyn Versions> {
        self.info.capabilities.versions.then_some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}
