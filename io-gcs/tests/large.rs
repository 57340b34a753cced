//! Values above one part: put together aside, published by a rewrite under a precondition.

mod support;

use larder_io_core::{ErrorKind, Form, IoManager, Precondition};
use larder_testkit::cloud::{Cloud, Fault, Operation, When};
use support::{PART, blob, cloud, config, load, open, output};

const LARGE: usize = PART + 1000;

/// Whether nothing but values is left.
fn tidy(cloud: &Cloud) -> bool {
    cloud.unfinished_uploads().is_empty() && !cloud.keys().iter().any(|key| key.contains(".larder"))
}

#[tokio::test]
async fn of_writers_that_replace_one_version_one_wins() {
    let cloud = cloud(false).await;
    let manager = open(config(&cloud));
    let first = manager
        .handle_output(&output("a"), &blob(0, LARGE))
        .await
        .expect("is stored");
    let stores = (1..=8).map(|seed| {
        let (manager, version) = (open(config(&cloud)), first.version.clone());
        tokio::spawn(async move {
            let mut ctx = output("a");
            ctx.precondition = Precondition::Unchanged(version);
            (seed, manager.handle_output(&ctx, &blob(seed, LARGE)).await)
        })
    });
    let mut winners = Vec::new();
    for store in stores.collect::<Vec<_>>() {
        match store.await.expect("ends") {
            (seed, Ok(_)) => winners.push(seed),
            (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let loaded = load(&manager, &output("a").to_input(Form::Blob))
        .await
        .expect("is loaded");
    assert_eq!(loaded, vec![winners[0]; LARGE]);
    assert!(tidy(&cloud), "{:?} {:?}", cloud.keys(), cloud.unfinished_uploads());
}

#[tokio::test]
async fn lost_answers_of_every_request_end_in_success() {
    use Operation::{Complete, Copy, CreateMultipart, Head, Part};
    for operation in [CreateMultipart, Part, Complete, Copy, Head, Operation::Delete] {
        for fault in [Fault::status_after(503), Fault::ResetAfter, Fault::status(500)] {
            let cloud = cloud(false).await;
            let manager = open(config(&cloud));
            cloud.fail(When::operation(operation), fault.clone());
            let mut ctx = output("a");
            ctx.precondition = Precondition::Absent;
            let receipt = manager.handle_output(&ctx, &blob(1, LARGE)).await;
            let receipt = receipt.unwrap_or_else(|error| panic!("{operation:?} {fault:?}: {error:?}"));
            let head = manager
                .head(&ctx.to_input(Form::Blob))
                .await
                .expect("can tell")
                .expect("is there");
            assert_eq!(
                (head.version, head.write),
                (receipt.version, receipt.write),
                "{operation:?} {fault:?}"
            );
            // A begin that was carried out unseen leaves an upload without parts for gc.
            let begun = operation == CreateMultipart && fault != Fault::status(500);
            let left: Vec<_> = cloud.unfinished_uploads();
            assert_eq!(left.len(), usize::from(begun), "{operation:?} {fault:?}: {left:?}");
            assert_eq!(cloud.keys(), ["lake/one/a.bin"], "{operation:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn what_fails_leaves_nothing() {
    use Operation::{Complete, Copy, Part};
    for operation in [Part, Complete, Copy] {
        let cloud = cloud(true).await;
        let manager = open(config(&cloud));
        cloud.fail(When::operation(operation).always(), Fault::status(403));
        let stored = manager.handle_output(&output("a"), &blob(1, LARGE)).await;
        assert_eq!(
            stored.expect_err("fails").kind(),
            ErrorKind::PermissionDenied,
            "{operation:?}"
        );
        assert!(
            tidy(&cloud),
            "{operation:?}: {:?} {:?}",
            cloud.keys(),
            cloud.unfinished_uploads()
        );
        // Nor as an old generation, which would be billed for good.
        let requests = cloud.requests();
        let staged = requests
            .iter()
            .flat_map(|request| &request.keys)
            .find(|key| key.contains(".larder/uploads/"));
        assert_eq!(cloud.versions(staged.expect("an upload")), [], "{operation:?}");
    }
}

#[tokio::test]
async fn an_upload_that_is_gone_is_not_found() {
    let cloud = cloud(false).await;
    let manager = open(config(&cloud));
    let mut staged = manager.stage(&output("a"), &blob(1, LARGE)).await.expect("is staged");
    cloud.fail(
        When::operation(Operation::Complete).always(),
        Fault::vendor(404, "NoSuchUpload"),
    );
    let error = staged.publish().await.expect_err("is gone");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(cloud.object("lake/one/a.bin").is_none());
}

#[tokio::test]
async fn a_stream_is_read_before_it_is_published() {
    use larder_io_core::{AssetValue, Blob};
    let cloud = cloud(false).await;
    let manager = open(config(&cloud));
    let chunks = [vec![1; PART], vec![2; 1000]].map(|bytes| Ok(bytes.into()));
    let mut ctx = output("a");
    ctx.keep_for_checks = true;
    let value = Blob::from_stream(Box::pin(futures_util::stream::iter(chunks))).into_value();
    let mut staged = manager.stage(&ctx, &value).await.expect("is staged");
    let seen = Blob::from_value(staged.load().await.expect("is loaded"))
        .await
        .expect("is a blob");
    let seen = seen.bytes().await.expect("is read");
    assert_eq!((seen.len(), seen[0], seen[PART]), (PART + 1000, 1, 2));
    assert!(cloud.object("lake/one/a.bin").is_none());
    assert!(
        manager
            .head(&ctx.to_input(Form::Blob))
            .await
            .expect("can tell")
            .is_none()
    );
    staged.publish().await.expect("is published");
    assert_eq!(
        load(&manager, &ctx.to_input(Form::Blob)).await.expect("is loaded"),
        seen
    );
    assert!(tidy(&cloud));
}

#[tokio::test]
async fn without_preconditions_an_upload_goes_to_its_own_name() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.preconditions = false;
    let manager = open(config);
    manager
        .handle_output(&output("a"), &blob(1, LARGE))
        .await
        .expect("is stored");
    assert_eq!(cloud.requests_of(Operation::Copy).len(), 0);
    let mut ctx = output("b");
    ctx.precondition = Precondition::Absent;
    let refused = manager
        .handle_output(&ctx, &blob(1, LARGE))
        .await
        .expect_err("cannot compare");
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused:?}");
}
