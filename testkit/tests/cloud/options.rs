//! What a double can be told, whatever it speaks.

use crate::raw::ask;
use crate::stores::{ACCESS_KEY, hasty, start, store};
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect, Operation};
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

#[tokio::test]
async fn large_values_are_counted_and_dropped() {
    const PART: usize = 6 << 20;
    for dialect in Dialect::ALL {
        let cloud = start(dialect).await.discarding_over(1000);
        let store = store(&cloud);
        let key = Path::from("large");
        let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(&key).await.expect("it begins"), PART);
        upload.write(&vec![7; PART * 2 + 10]);
        upload.finish().await.expect("it is complete");
        assert_eq!(cloud.length("large"), Some(PART as u64 * 2 + 10), "{dialect:?}");
        let told = store
            .get_range(&key, PART as u64 * 2 - 5..PART as u64 * 2 + 5)
            .await
            .expect("it is read");
        // The last part is short enough to be kept.
        assert_eq!(told, [[0; 5], [7; 5]].concat(), "{dialect:?}");
        store
            .put(&Path::from("small"), "kept".into())
            .await
            .expect("it is stored");
        assert_eq!(cloud.object("small").expect("it exists").bytes, "kept", "{dialect:?}");
        let parts = cloud.requests_of(Operation::Part);
        assert_eq!(
            parts.iter().map(|part| part.length).sum::<u64>(),
            PART as u64 * 2 + 10,
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn credentials_are_compared_by_name() {
    for (dialect, name) in [(Dialect::S3, ACCESS_KEY), (Dialect::Azure, ACCOUNT)] {
        let cloud = start(dialect).await.expecting_credential(name);
        cloud.put_directly("a", "1");
        assert!(hasty(&cloud).get(&Path::from("a")).await.is_ok(), "{dialect:?}");
        let unsigned = ask(&cloud, "GET", "/test-bucket/a", &[], "");
        assert_eq!(unsigned.status, 403, "{dialect:?}");
        let authorized: Vec<_> = cloud
            .requests()
            .iter()
            .map(larder_testkit::cloud::Request::authorized)
            .collect();
        assert_eq!(authorized, [true, false], "{dialect:?}");
        let cloud = start(dialect).await.expecting_credential("other");
        let refused = hasty(&cloud).get(&Path::from("a")).await.expect_err("another name");
        assert!(
            matches!(refused, object_store::Error::PermissionDenied { .. }),
            "{dialect:?}: {refused}"
        );
    }
    let cloud = start(Dialect::Gcs).await.expecting_credential("good");
    let status = |token: &str| ask(&cloud, "GET", "/test-bucket/a", &[("Authorization", token)], "").status;
    assert_eq!((status("Bearer good"), status("Bearer goods")), (404, 401));
}

#[tokio::test]
async fn requests_are_recorded_without_showing_credentials() {
    for dialect in Dialect::ALL {
        let cloud = start(dialect).await;
        let headers = [
            ("Authorization", "Bearer very-secret"),
            ("x-amz-security-token", "very-secret"),
            ("x-ms-copy-source-authorization", "Bearer very-secret"),
            ("x-ms-copy-source", "http://host/container/blob?sv=1&sig=very-secret"),
        ];
        ask(
            &cloud,
            "GET",
            "/test-bucket/a%2Fb?X-Amz-Signature=very-secret&sig=very-secret&response-b=c%20d",
            &headers,
            "",
        );
        let request = &cloud.requests()[0];
        assert!(request.path.ends_with("/test-bucket/a%2Fb"), "{request:?}");
        assert_eq!(
            (request.keys.as_slice(), request.query("response-b")),
            (&["a/b".to_owned()][..], Some("c d"))
        );
        assert_eq!(
            (request.header("authorization"), request.authorized()),
            (Some("Bearer very-secret"), true)
        );
        let shown = format!("{request:?} {cloud:?}");
        assert!(shown.contains("GET") && !shown.contains("very-secret"), "{shown}");
        // Where a copy came from is worth seeing, but for its signature.
        assert!(
            shown.contains("http://host/container/blob?sv=1&sig=[redacted]"),
            "{shown}"
        );
        cloud.forget();
        assert!(cloud.requests().is_empty());
    }
}

#[tokio::test]
async fn a_double_ends_when_it_is_dropped() {
    let cloud = Cloud::start(Dialect::S3).await;
    let mut stream = TcpStream::connect(cloud.endpoint().trim_start_matches("http://")).expect("it listens");
    drop(cloud);
    // Without the drop nothing would ever come.
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout that is not zero");
    let ended = stream.read(&mut [0]);
    assert!(matches!(&ended, Ok(0)) || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_stop_the_double() {
    let cloud = start(Dialect::S3).await;
    cloud.delay(Duration::from_millis(1));
    let answer = ask(&cloud, "PUT", "/test-bucket/a", &[], "1");
    assert_eq!((answer.status, cloud.object("a").is_some()), (200, true));
}
