//! What a bucket keeps, what it says about itself, and what is said when it is not there.

mod support;

use larder_io_core::{ErrorKind, Finding, Form, GcOptions, IoManager, Precondition};
use larder_testkit::cloud::{Cloud, Fault, Operation, When};
use object_store::client::HttpRequestBody;
use std::time::Duration;
use support::{PART, SECRET, blob, cloud, config, load, open, output};

const LARGE: usize = PART + 1000;

#[tokio::test]
async fn a_restored_large_value_is_the_old_one_with_its_receipt() {
    let cloud = cloud(true).await;
    let mut config = config(&cloud);
    config.storage_class = Some("NEARLINE".to_owned());
    let manager = open(config);
    let input = output("a").to_input(Form::Blob);
    let first = manager
        .handle_output(&output("a"), &blob(1, LARGE))
        .await
        .expect("is stored");
    let mut ctx = output("a");
    ctx.precondition = Precondition::Unchanged(first.version.clone());
    manager.handle_output(&ctx, &blob(2, LARGE)).await.expect("is replaced");
    let versions = manager.versions().expect("has versions");
    let restored = versions.restore(&input, &first.version).await.expect("is restored");
    assert_eq!(load(&manager, &input).await.expect("is loaded"), vec![1; LARGE]);
    let head = manager.head(&input).await.expect("can tell").expect("is there");
    assert_eq!((&head.version, head.write), (&restored.version, first.write));
    assert_eq!(versions.history(&input).await.expect("is listed").len(), 3);
    assert_eq!(
        cloud.object("lake/one/a.bin").expect("is there").headers["x-goog-storage-class"],
        "NEARLINE"
    );
    // Only the value keeps generations, not what it was put together from.
    assert_eq!(cloud.versions("lake/one/a.bin").len(), 3);
    let unknown = larder_io_core::Version::from_text("none");
    let error = versions.restore(&input, &unknown).await.expect_err("is unknown");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
}

#[tokio::test]
async fn a_bucket_without_versions_says_how_to_turn_them_on() {
    let cloud = cloud(false).await;
    let manager = open(config(&cloud));
    let input = output("a").to_input(Form::Blob);
    manager
        .handle_output(&output("a"), &blob(1, 10))
        .await
        .expect("is stored");
    let error = manager
        .versions()
        .expect("has versions")
        .history(&input)
        .await
        .expect_err("has none");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(
        error
            .message()
            .contains("gcloud storage buckets update gs://bucket --versioning"),
        "{error}"
    );
}

#[tokio::test]
async fn gc_aborts_uploads_and_removes_what_was_put_together() {
    gc_leaves_nothing(false).await;
}

/// A deletion that names no generation would only hide what was staged, and it would be paid for as long as the bucket
/// keeps old generations.
#[tokio::test]
async fn gc_leaves_no_generation_of_what_was_put_together() {
    gc_leaves_nothing(true).await;
}

async fn gc_leaves_nothing(versioned: bool) {
    let cloud = cloud(versioned).await;
    let manager = open(config(&cloud));
    // Dropped in their middle, as a crash does.
    drop(manager.stage(&output("a"), &blob(1, LARGE)).await.expect("is staged"));
    cloud.fail(When::operation(Operation::Copy).always(), Fault::status(403));
    let mut joined = manager.stage(&output("b"), &blob(1, LARGE)).await.expect("is staged");
    joined.publish().await.expect_err("is refused");
    drop(joined);
    cloud.heal();
    // Somebody else's, beside the prefix.
    cloud.put_directly("lake/one2/.larder/uploads/x", "1");
    assert_eq!((cloud.unfinished_uploads().len(), cloud.keys().len()), (1, 2));
    let staged = cloud.keys().into_iter().find(|key| key.starts_with("lake/one/"));
    let staged = staged.expect("is put together");
    let maintenance = manager.maintenance().expect("has maintenance");
    let young = maintenance.gc(&GcOptions::default()).await.expect("is done");
    assert_eq!(young, []);
    let mut options = GcOptions::default();
    options.older_than = Duration::ZERO;
    let mut removed: Vec<_> = maintenance
        .gc(&options)
        .await
        .expect("is done")
        .iter()
        .map(|gone| gone.what)
        .collect();
    removed.sort_unstable();
    assert_eq!(removed, ["staged", "upload"]);
    assert_eq!(
        (cloud.unfinished_uploads().len(), cloud.keys()),
        (0, vec!["lake/one2/.larder/uploads/x".to_owned()])
    );
    assert_eq!(cloud.versions(&staged), []);
}

