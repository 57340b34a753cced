//! Operations at once.

use crate::support::*;
use futures_util::future::join_all;
use futures_util::stream::StreamExt;
use larder_executor::policy::{Policies, RetryPolicy};
use larder_io_core::{AssetValue, Blob, ErrorKind, IoManager, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn at_once(most: u32) -> Policies {
    plain().with_max_concurrent(most)
}

fn slow(times: usize) -> Vec<Act> {
    (0..times).map(|_| Act::Done(ms(100))).collect()
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_and_no_less() {
    let manager = Scripted::new().script("head", slow(12));
    let guarded = manager.behind(&at_once(3));
    let context = input();
    let (took, heads) = measured(join_all((0..12).map(|_| guarded.head(&context)))).await;
    assert!(heads.iter().all(Result::is_ok));
    assert_eq!((manager.most(), took), (3, 400));
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_of_all_operations_together() {
    let manager = Scripted::new()
        .script("head", slow(4))
        .script("load", slow(4))
        .script("stage", slow(4));
    let guarded = manager.behind(&at_once(2));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (one, two, three) = (Arc::clone(&guarded), Arc::clone(&guarded), Arc::clone(&guarded));
        tasks.spawn(async move { one.head(&input()).await.map(|_| ()) });
        tasks.spawn(async move { two.load_input(&input()).await.map(|_| ()) });
        tasks.spawn(async move { three.stage(&output(), &blob()).await.map(|_| ()) });
    }
    for done in tasks.join_all().await {
        done.expect("succeeds");
    }
    assert_eq!(manager.most(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_next_attempt_keeps_nobody_out() {
    let manager = Scripted::new()
        .script("delete", [busy(ms(60_000))])
        .script("head", slow(1));
    let guarded = manager.behind(&at_once(1));
    let waiting = tokio::spawn({
        let guarded = Arc::clone(&guarded);
        async move { guarded.delete(&input()).await }
    });
    sleep(ms(1000)).await;
    guarded.head(&input()).await.expect("the place is free");
    waiting.await.expect("runs").expect("deletes at last");
    assert_eq!(manager.times("head"), [1000]);
    assert_eq!(manager.times("delete"), [0, 60_000]);
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_waits_for_a_place_like_anybody() {
    let manager = Scripted::new()
        .script("delete", [fail(ErrorKind::Unavailable)])
        .script("head", [Act::Done(ms(5000))]);
    let guarded = manager.behind(&at_once(1));
    let context = input();
    let (deleted, looked) = tokio::join!(guarded.delete(&context), guarded.head(&context));
    deleted.expect("deletes at last");
    looked.expect("looks");
    assert_eq!(manager.times("delete"), [0, 5000]);
    assert_eq!(manager.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_takes_nothing_from_deadline_and_timeout() {
    let hour = Act::Done(Duration::from_secs(9));
    let retry = RetryPolicy::of_attempts(2)
        .with_delays(ms(100), ms(100))
        .with_jitter(false)
        .with_deadline(ms(1000));
    let policies = once_timed().with_retry(retry).with_max_concurrent(1);
    let manager = Scripted::new()
        .script("load", [hour])
        .script("head", [fail(ErrorKind::Unavailable), Act::Done(ms(9000))]);
    let guarded = manager.behind(&policies);
    let context = input();
    let (loaded, looked) = tokio::join!(guarded.load_input(&context), guarded.head(&context));
    loaded.expect("loads");
    looked.expect("9 s in the queue, a failure, 9 s of work");
    assert_eq!(manager.times("head"), [9000, 9100]);
}

#[tokio::test(start_paused = true)]
async fn what_is_staged_has_no_place() {
    let manager = Scripted::new();
    let guarded = manager.behind(&at_once(1));
    let all = async {
        let mut staged = Vec::new();
        for _ in 0..3 {
            staged.push(guarded.stage(&output(), &blob()).await.expect("stages"));
        }
        for one in &mut staged {
            one.publish().await.expect("publishes");
        }
    };
    timeout(ms(1000), all).await.expect("nobody waits for anybody");
    assert_eq!(manager.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_of_the_same_manager_is_read_while_another_is_stored() {
    let inner = larder_testkit::faulty::Faulty::new(larder_io_memory::MemoryIo::new());
    let guarded = larder_executor::policy::assemble(Arc::new(Lazy(inner)), "one", &at_once(1));
    guarded.handle_output(&output(), &blob()).await.expect("stores");
    let all = async {
        let loaded = guarded.load_input(&input()).await.expect("loads");
        guarded
            .handle_output(&output(), &loaded)
            .await
            .expect("stores what it reads from itself");
    };
    timeout(ms(1000), all).await.expect("nobody waits for anybody");
}

#[tokio::test(start_paused = true)]
async fn a_listing_keeps_no_place_while_its_consumer_works() {
    let manager = Scripted::new().listing([Ok(location("a")), Ok(location("b"))]);
    let guarded = manager.behind(&at_once(1));
    let all = async {
        let mut locations = guarded.list(None);
        while let Some(location) = locations.next().await {
            location.expect("lists");
            guarded.delete(&input()).await.expect("deletes while it lists");
        }
    };
    timeout(ms(1000), all).await.expect("nobody waits for anybody");
    assert_eq!(manager.times("delete").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_operation_gives_its_place_back() {
    let manager = Scripted::new().script("head", [Act::Hang]);
    let guarded = manager.behind(&at_once(1));
    timeout(ms(100), guarded.head(&input())).await.expect_err("hangs");
    timeout(ms(100), guarded.load_input(&input()))
        .await
        .expect("the place is free")
        .expect("loads");
}

/// Loads blobs as streams that begin only when they are read.
#[derive(Debug)]
struct Lazy<M>(M);

struct LazyBlob(Blob);

#[larder_io_core::async_trait]
impl larder_io_core::BlobSource for LazyBlob {
    fn size(&self) -> Option<u64> {
        self.0.size()
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn open(&self) -> larder_io_core::Result<larder_io_core::ByteStream> {
        self.0.stream().await
    }
}

#[larder_io_core::async_trait]
impl<M: IoManager> IoManager for Lazy<M> {
    fn info(&self) -> &larder_io_core::ManagerInfo {
        self.0.info()
    }

    async fn stage(
        &self,
        ctx: &larder_io_core::OutputContext,
        value: &Value,
    ) -> larder_io_core::Result<Box<dyn larder_io_core::Staged>> {
        self.0.stage(ctx, value).await
    }

    async fn load_input(&self, ctx: &larder_io_core::InputContext) -> larder_io_core::Result<Value> {
        let blob = Blob::from_value(self.0.load_input(ctx).await?).await?;
        Ok(Value::Blob(Arc::new(LazyBlob(blob))))
    }

    async fn head(
        &self,
        ctx: &larder_io_core::InputContext,
    ) -> larder_io_core::Result<Option<larder_io_core::Receipt>> {
        self.0.head(ctx).await
    }

    async fn delete(&self, ctx: &larder_io_core::InputContext) -> larder_io_core::Result<()> {
        self.0.delete(ctx).await
    }

    fn list(
        &self,
        prefix: Option<&larder_io_core::Location>,
    ) -> futures_util::stream::BoxStream<'static, larder_io_core::Result<larder_io_core::Location>> {
        self.0.list(prefix)
    }
}
