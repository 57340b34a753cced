//! Deleting, and the catalogue beside the storage.

use crate::support::{House, called, key, run};
use larder_catalog::Catalog;
use larder_executor::{Asset, AssetPartition, CodeVersion, FsckOptions, FsckProblem, Pipeline, Recompute};
use larder_io_core::{AssetValue, Garbage, GcOptions, PartitionKey, RunId};
use larder_partitions::Partitioning;

fn options(verify: bool, mend: bool) -> FsckOptions {
    let mut options = FsckOptions::default();
    options.verify = verify;
    options.mend = mend;
    options
}

async fn problems(pipeline: &Pipeline, options: FsckOptions) -> Vec<(String, FsckProblem)> {
    let report = pipeline.fsck("*", options).await.expect("looks");
    report
        .findings
        .into_iter()
        .map(|finding| (finding.of.to_string(), finding.problem))
        .collect()
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_recorded() {
    let house = House::new();
    let pipeline = house.pipeline([house.days("1")]);
    run(&pipeline, Recompute::All).await;
    let day = PartitionKey::single("date", "2024-01-02").expect("is a key");
    let of = AssetPartition::from((&key("days"), &day));
    assert!(pipeline.delete(&of).await.expect("deletes"));
    assert!(!pipeline.delete(&of).await.expect("is gone already"));
    assert_eq!(pipeline.stored_partitions(&key("days")).await.expect("tells").len(), 59);
    assert!(
        house
            .catalog
            .latest_of(&key("days"), Some(&day))
            .await
            .expect("answers")
            .is_none()
    );
    assert_eq!(problems(&pipeline, options(false, false)).await, []);
    house.calls.take();
    run(&pipeline, Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("days", 1)]));
}

#[tokio::test]
async fn the_catalogue_is_brought_to_what_is_stored() {
    let mut house = House::new();
    let pipeline = house.pipeline(house.chain(4, "1"));
    run(&pipeline, Recompute::All).await;
    assert_eq!(problems(&pipeline, options(true, false)).await, []);
    // Behind its back one is deleted and one is replaced.
    let (manager, context) = pipeline.input(&key("b")).expect("is stored");
    manager.delete(&context).await.expect("deletes");
    let (manager, context) = pipeline.output(&key("a"), RunId::random()).expect("is stored");
    let receipt = manager
        .handle_output(&context, &9_u64.into_value())
        .await
        .expect("stores");
    let found = problems(&pipeline, options(false, false)).await;
    assert_eq!(found.len(), 2);
    assert!(
        matches!(&found[0], (of, FsckProblem::Changed { stored, .. }) if of == "a" && *stored == receipt.data_version())
    );
    assert_eq!(found[1], ("b".to_owned(), FsckProblem::Missing));
    problems(&pipeline, options(false, true)).await;
    assert_eq!(problems(&pipeline, options(false, false)).await, []);
    // A catalogue that was lost is made anew.
    house.catalog = Catalog::in_memory().expect("opens");
    let pipeline = house.pipeline(house.chain(4, "1"));
    let found = problems(&pipeline, options(false, true)).await;
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, problem)| *problem == FsckProblem::Unrecorded));
    let entry = house
        .catalog
        .latest_of(&key("c"), None)
        .await
        .expect("answers")
        .expect("was adopted");
    assert!(entry.fingerprint.is_some());
}

#[tokio::test]
async fn what_somebody_else_makes_is_not_deleted() {
    let house = House::new();
    let pipeline = house.pipeline([larder_executor::Asset::external::<u64>("raw").into()]);
    let error = pipeline.delete(&key("raw")).await.expect_err("is external");
    assert!(error.message().contains("`raw` is external"), "{error}");
}

#[tokio::test]
async fn versions_that_are_kept_no_longer_are_cleaned_up() {
    let house = House::new();
    let assets = |retention: Option<&str>| {
        let numbers = [("days", true), ("a", false)].map(|(name, parted)| {
            let asset = Asset::builder(name).code_version(CodeVersion::manual("1"));
            let asset = match retention {
                Some(retention) => asset.retention(retention),
                None => asset,
            };
            let asset = match parted {
                true => asset.partitions(Partitioning::fixed("name", ["x", "y"])),
                false => asset,
            };
            asset.function(|_| async { Ok(1_u64) })
        });
        house.pipeline(numbers)
    };
    let every = assets(None);
    for _ in 0..4 {
        run(&every, Recompute::All).await;
    }
    let days = |name: &str| {
        let partition = PartitionKey::single("name", name).expect("is a key");
        AssetPartition::from((&key("days"), &partition))
    };
    let kept = async |pipeline: &Pipeline, of: &AssetPartition| pipeline.history(of).await.expect("tells").0.len();
    let mut options = GcOptions::default();
    assert_eq!(
        every.gc(&options).await.expect("cleans up").len(),
        0,
        "nobody says how long"
    );
    // A deleted one counts from its deletion.
    every.delete(&days("y")).await.expect("deletes");
    let some = assets(Some("last 2 or 1h"));
    assert_eq!(some.gc(&options).await.expect("cleans up").len(), 0, "all are young");
    let some = assets(Some("last 2"));
    options.dry_run = true;
    let would = some.gc(&options).await.expect("tells");
    assert_eq!((would.len(), kept(&some, &days("x")).await), (6, 4));
    options.dry_run = false;
    let did = some.gc(&options).await.expect("cleans up");
    let names = |garbage: &[(String, Garbage)]| garbage.iter().map(|(_, one)| one.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&did), names(&would));
    assert!(
        would
            .iter()
            .all(|(manager, garbage)| manager == "io_manager" && garbage.what == "version")
    );
    assert!(would[0].1.name.starts_with("days name=x "), "{}", would[0].1.name);
    for of in [days("x"), days("y"), (&key("a")).into()] {
        assert_eq!(kept(&some, &of).await, 2, "{of}");
    }
    // What is published goes last, and never.
    let none = assets(Some("0s"));
    assert_eq!(none.gc(&options).await.expect("cleans up").len(), 4);
    assert_eq!((kept(&none, &days("x")).await, kept(&none, &days("y")).await), (1, 0));
    assert!(none.head(&days("x")).await.expect("tells").is_some());
    // From now on when it is published.
    run(&some, Recompute::All).await;
    run(&some, Recompute::All).await;
    assert_eq!(kept(&some, &days("x")).await, 2);
}
