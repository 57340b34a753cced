//! Values that pass in memory, within the budget.

use crate::support::{budget, options, run};
use larder_executor::{Asset, Definitions, Pipeline};
use larder_io_core::{Blob, IoManager, Shared};
use larder_io_memory::MemoryIo;
use larder_testkit::faulty::{Faulty, Op, Outcome};
use std::sync::Arc;

const MIB: u64 = 1 << 20;

fn stored_in(manager: &Arc<Faulty>, assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    let manager = Arc::<Faulty>::clone(manager) as Arc<dyn IoManager>;
    let definitions = Definitions::new().assets(assets).without_config();
    definitions.default_io_manager(manager).build().expect("is valid")
}

/// A value of so many MiB, which its step needs as memory.
fn blob(key: &str, mib: usize) -> Asset {
    let builder = Asset::builder(key).memory(format!("{mib}MiB"));
    builder.function(move |_| async move { Ok(vec![mib as u8; mib << 20]) })
}

/// The length of another's value.
fn length(key: &str, of: &str, mib: u64) -> Asset {
    let builder = Asset::builder(key).memory(format!("{mib}MiB"));
    builder.input_from::<Vec<u8>>("of", of).function(|mut args| async move {
        let of: Vec<u8> = args.input().await?;
        assert!(of.iter().all(|byte| u64::from(*byte) == of.len() as u64 >> 20));
        Ok(of.len() as u64)
    })
}

fn three() -> [Asset; 3] {
    [blob("up", 3), length("one", "up", 4), length("two", "up", 4)]
}

#[tokio::test]
async fn what_fits_the_budget_passes_in_memory() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    let pipeline = stored_in(&manager, three());
    run(&pipeline, budget(1, 8 * MIB)).await;
    assert_eq!((manager.calls(Op::Publish), manager.calls(Op::Load)), (3, 0));
    assert_eq!(pipeline.load::<u64>("two").await.expect("loads"), 3 * MIB);
}

#[tokio::test]
async fn where_a_load_gives_more_than_was_stored_it_is_loaded() {
    let mut info = MemoryIo::new().info().clone();
    info.capabilities.accumulates = true;
    let manager = Arc::new(Faulty::new(MemoryIo::new()).claiming(info));
    run(&stored_in(&manager, three()), budget(1, 8 * MIB)).await;
    assert!(manager.calls(Op::Load) > 0);
}

#[tokio::test]
async fn without_a_budget_it_is_loaded_once() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    run(&stored_in(&manager, three()), options(1, &[])).await;
    assert_eq!(manager.calls(Op::Load), 1);
}

#[tokio::test]
async fn a_value_goes_when_others_need_its_room_and_is_loaded_then() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    // Its consumers come after steps that leave no room for it.
    let other = [blob("other", 7), length("from_other", "other", 8)];
    let last = Asset::builder("last")
        .memory("4MiB")
        .input::<u64>("from_other")
        .input::<Vec<u8>>("up");
    let last = last.function(|mut args| async move {
        let (of_other, up): (u64, Vec<u8>) = (args.input().await?, args.input().await?);
        Ok(of_other + up.len() as u64)
    });
    let assets = [blob("up", 3)].into_iter().chain(other).chain([last]);
    let pipeline = stored_in(&manager, assets);
    run(&pipeline, budget(1, 8 * MIB)).await;
    assert_eq!(
        manager.calls(Op::Load),
        1,
        "`up` goes, `other` is within what its consumer reserves"
    );
}

#[tokio::test]
async fn what_is_kept_gives_way_to_a_step_that_needs_its_room() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    let last = Asset::builder("last")
        .memory("4MiB")
        .input::<()>("filler")
        .input::<Vec<u8>>("up");
    let last = last.function(|mut args| async move {
        args.input::<()>().await?;
        Ok(args.input::<Vec<u8>>().await?.len() as u64)
    });
    let pipeline = stored_in(&manager, [blob("up", 3), blob("filler", 5), last]);
    run(&pipeline, budget(1, 8 * MIB)).await;
    assert_eq!(manager.calls(Op::Load), 0, "both are within the budget");
    run(&pipeline, budget(1, 7 * MIB)).await;
    assert_eq!(manager.calls(Op::Load), 1);
}

