//! The example of the flights on each cloud: another profile, the same assets, equal results.

use larder_integration_tests::cloud;
use larder_io_core::{InputContext, Location, Receipt};
use larder_io_core::{IoManager, ManagerUrl, Secret};
use larder_testkit::cloud::{Cloud, Dialect};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What was stored of every asset: its hash and rows.
async fn stored(manager: &dyn IoManager) -> BTreeMap<String, String> {
    use futures_util::TryStreamExt;
    let locations: Vec<Location> = manager.list(None).try_collect().await.expect("can be listed");
    let mut all = BTreeMap::new();
    for location in locations {
        let key = location.to_string().parse().expect("is a key");
        let mut input = InputContext::new(key, None, location.clone());
        // The page is a blob with a suffix of its own.
        let mut found = manager.head(&input).await.expect("can be asked");
        if found.is_none() {
            input.extension = Some("html".to_owned());
            found = manager.head(&input).await.expect("can be asked");
        }
        let receipt: Receipt = found.unwrap_or_else(|| panic!("{location} is listed and not there"));
        all.insert(
            location.to_string(),
            format!("{:?} {:?} {}", receipt.content_hash, receipt.rows, receipt.format),
        );
    }
    all
}

/// Runs the example and compares what it stored with what it stored on local disk.
async fn equal_results(profile: &str, bucket: &str, variables: &[(&str, String)], manager: Arc<dyn IoManager>) {
    let home = tempfile::tempdir().expect("a directory");
    let program = larder_integration_tests::example("flights");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .current_dir(root())
            .env("LARDER_CONFIG", root().join("examples/flights/larder.toml"))
            .env("LARDER_HOME", home.path())
            .env("FLIGHTS_BUCKET", bucket)
            .env_remove("LARDER_DEFAULT_IO_MANAGER")
            .envs(variables.iter().map(|(name, value)| (name, value)));
        let done = command.output().expect("runs");
        assert!(
            done.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    };
    run(&["--quiet"]);
    run(&["--profile", profile, "--quiet"]);
    let url = ManagerUrl::new("file", home.path().join("storage").display().to_string(), "");
    let local = larder_io_fs::backend().open(&url).expect("opens");
    let (here, there) = (stored(local.as_ref()).await, stored(manager.as_ref()).await);
    assert!(here.len() > 8, "only {} assets were stored", here.len());
    assert_eq!(here, there, "the results differ");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs emulators: cargo xtask test"]
async fn flights_on_s3() {
    let mut config = cloud::s3::config("LARDER_TEST_LOCALSTACK", false).await;
    config.bucket = cloud::unique("flights");
    cloud::s3::create(&config).await;
    config.prefix = "new-york".to_owned();
    let bucket = config.bucket.clone();
    equal_results("s3", &bucket, &[], Arc::new(config.open().expect("opens"))).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs emulators: cargo xtask test"]
async fn flights_on_azure() {
    let mut config = cloud::azure::config("LARDER_TEST_AZURITE").await;
    config.container = cloud::unique("flights");
    cloud::azure::create(config.endpoint.as_deref().unwrap_or_default(), &config.container).await;
    config.prefix = "new-york".to_owned();
    let bucket = config.container.clone();
    equal_results("azure", &bucket, &[], Arc::new(config.open().expect("opens"))).await;
}

/// On our own double: no emulator of Google's takes uploads by XML.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the built example: cargo xtask test"]
async fn flights_on_gcs() {
    let double = Cloud::start(Dialect::Gcs).await;
    double.create_bucket("flights");
    let mut config = larder_io_gcs::GcsConfig::new("flights", "new-york");
    config.endpoint = Some(double.endpoint());
    config.access_token = Some(Secret::new("token"));
    config.versions = false;
    let manager = Arc::new(config.open().expect("opens"));
    equal_results("gcs", "flights", &[("LARDER_TEST_GCS", double.endpoint())], manager).await;
}
