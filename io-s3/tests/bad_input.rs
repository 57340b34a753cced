//! What is wrong from outside: a clear error with what to do, and no secret in it.

mod support;

use larder_io_core::{
    AssetKey, AssetValue, Blob, Error, ErrorKind, Form, IoManager, ManagerUrl, OutputContext, Secret,
};
use larder_io_s3::S3Config;
use larder_testkit::cloud::{Fault, When};
use std::collections::BTreeMap;
use std::time::Duration;
use support::{SECRET, cloud, config};

/// Storing and loading; both errors.
async fn fails(config: &S3Config) -> [Error; 2] {
    let manager = config.open().expect("opens");
    let context = OutputContext::new(
        AssetKey::new(["a"]).expect("is a key"),
        None,
        "a".parse().expect("is a location"),
    );
    let stored = manager.handle_output(&context, &Blob::from(vec![1]).into_value()).await;
    let loaded = manager.load_input(&context.to_input(Form::Blob)).await;
    [
        stored.expect_err("was stored"),
        loaded.map(drop).expect_err("was loaded"),
    ]
}

async fn says(config: &S3Config, kind: ErrorKind, words: &str) {
    for error in fails(config).await {
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.message().contains(words), "`{words}` is not in: {error}");
        assert!(!format!("{error:?}").contains(SECRET), "a secret is shown: {error:?}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.bucket = "absent".to_owned();
    says(&config, ErrorKind::InvalidConfig, "create it").await;
}

#[tokio::test]
async fn another_region() {
    let cloud = cloud(false).await.in_region("eu-west-3");
    let mut config = config(&cloud);
    config.region = Some("us-east-2".to_owned());
    for error in fails(&config).await {
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
        assert!(error.message().contains("eu-west-3"), "{error}");
    }
}

#[tokio::test]
async fn credentials_that_are_wrong_or_have_expired() {
    for (status, code, words) in [
        (403, "SignatureDoesNotMatch", "check the access key"),
        (403, "InvalidAccessKeyId", "check the access key"),
        (400, "ExpiredToken", "have expired"),
    ] {
        let cloud = cloud(false).await;
        cloud.fail(When::any().always(), Fault::vendor(status, code));
        says(&config(&cloud), ErrorKind::Unauthenticated, words).await;
    }
    let cloud = cloud(false).await;
    cloud.fail(When::any().always(), Fault::vendor(403, "AccessDenied"));
    says(&config(&cloud), ErrorKind::PermissionDenied, "give it the right").await;
}

#[tokio::test]
async fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    drop(listener);
    let mut config = S3Config::new("bucket", "lake");
    config.endpoint = Some(format!("http://{address}"));
    config.access_key_id = Some("id".to_owned());
    config.secret_access_key = Some(Secret::new(SECRET));
    config.http.first_delay = Duration::from_millis(1);
    says(&config, ErrorKind::Unavailable, "cannot be reached").await;
}

/// A web server that knows nothing of S3.
#[tokio::test]
async fn an_endpoint_that_is_not_s3() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has an address");
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 65_536];
            let _ = stream.read(&mut request).await;
            let page = "<html><body><h1>404 Not Found</h1></body></html>";
            let answer = format!(
                "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let mut config = S3Config::new("bucket", "lake");
    config.endpoint = Some(format!("http://{address}"));
    config.access_key_id = Some("id".to_owned());
    config.secret_access_key = Some(Secret::new(SECRET));
    says(
        &config,
        ErrorKind::InvalidConfig,
        "does not answer as an object store does",
    )
    .await;
    server.abort();
}

#[tokio::test]
async fn a_key_that_is_too_long_for_s3() {
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.prefix = vec!["p".repeat(200); 4].join("/");
    let manager = config.open().expect("opens");
    let long = vec!["l".repeat(200); 2].join("/");
    let context = OutputContext::new(
        AssetKey::new(["a"]).expect("is a key"),
        None,
        long.parse().expect("is a location"),
    );
    let error = manager
        .handle_output(&context, &Blob::from(vec![1]).into_value())
        .await
        .expect_err("was stored");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{error:?}");
    assert!(error.message().contains("1024"), "{error}");
    assert!(cloud.requests().is_empty(), "a request was sent");
}

