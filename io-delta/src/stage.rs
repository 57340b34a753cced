//! A value whose data files are written, and the commit that makes them the table's.

use crate::config::WriteMode;
use crate::core::Core;
use crate::files::{self, Tags};
use crate::log::{Log, Outcome};
use crate::merge::Keys;
use crate::partition::Scope;
use crate::plan::{Place, Plan};
use crate::table::Table;
use crate::write::{DataFile, remove};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use deltalake_core::kernel::{Action, Add};
use larder_io_core::{Effect, Error, ErrorKind, OutputContext, Precondition, Receipt, Result, Staged, Value, Version};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest pause before a commit is tried again, in milliseconds; the pauses are random, so that writers do not march in step.
const LONGEST_PAUSE: u64 = 200;

/// A value that was written but not committed.
pub(crate) struct StagedTable {
    pub(crate) core: Arc<Core>,
    pub(crate) log: Log,
    pub(crate) ctx: OutputContext,
    pub(crate) scope: Scope,
    /// What the asset stored, in its own types.
    pub(crate) schema: SchemaRef,
    /// The same in Delta's types, with columns that hold the partition's key.
    pub(crate) natural: SchemaRef,
    pub(crate) partition_columns: Vec<String>,
    pub(crate) files: Vec<DataFile>,
    /// Keys of the rows, for merging.
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) receipt: Receipt,
    pub(crate) kept: Option<Value>,
    pub(crate) began: Instant,
    /// The lowest version that a commit of ours may have become.
    pub(crate) attempted: Option<u64>,
    /// Whether a commit of ours may still land.
    pub(crate) open: bool,
    pub(crate) done: bool,
}

