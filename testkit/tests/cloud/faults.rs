//! Every fault happens to every operation, and leaves what it says.

use crate::stores::{BUCKET, hasty, start, store};
use futures_util::TryStreamExt;
use larder_testkit::cloud::{Cloud, Dialect, Fault, Operation, Unfinished, When};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, Result};
use std::time::Duration;

const KEY: &str = "reports/a";
const OLD: &str = "old value";
const NEW: &str = "new value";

/// Begins an upload of the new value and writes its part, by a client that waits.
async fn begun(cloud: &Cloud) -> Box<dyn MultipartUpload> {
    let mut upload = hasty(cloud)
        .put_multipart(&Path::from(KEY))
        .await
        .expect("an upload begins");
    upload.put_part(NEW.into()).await.expect("a part is written");
    upload
}

/// Does one operation; the faults of the test are those of this operation alone.
pub(crate) async fn run(cloud: &Cloud, operation: Operation, when: When, fault: Fault) -> Result<String> {
    let store = hasty(cloud);
    let (key, to) = (Path::from(KEY), Path::from("copied"));
    let upload = match operation {
        Operation::Complete | Operation::Abort => Some(begun(cloud).await),
        Operation::Part => Some(store.put_multipart(&key).await.expect("an upload begins")),
        _ => None,
    };
    cloud.fail(when, fault);
    let text = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned();
    match (operation, upload) {
        (Operation::Put, _) => store
            .put(&key, NEW.into())
            .await
            .map(|put| put.e_tag.unwrap_or_default()),
        (Operation::CreateMultipart, _) => store.put_multipart(&key).await.map(|_| String::new()),
        (Operation::Part, Some(mut upload)) => upload.put_part(NEW.into()).await.map(|()| String::new()),
        (Operation::Complete, Some(mut upload)) => upload.complete().await.map(|put| put.e_tag.unwrap_or_default()),
        (Operation::Abort, Some(mut upload)) => upload.abort().await.map(|()| String::new()),
        (Operation::Get, _) => store.get(&key).await?.bytes().await.map(text),
        (Operation::RangedGet, _) => store.get_range(&key, 2..9).await.map(text),
        (Operation::Head, _) => store.head(&key).await.map(|meta| meta.e_tag.unwrap_or_default()),
        (Operation::List, _) => {
            let found: Vec<_> = store.list(Some(&Path::from("reports"))).try_collect().await?;
            Ok(found.len().to_string())
        }
        (Operation::Delete, _) => store.delete(&key).await.map(|()| String::new()),
        (Operation::Copy, _) => store.copy(&key, &to).await.map(|()| String::new()),
        (operation, _) => panic!("a client of object_store does not do {operation:?}"),
    }
}

/// The operations that a client of the dialect does.
pub(crate) fn operations(dialect: Dialect) -> Vec<Operation> {
    let none = |operation: &Operation| {
        *operation == Operation::Other
            || dialect == Dialect::Azure && matches!(operation, Operation::CreateMultipart | Operation::Abort)
    };
    Operation::ALL
        .into_iter()
        .filter(|operation| !none(operation))
        .collect()
}

/// Whether the operation shows in the store.
fn took_place(cloud: &Cloud, operation: Operation) -> bool {
    let value = cloud
        .object(KEY)
        .map(|stored| String::from_utf8_lossy(&stored.bytes).into_owned());
    let unfinished = cloud.unfinished_uploads();
    match operation {
        Operation::Put | Operation::Complete => value.as_deref() == Some(NEW),
        Operation::Delete => value.is_none(),
        Operation::Copy => cloud.object("copied").is_some(),
        Operation::CreateMultipart => unfinished.len() == 1,
        Operation::Part => unfinished.iter().map(|upload| upload.parts).sum::<usize>() == 1,
        Operation::Abort => unfinished.is_empty(),
        _ => panic!("{operation:?} changes nothing"),
    }
}

