//! Clients of the doubles. Every one has explicit credentials, so that none is asked for elsewhere.

use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3CopyIfNotExists};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const BUCKET: &str = "test-bucket";
pub(crate) const ACCESS_KEY: &str = "dummy-access-key";

/// No retries: a fault is to be seen. A stall ends after half a second.
fn patience() -> (RetryConfig, ClientOptions) {
    let retry = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    let options = ClientOptions::new()
        .with_allow_http(true)
        .with_timeout(Duration::from_millis(500));
    (retry, options)
}

/// A long time, for large values on a busy machine.
pub(crate) fn patient() -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(true)
        .with_timeout(Duration::from_secs(60))
}

pub(crate) async fn start(dialect: Dialect) -> Cloud {
    let cloud = Cloud::start(dialect).await;
    cloud.create_bucket(BUCKET);
    cloud
}

pub(crate) fn s3_builder(cloud: &Cloud) -> AmazonS3Builder {
    let (retry, options) = patience();
    AmazonS3Builder::new()
        .with_endpoint(cloud.endpoint())
        .with_region("us-east-1")
        .with_bucket_name(BUCKET)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key("dummy-secret")
        .with_virtual_hosted_style_request(false)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .with_retry(retry)
        .with_client_options(options)
}

pub(crate) fn gcs_builder(cloud: &Cloud) -> GoogleCloudStorageBuilder {
    let (retry, options) = patience();
    let key = format!(
        r#"{{"gcs_base_url":"{}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#,
        cloud.endpoint()
    );
    GoogleCloudStorageBuilder::new()
        .with_service_account_key(key)
        .with_bucket_name(BUCKET)
        .with_retry(retry)
        .with_client_options(options)
}

pub(crate) fn azure_builder(cloud: &Cloud) -> MicrosoftAzureBuilder {
    let (retry, options) = patience();
    MicrosoftAzureBuilder::new()
        .with_account(ACCOUNT)
        .with_access_key("ZHVtbXkta2V5")
        .with_endpoint(cloud.endpoint())
        .with_container_name(BUCKET)
        .with_allow_http(true)
        .with_retry(retry)
        .with_client_options(options)
}

pub(crate) fn s3(cloud: &Cloud) -> AmazonS3 {
    s3_builder(cloud)
        .with_client_options(patient())
        .build()
        .expect("a client")
}

pub(crate) fn gcs(cloud: &Cloud) -> GoogleCloudStorage {
    gcs_builder(cloud)
        .with_client_options(patient())
        .build()
        .expect("a client")
}

pub(crate) fn azure(cloud: &Cloud) -> MicrosoftAzure {
    azure_builder(cloud)
        .with_client_options(patient())
        .build()
        .expect("a client")
}

/// A client that gives up soon, for faults.
pub(crate) fn hasty(cloud: &Cloud) -> Arc<dyn ObjectStore> {
    match cloud.dialect() {
        Dialect::S3 => Arc::new(s3_builder(cloud).build().expect("a client")),
        Dialect::Gcs => Arc::new(gcs_builder(cloud).build().expect("a client")),
        Dialect::Azure => Arc::new(azure_builder(cloud).build().expect("a client")),
    }
}

pub(crate) fn store(cloud: &Cloud) -> Arc<dyn ObjectStore> {
    match cloud.dialect() {
        Dialect::S3 => Arc::new(s3(cloud)),
        Dialect::Gcs => Arc::new(gcs(cloud)),
        Dialect::Azure => Arc::new(azure(cloud)),
    }
}
