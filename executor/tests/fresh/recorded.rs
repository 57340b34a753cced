//! What the catalogue knows of a run.

use crate::support::{House, days, key, options, run};
use larder_catalog::Happening;
use larder_executor::{Asset, CodeVersion, Recompute};
use larder_io_core::{AssetValue, Error, ErrorKind, OutputContext, PartitionKey, Partitions, RunId};

#[tokio::test]
async fn a_run_its_steps_and_what_they_were_made_from() {
    let house = House::new();
    let pipeline = house.pipeline(house.chain(4, "v1"));
    let report = run(&pipeline, Recompute::All).await;
    let detail = house
        .catalog
        .run(&report.run)
        .await
        .expect("answers")
        .expect("is there");
    assert_eq!(
        (detail.steps.len(), detail.materialized.len(), detail.failures.len()),
        (3, 3, 0)
    );
    assert_eq!(detail.summary.selection, "*");
    assert_eq!(detail.summary.finished.expect("ended").counts.materialized, 3);
    let b = house
        .catalog
        .latest_of(&key("b"), None)
        .await
        .expect("answers")
        .expect("is there");
    let a = pipeline.head(&key("a")).await.expect("tells").expect("is stored");
    assert_eq!(b.inputs.len(), 1);
    assert_eq!(b.inputs[0].each, [(None, a.data_version())]);
    assert_eq!(b.run, report.run);
    let stored = pipeline.head(&key("b")).await.expect("tells").expect("is stored");
    assert_eq!(b.fingerprint, stored.fingerprint);
    assert!(stored.fingerprint.is_some());
    let a = house
        .catalog
        .latest_of(&key("a"), None)
        .await
        .expect("answers")
        .expect("is there");
    assert_eq!(a.code_version.as_deref(), Some("v1"));
}