fn writes(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::Get | Operation::RangedGet | Operation::Head | Operation::List
    )
}

/// Both tell of the same fault, and the old value is whole or the new one is.
async fn check(dialect: Dialect, operation: Operation, fault: Fault, applied: bool) {
    let what = format!("{dialect:?} {operation:?} {fault:?}");
    let cloud = start(dialect).await;
    cloud.put_directly(KEY, OLD);
    let failed = run(&cloud, operation, When::operation(operation), fault.clone()).await;
    assert!(failed.is_err(), "{what}: {failed:?}");
    if writes(operation) {
        assert_eq!(took_place(&cloud, operation), applied, "{what}");
    }
    let met: Vec<_> = cloud
        .requests()
        .into_iter()
        .filter(|request| request.fault.is_some())
        .collect();
    assert_eq!(met.len(), 1, "{what}: {met:?}");
    assert_eq!(
        (met[0].operation, met[0].fault.as_ref()),
        (operation, Some(&fault)),
        "{what}"
    );
    let value = cloud
        .object(KEY)
        .map(|stored| String::from_utf8_lossy(&stored.bytes).into_owned());
    assert!(value.is_none_or(|value| value == OLD || value == NEW), "{what}");
}

#[tokio::test]
async fn what_fails_before_or_after_is_done_or_not() {
    for dialect in Dialect::ALL {
        for operation in operations(dialect) {
            for (fault, applied) in [
                (Fault::status(500), false),
                (Fault::status_after(500), true),
                (Fault::ResetBefore, false),
                (Fault::ResetAfter, true),
                (Fault::ExpiredToken, false),
            ] {
                check(dialect, operation, fault, applied).await;
            }
        }
    }
}

#[tokio::test]
async fn a_stall_is_left_by_the_client() {
    for dialect in Dialect::ALL {
        for operation in [Operation::Put, Operation::Complete, Operation::Get, Operation::List] {
            check(dialect, operation, Fault::Stall, false).await;
        }
        check(dialect, Operation::Delete, Fault::StallAfter, true).await;
        check(dialect, Operation::Get, Fault::StallBody, false).await;
    }
}

#[tokio::test]
async fn own_success_may_look_like_a_conflict() {
    for dialect in Dialect::ALL {
        let cloud = start(dialect).await;
        let failed = run(&cloud, Operation::Put, When::put(), Fault::status_after(412)).await;
        let error = failed.expect_err("412 is an error");
        assert!(
            matches!(error, object_store::Error::Precondition { .. }),
            "{dialect:?}: {error}"
        );
        assert_eq!(cloud.object(KEY).expect("it was stored").bytes, NEW);
    }
}

#[tokio::test]
async fn a_body_is_cut_or_short() {
    for dialect in Dialect::ALL {
        for operation in [Operation::Get, Operation::RangedGet, Operation::List] {
            check(dialect, operation, Fault::TruncatedBody, false).await;
        }
        let cloud = start(dialect).await;
        cloud.put_directly(KEY, OLD);
        let short = run(&cloud, Operation::Get, When::get(), Fault::WrongLength).await;
        assert_eq!(short.expect("the answer agrees with itself"), OLD[..4], "{dialect:?}");
        let short = run(&cloud, Operation::RangedGet, When::ranged_get(), Fault::WrongLength).await;
        assert_eq!(
            short.expect("the client looks at Content-Range alone"),
            OLD[2..5],
            "{dialect:?}"
        );
        let whole = store(&cloud).get(&Path::from(KEY)).await.expect("the fault is over");
        assert_eq!(whole.bytes().await.expect("it is whole"), OLD, "{dialect:?}");
    }
}

