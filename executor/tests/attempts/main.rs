//! Computing again, and limits of time: time is paused, nothing really waits.

mod publishing;

use futures_util::StreamExt;
use larder_executor::{Asset, Definitions, Event, Executor, Observer, Pipeline, RetryPolicy, RunOptions, StepStatus};
use larder_io_core::{Blob, Error, ErrorKind, Result, Retry};
use larder_io_memory::MemoryIo;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn on_event(&self, event: &Event) {
        let heard = match event {
            Event::StepRetried {
                attempt, delay, error, ..
            } => format!("again {attempt} {delay:?} {:?}", error.kind()),
            Event::StoreStarted { .. } => "store".to_owned(),
            Event::Materialized(_) => "made".to_owned(),
            Event::StepFailed { error, .. } => format!("failed {:?} {}", error.kind(), error.attempts()),
            _ => return,
        };
        self.0.lock().expect("no panic").push(heard);
    }
}

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

fn pipeline(assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    Definitions::new()
        .assets(assets)
        .without_config()
        .default_io_manager(Arc::new(MemoryIo::new()))
        .build()
        .expect("is valid")
}

fn options(attempts: u32) -> (RunOptions, Arc<Heard>) {
    let heard = Arc::<Heard>::default();
    let mut options = RunOptions::default();
    options.max_concurrent = 2;
    let retry = RetryPolicy::of_attempts(attempts).with_jitter(false);
    options.retry = Some(retry.with_delays(Duration::from_secs(1), Duration::from_secs(60)));
    options.observers = vec![Arc::<Heard>::clone(&heard)];
    (options, heard)
}

