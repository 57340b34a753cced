//! What runs when, what is loaded how often, what a failure touches.

use super::{Backend, backends, disk, options};
use larder::{Asset, AssetValue, Definitions, Error, ErrorKind, RunReport, StepStatus, Table, TableStream};
use larder_integration_tests::{published, texts};
use larder_io_memory::MemoryIo;
use larder_testkit::faulty::{Faulty, Op};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Barrier;

/// An asset that takes numbers and gives their sum and one.
fn sum(key: &str, inputs: &[&str]) -> Asset {
    let builder = inputs.iter().fold(Asset::builder(key), |builder, input| {
        builder.input_from::<u64>(*input, *input)
    });
    let count = inputs.len();
    builder.function(move |mut args| async move {
        let mut sum = 1_u64;
        for _ in 0..count {
            sum += args.input::<u64>().await?;
        }
        Ok(sum)
    })
}

fn failing(key: &str, input: &str) -> Asset {
    Asset::builder(key)
        .input_from::<u64>(input, input)
        .function(|_| async move { Err::<u64, _>(Error::new(ErrorKind::AssetFailed, "it does not work")) })
}

fn status<'r>(report: &'r RunReport, key: &str) -> &'r StepStatus {
    let step = report
        .steps
        .iter()
        .find(|step| step.assets.iter().any(|asset| asset.to_string() == key));
    &step.unwrap_or_else(|| panic!("{key} is not in the report")).status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_upstream_value_is_loaded_once_for_all_its_consumers() {
    const CONSUMERS: usize = 20;
    for table in [false, true] {
        let faulty = Arc::new(Faulty::new(MemoryIo::new()));
        let mut definitions = Definitions::new().asset(match table {
            true => Asset::builder("up").function(|_| async { Ok(texts(&[Some("a"), None])) }),
            false => sum("up", &[]),
        });
        for index in 0..CONSUMERS {
            let consumer = Asset::builder(format!("down{index}"));
            definitions = definitions.asset(match table {
                // Whole tables, streams and numbers of rows of one upstream value.
                true if index % 2 == 0 => consumer
                    .input::<TableStream>("up")
                    .function(|mut args| async move { Ok(args.input::<TableStream>().await?.collect().await?.rows()) }),
                true => consumer
                    .input::<Table>("up")
                    .function(|mut args| async move { Ok(args.input::<Table>().await?.rows()) }),
                false => sum(&format!("down{index}"), &["up"]),
            });
        }
        let pipeline = definitions.with_every_asset_in(faulty.clone()).build().expect("fits");
        let report = pipeline.run("*").await.expect("runs");
        assert!(report.succeeded(), "{:?}", report.steps);
        assert_eq!(faulty.calls(Op::Load), 1, "{CONSUMERS} consumers of one value");
        assert_eq!(faulty.calls(Op::Publish), CONSUMERS as u64 + 1);
        pipeline.run("*").await.expect("runs");
        assert_eq!(faulty.calls(Op::Load), 2, "a second run loads it anew");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_skips_what_depends_on_it_and_nothing_else() {
    for backend in backends() {
        let definitions = Definitions::new().assets([
            sum("root", &[]),
            failing("bad", "root"),
            sum("good", &["root"]),
            sum("after_bad", &["bad"]),
            sum("after_both", &["good", "after_bad"]),
            sum("after_good", &["good"]),
        ]);
        let report = backend
            .build(definitions)
            .run_with("*", options(2))
            .await
            .expect("runs");
        assert_eq!(report.counts(), [3, 1, 2], "{}: {:?}", backend.name, report.steps);
        for key in ["after_bad", "after_both"] {
            let StepStatus::Skipped { because } = status(&report, key) else {
                panic!("{}: {key}", backend.name)
            };
            assert_eq!(
                because.to_string(),
                "bad",
                "{}: the reason is what failed",
                backend.name
            );
        }
        let error = report.error("bad").expect("it failed");
        assert_eq!(
            (error.kind(), error.context("asset")),
            (ErrorKind::AssetFailed, Some("bad")),
            "{error:?}"
        );
        assert!(report.materialization("after_good").is_some(), "{}", backend.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_assets_run_at_once() {
    let barrier = Arc::new(Barrier::new(2));
    let waits = |key: &str| {
        let barrier = Arc::clone(&barrier);
        Asset::builder(key).function(move |_| {
            let barrier = Arc::clone(&barrier);
            async move {
                // Each waits for the other: one after the other they would wait for ever.
                let met = tokio::time::timeout(Duration::from_secs(60), barrier.wait()).await;
                met.map(|_| 1_u64)
                    .map_err(|_| Error::new(ErrorKind::Timeout, "the other one never came"))
            }
        })
    };
    let definitions = Definitions::new().assets([waits("left"), waits("right"), sum("both", &["left", "right"])]);
    let report = disk().build(definitions).run_with("*", options(2)).await.expect("runs");
    assert!(report.succeeded(), "{:?}", report.steps);
    let overlapped = |key| report.materialization(key).map(|made| made.overlapped);
    assert_eq!(
        [overlapped("left"), overlapped("right"), overlapped("both")],
        [Some(1), Some(1), Some(0)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_at_a_time_nothing_overlaps() {
    let running = Arc::new(AtomicUsize::new(0));
    let alone = |key: String| {
        let running = Arc::clone(&running);
        Asset::builder(key).function(move |_| {
            let running = Arc::clone(&running);
            async move {
                let others = running.fetch_add(1, Ordering::SeqCst);
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(others as u64)
            }
        })
    };
    let definitions = Definitions::new().assets((0..8).map(|index| alone(format!("asset{index}"))));
    let pipeline = disk().build(definitions);
    let report = pipeline.run_with("*", options(1)).await.expect("runs");
    for index in 0..8 {
        let key = format!("asset{index}");
        assert_eq!(
            pipeline.load::<u64>(&key).await.expect("loads"),
            0,
            "{key} ran beside another"
        );
        assert_eq!(
            report.materialization(&key).map(|made| made.overlapped),
            Some(0),
            "{key}"
        );
    }
    let error = pipeline.run_with("*", options(0)).await.expect_err("nothing could run");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_fails_one_step_and_keeps_the_old_value() {
    let in_function =
        || Asset::builder("function").function(|_| async move { panic_if(true, "in the function").map(|()| 1_u64) });
    let in_stream = || {
        Asset::builder("stream").function(|_| async move {
            let schema = texts(&[]).schema().clone();
            let batches =
                (0..3).map(|index| panic_if(index == 2, "in the stream").and_then(|()| texts(&[Some("x")]).to_batch()));
            Ok(TableStream::from_iter(schema, batches))
        })
    };
    for backend in backends() {
        let old = Definitions::new().assets([
            Asset::builder("function").function(|_| async { Ok(7_u64) }),
            Asset::builder("stream").function(|_| async { Ok(texts(&[Some("old")])) }),
        ]);
        assert!(backend.build(old).run("*").await.expect("runs").succeeded());
        let pipeline = backend.build(Definitions::new().assets([in_function(), in_stream(), sum("other", &[])]));
        let report = pipeline.run("*").await.expect("the run itself goes on");
        assert_eq!(report.counts(), [1, 2, 0], "{}: {:?}", backend.name, report.steps);
        for (key, text) in [("function", "in the function"), ("stream", "in the stream")] {
            let error = report.error(key).expect("it failed");
            assert_eq!(
                (error.kind(), error.context("asset")),
                (ErrorKind::AssetFailed, Some(key)),
                "{}: {error:?}",
                backend.name
            );
            let placed = error.message().starts_with("the asset panicked at integration-tests/");
            assert!(placed && error.message().ends_with(text), "{}: {error}", backend.name);
        }
        assert_eq!(
            pipeline.load::<u64>("function").await.expect("loads"),
            7,
            "{}",
            backend.name
        );
        assert_eq!(
            pipeline.load::<Table>("stream").await.expect("loads"),
            texts(&[Some("old")]),
            "{}",
            backend.name
        );
    }
}

/// A panic that the compiler does not see coming.
fn panic_if(now: bool, text: &str) -> larder::Result<()> {
    assert!(!now, "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_fails_and_its_siblings_publish_nothing() {
    let broken = |key: &str| {
        let outputs = vec![
            larder::OutputSpec::new("fine").form_of::<u64>(),
            larder::OutputSpec::new(key).form_of::<TableStream>(),
        ];
        Asset::builder("both").functions(outputs, |_| async move {
            let batches = [
                texts(&[Some("x")]).to_batch(),
                Err(Error::new(ErrorKind::AssetFailed, "the source ended early")),
            ];
            Ok(vec![
                9_u64.into_value(),
                TableStream::from_iter(texts(&[]).schema().clone(), batches.into_iter()).into_value(),
            ])
        })
    };
    for backend in backends() {
        let pipeline = backend.build(Definitions::new().asset(broken("torn")));
        let report = pipeline.run("*").await.expect("runs");
        let error = report
            .error("torn")
            .unwrap_or_else(|| panic!("{}: it failed", backend.name));
        assert_eq!(
            (error.message(), error.context("asset")),
            ("the source ended early", Some("torn")),
            "{}",
            backend.name
        );
        for key in ["fine", "torn"] {
            let head = pipeline
                .head(&larder_integration_tests::key(key))
                .await
                .expect("can tell");
            assert_eq!(head, None, "{}: {key}", backend.name);
        }
        assert_eq!(
            published(backend.root.path()),
            Vec::<std::path::PathBuf>::new(),
            "{}",
            backend.name
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_run_leaves_old_values() {
    let backend: Backend = disk();
    let arrived = Arc::new(Barrier::new(2));
    let stuck = Arc::clone(&arrived);
    let old = backend.build(Definitions::new().asset(sum("value", &[])));
    assert!(old.run("*").await.expect("runs").succeeded());
    let hanging = Asset::builder("value").function(move |_| {
        let stuck = Arc::clone(&stuck);
        async move {
            stuck.wait().await;
            std::future::pending::<larder::Result<u64>>().await
        }
    });
    let pipeline = backend.build(Definitions::new().asset(hanging));
    let run = tokio::spawn({
        let pipeline = pipeline.clone();
        async move { pipeline.run("*").await }
    });
    arrived.wait().await;
    run.abort();
    assert!(run.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(pipeline.load::<u64>("value").await.expect("loads"), 1);
}
