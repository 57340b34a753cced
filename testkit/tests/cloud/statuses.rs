//! Errors in each vendor's own words.

use crate::faults::{operations, run};
use crate::raw::{ask, get};
use crate::stores::start;
use larder_testkit::cloud::{Dialect, Fault, Operation, When};
use std::time::Duration;

const CODES: [(u16, [&str; 3]); 7] = [
    (403, ["AccessDenied", "AccessDenied", "AuthorizationPermissionMismatch"]),
    (404, ["NoSuchKey", "NoSuchKey", "BlobNotFound"]),
    (409, ["ConditionalRequestConflict", "Conflict", "BlobAlreadyExists"]),
    (412, ["PreconditionFailed", "PreconditionFailed", "ConditionNotMet"]),
    (429, ["TooManyRequests", "TooManyRequests", "TooManyRequests"]),
    (500, ["InternalError", "InternalError", "InternalError"]),
    (503, ["SlowDown", "ServiceUnavailable", "ServerBusy"]),
];

#[tokio::test]
async fn every_status_reaches_every_operation() {
    for (dialect, index) in Dialect::ALL.into_iter().zip(0..) {
        for (status, codes) in CODES {
            for operation in operations(dialect) {
                let cloud = start(dialect).await;
                cloud.put_directly("reports/a", "1234567890");
                let failed = run(&cloud, operation, When::operation(operation), Fault::status(status)).await;
                let error = format!("{:?}", failed.expect_err("an error status"));
                let told = format!("status: {status}");
                assert!(error.contains(&told), "{dialect:?} {operation:?}: {error}");
                // The answer to HEAD has no body.
                let code = codes[index];
                assert_eq!(
                    error.contains(code),
                    operation != Operation::Head,
                    "{dialect:?} {operation:?}: {error}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_code_and_a_delay_of_choice() {
    for dialect in Dialect::ALL {
        let cloud = start(dialect).await;
        cloud.fail(When::get(), Fault::vendor(503, "OddCode"));
        cloud.fail(When::get(), Fault::retry_after(429, Duration::from_millis(1500)));
        let first = get(&cloud, "/test-bucket/a");
        assert_eq!((first.status, first.tag("Code")), (503, "OddCode"), "{dialect:?}");
        assert_eq!(first.header("retry-after"), None);
        let limited = get(&cloud, "/test-bucket/a");
        assert_eq!(
            (limited.status, limited.header("retry-after")),
            (429, Some("2")),
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn a_token_expires_in_the_vendors_own_form() {
    for (dialect, authorization, status, code) in [
        (Dialect::S3, "AWS4-HMAC-SHA256 x", 400, "ExpiredToken"),
        (Dialect::Gcs, "Bearer x", 401, "AuthenticationRequired"),
        (Dialect::Azure, "Bearer x", 401, "InvalidAuthenticationInfo"),
        (Dialect::Azure, "SharedKey x", 403, "AuthenticationFailed"),
    ] {
        let cloud = start(dialect).await;
        cloud.fail(When::put(), Fault::ExpiredToken);
        let headers = [("Authorization", authorization), ("x-ms-blob-type", "BlockBlob")];
        let answer = ask(&cloud, "PUT", "/test-bucket/a", &headers, "1");
        assert_eq!((answer.status, answer.tag("Code")), (status, code), "{dialect:?}");
        let named = (dialect == Dialect::Azure).then_some(code);
        assert_eq!(answer.header("x-ms-error-code"), named, "{dialect:?}");
        assert_eq!(cloud.object("a"), None);
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    for (dialect, bucket, key) in [
        (Dialect::S3, "NoSuchBucket", "NoSuchKey"),
        (Dialect::Gcs, "NoSuchBucket", "NoSuchKey"),
        (Dialect::Azure, "ContainerNotFound", "BlobNotFound"),
    ] {
        let cloud = start(dialect).await;
        let missing = get(&cloud, "/other-bucket/a");
        assert_eq!((missing.status, missing.tag("Code")), (404, bucket), "{dialect:?}");
        let missing = get(&cloud, "/test-bucket/a");
        assert_eq!((missing.status, missing.tag("Code")), (404, key), "{dialect:?}");
    }
}

#[tokio::test]
async fn google_says_it_in_json_where_it_is_asked_so() {
    let cloud = start(Dialect::Gcs).await;
    let missing = get(&cloud, "/storage/v1/b/other-bucket");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains(r#""reason":"notFound""#), "{}", missing.body);
    cloud.fail(When::list(), Fault::status(429));
    let limited = get(&cloud, "/storage/v1/b/test-bucket/o");
    assert_eq!(limited.status, 429);
    assert!(
        limited.body.contains(r#""reason":"rateLimitExceeded""#),
        "{}",
        limited.body
    );
}
