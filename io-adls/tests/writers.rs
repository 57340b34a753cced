//! Large values: writers of one location, and what a commit means.

mod support;

use larder_io_core::{ErrorKind, IoManager, Precondition, Staged};
use larder_io_object::ObjectIo;
use larder_testkit::cloud::{Fault, Operation, When};
use support::{Kind, blob, cloud, config, context, loaded};

const LARGE: usize = 1 << 20;

/// A manager for which every value is large.
fn open(cloud: &larder_testkit::cloud::Cloud) -> ObjectIo {
    let mut config = config(cloud, Kind::Plain);
    config.part_bytes = 64 << 10;
    config.open().expect("opens")
}

async fn staged(manager: &ObjectIo, byte: u8, precondition: Precondition) -> Box<dyn Staged> {
    let mut context = context("x");
    context.precondition = precondition;
    manager.stage(&context, &blob(byte, LARGE)).await.expect("stages")
}

#[tokio::test]
async fn writers_whose_blocks_lie_among_each_other_never_mix() {
    let cloud = cloud(Kind::Plain).await;
    let (one, other) = (open(&cloud), open(&cloud));
    // Both are staged before either is published: the blocks of both lie under one name.
    let (first, second) = tokio::join!(
        staged(&one, 1, Precondition::None),
        staged(&other, 2, Precondition::None)
    );
    let (mut first, mut second) = (first, second);
    first.publish().await.expect("publishes");
    assert_eq!(loaded(&one, "x").await.expect("loads"), vec![1; LARGE]);
    let gone = second.publish().await.expect_err("its blocks were dropped");
    assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    assert!(gone.message().contains("stage it again"), "{gone}");
    assert_eq!(loaded(&one, "x").await.expect("loads"), vec![1; LARGE]);
    let mut again = staged(&other, 2, Precondition::None).await;
    again.publish().await.expect("publishes");
    assert_eq!(loaded(&one, "x").await.expect("loads"), vec![2; LARGE]);
}

#[tokio::test]
async fn under_a_precondition_the_loser_gets_a_conflict() {
    let cloud = cloud(Kind::Plain).await;
    let manager = open(&cloud);
    let mut first = staged(&manager, 1, Precondition::Absent).await;
    let mut second = staged(&manager, 2, Precondition::Absent).await;
    let version = first.publish().await.expect("publishes").version;
    assert_eq!(
        second.publish().await.expect_err("is too late").kind(),
        ErrorKind::Conflict
    );

    let mut first = staged(&manager, 3, Precondition::Unchanged(version.clone())).await;
    let mut second = staged(&manager, 4, Precondition::Unchanged(version.clone())).await;
    first.publish().await.expect("publishes");
    assert_eq!(
        second.publish().await.expect_err("is too late").kind(),
        ErrorKind::Conflict
    );
    assert_eq!(loaded(&manager, "x").await.expect("loads"), vec![3; LARGE]);

    let mut late = staged(&manager, 5, Precondition::Unchanged(version)).await;
    assert_eq!(
        late.publish().await.expect_err("is too late").kind(),
        ErrorKind::Conflict
    );
}

#[tokio::test]
async fn blocks_that_are_gone_though_nobody_changed_the_value_are_no_conflict() {
    let cloud = cloud(Kind::Plain).await;
    let manager = open(&cloud);
    let stored = manager
        .handle_output(&context("x"), &blob(1, LARGE))
        .await
        .expect("stores");
    let mut second = staged(&manager, 2, Precondition::Unchanged(stored.version)).await;
    cloud.fail(When::complete(), Fault::vendor(400, "InvalidBlockList"));
    let gone = second.publish().await.expect_err("is refused");
    assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    assert_eq!(loaded(&manager, "x").await.expect("loads"), vec![1; LARGE]);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_to_have_landed() {
    for precondition in [Precondition::None, Precondition::Absent] {
        for fault in [Fault::status_after(500), Fault::ResetAfter] {
            let cloud = cloud(Kind::Plain).await;
            let manager = open(&cloud);
            let mut one = staged(&manager, 1, precondition.clone()).await;
            cloud.fail(When::complete(), fault.clone());
            let receipt = one
                .publish()
                .await
                .unwrap_or_else(|error| panic!("{fault:?}, {precondition:?}: {error}"));
            assert_eq!(loaded(&manager, "x").await.expect("loads"), vec![1; LARGE]);
            let etag = cloud.object("lake/test/x.bin").expect("is stored").etag;
            assert_eq!(receipt.version.as_str(), etag);
            assert_eq!(cloud.requests_of(Operation::Complete).len(), 2);
        }
    }
}

#[tokio::test]
async fn what_is_discarded_is_seen_by_nobody() {
    let cloud = cloud(Kind::Plain).await;
    let manager = open(&cloud);
    let mut one = staged(&manager, 1, Precondition::None).await;
    one.discard().await.expect("discards");
    assert!(
        manager
            .head(&context("x").to_input(larder_io_core::Form::Blob))
            .await
            .expect("looks")
            .is_none()
    );
    assert!(cloud.keys().is_empty(), "{:?}", cloud.keys());
    // Azure has no request that removes them.
    assert_eq!(cloud.unfinished_uploads().len(), 1);
}

#[tokio::test]
async fn the_receipt_comes_with_the_commit_and_a_long_one_beside_it() {
    let cloud = cloud(Kind::Plain).await;
    let manager = open(&cloud);
    manager
        .handle_output(&context("x"), &blob(1, LARGE))
        .await
        .expect("stores");
    let stored = cloud.object("lake/test/x.bin").expect("is stored");
    assert!(stored.metadata.contains_key("larderreceipt"), "{:?}", stored.metadata);

    let long = format!("{}/x", vec!["äöüß".repeat(20); 4].join("/"));
    let mut wide = context("x");
    wide.asset = larder_io_core::AssetKey::new(long.split('/')).expect("is a key");
    wide.location = long.parse().expect("is a location");
    for bytes in [10, LARGE] {
        wide.write = larder_io_core::WriteId::random();
        let receipt = manager.handle_output(&wide, &blob(2, bytes)).await.expect("stores");
        let stored = cloud.object(&format!("lake/test/{long}.bin")).expect("is stored");
        assert_eq!(
            stored.metadata.get("larderwrite").map(String::as_str),
            Some(wide.write.as_str()),
            "{bytes}"
        );
        let found = manager
            .head(&wide.to_input(larder_io_core::Form::Blob))
            .await
            .expect("looks")
            .expect("is there");
        assert_eq!(
            (found.stored_hash, found.version),
            (receipt.stored_hash, receipt.version),
            "{bytes}"
        );
    }
}
