//! Staging and publishing, done wrong.

use super::store::Core;
use super::{Fault, value};
use larder_io_core::{AssetKey, OutputContext, Receipt, Result, Staged, Value, WriteId, async_trait};
use std::sync::Arc;
use std::time::Duration;

/// A staged value of a [`Broken`](super::Broken) store.
pub(super) struct BrokenStaged {
    pub(super) core: Arc<Core>,
    pub(super) inner: Box<dyn Staged>,
    pub(super) ctx: OutputContext,
    pub(super) value: Value,
    pub(super) receipt: Receipt,
    pub(super) published: bool,
}

impl BrokenStaged {
    /// Publishes a value besides the one that was staged.
    async fn publish_beside(&self, value: &Value) -> Result<Receipt> {
        let mut ctx = self.ctx.clone();
        ctx.write = WriteId::random();
        self.core.inner.handle_output(&ctx, value).await
    }

    fn forget(&self) {
        self.core.staged().retain(|stem| *stem != self.ctx.location);
    }
}

/// The receipt as the faulty store tells it.
pub(super) fn told(fault: Fault, mut receipt: Receipt) -> Receipt {
    match fault {
        Fault::MiscountsReceipts => {
            receipt.bytes += 1;
            receipt.rows = receipt.rows.map(|rows| rows + 1);
        }
        Fault::HashesWrites => {
            receipt.content_hash = Some(larder_io_core::ContentHash::of(receipt.write.as_str().as_bytes()));
        }
        Fault::LossyReceipts => {
            let letters: String = receipt
                .asset
                .name()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            receipt.asset = AssetKey::new([format!("x{letters}")]).unwrap_or(receipt.asset);
        }
        _ => {}
    }
    receipt
}

#[async_trait]
impl Staged for BrokenStaged {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        match self.core.fault {
            Fault::LoadsStagedAlways => Ok(self.value.clone()),
            _ => self.inner.load().await,
        }
    }

    async fn publish(&mut self) -> Result<Receipt> {
        let input = self.ctx.to_input(self.value.form());
        match self.core.fault {
            Fault::DeletesFirst => {
                self.core.inner.delete(&input).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Fault::Tears => {
                self.publish_beside(&value::half(&self.value).await?).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Fault::PublishesTwice if self.published => return self.publish_beside(&self.value.clone()).await,
            _ => {}
        }
        let receipt = self.inner.publish().await?;
        self.published = true;
        self.forget();
        self.core.write_file(&receipt)?;
        Ok(told(self.core.fault, receipt))
    }

    async fn discard(&mut self) -> Result<()> {
        self.forget();
        self.inner.discard().await
    }
}
