//! Which changes count, and which do not.

use crate::support::{House, called, key, options, run};
use larder_executor::{Asset, CodeVersion, Definitions, Recompute};
use larder_io_core::{IoManager, Partitions};
use larder_io_memory::MemoryIo;
use larder_partitions::Partitioning;
use std::sync::Arc;

#[tokio::test]
async fn what_is_as_it_would_be_made_again_stays() {
    let house = House::new();
    let first = run(&house.pipeline(house.chain(4, "1")), Recompute::Stale).await;
    assert_eq!((first.counts(), first.fresh()), ([3, 0, 0], 0));
    house.calls.take();
    let second = run(&house.pipeline(house.chain(4, "1")), Recompute::Stale).await;
    assert_eq!((second.counts(), second.fresh()), ([0, 0, 0], 3));
    assert_eq!(house.calls.take(), called([]));
    // Without being asked to, a run computes all.
    run(&house.pipeline(house.chain(4, "1")), Recompute::All).await;
    assert_eq!(house.calls.take(), called([("a", 1), ("b", 1), ("c", 1)]));
}

/// The changed asset is computed, what takes it too; where the value comes out the same, it ends.
#[tokio::test]
async fn changed_code_counts_as_far_as_values_change() {
    let house = House::new();
    run(&house.pipeline(house.chain(4, "1")), Recompute::Stale).await;
    house.calls.take();
    // Another value, still even.
    run(&house.pipeline(house.chain(6, "2")), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("a", 1), ("b", 1)]));
    // Other code, the same value.
    run(&house.pipeline(house.chain(6, "3")), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("a", 1)]));
    // No longer even.
    run(&house.pipeline(house.chain(7, "4")), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("a", 1), ("b", 1), ("c", 1)]));
}

/// Computing one of them again is noticed by the next run of the others.
#[tokio::test]
async fn an_input_that_changed_outside_of_the_run_counts() {
    let house = House::new();
    run(&house.pipeline(house.chain(4, "1")), Recompute::Stale).await;
    let changed = house.pipeline(house.chain(7, "2"));
    assert!(changed.run("a").await.expect("runs").succeeded());
    house.calls.take();
    let report = changed.run_with("b c", options(Recompute::Stale)).await.expect("runs");
    assert_eq!(report.counts(), [2, 0, 0]);
    // And by one who writes without a catalogue.
    let plain = Definitions::new()
        .assets(house.chain(8, "9"))
        .default_io_manager(Arc::clone(&house.storage));
    assert!(
        plain
            .build()
            .expect("is valid")
            .run("a")
            .await
            .expect("runs")
            .succeeded()
    );
    house.calls.take();
    changed.run_with("b", options(Recompute::Stale)).await.expect("runs");
    assert_eq!(house.calls.take(), called([("b", 1)]));
}

/// Of unknown code nobody can tell; the id of the build tells.
#[tokio::test]
async fn unknown_code_is_computed_again() {
    let house = House::new();
    let calls = house.calls.clone();
    let asset = move || {
        let calls = calls.clone();
        Asset::builder("x").function(move |_| {
            calls.count("x");
            async { Ok(1_u64) }
        })
    };
    for _ in 0..2 {
        run(&house.pipeline([asset()]), Recompute::Stale).await;
        assert_eq!(house.calls.take(), called([("x", 1)]));
    }
    for (build, count) in [("one", 1), ("one", 0), ("two", 1)] {
        let mut options = options(Recompute::Stale);
        options.build_id = Some(build.to_owned());
        house.pipeline([asset()]).run_with("*", options).await.expect("runs");
        assert_eq!(house.calls.take().len(), count, "{build}");
    }
}

#[tokio::test]
async fn a_value_that_was_deleted_is_made_again() {
    let house = House::new();
    let pipeline = house.pipeline(house.chain(4, "1"));
    run(&pipeline, Recompute::Stale).await;
    house.calls.take();
    let (manager, context) = pipeline.input(&key("b")).expect("is stored");
    manager.delete(&context).await.expect("deletes");
    run(&pipeline, Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("b", 1)]));
    manager.delete(&context).await.expect("deletes");
    run(&house.pipeline(house.chain(5, "2")), Recompute::Missing).await;
    assert_eq!(house.calls.take(), called([("b", 1)]));
}

