//! What references into a bucket point to.

mod support;

use larder_io_core::{
    AssetValue, Backend, Blob, ErrorKind, Form, IoManager, ManagerUrl, OutputContext, Result, Secret, Target,
};
use larder_testkit::cloud::Cloud;
use std::sync::Arc;
use support::{SECRET, cloud, config};

/// Writes bytes at `lake/one/<name>.bin`, as larder keeps them.
async fn write(cloud: &Cloud, name: &str, bytes: &[u8]) {
    let ctx = OutputContext::new(
        name.replace('/', "_").parse().expect("is a key"),
        None,
        name.parse().expect("is a place"),
    );
    let manager = config(cloud).open().expect("opens");
    manager
        .handle_output(&ctx, &Blob::from(bytes.to_vec()).into_value())
        .await
        .expect("stores");
}

/// The target of an address with the settings of a manager of that bucket.
fn target(backend: &Arc<dyn Backend>, cloud: &Cloud, uri: &str) -> Result<Arc<dyn Target>> {
    let settings = ManagerUrl::new("s3", "//bucket", "")
        .with_setting("endpoint", cloud.endpoint())
        .with_setting("access_key_id", "id")
        .with_setting("transfer.range_bytes", "1024")
        .with_secret("secret_access_key", Secret::new(SECRET));
    let url = larder_io_core::reference::address(uri)?;
    backend.target(&url.with_settings_of(&settings)?, None)
}

async fn bytes(target: &dyn Target, version: Option<&larder_io_core::Version>) -> Result<Vec<u8>> {
    let blob = Blob::from_value(target.open(Form::Blob, version).await?).await?;
    Ok(blob.bytes().await?.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_version_of_it() {
    for versioned in [false, true] {
        let (cloud, backend) = (cloud(versioned).await, larder_io_s3::backend());
        let (first, second) = (vec![1; 5000], vec![2; 5000]);
        write(&cloud, "raw", &first).await;
        let found = target(&backend, &cloud, "s3://bucket/lake/one/raw.bin").expect("is one");
        assert!(!format!("{found:?}").contains(SECRET));
        let facts = found.describe(None).await.expect("is there");
        let version = facts.version.expect("has an ETag");
        assert_eq!(facts.bytes, Some(5000));
        assert_eq!(
            bytes(found.as_ref(), Some(&version)).await.expect("is as described"),
            first
        );
        let open = Blob::from_value(found.open(Form::Blob, None).await.expect("opens"))
            .await
            .expect("is a blob");
        write(&cloud, "raw", &second).await;
        let error = bytes(found.as_ref(), Some(&version)).await.expect_err("is another one");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert_eq!(bytes(found.as_ref(), None).await.expect("is there"), second);
        // By the version where the bucket keeps it, else refused by the ETag: never a mixture.
        match open.bytes().await {
            Ok(all) => assert!(versioned && all == first, "{versioned}"),
            Err(error) => assert_eq!((versioned, error.kind()), (false, ErrorKind::Conflict), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_all_below_it() {
    let (cloud, backend) = (cloud(false).await, larder_io_s3::backend());
    for name in ["year/a", "year/deep/b", "years/c"] {
        write(&cloud, name, name.as_bytes()).await;
    }
    let found = target(&backend, &cloud, "s3://bucket/lake/one/year/").expect("is one");
    let before = found.head().await.expect("is there");
    assert_eq!((before.files, before.bytes), (Some(2), Some(17)));
    assert_eq!(found.head().await.expect("is there").version, before.version);
    write(&cloud, "year/d", b"d").await;
    let after = found.head().await.expect("is there");
    assert_eq!(after.files, Some(3));
    assert_ne!(after.version, before.version);
    for uri in [
        "s3://bucket/lake/one/year",
        "s3://bucket/lake/one/yea/",
        "s3://bucket/absent.bin",
    ] {
        let found = target(&backend, &cloud, uri).expect("is an address");
        let error = found.head().await.expect_err(uri);
        assert_eq!(error.kind(), ErrorKind::NotFound, "{uri}: {error}");
    }
}

/// A bucket that is not there and a key that is wrong are not the same as a missing file.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_no_missing_file() {
    let (cloud, backend) = (cloud(false).await, larder_io_s3::backend());
    let found = target(&backend, &cloud, "s3://other/raw.bin").expect("is an address");
    let error = found.head().await.expect_err("is not there");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    let error = target(&backend, &cloud, "s3://bucket/a?regoin=x").expect_err("is unknown");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    let error = target(&backend, &cloud, "s3://bucket").expect_err("is a bucket");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
}
