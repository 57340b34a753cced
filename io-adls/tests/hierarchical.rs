//! What an account with directories does differently; on our own double only.

mod support;

use larder_io_core::{ErrorKind, Form, IoManager};
use support::{Kind, blob, cloud, config, context, loaded};

#[tokio::test]
async fn directories_are_no_values() {
    let cloud = cloud(Kind::Hierarchical).await;
    let manager = config(&cloud, Kind::Hierarchical).open().expect("opens");
    // Spark writes tables as directories of that name.
    cloud.put_directly("lake/test/x.bin/part-0.parquet", "1");
    let input = context("x").to_input(Form::Blob);
    assert!(manager.head(&input).await.expect("looks").is_none());
    assert_eq!(
        loaded(&manager, "x").await.expect_err("is no value").kind(),
        ErrorKind::NotFound
    );
    manager.delete(&input).await.expect("there is nothing to delete");
    assert!(
        cloud.object("lake/test/x.bin/part-0.parquet").is_some(),
        "what is in the directory stays"
    );
    let refused = manager
        .handle_output(&context("x"), &blob(1, 10))
        .await
        .expect_err("a directory is in the way");
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{refused}");
    assert!(refused.message().contains("directory"), "{refused}");
}

#[tokio::test]
async fn directories_that_a_delete_leaves_are_not_listed() {
    use futures_util::TryStreamExt;
    let cloud = cloud(Kind::Hierarchical).await;
    let manager = config(&cloud, Kind::Hierarchical).open().expect("opens");
    let mut below = context("x");
    below.location = "a/b/x".parse().expect("is a location");
    manager.handle_output(&below, &blob(1, 10)).await.expect("stores");
    manager.delete(&below.to_input(Form::Blob)).await.expect("deletes");
    let listed: Vec<_> = manager.list(None).try_collect().await.expect("lists");
    assert!(listed.is_empty(), "{listed:?}");
    manager
        .handle_output(&below, &blob(2, 10))
        .await
        .expect("stores where the directories still are");
}

#[tokio::test]
async fn a_segment_that_ends_with_a_dot_is_refused_before_azure_drops_it() {
    let cloud = cloud(Kind::Plain).await;
    let manager = config(&cloud, Kind::Plain).open().expect("opens");
    let mut below = context("x");
    below.location = "a./x".parse().expect("is a location");
    let refused = manager
        .handle_output(&below, &blob(1, 10))
        .await
        .expect_err("is refused");
    assert_eq!(refused.kind(), ErrorKind::InvalidDefinition, "{refused}");
    assert!(cloud.keys().is_empty());
}