fn refused(url: &str, variables: &[(&str, &str)]) -> Error {
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let url: ManagerUrl = url.parse().expect("is a URL");
    let opened = S3Config::from_url(&url.with_variables(variables)).and_then(|config| config.open());
    opened.map(drop).expect_err("was opened")
}

#[test]
fn settings_that_cannot_work() {
    for (url, words) in [
        ("s3://", "bucket is missing"),
        ("s3://bucket/a/../b?region=x", "prefix"),
        ("s3://bucket/a//b?region=x", "prefix"),
        ("s3://bucket?regoin=x", "did you mean `region`"),
        ("s3://bucket?region=x&access_key_id=a", "one of them is missing"),
        ("s3://bucket?region=x&encryption=kms", "one of them is missing"),
        ("s3://bucket?region=x&part_bytes=1000", "5 MiB"),
        ("s3://bucket?region=x&http.attempts=0", "http.attempts"),
        ("s3://bucket?region=x&transfer.parts_in_flight=0", "parts_in_flight"),
        ("s3://bucket?region=x&http.read_timeout=soon", "read_timeout"),
        ("s3://bucket?region=x&metadata.a=%C3%A4", "cannot be sent"),
    ] {
        let error = refused(url, &[]);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}: {error:?}");
        assert!(error.message().contains(words), "{url}: `{words}` is not in: {error}");
    }
    let secret = format!("s3://bucket?region=x&access_key_id=a&secret_access_key={SECRET}%0A");
    let error = refused(&secret, &[]);
    assert!(
        error.message().contains("line break") && !format!("{error:?}").contains(SECRET),
        "{error:?}"
    );
}

#[test]
fn the_environment_gives_what_the_url_does_not() {
    let read = |url: &str, variables: &[(&str, &str)]| {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        S3Config::from_url(&url.parse::<ManagerUrl>().expect("is a URL").with_variables(variables)).expect("is valid")
    };
    let environment = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "theirs"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
    ];
    let config = read("s3://bucket/a/b", &environment);
    assert_eq!((config.bucket.as_str(), config.prefix.as_str()), ("bucket", "a/b"));
    assert_eq!(config.region.as_deref(), Some("eu-central-1"));
    assert_eq!(config.session_token.as_ref().map(Secret::expose), Some("token"));
    // A key of the URL does not go with a token of the environment.
    let config = read(
        "s3://bucket?access_key_id=mine&secret_access_key=x&region=here",
        &environment,
    );
    assert_eq!(
        (config.access_key_id.as_deref(), config.session_token),
        (Some("mine"), None)
    );
    assert_eq!(config.region.as_deref(), Some("here"));
    let own = read("s3://bucket", &[("LARDER_S3_REGION", "ours"), ("AWS_REGION", "theirs")]);
    assert_eq!(own.region.as_deref(), Some("ours"));
}

#[test]
fn endpoints_that_cannot_be_and_buckets_that_are_missing_are_refused_at_open() {
    for endpoint in [
        "127.0.0.1:4566",
        "ftp://host",
        "http://user:hidden@host",
        "http://host/?token=hidden",
        "https://",
    ] {
        let mut config = S3Config::new("bucket", "");
        config.endpoint = Some(endpoint.to_owned());
        config.access_key_id = Some("id".to_owned());
        config.secret_access_key = Some(Secret::new("secret"));
        let error = config.open().map(drop).expect_err("is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        assert!(
            error.message().contains("`endpoint`") && !format!("{error:?}").contains("hidden"),
            "{error:?}"
        );
    }
    let url: ManagerUrl = "s3:///lake?region=x".parse().expect("is a URL");
    let error = S3Config::from_url(&url)
        .and_then(|config| config.open())
        .map(drop)
        .expect_err("there is no bucket");
    assert!(error.message().contains("the bucket is missing"), "{error}");
    let long = S3Config::new("bucket", "x".repeat(1100));
    let mut long = long;
    long.region = Some("x".to_owned());
    let error = long.open().map(drop).expect_err("is too long");
    assert!(error.message().contains("1100 bytes"), "{error}");
}
