//! What each setting sends, and to whom.

mod support;

use larder_io_core::{Form, IoManager, Secret};
use larder_testkit::cloud::{Cloud, Operation, Request};
use std::collections::BTreeMap;
use support::{PART, SECRET, blob, cloud, config, load, open, output};

/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// One request of an operation, which must be the only one.
fn only(cloud: &Cloud, operation: Operation) -> Request {
    let mut found = cloud.requests_of(operation);
    assert_eq!(found.len(), 1, "{operation:?}: {found:?}");
    found.remove(0)
}

#[tokio::test]
async fn every_value_carries_its_class_metadata_and_key() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.storage_class = Some("NEARLINE".to_owned());
    config.metadata = BTreeMap::from([("Team".to_owned(), "data".to_owned())]);
    config.kms_key_name = Some("projects/p/locations/l/keyRings/r/cryptoKeys/k".to_owned());
    config.user_project = Some("payer".to_owned());
    let manager = open(config);
    for (at, bytes) in [("small", 10), ("large", 2 * PART + 1)] {
        manager
            .handle_output(&output(at), &blob(1, bytes))
            .await
            .expect("is stored");
        let stored = cloud.object(&format!("lake/one/{at}.bin")).expect("is there");
        assert_eq!(stored.headers["x-goog-storage-class"], "NEARLINE", "{at}");
        assert_eq!(stored.metadata["team"], "data", "{at}");
        assert!(
            stored.metadata["larderreceipt"].contains("content_hash"),
            "{at}: {:?}",
            stored.metadata
        );
    }
    let kms = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
    for operation in [Operation::Put, Operation::CreateMultipart] {
        assert_eq!(
            only(&cloud, operation).header("x-goog-encryption-kms-key-name"),
            Some(kms),
            "{operation:?}"
        );
    }
    // What is put together is deleted soon: other classes would bill it for a month.
    assert_eq!(
        only(&cloud, Operation::CreateMultipart).header("x-goog-storage-class"),
        Some("STANDARD")
    );
    assert_eq!(only(&cloud, Operation::Copy).query("destinationKmsKeyName"), Some(kms));
    for request in cloud.requests() {
        assert_eq!(request.header("x-goog-user-project"), Some("payer"), "{request:?}");
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {SECRET}").as_str()),
            "{request:?}"
        );
        let keyed = matches!(request.operation, Operation::Put | Operation::CreateMultipart);
        assert_eq!(
            request.header("x-goog-encryption-kms-key-name").is_some(),
            keyed,
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn a_customers_key_goes_with_what_reads_and_writes_bytes() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.customer_key = Some(Secret::new(KEY));
    let manager = open(config.clone());
    for (at, bytes) in [("small", 10), ("large", 2 * PART + 1)] {
        let ctx = output(at);
        manager.handle_output(&ctx, &blob(1, bytes)).await.expect("is stored");
        let loaded = load(&manager, &ctx.to_input(Form::Blob)).await.expect("is loaded");
        assert_eq!(loaded, vec![1; bytes], "{at}");
        manager.delete(&ctx.to_input(Form::Blob)).await.expect("is deleted");
    }
    for request in cloud.requests() {
        let keyed = !matches!(
            request.operation,
            Operation::Complete | Operation::Delete | Operation::List | Operation::Other
        );
        assert_eq!(request.header("x-goog-encryption-key").is_some(), keyed, "{request:?}");
        assert_eq!(
            request.header("x-goog-encryption-algorithm").is_some(),
            keyed,
            "{request:?}"
        );
        let copies = request.operation == Operation::Copy;
        assert_eq!(
            request.header("x-goog-copy-source-encryption-key").is_some(),
            copies,
            "{request:?}"
        );
    }
    // As `printf 0123456789abcdef0123456789abcdef | openssl dgst -sha256 -binary | base64` prints it.
    let digest = "PrG9Q5lH63YpmOVmzMLgmceREYsvQFecxPfaK1Bht/k=";
    assert_eq!(
        only(&cloud, Operation::Put).header("x-goog-encryption-key-sha256"),
        Some(digest)
    );
    assert!(!format!("{manager:?} {config:?}").contains(KEY));
}

#[tokio::test]
async fn nobody_else_is_asked_for_credentials() {
    // Made for this test; no account has ever known it.
    let key = include_str!("support/key.json");
    for (name, authorized) in [("anonymous", false), ("token", true), ("key", true)] {
        let cloud = cloud(false).await;
        let mut config = config(&cloud);
        config.access_token = None;
        // Whatever is asked, wherever it is, comes to the double.
        config.endpoint = Some("http://storage.test".to_owned());
        config.http.proxy = Some(Secret::new(cloud.endpoint()));
        match name {
            "anonymous" => config.anonymous = true,
            "token" => config.access_token = Some(Secret::new(SECRET)),
            _ => config.service_account = Some(Secret::new(key)),
        }
        let manager = open(config);
        for (at, bytes) in [("small", 10), ("large", PART + 1)] {
            let ctx = output(at);
            manager.handle_output(&ctx, &blob(1, bytes)).await.expect("is stored");
            load(&manager, &ctx.to_input(Form::Blob)).await.expect("is loaded");
            manager.delete(&ctx.to_input(Form::Blob)).await.expect("is deleted");
        }
        for request in cloud.requests() {
            let ours = request.path.starts_with("/bucket") || request.path.starts_with("/storage/v1/b/bucket/");
            assert!(ours, "{name}: {request:?}");
            assert_eq!(request.authorized(), authorized, "{name}: {request:?}");
        }
        assert!(cloud.requests().len() > 8, "{name}");
    }
}

#[tokio::test]
async fn without_credentials_a_plain_endpoint_gets_none() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.access_token = None;
    let manager = open(config);
    manager
        .handle_output(&output("a"), &blob(1, 10))
        .await
        .expect("is stored");
    assert!(cloud.requests().iter().all(|request| !request.authorized()));
}

#[tokio::test]
async fn a_proxy_gets_every_request() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    // The double is the proxy; the host behind it does not exist.
    config.http.proxy = Some(Secret::new(cloud.endpoint()));
    config.endpoint = Some("http://nowhere.invalid".to_owned());
    let manager = open(config);
    for (at, bytes) in [("small", 10), ("large", 2 * PART + 1)] {
        manager
            .handle_output(&output(at), &blob(1, bytes))
            .await
            .expect("is stored");
        assert!(cloud.object(&format!("lake/one/{at}.bin")).is_some(), "{at}");
    }
}
