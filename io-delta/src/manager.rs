//! `DeltaIo`: the I/O manager.

use crate::config::DeltaConfig;
use crate::core::{Core, SUFFIX, not_found};
use crate::evolution::Evolution;
use crate::overrides::Overrides;
use crate::verify;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use larder_io_core::{
    Capabilities, Error, ErrorKind, Form, Forms, InputContext, IoManager, Location, Maintenance, ManagerInfo,
    OutputContext, Receipt, Result, Staged, Value, Versions,
};
use larder_io_object::files::TableFiles;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Delta tables, one for each asset, as an I/O manager.
pub struct DeltaIo {
    info: ManagerInfo,
    pub(crate) core: Arc<Core>,
}

impl DeltaIo {
    pub(crate) fn new(config: DeltaConfig, files: TableFiles) -> Self {
        let ground = files.ground();
        let (scheme, root) = ground.root.split_once(':').unwrap_or(("file", ground.root.as_str()));
        let mut capabilities = Capabilities::default();
        capabilities.atomic_publish = true;
        capabilities.preconditions = true;
        capabilities.versions = true;
        capabilities.durable = ground.durable;
        capabilities.persistent = true;
        capabilities.verify = true;
        capabilities.accumulates =
            !config.mode.leaves_nothing() || config.evolution != Evolution::Strict || config.delete_when.is_some();
        let info = ManagerInfo::new(format!("delta+{scheme}"), root, capabilities, Forms::of([Form::Table]))
            .with_formats(vec![("table", SUFFIX.to_owned())])
            .with_remote(ground.remote);
        Self {
            info,
            core: Arc::new(Core { config, files }),
        }
    }
}

impl fmt::Debug for DeltaIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeltaIo({}:{})", self.info.scheme, self.info.root)
    }
}

#[async_trait]
impl IoManager for DeltaIo {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        match value {
            Value::Table(source) => {
                let counted = Self {
                    info: self.info.clone(),
                    core: self.core.counted(ctx.usage.as_ref()),
                };
                Ok(Box::new(counted.write(ctx, source.as_ref(), value).await?))
            }
            other => Err(not_a_table(other)),
        }
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        if let Some(form) = ctx.form.filter(|form| *form != Form::Table) {
            let message = format!("a Delta table is no {}", form.name());
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        let core = self.core.counted(ctx.usage.as_ref());
        let log = core.log(&ctx.asset_location)?;
        let table = core.table(&log, ctx.version.as_ref()).await?;
        let table = table.ok_or_else(|| not_found(ctx))?;
        let scope = core.scope(&table, ctx)?;
        let files = core.found(&log, &table, &scope).await?;
        let files = files.ok_or_else(|| not_found(ctx))?;
        if ctx.verify || core.config.verify {
            verify::check(core.files.ground(), &log, &files).await?;
        }
        let source = core.source(&log, &table, &scope);
        Ok(Value::Table(Arc::new(source)))
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        let core = self.core.counted(ctx.usage.as_ref());
        let log = core.log(&ctx.asset_location)?;
        let Some(table) = core.table(&log, ctx.version.as_ref()).await? else {
            return Ok(None);
        };
        let scope = core.scope(&table, ctx)?;
        core.receipt(ctx, &log, &table, &scope).await
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        crate::versions::delete(&self.core, ctx).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        crate::list::stems(&self.core, prefix)
    }

    fn versions(&self) -> Option<&dyn Versions> {
        Some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }

    fn with_settings(&self, settings: &BTreeMap<String, String>) -> Result<Arc<dyn IoManager>> {
        let config = Overrides::read(settings)?.over(&self.core.config);
        let ground = self.core.files.ground().clone();
        Ok(Arc::new(config.open(ground)?))
    }
}

fn not_a_table(value: &Value) -> Error {
    let message = format!(
        "a Delta table keeps tables, and this is a {}; bind the asset to another I/O manager",
        value.form().name()
    );
    Error::new(ErrorKind::Unsupported, message)
}
