//! Which format a table gets next, by how the one before it was used.

use crate::core::{Core, path};
use crate::format::{TableFormat, Use};
use crate::store::Purpose;
use larder_io_core::{InputContext, Result};

impl Core {
    /// Counts a load where the manager chooses formats by it.
    pub(crate) async fn count_load(&self, ctx: &InputContext) {
        if let (Some(loads), true, Ok(stem)) = (self.store.loads(), self.settings.chooses(), path(&ctx.location)) {
            loads.add(&stem).await;
        }
    }

    /// Counts loads of a new value from 0.
    pub(crate) async fn reset_loads(&self, ctx: &InputContext) {
        if let (Some(loads), true, Ok(stem)) = (self.store.loads(), self.settings.chooses(), path(&ctx.location)) {
            loads.reset(&stem).await;
        }
    }

    /// The format of the next table at a location, and why where the manager chooses it.
    pub(crate) async fn next_table(&self, ctx: &InputContext) -> Result<(TableFormat, Option<String>)> {
        if !self.settings.chooses() {
            return Ok((self.settings.table, None));
        }
        let mut of = Use::default();
        if let Some(loads) = self.store.loads() {
            of.loads = Some(loads.count(&path(&ctx.location)?).await);
            // What cannot be looked at is replaced all the same.
            let found = self.find(ctx, Purpose::Receipt).await.ok().flatten();
            of.bytes = found.map(|found| found.reader.size());
        }
        let (format, because) = self.settings.auto.choose(of);
        Ok((format, Some(because)))
    }
}
