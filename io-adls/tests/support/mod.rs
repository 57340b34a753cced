//! A container on our own double.
#![allow(dead_code, reason = "not every test needs every kind")]

use larder_io_adls::AdlsConfig;
use larder_io_core::{AssetKey, AssetValue, Blob, Form, IoManager, OutputContext, Result, Secret, Value};
use larder_testkit::Fixture;
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect};
use std::sync::Arc;

/// The key that signs; in base64, as keys are.
pub(crate) const KEY: &str = "YS1zZWNyZXQtb2YtdGhlLXRlc3Q=";

/// The kind of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Versioned,
    Hierarchical,
}

/// A running double with the container `data`.
pub(crate) async fn cloud(kind: Kind) -> Arc<Cloud> {
    let cloud = Cloud::start(Dialect::Azure).await.expecting_credential(ACCOUNT);
    let cloud = match kind {
        Kind::Plain => cloud,
        Kind::Versioned => cloud.with_versioning(),
        Kind::Hierarchical => cloud.with_hierarchy(),
    };
    cloud.create_bucket("data");
    Arc::new(cloud)
}

/// Settings for the container `data`.
pub(crate) fn config(cloud: &Cloud, kind: Kind) -> AdlsConfig {
    let mut config = AdlsConfig::new(ACCOUNT, "data", "lake/test");
    config.endpoint = Some(cloud.endpoint());
    config.access_key = Some(Secret::new(KEY));
    config.versions = kind == Kind::Versioned;
    config
}

/// An empty store for one law.
pub(crate) async fn fixture(kind: Kind) -> Fixture {
    let cloud = cloud(kind).await;
    // The double lives as long as this closure, which the fixture keeps.
    let open = move || Arc::new(config(&cloud, kind).open().expect("opens")) as Arc<dyn IoManager>;
    Fixture::new(open()).with_reopen(open).with_secret(KEY)
}

/// What is stored under one name.
pub(crate) fn context(name: &str) -> OutputContext {
    let location = name.parse().expect("is a location");
    OutputContext::new(AssetKey::new([name]).expect("is a key"), None, location)
}

/// A blob of one byte, many times.
pub(crate) fn blob(byte: u8, bytes: usize) -> Value {
    Blob::from(vec![byte; bytes]).into_value()
}

/// The bytes that are published under a name.
pub(crate) async fn loaded(manager: &dyn IoManager, name: &str) -> Result<Vec<u8>> {
    let value = manager.load_input(&context(name).to_input(Form::Blob)).await?;
    Vec::<u8>::from_value(value).await
}
