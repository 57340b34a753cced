//! Tasks that make one step after another: they keep nothing from running at once, let others have their turn, and hear of the end.

use larder_executor::{Asset, AssetBuilder, Definitions, Pipeline, RunOptions, Stop};
use larder_io_core::{Error, ErrorKind};
use larder_io_memory::MemoryIo;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Barrier;

fn pipeline(assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    let definitions = Definitions::new().without_config().without_catalog().assets(assets);
    let definitions = definitions.default_io_manager(Arc::new(MemoryIo::new()));
    definitions.build().expect("fits together")
}

fn after(key: String, other: &str) -> AssetBuilder {
    Asset::builder(key).input_from::<u64>("before", other)
}

fn first() -> Asset {
    Asset::builder("s0").function(|_| async { Ok(0_u64) })
}

#[tokio::test(start_paused = true)]
async fn what_one_step_makes_ready_begins_together() {
    let barrier = Arc::new(Barrier::new(4));
    let children = (0..4).map(|number| {
        let barrier = Arc::clone(&barrier);
        after(format!("child/{number}"), "s0").function(move |_| {
            let barrier = Arc::clone(&barrier);
            async move {
                // Each waits for all others: one after the other they would wait for ever.
                let met = tokio::time::timeout(Duration::from_secs(60), barrier.wait()).await;
                met.map(|_| 1_u64)
                    .map_err(|_| Error::new(ErrorKind::Timeout, "the others never came"))
            }
        })
    });
    let pipeline = pipeline([first()].into_iter().chain(children));
    let mut options = RunOptions::default();
    options.max_concurrent = 4;
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert_eq!(report.counts(), [5, 0, 0], "{:?}", report.steps);
}

/// A chain of steps that never wait; each is told when it begins.
fn chain(steps: usize, told: impl Fn(usize) + Clone + Send + Sync + 'static) -> Pipeline {
    let rest = (1..steps).map(|step| {
        let told = told.clone();
        after(format!("s{step}"), &format!("s{}", step - 1)).function(move |mut args| {
            told(step);
            async move { Ok(args.input::<u64>().await? + 1) }
        })
    });
    pipeline([first()].into_iter().chain(rest))
}

#[tokio::test]
async fn steps_that_never_wait_leave_others_their_turn() {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    // Each of them works for two turns.
    let pipeline = chain(50, |_| std::thread::sleep(Duration::from_millis(2)));
    let report = pipeline.run("*").await.expect("runs");
    other.abort();
    assert!(report.succeeded());
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns > 40, "{turns} turns during 49 steps");
}

#[tokio::test]
async fn a_run_that_is_stopped_begins_no_step_that_never_waits() {
    let stop = Stop::new();
    let last = Arc::new(AtomicUsize::new(0));
    let (stops, begun) = (stop.clone(), Arc::clone(&last));
    let pipeline = chain(30, move |step| {
        begun.store(step, Ordering::Relaxed);
        if step == 10 {
            stops.stop();
        }
    });
    let mut options = RunOptions::default();
    options.stop = Some(stop);
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert_eq!(last.load(Ordering::Relaxed), 10, "nothing began after it");
    // It had its value published before anybody could stop it; the next one has failed, and the rest is skipped.
    assert_eq!(report.counts(), [11, 1, 18]);
    let error = report.error("s11").expect("it failed");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
