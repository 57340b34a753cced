//! The manager.

use crate::book::{Book, Entry};
use crate::config::PostgresConfig;
use crate::copy;
use crate::error::Outcome;
use crate::pool::{Lease, Pool};
use crate::publish;
use crate::stage::{Core, FORMAT};
use crate::types;
use crate::view::Views;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use larder_io_core::{
    Capabilities, Error, ErrorKind, Form, Forms, InputContext, IoManager, Location, Maintenance, ManagerInfo,
    OutputContext, Receipt, Result, Retention, Scan, Staged, Value, Versions, async_trait,
};
use larder_postgres::Address;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Keeps tables in a schema of a PostgreSQL database. Cloning gives another handle to the same connections.
#[derive(Clone)]
pub struct PostgresIo {
    info: Arc<ManagerInfo>,
    pub(crate) core: Core,
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
        Ok(Self {
            info: Arc::new(info),
            core: Core {
                pool: Pool::new(
                    address,
                    config.lock_timeout,
                    config.connect_timeout,
                    config.idle_connections,
                ),
                book,
                views: Views {
                    wanted: config.views,
                    patience: config.lock_timeout,
                },
                grace: config.grace,
                retention: Retention::last(NonZeroUsize::new(config.history).unwrap_or(NonZeroUsize::MIN)),
            },
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
        let Value::Table(source) = value else {
            let message = format!(
                "PostgreSQL keeps tables only, and `{}` has the form {}; bind the asset to another manager",
                ctx.asset,
                value.form()
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let schema = source.schema();
        // What cannot be kept is refused before anything is computed.
        types::columns(&schema)?;
        // Who compares a hash at each load needs one.
        if !self.verify
            && let Some(place) = self.core.fillable(source.as_ref())?
        {
            return Ok(Box::new(self.core.fill(ctx, source.as_ref(), place).await?));
        }
        // Before a transaction is begun: what makes the rows may take its time.
        let mut rest = source.scan(Scan::all()).await?;
        let first = rest.try_next().await?;
        let batches = stream::iter(first.map(Ok)).chain(rest).boxed();
        let staging = self.core.begin(ctx, &schema).await?;
        let staged = async {
            let written = copy::copy(staging.client()?, &staging.table(), &schema, batches).await?;
            staging.seal(ctx, written).await
        };
        let staged = staged
            .await
            .map_err(|fault| self.core.error(fault, "storing", &ctx.location))?;
        Ok(Box::new(staged))
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
        let (book, views, history) = (&self.core.book, self.core.views, self.info.capabilities.versions);
        let places = (&ctx.location, &ctx.asset_location);
        let deleted = self
            .ask(|lease| async move {
                publish::delete(lease.client()?, book, views, places, history).await?;
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