impl StagedTable {
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            core: &self.core,
            log: &self.log,
        }
    }

    pub(crate) fn mode(&self) -> WriteMode {
        self.core.config.mode
    }

    /// Whether a commit that is repeated would count twice.
    fn counts_twice(&self) -> bool {
        matches!(self.mode(), WriteMode::Append | WriteMode::Merge)
    }

    /// What stands for this asset and run in the log, so that a run that is tried again adds nothing.
    pub(crate) fn application(&self) -> Option<String> {
        let partition = self.ctx.partition.as_ref().map(|partition| format!("/{partition}"));
        let id = || {
            format!(
                "larder:{}:{}{}",
                self.ctx.run,
                self.ctx.asset,
                partition.unwrap_or_default()
            )
        };
        self.counts_twice().then(id)
    }

    /// The write's files with their tags.
    pub(crate) fn adds(&self) -> Result<Vec<Add>> {
        let json = serde_json::to_string(&self.receipt).map_err(|cause| {
            Error::new(ErrorKind::Unexpected, format!("cannot write a receipt: {cause}")).with_source(cause)
        })?;
        let tags = Tags {
            receipt: &self.receipt,
            json: &json,
            stem: self.ctx.location.as_str(),
            parts: self.files.len(),
        };
        let tagged = self.files.iter().enumerate().map(|(part, file)| {
            let mut add = file.add.clone();
            add.tags = Some(tags.of(part, &file.hash));
            add
        });
        Ok(tagged.collect())
    }

    /// The version in which our own write landed, among those since the first attempt.
    async fn landed(&self, newest: Option<u64>) -> Result<Option<u64>> {
        let (Some(first), Some(newest)) = (self.attempted, newest) else {
            return Ok(None);
        };
        for version in first..=newest {
            if self.log.is_of(version, &self.ctx.write).await? == Some(true) {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    /// What an earlier attempt of the same write, or of the same run, has committed.
    async fn committed_before(&self, table: &Table) -> Result<Option<u64>> {
        let own = |add: &&Add| files::write_of(add) == Some(self.ctx.write.as_str());
        if let Some(version) = table.state.files.iter().find(own).and_then(files::version_of) {
            return Ok(Some(version));
        }
        let Some(application) = self.application() else {
            return Ok(None);
        };
        let version = table
            .state
            .snapshot
            .transaction_version(self.log.store().as_ref(), application)
            .await;
        Ok(version
            .map_err(crate::error::error)?
            .and_then(|version| u64::try_from(version).ok()))
    }

    async fn check_precondition(&self, table: Option<&Table>) -> Result<()> {
        let asked = self.ctx.precondition != Precondition::None || self.mode() == WriteMode::ErrorIfExists;
        let found = match table.filter(|_| asked) {
            Some(table) => self.core.published(&self.log, table, &self.scope).await?,
            None => None,
        };
        let conflict = |message: &str| Err(Error::new(ErrorKind::Conflict, message));
        match (&self.ctx.precondition, found) {
            (Precondition::Absent, Some(_)) => conflict("something is stored there already"),
            (Precondition::Unchanged(_), None) => conflict("what was stored there is gone"),
            (Precondition::Unchanged(version), Some(found)) if *version != found => {
                conflict("what is stored there was changed by somebody else")
            }
            (Precondition::None, Some(_)) if self.mode() == WriteMode::ErrorIfExists => {
                let message = "something is stored there already, and `mode = \"error_if_exists\"` keeps it; delete it first, or set another mode";
                Err(Error::new(ErrorKind::AlreadyExists, message))
            }
            _ => Ok(()),
        }
    }

    async fn commit(&mut self) -> Result<u64> {
        for attempt in 0..self.core.config.commit_attempts {
            if attempt > 0 {
                pause(attempt).await;
            }
            let table = self.core.latest(&self.log).await?;
            if let Some(version) = self.landed(table.as_ref().map(|table| table.state.version)).await? {
                return Ok(version);
            }
            if let Some(table) = &table
                && let Some(version) = self.committed_before(table).await?
            {
                // What this attempt wrote is not needed.
                remove(&self.log, &std::mem::take(&mut self.files)).await;
                self.adopt(version).await?;
                return Ok(version);
            }
            self.check_precondition(table.as_ref()).await?;
            let plan = Plan::make(self, table.as_ref()).await?;
            self.attempted.get_or_insert(plan.version);
            let landed = self.log.commit_as(&self.ctx.write, plan.version, plan.bytes).await;
            match landed {
                Ok(Outcome::Landed) => return Ok(plan.version),
                Ok(Outcome::Taken) => remove(&self.log, &plan.rewritten).await,
                Err(failed) => {
                    // What may still land needs its files; where it does not, `gc` finds them.
                    match failed.effect() {
                        Effect::Unknown => self.open = true,
                        Effect::None => remove(&self.log, &plan.rewritten).await,
                    }
                    return Err(failed);
                }
            }
        }
        let message = format!(
            "others committed to the table before each of {} attempts; try again",
            self.core.config.commit_attempts
        );
        Err(Error::new(ErrorKind::Conflict, message))
    }

    /// Takes the receipt of an earlier attempt.
    async fn adopt(&mut self, version: u64) -> Result<()> {
        let actions = self.log.actions(version).await?.unwrap_or_default();
        let receipt = actions.iter().find_map(|action| match action {
            Action::Add(add) => files::receipt_of(add),
            _ => None,
        });
        if let Some(receipt) = receipt {
            let uri = std::mem::take(&mut self.receipt.uri);
            self.receipt = receipt;
            self.receipt.uri = uri;
        }
        Ok(())
    }
}

async fn pause(attempt: u32) {
    let longest = (5 << attempt.min(6)).min(LONGEST_PAUSE);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=longest))).await;
}

#[async_trait]
impl Staged for StagedTable {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        if !self.ctx.keep_for_checks {
            let message = "the staged value was not kept for checks; set `keep_for_checks` in the output context";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        match &self.kept {
            Some(value) => Ok(value.clone()),
            None => self.core.staged_value(self),
        }
    }

    async fn publish(&mut self) -> Result<Receipt> {
        if !self.done {
            let version = self.commit().await?;
            self.done = true;
            self.kept = None;
            self.receipt.version = Version::from_text(version.to_string());
            self.receipt.duration = self.began.elapsed();
            let interval = self.core.config.checkpoint_interval;
            if interval > 0 && version > 0 && version.is_multiple_of(interval) {
                // It only makes the log shorter to read; the commit stands without it.
                if let Err(failed) = self.log.checkpoint(version).await {
                    tracing::warn!(asset = %self.ctx.asset, version, error = %failed, "no checkpoint was written");
                }
            }
        }
        Ok(self.receipt.clone())
    }

    async fn discard(&mut self) -> Result<()> {
        self.kept = None;
        // A commit may have landed whose answer was lost, or may still: then the files are the table's.
        if self.done || self.open || self.files.is_empty() {
            return Ok(());
        }
        let newest = self.core.latest(&self.log).await?.map(|table| table.state.version);
        if self.landed(newest).await?.is_none() {
            remove(&self.log, &std::mem::take(&mut self.files)).await;
        }
        Ok(())
    }
}
