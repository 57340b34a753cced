//! Going on from the failures of another run.

use crate::support::House;
use larder_executor::{Asset, CodeVersion, Observer, Pipeline, RunOptions, RunReport, StepStatus, Stop};
use larder_io_core::{Error, ErrorKind, Partitions};
use larder_partitions::{Partitioning, TimePartitions};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn days() -> TimePartitions {
    Partitioning::daily("2024-01-01").end("2024-01-04")
}

/// `days`, three partitions, of which the second fails while `broken`; `each` of each day, `sum` of all, and `other`, which needs none of them.
fn assets(broken: &Arc<AtomicBool>) -> [Asset; 4] {
    let broken = Arc::clone(broken);
    let version = || CodeVersion::manual("1");
    [
        Asset::builder("days")
            .partitions(days())
            .code_version(version())
            .function(move |args| {
                let second = args.context().partition().and_then(|day| day.get("date")) == Some("2024-01-02");
                let fails = second && broken.load(Ordering::Relaxed);
                async move {
                    match fails {
                        true => Err(Error::new(ErrorKind::AssetFailed, "no data")),
                        false => Ok(1_u64),
                    }
                }
            }),
        Asset::builder("each")
            .partitions(days())
            .code_version(version())
            .input::<u64>("days")
            .function(|mut args| async move { args.input::<u64>().await }),
        Asset::builder("sum")
            .code_version(version())
            .input::<Partitions<u64>>("each")
            .function(|mut args| async move { Ok(args.input::<Partitions<u64>>().await?.len() as u64) }),
        Asset::builder("other")
            .code_version(version())
            .function(|_| async { Ok(1_u64) }),
    ]
}

/// What a run made, as texts.
fn made(report: &RunReport) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    for step in &report.steps {
        if let StepStatus::Succeeded(all) = &step.status {
            made.extend(all.iter().map(|made| match &made.partition {
                Some(partition) => format!("{} {partition}", made.asset),
                None => made.asset.to_string(),
            }));
        }
    }
    made
}

async fn go_on(pipeline: &Pipeline, run: &str) -> RunReport {
    let (selection, options) = pipeline
        .from_failure(run, RunOptions::default())
        .await
        .expect("goes on");
    pipeline.run_with(selection, options).await.expect("runs")
}

async fn refused(pipeline: &Pipeline, run: &str) -> String {
    let gone_on = pipeline.from_failure(run, RunOptions::default()).await;
    let error = gone_on.expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    error.message().to_owned()
}

#[tokio::test]
async fn what_failed_and_what_was_skipped_is_made_and_nothing_else() {
    let house = House::new();
    let broken = Arc::new(AtomicBool::new(true));
    let pipeline = house.pipeline(assets(&broken));
    let first = pipeline.run("*").await.expect("runs");
    assert_eq!(first.counts(), [5, 1, 2]);
    // Still broken: the same again.
    let second = go_on(&pipeline, first.run.as_str()).await;
    assert_eq!(second.counts(), [0, 1, 2]);
    broken.store(false, Ordering::Relaxed);
    let third = go_on(&pipeline, "last").await;
    let wanted = ["days date=2024-01-02", "each date=2024-01-02", "sum"];
    assert_eq!(made(&third), wanted.map(str::to_owned).into());
    assert_eq!(pipeline.load::<u64>("sum").await.expect("is stored"), 3);
    let id = &third.run;
    assert_eq!(
        refused(&pipeline, "last").await,
        format!("nothing failed in the run `{id}`, so that there is nothing to go on with")
    );
    // An earlier one can be gone on from again, whatever happened since.
    assert_eq!(
        made(&go_on(&pipeline, first.run.as_str()).await),
        wanted.map(str::to_owned).into()
    );
}

#[tokio::test]
async fn the_selection_and_the_partitions_are_those_of_the_run() {
    let house = House::new();
    let broken = Arc::new(AtomicBool::new(true));
    let pipeline = house.pipeline(assets(&broken));
    let mut options = RunOptions::default();
    options.partitions = Some("2024-01-01..2024-01-02".to_owned());
    let first = pipeline.run_with("days each", options).await.expect("runs");
    assert_eq!(first.counts(), [2, 1, 1]);
    broken.store(false, Ordering::Relaxed);
    let second = go_on(&pipeline, "last").await;
    let wanted = ["days date=2024-01-02", "each date=2024-01-02"];
    assert_eq!(
        made(&second),
        wanted.map(str::to_owned).into(),
        "not `sum`, and no other day"
    );
}

