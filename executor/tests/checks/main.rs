//! Checks in a run: what blocks, what is told, what is recorded.

mod mistakes;
mod stored;
mod table;

use futures_util::StreamExt;
use larder_catalog::{Catalog, Happening};
use larder_executor::{
    Asset, Check, CheckResult, Checked, Definitions, Event, Observer, Pipeline, RetryPolicy, RunOptions, RunReport,
    Severity,
};
use larder_io_core::{Blob, Error, ErrorKind, Partitions};
use larder_io_memory::MemoryIo;
use larder_partitions::Partitioning;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What is checked, as its events tell it.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn on_event(&self, event: &Event) {
        let heard = match event {
            Event::Checked(made) => format!("{} {}", made.name, made.passed),
            Event::Materialized(made) => format!("made {}", made.asset),
            Event::StepFailed { error, .. } => format!("failed {:?}", error.kind()),
            Event::StepSkipped { assets, .. } => format!("skipped {}", assets[0]),
            _ => return,
        };
        self.0.lock().expect("no panic").push(heard);
    }
}

/// What `a` returns next.
type Next = Arc<AtomicU64>;

fn number(next: &Next) -> Asset {
    let next = Arc::clone(next);
    Asset::builder("a").function(move |_| {
        let value = next.load(Ordering::Relaxed);
        async move { Ok(value) }
    })
}

fn twice() -> Asset {
    Asset::builder("twice")
        .input::<u64>("a")
        .function(|mut args| async move { Ok(args.input::<u64>().await? * 2) })
}

fn small() -> Check {
    Check::builder("small")
        .input::<u64>("a")
        .function(|mut args| async move {
            let value = args.input::<u64>().await?;
            let result = match value < 10 {
                true => CheckResult::passed(),
                false => CheckResult::failed(format!("{value} is not small")),
            };
            Ok(result.with_metadata("value", value))
        })
}

fn definitions(assets: impl IntoIterator<Item = Asset>, checks: impl IntoIterator<Item = Check>) -> Definitions {
    Definitions::new()
        .assets(assets)
        .checks(checks)
        .without_config()
        .default_io_manager(Arc::new(MemoryIo::new()))
}

fn recorded(definitions: Definitions) -> (Pipeline, Catalog) {
    let catalog = Catalog::in_memory().expect("opens");
    (
        definitions.build().expect("is valid").with_catalog(catalog.clone()),
        catalog,
    )
}

async fn run(pipeline: &Pipeline) -> (RunReport, Vec<String>) {
    let heard = Arc::<Heard>::default();
    let mut options = RunOptions::default();
    options.observers = vec![Arc::<Heard>::clone(&heard)];
    let report = pipeline.run_with("*", options).await.expect("runs");
    let heard = std::mem::take(&mut *heard.0.lock().expect("no panic"));
    (report, heard)
}

async fn history(catalog: &Catalog, key: &str) -> Vec<String> {
    catalog.flush().await.expect("is written");
    let history = catalog
        .history(&key.parse().expect("is a key"), None, 100)
        .await
        .expect("reads");
    let told = history.iter().rev().map(|happening| match happening {
        Happening::Checked(made) => format!(
            "{} {} {} {}",
            made.name,
            made.passed,
            if made.warning { "warning" } else { "error" },
            made.metadata.get("value").cloned().unwrap_or_default()
        ),
        Happening::Materialized(_) => "made".to_owned(),
        Happening::Failed(failed) => failed.kind.clone(),
        other => format!("{other:?}"),
    });
    told.collect()
}

#[tokio::test]
async fn a_blocking_check_keeps_a_bad_value_from_being_published() {
    let next = Next::new(5.into());
    let (pipeline, catalog) = recorded(definitions([number(&next), twice()], [small().blocking()]));
    let (report, heard) = run(&pipeline).await;
    assert!(report.succeeded());
    assert_eq!(heard, ["small true", "made a", "made twice"]);
    next.store(50, Ordering::Relaxed);
    let (report, heard) = run(&pipeline).await;
    assert_eq!(heard, ["small false", "failed InvalidData", "skipped twice"]);
    let error = report.error("a").expect("failed");
    assert_eq!(
        error.message(),
        "`a` does not pass the check `small`: 50 is not small; nothing of this call is published, old values stay"
    );
    assert_eq!(error.context("operation"), Some("check"));
    let checked: Vec<&Arc<Checked>> = report.checks().collect();
    assert!(checked.len() == 1 && checked[0].blocks());
    // The old values stay, and what the checks said is known.
    assert_eq!(pipeline.load::<u64>("a").await.expect("loads"), 5);
    assert_eq!(pipeline.load::<u64>("twice").await.expect("loads"), 10);
    assert_eq!(
        history(&catalog, "a").await,
        ["small true error 5", "made", "small false error 50", "InvalidData"]
    );
}

