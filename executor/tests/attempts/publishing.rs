//! A step that publishes has to come to its end.

use super::{failing, options};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use larder_executor::Definitions;
use larder_io_core::{
    ErrorKind, InputContext, IoManager, Location, ManagerInfo, OutputContext, Receipt, Result, Staged, Value,
};
use larder_io_memory::MemoryIo;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// In memory, with a `publish` that takes a minute.
#[derive(Debug)]
struct Slow(MemoryIo);

struct SlowStaged(Box<dyn Staged>);

#[async_trait]
impl Staged for SlowStaged {
    fn receipt(&self) -> &Receipt {
        self.0.receipt()
    }

    async fn load(&self) -> Result<Value> {
        self.0.load().await
    }

    async fn publish(&mut self) -> Result<Receipt> {
        sleep(Duration::from_secs(60)).await;
        self.0.publish().await
    }

    async fn discard(&mut self) -> Result<()> {
        self.0.discard().await
    }
}

#[async_trait]
impl IoManager for Slow {
    fn info(&self) -> &ManagerInfo {
        self.0.info()
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        Ok(Box::new(SlowStaged(self.0.stage(ctx, value).await?)))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        self.0.load_input(ctx).await
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        self.0.head(ctx).await
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        self.0.delete(ctx).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        self.0.list(prefix)
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_publishes_is_not_stopped_any_more() {
    let calls = Arc::default();
    let pipeline = Definitions::new()
        .asset(failing(0, ErrorKind::AssetFailed, &calls))
        .without_config()
        .default_io_manager(Arc::new(Slow(MemoryIo::new())))
        .build()
        .expect("is valid");
    let (mut options, heard) = options(3);
    options.step_timeout = Some(Duration::from_secs(10));
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert!(report.succeeded(), "{:?}", report.error("a"));
    assert_eq!(
        (calls.load(Ordering::Relaxed), heard.take()),
        (1, vec!["store".to_owned(), "made".to_owned()])
    );
}
