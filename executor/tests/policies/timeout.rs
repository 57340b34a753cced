//! How long one attempt may take.

use crate::support::*;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use larder_executor::policy::{Policies, RetryPolicy, TimeoutPolicy};
use larder_io_core::{AssetValue, Blob, Effect, ErrorKind, Value, Version};
use serde::{Deserialize, Serialize, Serializer};
#[cfg(feature = "arrow")]
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Chunks of 1000 bytes, each made in this time.
fn chunks(count: usize, each: Duration) -> Value {
    let chunks = stream::iter(0..count).then(move |_| async move {
        sleep(each).await;
        Ok(Bytes::from(vec![0; 1000]))
    });
    Blob::from_stream(chunks.boxed()).into_value()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_bytes_has_the_base_time() {
    let manager = Scripted::new().script("head", [Act::Hang]);
    let (took, done) = measured(manager.behind(&once_timed()).head(&input())).await;
    let error = done.expect_err("is stuck");
    assert_eq!(
        (took, error.kind(), error.effect()),
        (10_000, ErrorKind::Timeout, Effect::None)
    );
    assert!(error.message().contains("no end after 10s;"), "{error}");
    assert!(error.message().contains("`timeout.base`"), "{error}");
    assert!(
        error
            .message()
            .contains("`timeout.bytes_per_second` of the I/O manager `scripted`"),
        "{error}"
    );
    let manager = Scripted::new().script("head", [Act::Done(ms(9_999))]);
    manager.behind(&once_timed()).head(&input()).await.expect("is in time");
}

#[tokio::test(start_paused = true)]
async fn it_can_be_turned_off() {
    let manager = Scripted::new().script("head", [Act::Done(Duration::from_secs(86_400))]);
    let patient = once_timed().with_timeout(None);
    manager.behind(&patient).head(&input()).await.expect("takes its time");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_write_may_have_happened_and_a_stuck_stage_shows_nothing() {
    let manager = Scripted::new().script("delete", [Act::Hang]);
    let error = manager
        .behind(&once_timed())
        .delete(&input())
        .await
        .expect_err("is stuck");
    assert_eq!(error.effect(), Effect::Unknown);
    let manager = Scripted::new().script("stage", [Act::Hang]);
    let staged = manager.behind(&once_timed()).stage(&output(), &blob()).await;
    assert_eq!(staged.err().map(|error| error.effect()), Some(Effect::None));
    let manager = Scripted::new().script("publish", [Act::Hang]);
    let stored = manager.behind(&once_timed()).handle_output(&output(), &blob()).await;
    assert_eq!(stored.expect_err("is stuck").effect(), Effect::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_known_size_is_allowed_for_at_once() {
    let value = Blob::from(vec![0_u8; 30_000]).into_value();
    let manager = Scripted::new().script("stage", [Act::Done(ms(39_000)), Act::Hang]);
    let guarded = manager.behind(&once_timed());
    guarded
        .stage(&output(), &value)
        .await
        .expect("10 s and 30 s are allowed");
    let (took, staged) = measured(guarded.stage(&output(), &value)).await;
    let error = staged.err().expect("is stuck");
    assert_eq!(took, 40_000);
    assert!(
        error
            .message()
            .contains("40s (10s, and 30000 bytes at 1000 bytes per second)"),
        "{error}"
    );
}

#[cfg(feature = "arrow")]
#[tokio::test(start_paused = true)]
async fn a_table_in_memory_is_as_large_as_its_columns() {
    use arrow_array::{Int64Array, RecordBatch};
    let numbers: Arc<Int64Array> = Arc::new((0..2500_i64).collect());
    let batch = RecordBatch::try_from_iter([("n", numbers as _)]).expect("fits");
    let value = larder_io_core::Table::from(batch).into_value();
    let manager = Scripted::new().script("stage", [Act::Hang]);
    let (took, staged) = measured(manager.behind(&once_timed()).stage(&output(), &value)).await;
    assert!(staged.is_err_and(|error| error.kind() == ErrorKind::Timeout));
    assert_eq!(took, 30_000, "10 s, and 2500 times 8 bytes");
}

#[tokio::test(start_paused = true)]
async fn what_is_published_is_as_large_as_its_receipt_says() {
    let manager = Scripted::of(5000, Duration::ZERO).script("publish", [Act::Hang]);
    let mut staged = manager
        .behind(&once_timed())
        .stage(&output(), &blob())
        .await
        .expect("stages");
    let (took, published) = measured(staged.publish()).await;
    assert_eq!(
        (took, published.expect_err("is stuck").kind()),
        (15_000, ErrorKind::Timeout)
    );
}

#[tokio::test(start_paused = true)]
async fn an_allowance_grows_with_what_passes() {
    // 60 chunks of 1000 bytes, each 0.9 s on its way: 54 s, of which only 10 s are allowed without bytes.
    let manager = Scripted::of(0, ms(900));
    let guarded = manager.behind(&once_timed());
    guarded
        .stage(&output(), &chunks(60, Duration::ZERO))
        .await
        .expect("is fast enough");
    // 2 s each: chunk n comes after 2 s x (n - 1), and then 10 s + 1 s x n are allowed: over after the eleventh.
    let guarded = Scripted::of(0, ms(2000)).behind(&once_timed());
    let (took, staged) = measured(guarded.stage(&output(), &chunks(60, Duration::ZERO))).await;
    let error = staged.err().expect("is too slow");
    assert_eq!((took, error.kind()), (21_000, ErrorKind::Timeout));
    // What the allowance would have to be.
    let told = "no end after 21s (10s, and 11000 bytes at 1000 bytes per second), in which 11000 bytes passed, 524 bytes per second;";
    assert!(error.message().contains(told), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_time_of_the_values_own_source_does_not_count() {
    // 5 chunks, each made in 100 s and moved in 0.1 s.
    let manager = Scripted::of(0, ms(100));
    let (took, staged) = measured(manager.behind(&once_timed()).stage(&output(), &chunks(5, ms(100_000)))).await;
    assert!(staged.is_ok(), "{:?}", staged.err());
    assert_eq!(took, 500_500);
    // Then the store is stuck: 10 s and 5 s for its bytes, of which 0.5 s were used.
    let manager = Scripted::of(0, ms(100)).script("stage", [Act::Hang]);
    let (took, staged) = measured(manager.behind(&once_timed()).stage(&output(), &chunks(5, ms(100_000)))).await;
    assert!(staged.is_err_and(|error| error.kind() == ErrorKind::Timeout));
    assert_eq!(took, 515_000);
}

#[tokio::test(start_paused = true)]
async fn loading_asks_for_the_size_once_when_the_base_time_is_over() {
    let manager = Scripted::of(20_000, Duration::ZERO).script("load", [Act::Done(ms(29_000)), Act::Hang]);
    let guarded = manager.behind(&once_timed());
    guarded.load_input(&input()).await.expect("10 s and 20 s are allowed");
    assert_eq!(manager.times("head"), [10_000]);
    let (took, loaded) = measured(guarded.load_input(&input())).await;
    assert_eq!(
        (took, loaded.err().map(|error| error.kind())),
        (30_000, Some(ErrorKind::Timeout))
    );
    assert_eq!(manager.times("head"), [10_000, 39_000]);
    // A load in time asks nothing.
    let manager = Scripted::of(20_000, Duration::ZERO).script("load", [Act::Done(ms(9_000))]);
    manager.behind(&once_timed()).load_input(&input()).await.expect("loads");
    assert_eq!(manager.calls(), ["load"]);
}

#[tokio::test(start_paused = true)]
async fn a_size_that_nobody_tells_ends_a_load() {
    let manager = Scripted::new()
        .script("load", [Act::Hang])
        .script("head", [fail(ErrorKind::Unavailable)]);
    let (took, loaded) = measured(manager.behind(&once_timed()).load_input(&input())).await;
    assert_eq!(
        (took, loaded.err().map(|error| error.kind())),
        (10_000, Some(ErrorKind::Timeout))
    );
    let manager = Scripted::new().script("load", [Act::Hang]).script("head", [Act::Hang]);
    let (took, loaded) = measured(manager.behind(&once_timed()).load_input(&input())).await;
    assert_eq!((took, loaded.is_err()), (20_000, true));
}

#[tokio::test(start_paused = true)]
async fn restoring_may_copy_and_cleaning_up_may_take_for_ever() {
    let manager = Scripted::of(20_000, Duration::ZERO)
        .script("restore", [Act::Done(ms(25_000))])
        .script("gc", [Act::Done(ms(3_600_000))]);
    let guarded = manager.behind(&once_timed());
    let versions = guarded.versions().expect("keeps versions");
    versions
        .restore(&input(), &Version::from_text("v1"))
        .await
        .expect("restores");
    let maintenance = guarded.maintenance().expect("cleans up");
    maintenance
        .gc(&larder_io_core::GcOptions::default())
        .await
        .expect("cleans up");
}

/// Writes as so many bytes of JSON.
#[derive(Deserialize)]
struct Wide(usize);

impl Serialize for Wide {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The quotes are bytes too.
        serializer.serialize_str(&"x".repeat(self.0 - 2))
    }
}

#[tokio::test(start_paused = true)]
async fn a_native_value_is_measured_when_the_base_time_is_over() {
    let manager = Scripted::new().script("stage", [Act::Done(ms(29_000)), Act::Hang]);
    let guarded = manager.behind(&once_timed());
    let value = larder_io_core::object::native(Wide(20_000));
    guarded
        .stage(&output(), &value)
        .await
        .expect("10 s and 20 s are allowed");
    let staged = guarded.stage(&output(), &value).await;
    let error = staged.err().expect("is stuck");
    assert!(error.message().contains("30s (10s, and 20000 bytes"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_time() {
    let retry = RetryPolicy::of_attempts(3)
        .with_delays(ms(100), ms(1000))
        .with_jitter(false);
    let policies = Policies::default()
        .with_retry(retry)
        .with_timeout(TimeoutPolicy::new(ms(10_000), 1000));
    let manager = Scripted::new().script("head", [Act::Hang, Act::Hang, Act::Hang]);
    let (took, done) = measured(manager.behind(&policies).head(&input())).await;
    assert_eq!(manager.times("head"), [0, 10_100, 20_300]);
    let error = done.expect_err("is stuck");
    assert_eq!((took, error.kind(), error.attempts()), (30_300, ErrorKind::Timeout, 3));
}
