//! Tasks that make one step after another: they keep nothing from running at once, let others have their turn, and hear of the end.

use larder_executor::{Asset, AssetBuilder, Definitions, Event, Observer, Pipeline, RunOptions, Stop};
use larder_io_core::{Error, ErrorKind};
use larder_io_memory::MemoryIo;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
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
            // Behind whatever is ready now: `yield_now` waits until nothing is.
            let mut waited = false;
            let behind = std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                match std::mem::replace(&mut waited, true) {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            });
            behind.await;
        }
    });
    let seen = Arc::<Mutex<std::collections::BTreeSet<usize>>>::default();
    let (sees, at) = (Arc::clone(&seen), Arc::clone(&turns));
    let pipeline = chain(50, move |_| {
        sees.lock().expect("no panic").insert(at.load(Ordering::Relaxed));
        // Works for two turns.
        std::thread::sleep(Duration::from_millis(2));
    });
    let report = pipeline.run("*").await.expect("runs");
    other.abort();
    assert!(report.succeeded());
    let between = seen.lock().expect("no panic").len();
    assert!(between > 40, "others had a turn before {between} of 49 steps");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_step_makes_ready_runs_on_every_thread() {
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let children = (0..2).map(|number| {
        let barrier = Arc::clone(&barrier);
        after(format!("child/{number}"), "s0").function(move |_| {
            let barrier = Arc::clone(&barrier);
            async move {
                // Neither lets its thread go before the other one runs.
                barrier.wait();
                Ok(1_u64)
            }
        })
    });
    let report = pipeline([first()].into_iter().chain(children)).run("*").await;
    assert_eq!(report.expect("runs").counts(), [3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn steps_that_do_not_let_their_threads_go_are_left_behind() {
    let (begun, begin) = mpsc::channel();
    let (ends, held): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel::<()>()).unzip();
    let held = Arc::new(Mutex::new(held));
    let children = (0..2).map(|number| {
        let (begun, held) = (begun.clone(), Arc::clone(&held));
        after(format!("child/{number}"), "s0").function(move |_| {
            let (begun, held) = (begun.clone(), held.lock().expect("no panic").pop());
            async move {
                begun.send(()).expect("is heard");
                // Until the test lets it go, or fails.
                let _ = held.expect("one for each").recv();
                Ok(1_u64)
            }
        })
    });
    let pipeline = pipeline([first()].into_iter().chain(children));
    let mut options = RunOptions::default();
    let stop = Stop::new();
    options.stop = Some(stop.clone());
    let stopping = std::thread::spawn(move || {
        (0..2).for_each(|_| begin.recv().expect("both begin"));
        stop.stop();
    });
    let report = pipeline.run_with("*", options).await.expect("ends");
    stopping.join().expect("no panic");
    assert_eq!(report.counts(), [1, 2, 0], "{:?}", report.steps);
    // They end now, and are nobody's.
    drop(ends);
}

/// Panics when it hears of a failure.
struct Nervous;

impl Observer for Nervous {
    fn on_event(&self, event: &Event) {
        assert!(!matches!(event, Event::StepFailed { .. }), "that was too much");
    }
}

#[tokio::test]
async fn an_observer_that_panics_is_no_success() {
    let failing =
        Asset::builder("failing").function(|_| async { Err::<u64, _>(Error::new(ErrorKind::AssetFailed, "never")) });
    let pipeline = pipeline([
        first(),
        failing,
        after("last".to_owned(), "failing").function(|_| async { Ok(1_u64) }),
    ]);
    let mut options = RunOptions::default();
    options.observers = vec![Arc::new(Nervous)];
    let error = pipeline.run_with("*", options).await.expect_err("it panicked");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.message().contains("panicked"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_nobody_waits_for_begins_nothing_more() {
    let last = Arc::new(AtomicUsize::new(0));
    let (begun, on) = (Arc::clone(&last), tokio::runtime::Handle::current());
    let (at_ten, ten) = tokio::sync::oneshot::channel();
    let (go_on, gone) = mpsc::channel::<()>();
    let waits = Mutex::new(Some((at_ten, gone)));
    let waits = Arc::new(waits);
    let pipeline = chain(30, move |step| {
        begun.store(step, Ordering::SeqCst);
        if step == 10
            && let Some((at_ten, gone)) = waits.lock().expect("no panic").take()
        {
            at_ten.send(()).expect("is heard");
            let _ = gone.recv();
        }
    });
    tokio::select! {
        _ = pipeline.run("*") => panic!("the run came to its end"),
        heard = ten => heard.expect("is told"),
    }
    go_on.send(()).expect("is heard");
    // The step that was under way ends; what would follow it has its time.
    on.spawn(tokio::time::sleep(Duration::from_millis(100)))
        .await
        .expect("waits");
    assert_eq!(last.load(Ordering::SeqCst), 10);
}
