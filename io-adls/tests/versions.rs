//! Old versions, what is copied, and what the account says about itself; on our own double only.

mod support;

use larder_io_adls::AdlsConfig;
use larder_io_core::{ErrorKind, Form, IoManager, Receipt, Secret};
use larder_testkit::cloud::{Cloud, Dialect, Fault, Operation, Request, When};
use std::sync::Arc;
use support::{Kind, blob, cloud, config, context, loaded};

/// Stores two values, restores the first and gives the requests that copied it.
async fn restored(cloud: &Cloud, config: &AdlsConfig, bytes: usize) -> Vec<Request> {
    let manager = config.open().expect("opens");
    let first = manager
        .handle_output(&context("x"), &blob(1, bytes))
        .await
        .expect("stores");
    manager
        .handle_output(&context("x"), &blob(2, bytes))
        .await
        .expect("stores");
    let versions = manager.versions().expect("keeps versions");
    let input = context("x").to_input(Form::Blob);
    cloud.forget();
    let again = versions.restore(&input, &first.version).await.expect("restores");
    assert_eq!(loaded(&manager, "x").await.expect("loads"), vec![1; bytes]);
    let head = manager.head(&input).await.expect("looks").expect("is there");
    assert_eq!((&head.version, head.stored_hash), (&again.version, first.stored_hash));
    let copied = |request: &Request| request.header("x-ms-copy-source").is_some();
    cloud.requests().into_iter().filter(copied).collect()
}

#[tokio::test]
async fn a_version_is_restored_by_one_request_with_its_metadata() {
    let cloud = cloud(Kind::Versioned).await;
    let mut config = config(&cloud, Kind::Versioned);
    config.metadata.insert("owner".to_owned(), "data team".to_owned());
    let copies = restored(&cloud, &config, 1000).await;
    let [copy] = copies.as_slice() else {
        panic!("one copy: {copies:?}")
    };
    let source = copy.header("x-ms-copy-source").unwrap_or_default();
    assert!(
        source.contains("?versionid=") && source.contains("&sig="),
        "an account key signs the source"
    );
    assert_eq!(copy.header("x-ms-blob-type"), Some("BlockBlob"));
    assert!(copy.header("x-ms-source-if-match").is_some());
    let stored = cloud.object("lake/test/x.bin").expect("is stored");
    assert_eq!(stored.metadata.get("owner").map(String::as_str), Some("data team"));
    assert!(stored.metadata.contains_key("larderreceipt"));
}

#[tokio::test]
async fn a_large_version_is_copied_by_ranges_and_seen_when_it_is_whole() {
    let cloud = cloud(Kind::Versioned).await;
    let mut config = config(&cloud, Kind::Versioned);
    config.copy_range_bytes = 1 << 20;
    let copies = restored(&cloud, &config, (5 << 20) / 2).await;
    let mut ranges: Vec<_> = copies
        .iter()
        .filter_map(|copy| copy.header("x-ms-source-range"))
        .collect();
    ranges.sort_unstable();
    assert_eq!(
        ranges,
        ["bytes=0-1048575", "bytes=1048576-2097151", "bytes=2097152-2621439"]
    );
    assert!(
        copies.iter().all(|copy| copy.operation == Operation::Part),
        "{copies:?}"
    );
}

#[tokio::test]
async fn a_signature_reads_the_source_of_a_copy_too() {
    let cloud = Cloud::start(Dialect::Azure).await.with_versioning();
    cloud.create_bucket("data");
    let mut config = config(&cloud, Kind::Versioned);
    config.access_key = None;
    config.sas_token = Some(Secret::new("sv=2023-11-03&sig=a-secret%20of%2Bus"));
    let copies = restored(&cloud, &config, 1000).await;
    let source = copies[0].header("x-ms-copy-source").unwrap_or_default();
    assert!(source.ends_with("&sv=2023-11-03&sig=a-secret%20of%2Bus"), "{source}");
}