/// An asset that fails so often, with this kind.
fn failing(times: u32, kind: ErrorKind, calls: &Arc<AtomicU32>) -> Asset {
    let calls = Arc::clone(calls);
    Asset::builder("a").function(move |_| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            match call < times {
                true => Err(Error::new(kind, "not yet")),
                false => Ok(u64::from(call)),
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn what_fails_twice_is_computed_three_times_and_stored_once() {
    let calls = Arc::default();
    let pipeline = pipeline([failing(2, ErrorKind::AssetFailed, &calls)]);
    let (options, heard) = options(3);
    let began = Instant::now();
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert!(report.succeeded());
    assert_eq!(
        heard.take(),
        ["again 1 1s AssetFailed", "again 2 2s AssetFailed", "store", "made"]
    );
    assert_eq!(
        (calls.load(Ordering::Relaxed), began.elapsed()),
        (3, Duration::from_secs(3))
    );
    assert_eq!(pipeline.load::<u64>("a").await.expect("loads"), 2);
}

#[tokio::test(start_paused = true)]
async fn attempts_end_and_the_last_error_says_how_many_there_were() {
    let calls = Arc::default();
    let pipeline = pipeline([failing(9, ErrorKind::AssetFailed, &calls)]);
    let (mut limited, heard) = options(3);
    pipeline.run_with("*", limited.clone()).await.expect("runs");
    assert_eq!(heard.take().last().map(String::as_str), Some("failed AssetFailed 3"));
    // No attempt begins after the deadline: after 1, 2, 4 seconds, not after 8 more.
    let retry = RetryPolicy::of_attempts(9)
        .with_jitter(false)
        .with_delays(Duration::from_secs(1), Duration::from_secs(60));
    limited.retry = Some(retry.with_deadline(Duration::from_secs(10)));
    pipeline.run_with("*", limited).await.expect("runs");
    assert_eq!(heard.take().last().map(String::as_str), Some("failed AssetFailed 4"));
}

#[tokio::test(start_paused = true)]
async fn an_asset_says_itself_how_often_and_others_are_as_the_run_says() {
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let asset = Asset::builder("a")
        .retry(RetryPolicy::of_attempts(2))
        .function(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Err::<u64, _>(Error::new(ErrorKind::AssetFailed, "never")) }
        });
    pipeline([asset]).run_with("*", options(5).0).await.expect("runs");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let calls = Arc::default();
    let asset = failing(9, ErrorKind::AssetFailed, &calls);
    pipeline([asset]).run("*").await.expect("runs");
    assert_eq!(
        calls.load(Ordering::Relaxed),
        1,
        "without being asked nothing is computed again"
    );
}

#[tokio::test(start_paused = true)]
async fn what_no_attempt_can_change_is_not_tried_again() {
    for (kind, wanted) in [
        (ErrorKind::InvalidDefinition, 1),
        (ErrorKind::Cancelled, 1),
        (ErrorKind::NotFound, 1),
        (ErrorKind::Unavailable, 3),
        (ErrorKind::RateLimited, 3),
    ] {
        let calls = Arc::default();
        let asset = failing(9, kind, &calls);
        pipeline([asset]).run_with("*", options(3).0).await.expect("runs");
        assert_eq!(calls.load(Ordering::Relaxed), wanted, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_stream_that_breaks_are_computed_again_too() {
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let asset = Asset::builder("a").function(move |_| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            assert!(call > 0, "the first call panics");
            let broken = Err(Error::new(ErrorKind::AssetFailed, "the stream broke"));
            let end: Result<bytes::Bytes> = if call == 1 { broken } else { Ok("end".into()) };
            let chunks = vec![Ok(bytes::Bytes::from("begin ")), end];
            Ok(Blob::from_stream(futures_util::stream::iter(chunks).boxed()))
        }
    });
    let pipeline = pipeline([asset]);
    let (options, heard) = options(3);
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert!(report.succeeded(), "{:?}", report.error("a"));
    assert_eq!(heard.take().iter().filter(|heard| *heard == "made").count(), 1);
    let loaded = pipeline.load::<Vec<u8>>("a").await.expect("loads");
    assert_eq!(loaded, b"begin end");
}

#[tokio::test(start_paused = true)]
async fn inputs_are_there_for_every_attempt() {
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let up = Asset::builder("up").function(|_| async { Ok(vec![1_u64, 2]) });
    let down = Asset::builder("down")
        .input::<Vec<u64>>("up")
        .function(move |mut args| {
            let call = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                let numbers = args.input::<Vec<u64>>().await?;
                match call {
                    0 => Err(Error::new(ErrorKind::AssetFailed, "not yet")),
                    _ => Ok(numbers.iter().sum::<u64>()),
                }
            }
        });
    let pipeline = pipeline([up, down]);
    assert!(pipeline.run_with("*", options(2).0).await.expect("runs").succeeded());
    assert_eq!(pipeline.load::<u64>("down").await.expect("loads"), 3);
}

fn sleeping(key: &str, seconds: u64, counted: &Arc<AtomicU32>) -> Asset {
    let counted = Arc::clone(counted);
    Asset::builder(key).function(move |_| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(Duration::from_secs(if call == 0 { seconds } else { 0 })).await;
            Ok(u64::from(call))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_too_long_is_stopped_and_may_be_tried_again() {
    let calls = Arc::default();
    let pipeline = pipeline([sleeping("a", 100, &calls)]);
    let (mut options, heard) = options(1);
    options.step_timeout = Some(Duration::from_secs(10));
    let began = Instant::now();
    let report = pipeline.run_with("*", options.clone()).await.expect("runs");
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    let error = report.error("a").expect("failed");
    assert_eq!(
        (error.kind(), error.context("operation")),
        (ErrorKind::Timeout, Some("compute"))
    );
    assert!(error.message().contains("10s"), "{error}");
    assert_eq!(heard.take(), ["failed Timeout 1"]);
    assert_eq!(
        pipeline.load::<u64>("a").await.expect_err("nothing").kind(),
        ErrorKind::NotFound
    );
    calls.store(0, Ordering::Relaxed);
    options.retry = Some(RetryPolicy::of_attempts(2));
    assert!(pipeline.run_with("*", options).await.expect("runs").succeeded());
}

#[tokio::test(start_paused = true)]
async fn when_the_time_of_a_run_is_over_what_is_published_stays_and_the_rest_has_failed() {
    let calls: [Arc<AtomicU32>; 4] = std::array::from_fn(|_| Arc::default());
    let after = Asset::builder("after")
        .input::<u64>("long")
        .function(|mut args| async move { args.input::<u64>().await });
    let assets = [
        sleeping("first", 1, &calls[0]),
        sleeping("long", 100, &calls[1]),
        sleeping("second", 100, &calls[2]),
        sleeping("third", 1, &calls[3]),
        after,
    ];
    let pipeline = pipeline(assets);
    let (mut options, _) = options(1);
    options.timeout = Some(Duration::from_secs(5));
    let began = Instant::now();
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    let failed = |key| report.error(key).map(|error| error.kind());
    assert_eq!(
        [failed("first"), failed("long"), failed("second"), failed("third")],
        [
            None,
            Some(ErrorKind::Timeout),
            Some(ErrorKind::Timeout),
            Some(ErrorKind::Timeout)
        ]
    );
    let after = report
        .steps
        .iter()
        .find(|step| step.assets[0].as_str() == "after")
        .expect("is planned");
    assert!(matches!(after.status, StepStatus::Skipped { .. }));
    assert_eq!(pipeline.load::<u64>("first").await.expect("is published"), 0);
    assert_eq!(calls[3].load(Ordering::Relaxed), 0, "it began after the end");
}

#[tokio::test]
async fn no_time_at_all_is_refused() {
    let pipeline = pipeline([failing(0, ErrorKind::AssetFailed, &Arc::default())]);
    let (mut options, _) = options(1);
    options.timeout = Some(Duration::ZERO);
    let refused = pipeline.run_with("*", options.clone()).await.expect_err("is nonsense");
    assert!(refused.message().starts_with("timeout is 0"), "{refused}");
    (options.timeout, options.step_timeout) = (None, Some(Duration::ZERO));
    let refused = pipeline.run_with("*", options).await.expect_err("is nonsense");
    assert!(refused.message().starts_with("step_timeout is 0"), "{refused}");
}

#[tokio::test]
async fn a_panic_is_an_error_with_its_message_and_place() {
    let here = Asset::builder("here").function(|_| async { if true { panic!("no more days") } else { Ok(1_u64) } });
    let there = Asset::builder("there").function(|_| async {
        larder_executor::blocking(|| if true { panic!("no more nights") } else { 1_u64 }).await
    });
    let report = pipeline([here, there]).run("*").await.expect("runs");
    for (key, text) in [("here", ": no more days"), ("there", ": no more nights")] {
        let error = report.error(key).expect("failed");
        assert_eq!(
            (error.kind(), error.context("asset")),
            (ErrorKind::AssetFailed, Some(key))
        );
        let place = "the asset panicked at executor/tests/attempts/main.rs:";
        assert!(
            error.message().starts_with(place) && error.message().ends_with(text),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_the_function_asks_for_is_kept() {
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let asset = Asset::builder("a").function(move |_| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        let busy = Error::new(ErrorKind::RateLimited, "busy").with_retry(Retry::After(Some(Duration::from_secs(30))));
        async move { if call == 0 { Err(busy) } else { Ok(1_u64) } }
    });
    let began = Instant::now();
    let report = pipeline([asset]).run_with("*", options(2).0).await.expect("runs");
    assert!(report.succeeded());
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[test]
fn threads_do_not_wait_for_the_pool_that_their_work_needs() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .expect("starts");
    let asset = |key: &str| Asset::builder(key).function(|_| async { larder_executor::blocking(|| 1_u64).await });
    let pipeline = pipeline([asset("a"), asset("b")]);
    let (mut options, _) = options(1);
    options.executor = Executor::Threads;
    let report = runtime.block_on(pipeline.run_with("*", options)).expect("runs");
    assert!(report.succeeded());
}