#[tokio::test]
async fn failures_are_told_with_their_partition() {
    let house = House::new();
    let asset = Asset::builder("days")
        .partitions(days())
        .code_version(CodeVersion::manual("1"))
        .function(|args| async move {
            match args
                .context()
                .partition()
                .is_some_and(|day| day.get("date") == Some("2024-01-02"))
            {
                true => Err(Error::new(ErrorKind::AssetFailed, "no data")),
                false => Ok(1_u64),
            }
        });
    let mut options = options(Recompute::All);
    options.partitions = Some("2024-01-01..2024-01-03".to_owned());
    let pipeline = house.pipeline([asset]);
    let report = pipeline.run_with("days", options).await.expect("is planned");
    assert_eq!(report.counts(), [2, 1, 0]);
    let key = key("days");
    let states = house.catalog.states(&key).await.expect("answers");
    let failed: Vec<(&str, bool, bool)> = states
        .iter()
        .map(|state| (state.partition_text(), state.failed(), state.is_live()))
        .collect();
    assert_eq!(
        failed,
        [
            ("date=2024-01-01", false, true),
            ("date=2024-01-02", true, false),
            ("date=2024-01-03", false, true)
        ]
    );
    let happened = house.catalog.history(&key, None, 10).await.expect("answers");
    let told = happened.iter().find_map(|happening| match happening {
        Happening::Failed(failed) => Some(failed.message.clone()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some("no data"));
    let detail = house
        .catalog
        .run(&report.run)
        .await
        .expect("answers")
        .expect("is there");
    assert!(
        detail
            .summary
            .selection
            .ends_with("--partitions 2024-01-01..2024-01-03"),
        "{}",
        detail.summary.selection
    );
}

/// Values that come and go are in the catalogue.
#[tokio::test]
async fn dynamic_partitions_are_looked_up() {
    let house = House::new();
    let asset = Asset::builder("customers")
        .partitions(larder_partitions::Partitioning::dynamic("customer"))
        .code_version(CodeVersion::manual("1"))
        .function(|args| async move { Ok(args.context().partition().map(ToString::to_string)) });
    let pipeline = house.pipeline([asset]);
    assert_eq!(run(&pipeline, Recompute::Stale).await.steps.len(), 0);
    house
        .catalog
        .add_dynamic_keys("customer", ["a/b", "ä=1"])
        .await
        .expect("adds");
    assert_eq!(run(&pipeline, Recompute::Stale).await.counts(), [2, 0, 0]);
    house.catalog.add_dynamic_keys("customer", ["c"]).await.expect("adds");
    let report = run(&pipeline, Recompute::Stale).await;
    assert_eq!((report.counts(), report.fresh()), ([1, 0, 0], 2));
}

/// That there are no values would be a guess where nobody can look.
#[tokio::test]
async fn dynamic_partitions_without_a_catalogue_are_an_error() {
    let house = House::new();
    let asset = Asset::builder("customers")
        .partitions(larder_partitions::Partitioning::dynamic("customer"))
        .function(|_| async { Ok(1_u64) });
    let pipeline = larder_executor::Definitions::new()
        .asset(asset)
        .default_io_manager(house.storage.clone())
        .build()
        .expect("is valid");
    let error = pipeline.run("*").await.expect_err("nobody knows");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("partitions add customer VALUE"), "{error}");
}

/// A later attempt failed, its cause is gone: the value that was there all along is fresh, and no longer marked.
#[tokio::test]
async fn a_fresh_value_clears_an_old_failure() {
    let house = House::new();
    let asset = |fails: bool, version: &str| {
        Asset::builder("x")
            .code_version(CodeVersion::manual(version))
            .function(move |_| async move {
                match fails {
                    true => Err(Error::new(ErrorKind::AssetFailed, "broken")),
                    false => Ok(1_u64),
                }
            })
    };
    let failed = async || house.catalog.states(&key("x")).await.expect("answers")[0].failed();
    run(&house.pipeline([asset(false, "1")]), Recompute::Stale).await;
    let broken = house.pipeline([asset(true, "2")]);
    assert!(
        !broken
            .run_with("*", options(Recompute::Stale))
            .await
            .expect("is planned")
            .succeeded()
    );
    assert!(failed().await);
    let report = run(&house.pipeline([asset(false, "1")]), Recompute::Stale).await;
    assert_eq!(report.fresh(), 1);
    assert!(!failed().await);
}

/// What a call had published when it failed is there, and is not tried again.
#[tokio::test]
async fn only_what_was_not_published_failed() {
    let house = House::new();
    let storage = house.storage.clone();
    let asset = |meddles: bool| {
        let storage = storage.clone();
        Asset::builder("days")
            .partitions(larder_partitions::Partitioning::fixed("kind", ["x", "y", "z"]))
            .code_version(CodeVersion::manual("1"))
            .function(move |args| {
                let storage = storage.clone();
                async move {
                    if meddles {
                        // Somebody else stores the second one while it is computed.
                        let y = PartitionKey::single("kind", "y")?;
                        let at = "days/kind=y/data".parse()?;
                        let context = OutputContext::of_run(RunId::random(), key("days"), Some(y), at);
                        storage.handle_output(&context, &7_u64.into_value()).await?;
                    }
                    let asked: Vec<PartitionKey> = args
                        .context()
                        .partitions()
                        .map(|set| set.iter().collect())
                        .unwrap_or_default();
                    Ok(asked
                        .into_iter()
                        .map(|partition| (partition, 1_u64))
                        .collect::<Partitions<u64>>())
                }
            })
    };
    let pipeline = house.pipeline([asset(true)]);
    let report = pipeline
        .run_with("*", options(Recompute::Stale))
        .await
        .expect("is planned");
    let error = report.error("days").expect("failed");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let left = report.steps[0].partitions.as_ref().map(ToString::to_string);
    assert_eq!(left.as_deref(), Some("y..z"));
    let states = house.catalog.states(&key("days")).await.expect("answers");
    let failed: Vec<_> = states
        .iter()
        .map(|state| (state.partition_text(), state.failed()))
        .collect();
    assert_eq!(failed, [("kind=x", false), ("kind=y", true), ("kind=z", true)]);
    let mut forced = options(Recompute::Stale);
    forced.force = true;
    let report = house
        .pipeline([asset(false)])
        .run_with("*", forced)
        .await
        .expect("is planned");
    assert_eq!(report.materializations("days").count(), 2);
}
