//! Deleting, and the catalogue beside the storage.

use crate::support::{House, called, key, run};
use larder_catalog::Catalog;
use larder_executor::{AssetPartition, FsckOptions, FsckProblem, Pipeline, Recompute};
use larder_io_core::{AssetValue, PartitionKey, RunId};

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
