//! Stores on the double.
#![allow(dead_code, reason = "each test file uses some of it")]

use larder_io_core::{IoManager, Secret};
use larder_io_s3::S3Config;
use larder_testkit::Fixture;
use larder_testkit::cloud::{Cloud, Dialect};
use std::sync::Arc;

pub(crate) const SECRET: &str = "a-secret-of-the-test";

/// A double with one bucket.
pub(crate) async fn cloud(versioned: bool) -> Cloud {
    let cloud = Cloud::start(Dialect::S3).await;
    let cloud = if versioned { cloud.with_versioning() } else { cloud };
    cloud.create_bucket("bucket");
    cloud
}

/// Settings for it.
pub(crate) fn config(cloud: &Cloud) -> S3Config {
    let mut config = S3Config::new("bucket", "lake/one");
    config.endpoint = Some(cloud.endpoint());
    config.access_key_id = Some("id".to_owned());
    config.secret_access_key = Some(Secret::new(SECRET));
    config
}

/// An empty store for one law.
pub(crate) async fn fixture(versioned: bool) -> Fixture {
    let cloud = cloud(versioned).await;
    let mut config = config(&cloud);
    config.versions = versioned;
    let open = move || Arc::new(config.open().expect("opens")) as Arc<dyn IoManager>;
    Fixture::new(open()).with_reopen(open).with_secret(SECRET).keep(cloud)
}
