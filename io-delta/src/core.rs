//! What the manager, its staged values and its versions share: finding rows, and telling of them.

use crate::config::DeltaConfig;
use crate::files::Whole;
use crate::log::Log;
use crate::partition::{Scope, Share};
use crate::read::{DeltaSource, StagedSource};
use crate::stage::StagedTable;
use crate::table::Table;
use deltalake_core::kernel::Add;
use futures_util::TryStreamExt;
use larder_io_core::{
    Error, ErrorKind, Form, InputContext, Location, Receipt, Result, Scan, TableSource, Usage, Value, Version, WriteId,
};
use larder_io_object::files::TableFiles;
use std::sync::Arc;

/// The suffix of a table's directory, so that no table lies inside of another one.
pub(crate) const SUFFIX: &str = "delta";

/// What the manager and its staged values share.
pub(crate) struct Core {
    pub(crate) config: DeltaConfig,
    pub(crate) files: TableFiles,
}

impl Core {
    /// The same, counting what one value takes, if anybody asks.
    pub(crate) fn counted(self: &Arc<Self>, usage: Option<&Arc<Usage>>) -> Arc<Self> {
        match usage {
            None => Arc::clone(self),
            Some(_) => Arc::new(Self {
                config: self.config.clone(),
                files: self.files.counted(usage),
            }),
        }
    }

    /// The log of an asset's table.
    pub(crate) fn log(&self, asset_location: &Location) -> Result<Log> {
        Log::new(self.files.ground(), &asset_location.with_suffix(SUFFIX)?)
    }

    pub(crate) async fn latest(&self, log: &Log) -> Result<Option<Table>> {
        log.latest().await?.map(Table::new).transpose()
    }

    /// The version that a context names, or the newest one.
    pub(crate) async fn table(&self, log: &Log, version: Option<&Version>) -> Result<Option<Table>> {
        let Some(version) = version else {
            return self.latest(log).await;
        };
        let state = match (version.as_str().parse::<u64>(), moment(version.as_str())) {
            (Ok(number), _) => log.at(number).await?,
            (_, Some(moment)) => log.at_time(moment).await?,
            // No version of ours is called like that.
            (Err(_), None) => None,
        };
        state.map(Table::new).transpose()
    }

    /// Which rows of a table a context speaks of.
    pub(crate) fn scope(&self, table: &Table, ctx: &InputContext) -> Result<Scope> {
        let added = |name: &str| table.added.iter().any(|added| added == name);
        Scope::new(
            &self.config,
            ctx.partition.as_ref(),
            &ctx.location,
            &table.natural,
            &added,
        )
    }

    /// The files of a scope; `None` where nothing is stored.
    ///
    /// # Errors
    /// Of reading files, where only their rows can tell whether some are of the scope.
    pub(crate) async fn found<'t>(&self, log: &Log, table: &'t Table, scope: &Scope) -> Result<Option<Vec<&'t Add>>> {
        let Some(rows) = scope.predicate() else {
            let files = table.files(scope);
            return Ok((!table.is_missing()).then_some(files));
        };
        let files = table.files(scope);
        let sure = |add: &&Add| scope.share(add, &table.natural) == Share::All;
        if files.is_empty() || files.iter().any(sure) {
            return Ok((!files.is_empty()).then_some(files));
        }
        let one = Scan::all().select(rows.columns()).filter(rows.clone()).limit(1);
        let whole = self.source(log, table, &Scope::default());
        let mut batches = whole.scan(one).await?;
        while let Some(batch) = batches.try_next().await? {
            if batch.num_rows() > 0 {
                return Ok(Some(files));
            }
        }
        Ok(None)
    }

    /// The version of what is published in a scope.
    pub(crate) async fn published(&self, log: &Log, table: &Table, scope: &Scope) -> Result<Option<Version>> {
        let files = self.found(log, table, scope).await?;
        Ok(files.map(|files| version(table, &Whole::of(&files, &table.natural))))
    }

    pub(crate) async fn receipt(
        &self,
        ctx: &InputContext,
        log: &Log,
        table: &Table,
        scope: &Scope,
    ) -> Result<Option<Receipt>> {
        let Some(files) = self.found(log, table, scope).await? else {
            return Ok(None);
        };
        let mut whole = Whole::of(&files, &table.natural);
        if !files.iter().all(|add| scope.share(add, &table.natural) == Share::All) {
            // A file has rows of others too, and nobody has counted which.
            (whole.exact, whole.rows) = (false, None);
        }
        let location = ctx.asset_location.with_suffix(SUFFIX)?;
        let version = version(table, &whole);
        let mut receipt = whole.newest.clone().unwrap_or_else(|| {
            let mut foreign = Receipt::foreign(ctx, location.clone(), Form::Table, SUFFIX);
            foreign.write = WriteId::from_text(version.as_str());
            foreign.stored_at = jiff::Timestamp::from_millisecond(whole.modified_millis).unwrap_or_default();
            foreign
        });
        if !whole.exact {
            // More than one write: what is told of one of them is not true of all.
            receipt.bytes = whole.bytes;
            receipt.rows = whole.rows;
            receipt.content_hash = None;
            receipt.stored_hash = None;
            if self.config.mode.leaves_nothing() {
                // Not what its asset would make. Where writes add to each other, the last one is all that there is to make again.
                receipt.fingerprint = None;
            }
        }
        receipt.uri = self.uri(&location);
        receipt.location = location;
        receipt.version = version;
        Ok(Some(receipt))
    }

    pub(crate) fn uri(&self, location: &Location) -> String {
        format!("{}/{location}", self.files.ground().root)
    }

    pub(crate) fn source(&self, log: &Log, table: &Table, scope: &Scope) -> DeltaSource {
        DeltaSource::new(self.files.clone(), log.clone(), Arc::new(table.clone()), scope)
    }

    pub(crate) fn compression(&self) -> &'static str {
        use larder_io_object::Compression as C;
        match self.config.compression {
            C::Zstd => "zstd",
            C::Snappy => "snappy",
            C::Lz4 => "lz4",
            C::None => "plain",
        }
    }

    /// A staged value read from its own files, which nobody else knows.
    pub(crate) fn staged_value(&self, staged: &StagedTable) -> Result<Value> {
        if staged.files.is_empty() && staged.keys.is_none() {
            return Err(Error::new(ErrorKind::Unsupported, "the value was discarded"));
        }
        Ok(Value::Table(Arc::new(StagedSource {
            files: self.files.clone(),
            log: staged.log.clone(),
            adds: staged.files.iter().map(|file| file.add.clone()).collect(),
            partition_columns: staged.partition_columns.clone(),
            natural: Arc::clone(&staged.natural),
            schema: Arc::clone(&staged.schema),
        })))
    }
}

fn version(table: &Table, whole: &Whole) -> Version {
    Version::from_text(whole.version.unwrap_or(table.state.version).to_string())
}

/// A time in a version's place: `2024-01-31T05:00:00Z`, or a date, which stands for the end of its day in UTC.
fn moment(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let next = day.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    next.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()
}

pub(crate) fn not_found(ctx: &InputContext) -> Error {
    let message = match &ctx.version {
        Some(version) => format!("version `{version}` of `{}` is not kept", ctx.location),
        None => format!("nothing is stored at `{}`", ctx.location),
    };
    Error::new(ErrorKind::NotFound, message)
}
