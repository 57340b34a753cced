//! Stores on the double.
#![allow(dead_code, reason = "each test file uses some of it")]

use bytes::Bytes;
use larder_io_core::{AssetValue, Blob, InputContext, IoManager, OutputContext, Secret, Value};
use larder_io_gcs::GcsConfig;
use larder_io_object::ObjectIo;
use larder_testkit::Fixture;
use larder_testkit::cloud::{Cloud, Dialect};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const SECRET: &str = "a-secret-of-the-test";

/// A double with one bucket.
pub(crate) async fn cloud(versioned: bool) -> Cloud {
    let cloud = Cloud::start(Dialect::Gcs).await.refusing_small_parts();
    let cloud = if versioned { cloud.with_versioning() } else { cloud };
    cloud.create_bucket("bucket");
    cloud
}

/// Settings for it.
pub(crate) fn config(cloud: &Cloud) -> GcsConfig {
    let mut config = GcsConfig::new("bucket", "lake/one");
    config.endpoint = Some(cloud.endpoint());
    config.access_token = Some(Secret::new(SECRET));
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

/// Bytes above which a value is an upload, with these settings.
pub(crate) const PART: usize = 5 << 20;

/// A manager with small parts.
pub(crate) fn open(mut config: GcsConfig) -> ObjectIo {
    config.part_bytes = PART;
    config.http.first_delay = Duration::from_millis(1);
    config.open().expect("opens")
}

/// A blob of this many bytes that differ by `seed`.
pub(crate) fn blob(seed: u8, bytes: usize) -> Value {
    Blob::from(vec![seed; bytes]).into_value()
}

/// A new write of an asset that is called like its location.
pub(crate) fn output(at: &str) -> OutputContext {
    OutputContext::new(at.parse().expect("is a key"), None, at.parse().expect("is a location"))
}

/// What is published.
pub(crate) async fn load(manager: &dyn IoManager, ctx: &InputContext) -> larder_io_core::Result<Bytes> {
    Blob::from_value(manager.load_input(ctx).await?).await?.bytes().await
}