#[tokio::test]
async fn a_call_of_many_partitions_that_failed_skipped_what_waits_for_any_of_them() {
    let house = House::new();
    let broken = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&broken);
    let many = Asset::builder("many")
        .partitions(days())
        .code_version(CodeVersion::manual("1"))
        .function(move |args| {
            let fails = fails.load(Ordering::Relaxed);
            async move {
                match fails {
                    true => Err(Error::new(ErrorKind::AssetFailed, "no data")),
                    false => {
                        let asked = args.context().partitions().expect("has some").clone();
                        Ok(asked.iter().map(|key| (key, 1_u64)).collect::<Partitions<u64>>())
                    }
                }
            }
        });
    let each = Asset::builder("each")
        .partitions(days())
        .code_version(CodeVersion::manual("1"))
        .input::<u64>("many")
        .function(|mut args| async move { args.input::<u64>().await });
    let pipeline = house.pipeline([many, each]);
    let first = pipeline.run("*").await.expect("runs");
    assert_eq!(first.counts(), [0, 1, 3]);
    broken.store(false, Ordering::Relaxed);
    let second = go_on(&pipeline, "last").await;
    assert_eq!(made(&second).len(), 6);
    assert_eq!(second.counts(), [4, 0, 0]);
}

#[tokio::test]
async fn a_stopped_run_goes_on_where_it_was() {
    let house = House::new();
    let stop = Stop::new();
    let stops = stop.clone();
    let again = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&again);
    let first = Asset::builder("first").function(|_| async { Ok(1_u64) });
    let second = Asset::builder("second").input::<u64>("first").function(move |_| {
        let (stops, held) = (stops.clone(), !held.swap(true, Ordering::Relaxed));
        async move {
            if held {
                stops.stop();
                std::future::pending::<()>().await;
            }
            Ok(2_u64)
        }
    });
    let third = Asset::builder("third")
        .input::<u64>("second")
        .function(|mut args| async move { args.input::<u64>().await });
    let pipeline = house.pipeline([first, second, third]);
    let mut options = RunOptions::default();
    options.stop = Some(stop);
    options.observers = Vec::<Arc<dyn Observer>>::new();
    let stopped = pipeline.run_with("*", options).await.expect("ends");
    assert_eq!(stopped.counts(), [1, 1, 1]);
    assert_eq!(stopped.error("second").expect("failed").kind(), ErrorKind::Cancelled);
    let went_on = go_on(&pipeline, "last").await;
    assert_eq!(made(&went_on), ["second", "third"].map(str::to_owned).into());
}

#[tokio::test]
async fn what_nobody_can_go_on_from_is_refused() {
    let house = House::new();
    let broken = Arc::new(AtomicBool::new(true));
    let pipeline = house.pipeline(assets(&broken));
    assert_eq!(
        refused(&pipeline, "last").await,
        "no run is recorded yet, so that there is none to go on from"
    );
    assert_eq!(
        refused(&pipeline, "0badc0de").await,
        "there is no run `0badc0de`; `runs` lists them"
    );
    // One that was killed: it has a beginning and no end.
    let run = larder_io_core::RunId::random();
    house.catalog.record(larder_catalog::RunStarted {
        run: run.clone(),
        at: jiff::Timestamp::now(),
        selection: "*".to_owned(),
        profile: None,
        tags: Default::default(),
    });
    house.catalog.flush().await.expect("is written");
    assert_eq!(
        refused(&pipeline, run.as_str()).await,
        format!("the run `{run}` has not ended: it still runs, or it was killed; `--stale` makes what is missing")
    );
    let other = larder_io_core::RunId::random();
    house.catalog.record(larder_catalog::RunStarted {
        run: other.clone(),
        at: jiff::Timestamp::now(),
        selection: "*".to_owned(),
        profile: Some("prod".to_owned()),
        tags: Default::default(),
    });
    house.catalog.flush().await.expect("is written");
    assert_eq!(
        refused(&pipeline, other.as_str()).await,
        format!("the run `{other}` had the profile `prod` and this one has no profile; go on with the same")
    );
}