/// Who else wrote there did not make it from this code and these inputs.
#[tokio::test]
async fn a_value_that_somebody_replaced_is_made_again() {
    let house = House::new();
    let pipeline = house.pipeline(house.chain(4, "1"));
    run(&pipeline, Recompute::Stale).await;
    house.calls.take();
    let (manager, context) = pipeline
        .output(&"b".parse().expect("is a key"), larder_io_core::RunId::random())
        .expect("is stored");
    let other = larder_io_core::AssetValue::into_value(false);
    manager.handle_output(&context, &other).await.expect("stores");
    run(&pipeline, Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("b", 1)]));
}

/// A value that is kept elsewhere is not the one that was made.
#[tokio::test]
async fn another_place_counts() {
    let house = House::new();
    run(&house.pipeline(house.chain(4, "1")), Recompute::Stale).await;
    house.calls.take();
    let elsewhere: Arc<dyn IoManager> = Arc::new(MemoryIo::new());
    let pipeline = Definitions::new()
        .assets(house.chain(4, "1"))
        .default_io_manager(elsewhere);
    let pipeline = pipeline.build().expect("is valid").with_catalog(house.catalog.clone());
    run(&pipeline, Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("a", 1), ("b", 1), ("c", 1)]));
}

#[tokio::test]
async fn an_asset_that_stores_nothing_runs_when_its_input_changed() {
    let house = House::new();
    let assets = |value, version| {
        let calls = house.calls.clone();
        let sent = Asset::builder("sent")
            .code_version(CodeVersion::manual("1"))
            .input::<u64>("a")
            .function(move |_| {
                calls.count("sent");
                async { Ok(()) }
            });
        house.chain(value, version).into_iter().chain([sent])
    };
    run(&house.pipeline(assets(4, "1")), Recompute::Stale).await;
    house.calls.take();
    run(&house.pipeline(assets(4, "1")), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([]));
    run(&house.pipeline(assets(6, "2")), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("a", 1), ("b", 1), ("sent", 1)]));
}

/// Of the partitions that one call makes, only those that are stale are asked for.
#[tokio::test]
async fn partitions_are_fresh_each_for_itself() {
    let house = House::new();
    let months = || {
        let calls = house.calls.clone();
        Asset::builder("months")
            .partitions(Partitioning::monthly("2024-01-01").end("2024-03-01"))
            .code_version(CodeVersion::manual("1"))
            .input::<Partitions<Option<String>>>("days")
            .function(move |mut args| {
                let asked = args.context().partitions().expect("has partitions").clone();
                calls.count(&format!("months {asked}"));
                async move {
                    let days: Partitions<Option<String>> = args.input().await?;
                    Ok(asked
                        .iter()
                        .map(|month| (month, days.len() as u64))
                        .collect::<Partitions<u64>>())
                }
            })
    };
    let pipeline = house.pipeline([house.days("1"), months()]);
    run(&pipeline, Recompute::Stale).await;
    assert_eq!(
        house.calls.take(),
        called([("days", 60), ("months 2024-01-01..2024-02-01", 1)])
    );
    run(&pipeline, Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([]));
    let key = key("days");
    let day = larder_io_core::PartitionKey::single("date", "2024-02-10").expect("is a key");
    let (manager, context) = pipeline.input_of(&key, Some(&day)).expect("is stored");
    manager.delete(&context).await.expect("deletes");
    // Made again it is the same: February stays.
    run(&pipeline, Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("days", 1)]));
    let (_, context) = pipeline
        .output_of(&key, Some(&day), larder_io_core::RunId::random())
        .expect("is stored");
    let other = larder_io_core::AssetValue::into_value(Some("other".to_owned()));
    manager.handle_output(&context, &other).await.expect("stores");
    let report = pipeline
        .run_with("months", options(Recompute::Stale))
        .await
        .expect("runs");
    assert!(report.succeeded());
    assert_eq!(house.calls.take(), called([("months 2024-02-01", 1)]));
}

/// The same keys of another time zone are other windows; a later end makes no partition another.
#[tokio::test]
async fn what_partitions_mean_counts() {
    let house = House::new();
    let asset = |partitions: larder_partitions::TimePartitions| {
        let calls = house.calls.clone();
        Asset::builder("x")
            .partitions(partitions)
            .code_version(CodeVersion::manual("1"))
            .function(move |_| {
                calls.count("x");
                async { Ok(1_u64) }
            })
    };
    let days = |end: &str| Partitioning::daily("2024-01-01").end(end);
    run(&house.pipeline([asset(days("2024-01-03"))]), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("x", 2)]));
    run(&house.pipeline([asset(days("2024-01-04"))]), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("x", 1)]));
    run(
        &house.pipeline([asset(days("2024-01-04").time_zone("America/New_York"))]),
        Recompute::Stale,
    )
    .await;
    assert_eq!(house.calls.take(), called([("x", 3)]));
}