#[tokio::test]
async fn a_failed_restore_leaves_the_published_value() {
    let cloud = cloud(Kind::Versioned).await;
    let config = config(&cloud, Kind::Versioned);
    let manager = config.open().expect("opens");
    let first = manager
        .handle_output(&context("x"), &blob(1, 10))
        .await
        .expect("stores");
    manager
        .handle_output(&context("x"), &blob(2, 10))
        .await
        .expect("stores");
    cloud.fail(When::copy().always(), Fault::vendor(403, "CannotVerifyCopySource"));
    let input = context("x").to_input(Form::Blob);
    let refused = manager
        .versions()
        .expect("keeps versions")
        .restore(&input, &first.version)
        .await;
    assert_eq!(refused.expect_err("is refused").kind(), ErrorKind::PermissionDenied);
    assert_eq!(loaded(&manager, "x").await.expect("loads"), vec![2; 10]);
}

#[tokio::test]
async fn an_account_without_versions_says_what_to_do() {
    let cloud = cloud(Kind::Plain).await;
    let manager = config(&cloud, Kind::Versioned).open().expect("opens");
    manager
        .handle_output(&context("x"), &blob(1, 10))
        .await
        .expect("stores");
    let asked = manager
        .versions()
        .expect("may keep versions")
        .history(&context("x").to_input(Form::Blob))
        .await;
    let refused = asked.expect_err("keeps none");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("--enable-versioning true"), "{refused}");
}

#[tokio::test]
async fn history_survives_a_delete() {
    let cloud = cloud(Kind::Versioned).await;
    let manager = config(&cloud, Kind::Versioned).open().expect("opens");
    let stored: Vec<Receipt> = [
        manager
            .handle_output(&context("x"), &blob(1, 10))
            .await
            .expect("stores"),
        manager
            .handle_output(&context("x"), &blob(2, 10))
            .await
            .expect("stores"),
    ]
    .into();
    let input = context("x").to_input(Form::Blob);
    manager.delete(&input).await.expect("deletes");
    let history = manager
        .versions()
        .expect("keeps versions")
        .history(&input)
        .await
        .expect("is told");
    let versions: Vec<_> = history.iter().map(|receipt| &receipt.version).collect();
    assert_eq!(versions, [&stored[1].version, &stored[0].version]);
}

async fn survey(cloud: &Arc<Cloud>, kind: Kind) -> String {
    let manager = config(cloud, kind).open().expect("opens");
    let findings = manager.maintenance().expect("is kept").survey().await.expect("answers");
    let shown = findings
        .iter()
        .map(|found| format!("{}: {} ({:?})", found.what, found.answer, found.advice));
    shown.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_survey_tells_what_the_account_is() {
    let cloud = cloud(Kind::Versioned).await;
    assert!(survey(&cloud, Kind::Versioned).await.contains("cannot be told before"));
    let mut config = config(&cloud, Kind::Versioned);
    config.part_bytes = 64 << 10;
    let manager = config.open().expect("opens");
    manager
        .handle_output(&context("x"), &blob(1, 10))
        .await
        .expect("stores");
    manager
        .handle_output(&context("empty"), &blob(1, 0))
        .await
        .expect("stores");
    let mut staged = manager
        .stage(&context("large"), &blob(1, 1 << 20))
        .await
        .expect("stages");
    staged.discard().await.expect("discards");
    let told = survey(&cloud, Kind::Versioned).await;
    for wanted in [
        "account: StorageV2, Standard_LRS, flat",
        "versioning: on",
        "1 names have blocks and no value",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in {told}");
    }
}

#[tokio::test]
async fn a_survey_of_a_hierarchical_account_and_of_a_missing_container() {
    let cloud = cloud(Kind::Hierarchical).await;
    let told = survey(&cloud, Kind::Versioned).await;
    assert!(
        told.contains("hierarchical") && told.contains("keeps no old versions"),
        "{told}"
    );
    let mut config = config(&cloud, Kind::Plain);
    config.container = "nothing".to_owned();
    let refused = config
        .open()
        .expect("opens")
        .maintenance()
        .expect("is kept")
        .survey()
        .await
        .expect_err("is missing");
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{refused}");
}
