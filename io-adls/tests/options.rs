//! What each setting sends, for a small value (one put) and a large one (blocks and a commit).

mod support;

use larder_io_adls::AdlsConfig;
use larder_io_core::{IoManager, Secret};
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect, Operation, Request};
use support::{KEY, Kind, blob, cloud, config, context, loaded};

const CUSTOMER: &str = "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A=";

async fn store(config: &AdlsConfig, name: &str, bytes: usize) {
    let manager = config.open().expect("opens");
    manager
        .handle_output(&context(name), &blob(7, bytes))
        .await
        .expect("stores");
}

/// The requests that write values, a small one and a large one: put, block, commit.
async fn writes(cloud: &Cloud, config: &AdlsConfig) -> [Request; 3] {
    cloud.forget();
    let mut config = config.clone();
    config.part_bytes = 64 << 10;
    store(&config, "small", 10).await;
    store(&config, "large", 1 << 20).await;
    [Operation::Put, Operation::Part, Operation::Complete].map(|operation| {
        let found = cloud.requests_of(operation).into_iter().next();
        found.unwrap_or_else(|| panic!("no {operation:?}"))
    })
}

/// Whether requests that make a value visible send a header; `blocks` says whether blocks do too.
async fn sends(change: impl FnOnce(&mut AdlsConfig), blocks: bool, wanted: &[(&str, &str)]) {
    let cloud = cloud(Kind::Plain).await;
    let mut config = config(&cloud, Kind::Plain);
    change(&mut config);
    for request in writes(&cloud, &config).await {
        for (name, value) in wanted {
            let expected = (blocks || request.operation != Operation::Part).then_some(*value);
            assert_eq!(request.header(name), expected, "{name} of {:?}", request.operation);
        }
    }
    for key in ["lake/test/small.bin", "lake/test/large.bin"] {
        assert!(cloud.object(key).is_some(), "{key} is not there");
    }
}

#[tokio::test]
async fn access_tier_tags_and_metadata() {
    let change = |config: &mut AdlsConfig| {
        config.storage_class = Some("Cool".to_owned());
        config.tags.insert("cost centre".to_owned(), "a/b".to_owned());
        config.metadata.insert("Owner".to_owned(), "data team".to_owned());
    };
    let wanted = [
        ("x-ms-access-tier", "Cool"),
        ("x-ms-tags", "cost%20centre=a%2Fb"),
        ("x-ms-meta-owner", "data team"),
    ];
    sends(change, false, &wanted).await;
}

#[tokio::test]
async fn an_encryption_scope() {
    let change = |config: &mut AdlsConfig| config.encryption_scope = Some("lake-scope".to_owned());
    sends(change, true, &[("x-ms-encryption-scope", "lake-scope")]).await;
}

#[tokio::test]
async fn a_key_of_the_customer_goes_with_every_value_and_with_nothing_else() {
    let cloud = cloud(Kind::Plain).await;
    let mut config = config(&cloud, Kind::Plain);
    config.customer_key = Some(Secret::new(CUSTOMER));
    writes(&cloud, &config).await;
    let manager = config.open().expect("opens");
    assert_eq!(loaded(&manager, "small").await.expect("loads"), vec![7; 10]);
    assert_eq!(loaded(&manager, "large").await.expect("loads"), vec![7; 1 << 20]);
    for request in cloud.requests() {
        let carries = match request.operation {
            Operation::List | Operation::Delete => None,
            _ => Some(CUSTOMER),
        };
        assert_eq!(
            request.header("x-ms-encryption-key"),
            carries,
            "{:?}",
            request.operation
        );
        assert_eq!(
            request.header("x-ms-encryption-key-sha256").is_some(),
            carries.is_some()
        );
    }
    let shown = format!("{config:?} {manager:?}");
    assert!(!shown.contains(CUSTOMER) && !shown.contains(KEY), "a key is shown");

    // Without the key nothing can be read, and the error says why.
    let mut config = config.clone();
    config.customer_key = None;
    let refused = loaded(&config.open().expect("opens"), "small")
        .await
        .expect_err("is encrypted");
    assert!(refused.message().contains("customer_key"), "{refused}");
}

#[tokio::test]
async fn an_account_key_signs_with_everything_that_is_sent() {
    let cloud = cloud(Kind::Plain).await;
    let config = config(&cloud, Kind::Plain);
    for request in writes(&cloud, &config).await {
        let signed = request.header("authorization").unwrap_or_default().to_owned();
        assert!(signed.starts_with(&format!("SharedKey {ACCOUNT}:")), "{signed}");
        assert!(request.header("x-ms-version").is_some() && request.header("content-length").is_some());
    }
}

#[tokio::test]
async fn a_signature_stands_in_the_query_and_in_no_error() {
    let cloud = Cloud::start(Dialect::Azure).await;
    cloud.create_bucket("data");
    let mut config = config(&cloud, Kind::Plain);
    config.access_key = None;
    config.sas_token = Some(Secret::new("?sv=2023-11-03&sp=rwdl&sig=a-secret%2Bof%3D"));
    for request in writes(&cloud, &config).await {
        assert_eq!(request.query("sig"), Some("a-secret+of="), "{:?}", request.operation);
        assert_eq!(request.header("authorization"), None);
    }
    cloud.fail(
        larder_testkit::cloud::When::any().always(),
        larder_testkit::cloud::Fault::vendor(403, "AuthenticationFailed"),
    );
    let manager = config.open().expect("opens");
    let refused = loaded(&manager, "small").await.expect_err("is refused");
    let shown = format!("{refused} {refused:?} {config:?} {manager:?}");
    assert!(!shown.contains("a-secret"), "{shown}");
}

#[tokio::test]
async fn anonymous_requests_carry_no_credentials() {
    let cloud = Cloud::start(Dialect::Azure).await;
    cloud.create_bucket("data");
    let mut config = config(&cloud, Kind::Plain);
    config.anonymous = true;
    for request in writes(&cloud, &config).await {
        assert!(!request.authorized(), "{request:?}");
        assert!(request.header("x-ms-version").is_some());
    }
}

#[tokio::test]
async fn a_connection_string_is_enough() {
    let cloud = cloud(Kind::Plain).await;
    let mut config = AdlsConfig::new(ACCOUNT, "data", "lake/test");
    config.account = None;
    let text = format!(
        "AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={}/;",
        cloud.endpoint()
    );
    config.connection_string = Some(Secret::new(text));
    config.versions = false;
    store(&config, "small", 10).await;
    assert!(cloud.object("lake/test/small.bin").is_some());
    assert!(!format!("{config:?}").contains(KEY));
}

#[tokio::test]
async fn a_proxy_gets_every_request() {
    let cloud = cloud(Kind::Plain).await;
    let mut config = config(&cloud, Kind::Plain);
    // The double is the proxy; the host behind it does not exist.
    config.http.proxy = Some(Secret::new(cloud.endpoint()));
    config.endpoint = Some(format!("http://nowhere.invalid/{ACCOUNT}"));
    store(&config, "small", 10).await;
    assert!(cloud.object("lake/test/small.bin").is_some());
}
