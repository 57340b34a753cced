//! Buckets on LocalStack and moto.

use super::{address, unique};
use larder_io_core::{IoManager, Secret};
use larder_io_object::http::{Guard, Transport};
use larder_io_s3::S3Config;
use larder_testkit::Fixture;
use object_store::client::HttpRequestBody;
use std::sync::Arc;

/// Settings for a new prefix of a bucket that is made if it is not there.
pub async fn config(variable: &str, versioned: bool) -> S3Config {
    let endpoint = address(variable);
    let bucket = if versioned { "larder-versioned" } else { "larder-plain" };
    put(&format!("{endpoint}/{bucket}"), String::new()).await;
    if versioned {
        let on = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
        put(&format!("{endpoint}/{bucket}?versioning"), on.to_owned()).await;
    }
    let mut config = S3Config::new(bucket, unique("at"));
    config.endpoint = Some(endpoint);
    config.access_key_id = Some("test".to_owned());
    config.secret_access_key = Some(Secret::new("a-secret-of-the-test"));
    config.versions = versioned;
    config
}

/// An empty store for one law.
///
/// On moto without preconditions: it takes a stale `If-Match` when an upload is completed, and of two large puts under
/// `If-None-Match` both may win.
pub async fn fixture(variable: &str, versioned: bool) -> Fixture {
    let mut config = config(variable, versioned).await;
    config.preconditions = variable != "LARDER_TEST_MOTO";
    let open = move || Arc::new(config.open().expect("opens")) as Arc<dyn IoManager>;
    Fixture::new(open())
        .with_reopen(open)
        .with_secret("a-secret-of-the-test")
}

/// Makes the bucket of a configuration.
pub async fn create(config: &S3Config) {
    put(
        &format!("{}/{}", config.endpoint.as_deref().unwrap_or_default(), config.bucket),
        String::new(),
    )
    .await;
}

/// One request that the emulators take unsigned; a bucket that is there already is as good as a new one.
async fn put(url: &str, body: String) {
    let mut transport = Transport::default();
    transport.allow_http = true;
    let guard = Guard::new(transport, Arc::new(|_| None));
    let request = http::Request::put(url)
        .body(HttpRequestBody::from(body))
        .expect("is a request");
    let answer = guard
        .client()
        .expect("connects")
        .execute(request)
        .await
        .expect("answers");
    let status = answer.status();
    assert!(status.is_success() || status.as_u16() == 409, "{url} answers {status}");
}