#[tokio::test]
async fn a_value_larger_than_what_nobody_reserves_is_not_kept() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    // It is more than it said.
    let lying = Asset::builder("up")
        .memory("1MiB")
        .function(|_| async { Ok(vec![9_u8; 9 << 20]) });
    run(
        &stored_in(&manager, [lying, length("one", "up", 1)]),
        budget(1, 8 * MIB),
    )
    .await;
    assert_eq!(manager.calls(Op::Load), 1);
}

#[tokio::test]
async fn a_stream_is_read_once_and_loaded_from_where_it_is_stored() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    let stream = Asset::builder("up").memory("1MiB").function(|_| async {
        let chunks = [Ok(bytes::Bytes::from(vec![1_u8; 1 << 20]))];
        Ok(Blob::from_stream(Box::pin(futures_util::stream::iter(chunks))))
    });
    let assets = [stream, length("one", "up", 1), length("two", "up", 1)];
    run(&stored_in(&manager, assets), budget(2, 8 * MIB)).await;
    assert_eq!(manager.calls(Op::Load), 1, "once for both");
}

#[tokio::test]
async fn a_value_that_was_not_published_is_handed_to_nobody() {
    let refused = Outcome::Refused(larder_io_core::ErrorKind::PermissionDenied);
    for op in [Op::Stage, Op::Publish] {
        let manager = Arc::new(Faulty::new(MemoryIo::new()).failing(op, 1, refused));
        let pipeline = stored_in(&manager, three());
        let report = pipeline.run_with("*", budget(4, 64 * MIB)).await.expect("runs");
        assert_eq!(report.counts(), [0, 1, 2], "{op:?}");
        assert!(pipeline.load::<u64>("one").await.is_err());
    }
}

#[tokio::test]
async fn a_native_value_is_for_those_that_take_its_type_and_others_read_what_is_stored() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    let up = Asset::builder("up").function(|_| async { Ok(vec![1_u64, 2, 3]) });
    let same = Asset::builder("same").input_from::<Vec<u64>>("up", "up");
    let same = same.function(|mut args| async move { Ok(args.input::<Vec<u64>>().await?.iter().sum::<u64>()) });
    let shared = Asset::builder("shared").input_from::<Shared<Vec<u64>>>("up", "up");
    let shared = shared.function(|mut args| async move { Ok(args.input::<Shared<Vec<u64>>>().await?.len() as u64) });
    let other = Asset::builder("other").input_from::<[u64; 3]>("up", "up");
    let other = other.function(|mut args| async move { Ok(args.input::<[u64; 3]>().await?[2]) });
    let pipeline = stored_in(&manager, [up, same, shared, other]);
    run(&pipeline, budget(1, 8 * MIB)).await;
    assert_eq!(manager.calls(Op::Load), 1);
    let loaded = ["same", "shared", "other"].map(|key| pipeline.load::<u64>(key));
    let [same, shared, other] = loaded;
    assert_eq!(
        (same.await.ok(), shared.await.ok(), other.await.ok()),
        (Some(6), Some(3), Some(3))
    );
}

#[tokio::test]
async fn every_attempt_of_a_consumer_has_it() {
    let manager = Arc::new(Faulty::new(MemoryIo::new()));
    let calls = Arc::<std::sync::atomic::AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let down = Asset::builder("down")
        .input_from::<Vec<u8>>("of", "up")
        .function(move |mut args| {
            let call = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move {
                let of: Vec<u8> = args.input().await?;
                match call {
                    0 => Err(larder_io_core::Error::new(
                        larder_io_core::ErrorKind::AssetFailed,
                        "not yet",
                    )),
                    _ => Ok(of.len() as u64),
                }
            }
        });
    let pipeline = stored_in(&manager, [blob("up", 2), down]);
    let mut options = budget(1, 64 * MIB);
    let retry = larder_executor::RetryPolicy::of_attempts(2);
    options.retry = Some(retry.with_delays(std::time::Duration::from_millis(1), std::time::Duration::from_millis(1)));
    run(&pipeline, options).await;
    assert_eq!(pipeline.load::<u64>("down").await.expect("loads"), 2 * MIB);
}