#[tokio::test]
async fn without_blocking_and_as_a_warning_a_failure_is_only_told() {
    let next = Next::new(50.into());
    let warns = small().severity(Severity::Warn).blocking().named("warns");
    let (pipeline, catalog) = recorded(definitions([number(&next), twice()], [small(), warns]));
    let (report, heard) = run(&pipeline).await;
    assert!(report.succeeded());
    assert_eq!(heard, ["small false", "warns false", "made a", "made twice"]);
    assert_eq!(report.checks().filter(|made| made.is_wrong()).count(), 1);
    assert_eq!(
        history(&catalog, "a").await,
        ["small false error 50", "warns false warning 50", "made"]
    );
}

#[tokio::test]
async fn a_check_that_cannot_tell_does_not_pass() {
    let next = Next::new(5.into());
    let fails = Check::builder("fails")
        .asset("a")
        .function(|_| async { Err::<bool, _>(Error::new(ErrorKind::Unavailable, "the register is down")) });
    let panics = Check::builder("panics").asset("a").function(|_| async {
        assert!(std::hint::black_box(false), "no way");
        Ok(true)
    });
    let (pipeline, _) = recorded(definitions([number(&next)], [fails.clone(), panics.clone()]));
    let (report, heard) = run(&pipeline).await;
    assert_eq!(heard, ["fails false", "panics false", "made a"]);
    let found: Vec<String> = report
        .checks()
        .map(|made| made.message.clone().unwrap_or_default())
        .collect();
    assert_eq!(found[0], "it could not be made: the register is down");
    assert!(
        found[1].starts_with("it could not be made: the check panicked at ") && found[1].ends_with(": no way"),
        "{}",
        found[1]
    );
    let (pipeline, _) = recorded(definitions([number(&next)], [fails.blocking(), panics.blocking()]));
    let (report, _) = run(&pipeline).await;
    assert!(
        report
            .error("a")
            .is_some_and(|error| error.message().contains("the register is down; and `a`"))
    );
    assert!(pipeline.load::<u64>("a").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_blocked_is_not_computed_again() {
    let calls = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&calls);
    let asset = Asset::builder("a")
        .retry(RetryPolicy::of_attempts(5))
        .function(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok(50_u64) }
        });
    let (pipeline, _) = recorded(definitions([asset], [small().blocking()]));
    run(&pipeline).await;
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn within_a_memory_budget_too_nobody_begins_with_a_value_that_may_be_blocked() {
    let (next, called) = (Next::new(50.into()), Arc::<AtomicU64>::default());
    let counted = Arc::clone(&called);
    let twice = Asset::builder("twice").input::<u64>("a").function(move |mut args| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(args.input::<u64>().await? * 2) }
    });
    for (check, calls) in [(small(), 1), (small().blocking(), 0)] {
        let (pipeline, _) = recorded(definitions([number(&next), twice.clone()], [check]));
        let mut options = RunOptions::default();
        options.memory_budget = Some(1 << 30);
        pipeline.run_with("*", options).await.expect("runs");
        assert_eq!(called.swap(0, Ordering::Relaxed), calls);
    }
}

/// Two assets of one function: the second one is bad.
fn pair() -> Asset {
    let outputs = ["one", "two"].map(|key| larder_executor::OutputSpec::new(key).form_of::<u64>());
    Asset::builder("pair").functions(outputs.into(), |_| async {
        Ok(vec![
            larder_io_core::Output::into_made(1_u64),
            larder_io_core::Output::into_made(50_u64),
        ])
    })
}

