//! The laws for tables, on each vendor's double always and on emulators in the full run.

use larder_integration_tests::cloud::{self, azure::KEY};
use larder_io_adls::AdlsConfig;
use larder_io_core::{IoManager, Secret};
use larder_io_delta::DeltaConfig;
use larder_io_gcs::GcsConfig;
use larder_io_object::files::Ground;
use larder_io_s3::S3Config;
use larder_testkit::Fixture;
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect};
use std::sync::Arc;

fn fixture(ground: impl Fn() -> Ground + Send + Sync + 'static) -> Fixture {
    let mut config = DeltaConfig::default();
    // Several files and parts each, so that uploads are met too.
    (config.file_bytes, config.part_bytes) = (4 << 20, 5 << 20);
    let open = move || Arc::new(config.open(ground()).expect("opens")) as Arc<dyn IoManager>;
    Fixture::new(open()).with_reopen(open)
}

async fn s3() -> Fixture {
    let cloud = Cloud::start(Dialect::S3).await;
    cloud.create_bucket("bucket");
    let mut config = S3Config::new("bucket", "lake/one");
    config.endpoint = Some(cloud.endpoint());
    config.access_key_id = Some("id".to_owned());
    config.secret_access_key = Some(Secret::new("secret"));
    fixture(move || config.open_ground().expect("opens")).keep(cloud)
}

async fn gcs() -> Fixture {
    let cloud = Cloud::start(Dialect::Gcs).await;
    cloud.create_bucket("bucket");
    let mut config = GcsConfig::new("bucket", "lake/one");
    config.endpoint = Some(cloud.endpoint());
    config.access_token = Some(Secret::new("token"));
    fixture(move || config.open_ground().expect("opens")).keep(cloud)
}

async fn azure() -> Fixture {
    let cloud = Cloud::start(Dialect::Azure).await;
    cloud.create_bucket("container");
    let mut config = AdlsConfig::new(ACCOUNT, "container", "lake/one");
    config.endpoint = Some(cloud.endpoint());
    config.access_key = Some(Secret::new(KEY));
    fixture(move || config.open_ground().expect("opens")).keep(cloud)
}

mod double_of_s3 {
    use super::*;
    larder_testkit::conformance!(s3);
}

mod double_of_gcs {
    use super::*;
    larder_testkit::conformance!(gcs);
}

mod double_of_azure {
    use super::*;
    larder_testkit::conformance!(azure);
}

mod localstack {
    use super::*;
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || async {
        let config = cloud::s3::config("LARDER_TEST_LOCALSTACK", false).await;
        fixture(move || config.open_ground().expect("opens"))
    });
}

mod azurite {
    use super::*;
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || async {
        let config = cloud::azure::config("LARDER_TEST_AZURITE").await;
        fixture(move || config.open_ground().expect("opens"))
    });
}
