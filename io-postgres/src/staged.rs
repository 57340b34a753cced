//! What is staged: published or discarded, however its rows came in.

use crate::error::Fault;
use crate::pool::Lease;
use crate::publish::{self, Pending};
use crate::stage::Core;
use crate::sweep;
use larder_io_core::{Error, ErrorKind, Receipt, Result, Staged, Value, async_trait};
use std::sync::Arc;
use std::time::Instant;

/// A value in a table that nobody sees yet.
pub(crate) struct StagedTable {
    core: Core,
    receipt: Receipt,
    pending: Pending,
    keep_for_checks: bool,
    published: bool,
    began: Instant,
}

impl StagedTable {
    pub(crate) fn new(core: Core, receipt: Receipt, pending: Pending, keep_for_checks: bool, began: Instant) -> Self {
        Self {
            core,
            receipt,
            pending,
            keep_for_checks,
            published: false,
            began,
        }
    }

    /// Drops what was let go long enough ago. What fails here is left to the next publish and to `gc`: the value is stored.
    async fn sweep(&self, lease: Lease) {
        let swept = async {
            let client = lease.client()?;
            let (book, location) = (&self.core.book, &self.pending.location);
            let tables = sweep::due(client, book, location, self.core.grace).await?;
            sweep::sweep(client, book, &tables).await
        };
        if swept.await.is_ok() {
            lease.give_back();
        }
    }
}

#[async_trait]
impl Staged for StagedTable {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        if !self.keep_for_checks {
            let message = "a staged value can be loaded only when the store asked for `keep_for_checks`";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(Value::Table(Arc::new(
            self.core.stored(&self.pending.data, &self.receipt)?,
        )))
    }

    async fn publish(&mut self) -> Result<Receipt> {
        if self.published {
            return Ok(self.receipt.clone());
        }
        let core = self.core.clone();
        let published = async {
            let lease = core.pool.lend().await?;
            match publish::publish(lease.client()?, &core.book, core.views, &self.pending).await {
                Ok(receipt) => Ok((lease, receipt)),
                Err(Fault::Own(error)) if error.kind() == ErrorKind::Conflict => {
                    // It was rolled back; the connection is as good as before.
                    lease.give_back();
                    Err(Fault::Own(error))
                }
                Err(fault) => Err(fault),
            }
        };
        let (lease, mut receipt) = published.await.map_err(|fault| {
            if fault.is_silence() {
                core.pool.clear();
            }
            core.error(fault, "publishing", &self.pending.location)
        })?;
        receipt.duration = self.began.elapsed();
        self.receipt = receipt;
        self.published = true;
        self.sweep(lease).await;
        Ok(self.receipt.clone())
    }

    async fn discard(&mut self) -> Result<()> {
        if self.published {
            return Ok(());
        }
        let discarded = async {
            let lease = self.core.pool.lend().await?;
            publish::discard(lease.client()?, &self.core.book, &self.pending.data).await?;
            Ok::<Lease, Fault>(lease)
        };
        let lease = discarded.await.map_err(|fault| {
            self.core
                .error(fault, "discarding what was staged for", &self.pending.location)
        })?;
        self.sweep(lease).await;
        Ok(())
    }
}