#[tokio::test]
async fn an_etag_is_wrong_once() {
    for dialect in Dialect::ALL {
        for operation in [Operation::Put, Operation::Complete, Operation::Head] {
            let cloud = start(dialect).await;
            cloud.put_directly(KEY, OLD);
            let told = run(&cloud, operation, When::operation(operation), Fault::WrongEtag).await;
            let told = told.expect("nothing else is wrong");
            let stored = cloud.object(KEY).expect("it exists").etag;
            assert_ne!(told, stored, "{dialect:?} {operation:?}");
            let now = store(&cloud).head(&Path::from(KEY)).await.expect("it exists").e_tag;
            assert_eq!(now.as_ref(), Some(&stored), "{dialect:?} {operation:?}");
        }
    }
}

#[tokio::test]
async fn a_part_with_a_wrong_etag_cannot_be_completed() {
    for dialect in [Dialect::S3, Dialect::Gcs] {
        let cloud = start(dialect).await;
        cloud.put_directly(KEY, OLD);
        cloud.fail(When::part(), Fault::WrongEtag);
        let failed = begun(&cloud).await.complete().await.expect_err("the part is another");
        assert!(failed.to_string().contains("InvalidPart"), "{dialect:?}: {failed}");
        assert_eq!(cloud.object(KEY).expect("it stays").bytes, OLD);
        let left = cloud.unfinished_uploads();
        assert!(
            matches!(&left[..], [Unfinished { bucket, key, parts: 1, .. }] if bucket == BUCKET && key == KEY),
            "{left:?}"
        );
    }
}

#[tokio::test]
async fn faults_are_counted_per_rule() {
    let cloud = start(Dialect::S3).await;
    cloud.put_directly("a/1", "1");
    cloud.put_directly("b/1", "1");
    let store = hasty(&cloud);
    cloud.fail(When::get().on("a/").nth(2).times(2), Fault::status(503));
    cloud.fail(
        When::any()
            .matching(|request| request.query("prefix") == Some("b/"))
            .always(),
        Fault::status(403),
    );
    let mut seen = Vec::new();
    for _ in 0..5 {
        assert!(store.get(&Path::from("b/1")).await.is_ok());
        seen.push(store.get(&Path::from("a/1")).await.is_ok());
        assert!(store.list_with_delimiter(Some(&Path::from("b"))).await.is_err());
        assert!(store.list_with_delimiter(Some(&Path::from("a"))).await.is_ok());
    }
    assert_eq!(seen, [true, false, false, true, true]);
    cloud.heal();
    assert!(store.list_with_delimiter(Some(&Path::from("b"))).await.is_ok());
}

#[tokio::test]
async fn a_batch_is_met_by_any_of_its_keys() {
    for dialect in [Dialect::S3, Dialect::Azure] {
        let cloud = start(dialect).await;
        cloud.put_directly("a", "1");
        cloud.put_directly("b", "1");
        cloud.fail(When::delete().on("b"), Fault::status(503));
        let keys = futures_util::stream::iter(["a", "b"].map(|key| Ok(Path::from(key))));
        let failed: Result<Vec<_>> = hasty(&cloud).delete_stream(Box::pin(keys)).try_collect().await;
        assert!(failed.is_err(), "{dialect:?}");
        assert_eq!(cloud.requests_of(Operation::Delete)[0].keys, ["a", "b"], "{dialect:?}");
        assert_eq!(cloud.keys(), ["a", "b"], "{dialect:?}");
    }
}

#[tokio::test]
async fn a_late_answer_is_the_right_one() {
    for dialect in Dialect::ALL {
        let cloud = start(dialect).await;
        cloud.put_directly(KEY, OLD);
        let late = Fault::Latency(Duration::from_millis(20));
        let told = run(&cloud, Operation::Get, When::get(), late.clone()).await;
        assert_eq!(told.expect("it is only late"), OLD);
        assert_eq!(cloud.requests_of(Operation::Get)[0].fault, Some(late));
        cloud.fail(When::get(), Fault::Latency(Duration::from_secs(60)));
        assert!(
            hasty(&cloud).get(&Path::from(KEY)).await.is_err(),
            "{dialect:?}: too late"
        );
    }
}