/// Sets what a bucket says about itself.
async fn describe(cloud: &Cloud, settings: &str) {
    let mut transport = larder_io_object::http::Transport::default();
    transport.allow_http = true;
    let guard = larder_io_object::http::Guard::new(transport, std::sync::Arc::new(|_| None));
    let request = http::Request::patch(format!("{}/storage/v1/b/bucket", cloud.endpoint()));
    let request = request
        .body(HttpRequestBody::from(settings.to_owned()))
        .expect("is a request");
    let answer = guard
        .client()
        .expect("connects")
        .execute(request)
        .await
        .expect("answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[tokio::test]
async fn the_survey_tells_what_costs_and_what_is_missing() {
    let cloud = cloud(false).await;
    let manager = open(config(&cloud));
    let maintenance = manager.maintenance().expect("has maintenance");
    let find = |findings: &[Finding], what: &str| {
        let found = findings.iter().find(|finding| finding.what == what);
        found
            .cloned()
            .unwrap_or_else(|| panic!("nothing about {what}: {findings:?}"))
    };
    let before = maintenance.survey().await.expect("answers");
    assert_eq!(find(&before, "region").answer, "US");
    assert!(
        find(&before, "versioning")
            .advice
            .expect("is off")
            .contains("--versioning")
    );
    assert!(find(&before, "unfinished uploads").advice.is_some());
    let rule = r#"{"versioning":{"enabled":true},"lifecycle":{"rule":[{"action":{"type":"Delete"},"condition":{"age":1}},{"action":{"type":"AbortIncompleteMultipartUpload"},"condition":{"age":5}}]}}"#;
    describe(&cloud, rule).await;
    let after = maintenance.survey().await.expect("answers");
    assert_eq!(find(&after, "versioning").advice, None);
    assert_eq!(
        find(&after, "unfinished uploads"),
        Finding::fine("unfinished uploads", "removed by the bucket after 5 days")
    );
    cloud.fail(When::operation(Operation::Other).always(), Fault::status(403));
    let refused = maintenance.survey().await.expect("is a finding");
    assert!(
        refused[0]
            .advice
            .as_ref()
            .expect("is wrong")
            .contains("storage.buckets.get"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_value() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.bucket = "other".to_owned();
    let manager = open(config);
    let ctx = output("a");
    let input = ctx.to_input(Form::Blob);
    let errors = [
        ("small", manager.handle_output(&ctx, &blob(1, 10)).await.map(drop)),
        ("large", manager.handle_output(&ctx, &blob(1, LARGE)).await.map(drop)),
        ("load", manager.load_input(&input).await.map(drop)),
        ("head", manager.head(&input).await.map(drop)),
        ("delete", manager.delete(&input).await),
        (
            "history",
            manager
                .versions()
                .expect("has versions")
                .history(&input)
                .await
                .map(drop),
        ),
        (
            "gc",
            manager
                .maintenance()
                .expect("has it")
                .gc(&GcOptions::default())
                .await
                .map(drop),
        ),
        (
            "survey",
            manager.maintenance().expect("has it").survey().await.map(drop),
        ),
    ];
    for (what, result) in errors {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{what}: {error:?}");
        assert!(error.message().contains("no such bucket"), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_without_showing_them() {
    let cloud = cloud(false).await.expecting_credential("another-token");
    let manager = open(config(&cloud));
    let ctx = output("a");
    let input = ctx.to_input(Form::Blob);
    let errors = [
        manager.handle_output(&ctx, &blob(1, 10)).await.map(drop),
        manager.handle_output(&ctx, &blob(1, LARGE)).await.map(drop),
        manager.load_input(&input).await.map(drop),
        manager.head(&input).await.map(drop),
        manager.maintenance().expect("has it").survey().await.map(drop),
    ];
    for error in errors.map(|result| result.expect_err("is refused")) {
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
        assert!(!format!("{error} {error:?} {manager:?}").contains(SECRET), "{error:?}");
    }
}
