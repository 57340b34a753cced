//! Checks of what is published.

use super::{Next, definitions, history, number, recorded, small};
use larder_executor::{Asset, Check, CheckOptions, CheckResult, Checked, Pipeline};
use larder_io_core::ErrorKind;
use larder_io_memory::MemoryIo;
use larder_partitions::Partitioning;
use larder_testkit::faulty::{Faulty, Op, Outcome};
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn what_is_published_is_checked_and_stays() {
    let next = Next::new(50.into());
    let (pipeline, catalog) = recorded(definitions([number(&next)], [small()]));
    let none = pipeline.check("*", CheckOptions::default()).await.expect("looks");
    assert_eq!((none.checked.len(), none.missing.len()), (0, 1));
    pipeline.run("*").await.expect("runs");
    let report = pipeline.check("a", CheckOptions::default()).await.expect("looks");
    assert!(!report.succeeded());
    assert_eq!(report.checked[0].message.as_deref(), Some("50 is not small"));
    assert_eq!(report.checked[0].run, None);
    assert_eq!(pipeline.load::<u64>("a").await.expect("loads"), 50);
    assert_eq!(
        history(&catalog, "a").await,
        ["small false error 50", "made", "small false error 50"]
    );
    next.store(1, Ordering::Relaxed);
}

#[tokio::test]
async fn a_published_value_is_not_its_own_past() {
    let next = Next::new(50.into());
    let first = Check::builder("before")
        .input::<u64>("a")
        .history(2)
        .function(|args| async move {
            let before = args.context().history().len();
            Ok(CheckResult::of(before == 0).with_message(format!("{before} before")))
        });
    let (pipeline, _) = recorded(definitions([number(&next)], [first]));
    for before in [0, 1, 2, 2] {
        // Looked at as often as one likes: checks are no values.
        for report in [
            pipeline.run("*").await.expect("runs").checks().cloned().collect(),
            looked(&pipeline).await,
            looked(&pipeline).await,
        ] {
            let report: Vec<Arc<Checked>> = report;
            assert_eq!(report[0].message, Some(format!("{before} before")));
        }
    }
}

async fn looked(pipeline: &Pipeline) -> Vec<Arc<Checked>> {
    pipeline
        .check("*", CheckOptions::default())
        .await
        .expect("looks")
        .checked
}

#[tokio::test]
async fn a_value_that_cannot_be_loaded_passes_nothing_and_keeps_nobody_from_the_rest() {
    let next = Next::new(5.into());
    let faulty = Faulty::new(MemoryIo::new()).failing(Op::Load, 1, Outcome::Refused(ErrorKind::InvalidData));
    let other = Asset::builder("b").function(|_| async { Ok(5_u64) });
    let of_other = Check::builder("other")
        .input::<u64>("b")
        .function(|_| async { Ok(true) });
    let definitions = definitions([number(&next), other], [small(), of_other]).with_every_asset_in(Arc::new(faulty));
    let (pipeline, _) = recorded(definitions);
    pipeline.run("*").await.expect("runs");
    let checked = looked(&pipeline).await;
    assert_eq!(
        checked.iter().map(|made| made.passed).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(
        checked[0].message.as_deref(),
        Some("it could not be made: Load fails because the test wants it")
    );
}

#[tokio::test]
async fn partitions_are_those_that_are_stored_or_named() {
    let parted = Partitioning::fixed("kind", ["x", "y", "z"]).expect("is one");
    let asset = Asset::builder("a").partitions(parted).function(|args| async move {
        let context = args.context();
        Ok(context.partition().map_or(0, |key| key.to_string().len() as u64))
    });
    let (pipeline, _) = recorded(definitions([asset], [small()]));
    let mut options = larder_executor::RunOptions::default();
    options.partitions = Some("x,y".to_owned());
    pipeline.run_with("*", options).await.expect("runs");
    let of = |partitions: Option<&str>| {
        let mut options = CheckOptions::default();
        options.partitions = partitions.map(str::to_owned);
        pipeline.check("*", options)
    };
    let all = of(None).await.expect("looks");
    assert_eq!((all.checked.len(), all.missing.len()), (2, 0));
    let named = of(Some("y,z")).await.expect("looks");
    assert_eq!((named.checked.len(), named.missing.len()), (1, 1));
    assert_eq!(named.missing[0].to_string(), "a kind=z");
}

#[tokio::test]
async fn external_assets_are_checked_too_and_assets_without_checks_are_a_mistake() {
    let check = Check::builder("some").asset("outside").function(|_| async { Ok(true) });
    let (pipeline, _) = recorded(definitions(
        [number(&Next::default()), Asset::external::<u64>("outside").into()],
        [check],
    ));
    pipeline.store("outside", 3_u64).await.expect("is stored");
    let report = pipeline.check("outside", CheckOptions::default()).await.expect("looks");
    assert_eq!(report.checked.len(), 1);
    let error = pipeline
        .check("a", CheckOptions::default())
        .await
        .expect_err("has none");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
}