#[tokio::test]
async fn of_several_outputs_none_is_published_when_one_is_blocked() {
    let check = Check::builder("small")
        .asset("two")
        .input::<u64>("value")
        .blocking()
        .function(|mut args| async move { Ok(args.input::<u64>().await? < 10) });
    let (pipeline, _) = recorded(definitions([pair()], [check]));
    let (report, heard) = run(&pipeline).await;
    assert_eq!(heard, ["small false", "failed InvalidData"]);
    assert!(report.error("one").is_some());
    assert!(pipeline.load::<u64>("one").await.is_err());
}

#[tokio::test]
async fn each_partition_is_checked_by_itself_and_tells_which_it_is() {
    let parted = || Partitioning::fixed("kind", ["x", "y"]).expect("is one");
    let many = Asset::builder("a").partitions(parted()).function(|args| async move {
        let context = args.context();
        let keys = context.partitions().expect("has some").iter();
        let values = keys.map(|key| (key.clone(), if key.to_string() == "kind=y" { 50_u64 } else { 1 }));
        Ok(Partitions::from_iter(values))
    });
    let check = Check::builder("small")
        .asset("a")
        .input::<u64>("value")
        .blocking()
        .function(|mut args| async move {
            let context = args.context();
            let kind = context.partition().map(ToString::to_string).unwrap_or_default();
            let value = args.input::<u64>().await?;
            Ok(CheckResult::of(value < 10).with_message(format!("{value} of {kind}")))
        });
    let (pipeline, _) = recorded(definitions([many], [check]));
    let (report, heard) = run(&pipeline).await;
    assert_eq!(heard, ["small true", "small false", "failed InvalidData"]);
    let error = report.error("a").expect("failed");
    assert!(
        error
            .message()
            .starts_with("`a` of kind=y does not pass the check `small`: 50 of kind=y;")
    );
    let found: Vec<_> = report
        .checks()
        .map(|made| made.message.clone().unwrap_or_default())
        .collect();
    assert_eq!(found, ["1 of kind=x", "50 of kind=y"]);
    assert!(
        pipeline
            .stored_partitions(&"a".parse().expect("is a key"))
            .await
            .expect("tells")
            .is_empty()
    );
}

#[tokio::test]
async fn a_stream_that_can_be_read_once_is_checked_as_it_was_stored() {
    let asset = Asset::builder("text").function(|_| async {
        let chunks = ["one ", "two"].map(|text| Ok(bytes::Bytes::from(text)));
        Ok(Blob::from_stream(futures_util::stream::iter(chunks).boxed()))
    });
    let check = Check::builder("whole")
        .input::<Vec<u8>>("text")
        .blocking()
        .function(|mut args| async move {
            let text = args.input::<Vec<u8>>().await?;
            Ok(CheckResult::of(text == b"one two"))
        });
    let (pipeline, _) = recorded(definitions([asset], [check]));
    let (report, heard) = run(&pipeline).await;
    assert!(report.succeeded(), "{:?}", report.error("text"));
    assert_eq!(heard, ["whole true", "made text"]);
}

#[tokio::test]
async fn a_check_takes_resources_and_other_assets_and_hears_of_earlier_values() {
    struct Least(u64);
    let next = Next::new(5.into());
    let limit = Asset::builder("limit").function(|_| async { Ok(7_u64) });
    let check = Check::builder("between")
        .input::<u64>("a")
        .input::<u64>("limit")
        .resource::<Least>()
        .history(2)
        .blocking()
        .function(|mut args| async move {
            let least = args.resource::<Least>()?;
            let (value, most) = (args.input::<u64>().await?, args.input::<u64>().await?);
            let context = args.context();
            Ok(CheckResult::of((least.0..=most).contains(&value))
                .with_message(format!("{} before", context.history().len())))
        });
    let (pipeline, _) = recorded(definitions([limit, number(&next)], [check]).resource(Least(3)));
    pipeline.run("limit").await.expect("runs");
    for (value, passes) in [(5, true), (3, true), (7, true), (8, false), (2, false), (4, true)] {
        next.store(value, Ordering::Relaxed);
        let report = pipeline.run("a").await.expect("runs");
        assert_eq!(report.succeeded(), passes, "{value}");
        let said: Vec<_> = report
            .checks()
            .map(|made| made.message.clone().unwrap_or_default())
            .collect();
        let before = match value {
            5 => 0,
            3 => 1,
            _ => 2,
        };
        assert_eq!(said, [format!("{before} before")], "{value}");
    }
}
