//! The laws on every cloud once more, through every policy of the executor: what a pipeline really talks to.

use larder_executor::policy::{Policies, assemble};
use larder_integration_tests::cloud::{azure, s3};
use larder_io_core::Secret;
use larder_io_gcs::GcsConfig;
use larder_testkit::Fixture;
use larder_testkit::cloud::{Cloud, Dialect};
use std::sync::Arc;

/// The same store behind timeout, retry, limit and context.
fn policed(bare: Fixture) -> Fixture {
    bare.wrapped(|manager| assemble(manager, "cloud", &Policies::default().with_max_concurrent(4)))
}

async fn google() -> Fixture {
    let cloud = Cloud::start(Dialect::Gcs)
        .await
        .refusing_small_parts()
        .with_versioning();
    cloud.create_bucket("bucket");
    let mut config = GcsConfig::new("bucket", "lake/one");
    config.endpoint = Some(cloud.endpoint());
    config.access_token = Some(Secret::new("a-secret-of-the-test"));
    let open = move || Arc::new(config.open().expect("opens")) as Arc<dyn larder_io_core::IoManager>;
    let bare = Fixture::new(open()).with_reopen(open);
    policed(bare.with_secret("a-secret-of-the-test").keep(cloud))
}

mod localstack {
    use super::{policed, s3};
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || async {
        policed(s3::fixture("LARDER_TEST_LOCALSTACK", false).await)
    });
}

mod moto {
    use super::{policed, s3};
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || async {
        policed(s3::fixture("LARDER_TEST_MOTO", false).await)
    });
}

mod azurite {
    use super::{azure, policed};
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || async {
        policed(azure::fixture("LARDER_TEST_AZURITE").await)
    });
}

mod google_double {
    larder_testkit::conformance!(crate::google);
}
