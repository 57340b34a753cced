//! What each setting sends, for a small value (one put) and a large one (an upload).

mod support;

use larder_io_core::{AssetKey, AssetValue, Blob, IoManager, OutputContext, Receipt, Secret};
use larder_io_s3::{Encryption, S3Config};
use larder_testkit::cloud::{Cloud, Operation, Request};
use support::{SECRET, cloud, config};

const KEY: &str = "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A=";

async fn store(config: &S3Config, name: &str, bytes: usize) -> Receipt {
    let manager = config.open().expect("opens");
    let context = OutputContext::new(
        AssetKey::new([name]).expect("is a key"),
        None,
        name.parse().expect("is a location"),
    );
    let stored = manager
        .handle_output(&context, &Blob::from(vec![7_u8; bytes]).into_value())
        .await;
    stored.expect("stores")
}

/// The requests that begin a small and a large value.
async fn both(cloud: &Cloud, config: &S3Config) -> [Request; 2] {
    cloud.forget();
    store(config, "small", 10).await;
    store(config, "large", 11 << 20).await;
    let first = |operation, key: &str| {
        let mut requests = cloud.requests_of(operation).into_iter();
        requests
            .find(|request| request.path.contains(key))
            .unwrap_or_else(|| panic!("no {operation:?} of {key}"))
    };
    [
        first(Operation::Put, "small"),
        first(Operation::CreateMultipart, "large"),
    ]
}

async fn sends(change: impl FnOnce(&mut S3Config), wanted: &[(&str, &str)]) {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    change(&mut config);
    for request in both(&cloud, &config).await {
        for (name, value) in wanted {
            assert_eq!(
                request.header(name),
                Some(*value),
                "{name} of {} {}",
                request.method,
                request.path
            );
        }
    }
    for key in ["lake/one/small.bin", "lake/one/large.bin"] {
        assert!(cloud.object(key).is_some(), "{key} is not there");
    }
}

#[tokio::test]
async fn encryption_by_s3() {
    let change = |config: &mut S3Config| config.encryption = Encryption::S3;
    sends(change, &[("x-amz-server-side-encryption", "AES256")]).await;
}

#[tokio::test]
async fn encryption_by_kms() {
    let change = |config: &mut S3Config| {
        config.encryption = Encryption::Kms;
        config.kms_key_id = Some("alias/lake".to_owned());
        config.bucket_key = Some(true);
    };
    let wanted = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "alias/lake"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
    ];
    sends(change, &wanted).await;
}

#[tokio::test]
async fn encryption_by_a_key_of_the_customer_and_reading_it_back() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.encryption = Encryption::Customer;
    config.customer_key = Some(Secret::new(KEY));
    for request in both(&cloud, &config).await {
        assert_eq!(
            request.header("x-amz-server-side-encryption-customer-algorithm"),
            Some("AES256")
        );
        assert_eq!(request.header("x-amz-server-side-encryption-customer-key"), Some(KEY));
        assert!(
            request
                .header("x-amz-server-side-encryption-customer-key-md5")
                .is_some()
        );
    }
    let manager = config.open().expect("opens");
    for (name, len) in [("small", 10), ("large", 11 << 20)] {
        let context = OutputContext::new(
            AssetKey::new([name]).expect("is a key"),
            None,
            name.parse().expect("is a location"),
        );
        let loaded = manager
            .load_input(&context.to_input(larder_io_core::Form::Blob))
            .await
            .expect("loads");
        let bytes = Vec::<u8>::from_value(loaded).await.expect("is bytes");
        assert_eq!(bytes, vec![7_u8; len]);
    }
    assert!(!format!("{config:?} {manager:?}").contains(KEY), "the key is shown");
}

#[tokio::test]
async fn storage_class_tags_and_metadata() {
    let change = |config: &mut S3Config| {
        config.storage_class = Some("STANDARD_IA".to_owned());
        config.tags.insert("cost centre".to_owned(), "a&b".to_owned());
        config.metadata.insert("Owner".to_owned(), "data team".to_owned());
    };
    let wanted = [
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-tagging", "cost+centre=a%26b"),
        ("x-amz-meta-owner", "data team"),
    ];
    sends(change, &wanted).await;
}

#[tokio::test]
async fn the_requester_pays_every_request() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.request_payer = true;
    both(&cloud, &config).await;
    for request in cloud.requests() {
        assert_eq!(
            request.header("x-amz-request-payer"),
            Some("requester"),
            "{} {}",
            request.method,
            request.path
        );
    }
}

#[tokio::test]
async fn a_proxy_gets_every_request() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    // The double is the proxy; the host behind it does not exist.
    config.http.proxy = Some(Secret::new(cloud.endpoint()));
    config.endpoint = Some("http://nowhere.invalid".to_owned());
    store(&config, "small", 10).await;
    store(&config, "large", 11 << 20).await;
    assert!(cloud.object("lake/one/large.bin").is_some());
    assert!(
        cloud
            .requests()
            .iter()
            .all(|request| request.header("host") == Some("nowhere.invalid"))
    );
}

#[tokio::test]
async fn a_receipt_that_is_too_large_for_metadata_is_kept_beside() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.metadata.insert("note".to_owned(), "x".repeat(1800));
    store(&config, "small", 10).await;
    let stored = cloud.object("lake/one/small.bin").expect("is there");
    assert!(!stored.metadata.contains_key("larderreceipt"));
    let manager = config.open().expect("opens");
    let context = OutputContext::new(
        AssetKey::new(["small"]).expect("is a key"),
        None,
        "small".parse().expect("is a location"),
    );
    let head = manager
        .head(&context.to_input(larder_io_core::Form::Blob))
        .await
        .expect("answers")
        .expect("is there");
    assert_eq!((head.bytes, head.asset), (10, context.asset));
}

#[tokio::test]
async fn explicit_keys_sign_everything_and_are_shown_nowhere() {
    let cloud = cloud(false).await;
    let config = config(&cloud);
    both(&cloud, &config).await;
    assert!(cloud.requests().iter().all(Request::authorized));
    assert!(!format!("{config:?} {:?}", config.open().expect("opens")).contains(SECRET));
}

#[tokio::test]
async fn a_copy_above_the_limit_goes_by_ranges() {
    let cloud = cloud(true).await;
    let mut config = config(&cloud);
    config.copy_range_bytes = 5 << 20;
    let first = store(&config, "large", 11 << 20).await;
    store(&config, "large", 12).await;
    cloud.forget();
    let manager = config.open().expect("opens");
    let context = OutputContext::new(
        AssetKey::new(["large"]).expect("is a key"),
        None,
        "large".parse().expect("is a location"),
    );
    let input = context.to_input(larder_io_core::Form::Blob);
    let versions = manager.versions().expect("keeps versions");
    let restored = versions.restore(&input, &first.version).await.expect("restores");
    assert_eq!(restored.content_hash, first.content_hash);
    let ranges: Vec<String> = cloud
        .requests()
        .iter()
        .filter_map(|request| request.header("x-amz-copy-source-range").map(str::to_owned))
        .collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert_eq!(
        cloud.object("lake/one/large.bin").expect("is there").bytes.len(),
        11 << 20
    );
    assert!(cloud.unfinished_uploads().is_empty());
    let loaded = manager.load_input(&input.verified()).await.expect("loads verified");
    assert_eq!(Vec::<u8>::from_value(loaded).await.expect("is bytes").len(), 11 << 20);
}
