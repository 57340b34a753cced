//! Old versions, lists, and what nobody needs any more.

use crate::book::text;
use crate::error::{Outcome, WORDS};
use crate::format;
use crate::publish;
use crate::store::PostgresIo;
use crate::sweep::{self, Fate};
use larder_io_core::{
    Error, Finding, Garbage, GcOptions, InputContext, Location, Maintenance, Receipt, Result, Version, Versions,
    async_trait,
};

#[async_trait]
impl Versions for PostgresIo {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        let book = &self.core.book;
        let entries = self
            .ask(|lease| async move {
                let entries = book.history(lease.client()?, &ctx.location).await?;
                Ok((lease, entries))
            })
            .await;
        let entries = entries.map_err(|fault| self.core.error(fault, "listing the versions of", &ctx.location))?;
        Ok(entries.into_iter().flatten().map(|entry| entry.receipt).collect())
    }

    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt> {
        let (book, views) = (&self.core.book, self.core.views);
        let places = (&ctx.location, &ctx.asset_location);
        let restored = self
            .ask(|lease| async move {
                let restored = publish::restore(lease.client()?, book, views, places, version).await?;
                Ok((lease, restored))
            })
            .await;
        let restored = restored.map_err(|fault| self.core.error(fault, "restoring", &ctx.location))?;
        restored
            .flatten()
            .ok_or_else(|| self.missing(&ctx.clone().with_version(version.clone())))
    }

    fn removes(&self) -> bool {
        true
    }

    async fn remove(&self, ctx: &InputContext, version: &Version) -> Result<()> {
        let (book, grace) = (&self.core.book, self.core.grace);
        let removed = self
            .ask(|lease| async move {
                let client = lease.client()?;
                format::bring_along(client, book).await?;
                publish::remove(client, book, &ctx.location, version).await?;
                let tables = sweep::due(client, book, &ctx.location, grace).await?;
                sweep::sweep(client, book, &tables).await?;
                Ok((lease, ()))
            })
            .await;
        removed
            .map(drop)
            .map_err(|fault| self.core.error(fault, "removing a version of", &ctx.location))
    }
}

#[async_trait]
impl Maintenance for PostgresIo {
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        let (book, grace) = (&self.core.book, self.core.grace);
        let swept = self
            .ask(|lease| async move {
                let client = lease.client()?;
                if !options.dry_run {
                    format::bring_along(client, book).await?;
                }
                let found = sweep::garbage(client, book, options.older_than, grace).await?;
                let tables: Vec<String> = found.iter().map(|one| one.data.clone()).collect();
                let fates = match options.dry_run {
                    true => vec![Fate::Gone; found.len()],
                    false => sweep::sweep(client, book, &tables).await?,
                };
                let swept = found.into_iter().zip(fates).filter_map(|(one, fate)| {
                    let what = if one.staged { "staged" } else { "old" };
                    let garbage = Garbage::new(one.data, what, one.bytes, one.age);
                    match fate {
                        Fate::Gone => Some(garbage),
                        Fate::Busy => None,
                        Fate::Stays(why) => Some(garbage.staying(why)),
                    }
                });
                let swept: Vec<Garbage> = swept.collect();
                Ok((lease, swept))
            })
            .await;
        Ok(swept
            .map_err(|fault| self.whole(fault, "cleaning up"))?
            .unwrap_or_default())
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        let version = self
            .ask(|lease| async move {
                let rows = lease.client()?.query_typed("SHOW server_version", &[]).await?;
                let version = rows.first().map(|row| row.try_get::<_, String>(0)).transpose()?;
                Ok((lease, version))
            })
            .await;
        let version = version.map_err(|fault| self.whole(fault, "asking"))?.flatten();
        Ok(version
            .into_iter()
            .map(|version| Finding::fine("server", version))
            .collect())
    }
}

impl PostgresIo {
    fn whole(&self, fault: crate::error::Fault, doing: &str) -> Error {
        fault.at(self.core.pool.place(), &WORDS, doing)
    }

    /// Every published location within a prefix.
    pub(crate) async fn stems(&self, prefix: Option<&Location>) -> Result<Vec<Location>> {
        let prefix = prefix.map(Location::as_str).unwrap_or_default();
        let sql = format!(
            "SELECT location FROM {} WHERE state = 'published' AND ($1 = '' OR location = $1 OR starts_with(location, $1 || '/'))",
            self.core.book.values()
        );
        let sql = sql.as_str();
        let location =
            |row: &tokio_postgres::Row| -> Outcome<Location> { Ok(row.try_get::<_, &str>(0)?.parse::<Location>()?) };
        let stems = self
            .ask(|lease| async move {
                let rows = lease.client()?.query_typed(sql, &[text(&prefix)]).await?;
                let stems = rows.iter().map(location).collect::<Outcome<Vec<Location>>>()?;
                Ok((lease, stems))
            })
            .await;
        Ok(stems.map_err(|fault| self.whole(fault, "listing"))?.unwrap_or_default())
    }
}
