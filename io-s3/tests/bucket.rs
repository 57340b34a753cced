//! What a bucket says about itself, and what gc leaves in one that keeps versions.
#![cfg(feature = "sdk")]

mod support;

use larder_io_core::{Finding, IoManager};
use larder_testkit::cloud::{Cloud, Fault, Operation, When};
use std::time::Duration;
use support::{cloud, config};

async fn versioning(cloud: &Cloud) -> Finding {
    let mut config = config(cloud);
    config.http.first_delay = Duration::from_millis(1);
    let manager = config.open().expect("opens");
    let maintenance = manager.maintenance().expect("has maintenance");
    let findings = maintenance.survey().await.expect("answers");
    let found = findings.iter().find(|finding| finding.what == "versioning");
    found
        .cloned()
        .unwrap_or_else(|| panic!("nothing about it: {findings:?}"))
}

fn asking() -> When {
    let asks = |request: &larder_testkit::cloud::Request| request.query("versioning").is_some();
    When::operation(Operation::Other).matching(asks).always()
}

#[tokio::test]
async fn a_missing_right_is_blamed_only_for_what_was_refused() {
    let cloud = cloud(true).await;
    assert_eq!(versioning(&cloud).await.advice, None);
    let right = "s3:GetBucketVersioning";
    for (fault, blamed) in [
        (Fault::vendor(403, "AccessDenied"), true),
        (Fault::vendor(503, "ServiceUnavailable"), false),
        (Fault::vendor(501, "NotImplemented"), false),
    ] {
        cloud.heal();
        cloud.fail(asking(), fault);
        let found = versioning(&cloud).await;
        assert!(found.answer.starts_with("cannot be asked: "), "{found:?}");
        let advice = found.advice.as_deref().expect("says what to do");
        assert_eq!(advice.contains(right), blamed, "{found:?}");
    }
}
