//! Sixteen writers on one location under `Unchanged`: no update is lost, below the size of a part and above it.

use larder_integration_tests::cloud;
use larder_io_core::{AssetKey, AssetValue, Blob, ErrorKind, Form, IoManager, OutputContext, Precondition, Retry};
use std::sync::Arc;

const WRITERS: usize = 16;

/// Updates that each writer makes.
const UPDATES: usize = 3;

fn context() -> OutputContext {
    OutputContext::new(
        AssetKey::new(["counter"]).expect("is a key"),
        None,
        "counter".parse().expect("is a location"),
    )
}

/// A counter in the first eight bytes of a value of this size.
fn value(count: u64, bytes: usize) -> larder_io_core::Value {
    let mut content = vec![0; bytes];
    content[..8].copy_from_slice(&count.to_le_bytes());
    Blob::from(content).into_value()
}

/// Adds one to the counter, however often somebody else is faster.
async fn add(manager: &dyn IoManager, bytes: usize) {
    let input = context().to_input(Form::Blob);
    loop {
        let receipt = manager.head(&input).await.expect("can be asked").expect("is there");
        let loaded = match manager.load_input(&input).await {
            Ok(loaded) => Vec::<u8>::from_value(loaded).await,
            Err(error) => Err(error),
        };
        let content = match loaded {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::Conflict => continue,
            Err(error) => panic!("cannot be read: {error:?}"),
        };
        let count = u64::from_le_bytes(content[..8].try_into().expect("has eight bytes"));
        let mut next = context();
        // Somebody may have been faster between `head` and the load: then the version is old, and the store must refuse.
        next.precondition = Precondition::Unchanged(receipt.version);
        match manager.handle_output(&next, &value(count + 1, bytes)).await {
            Ok(_) => return,
            Err(error) if error.kind() == ErrorKind::Conflict || error.retry() != Retry::Never => {}
            // Azure drops blocks that nobody committed when somebody else commits.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("cannot be stored: {error:?}"),
        }
    }
}

async fn nothing_is_lost(manager: Arc<dyn IoManager>, bytes: usize) {
    manager
        .handle_output(&context(), &value(0, bytes))
        .await
        .expect("stores the first");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let manager = Arc::clone(&manager);
            tokio::spawn(async move {
                for _ in 0..UPDATES {
                    add(manager.as_ref(), bytes).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("does not panic");
    }
    let loaded = manager
        .load_input(&context().to_input(Form::Blob))
        .await
        .expect("loads");
    let content = Vec::<u8>::from_value(loaded).await.expect("is whole");
    let count = u64::from_le_bytes(content[..8].try_into().expect("has eight bytes"));
    assert_eq!(count, (WRITERS * UPDATES) as u64, "updates were lost");
}

/// Above the size of a part, which S3 wants to be 5 MiB.
const LARGE: usize = (5 << 20) + 1000;

mod s3 {
    use super::{LARGE, cloud, nothing_is_lost};
    use std::sync::Arc;

    async fn race(variable: &str, bytes: usize) {
        let mut config = cloud::s3::config(variable, false).await;
        config.part_bytes = 5 << 20;
        nothing_is_lost(Arc::new(config.open().expect("opens")), bytes).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn small_on_localstack() {
        race("LARDER_TEST_LOCALSTACK", 100).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn large_on_localstack() {
        race("LARDER_TEST_LOCALSTACK", LARGE).await;
    }

    /// Only small values: moto takes a stale `If-Match` when an upload is completed.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn small_on_moto() {
        race("LARDER_TEST_MOTO", 100).await;
    }
}

mod doubles {
    use super::{LARGE, nothing_is_lost};
    use larder_io_core::{IoManager, Secret};
    use larder_testkit::cloud::{Cloud, Dialect};
    use std::sync::Arc;

    fn s3(cloud: &Cloud) -> Arc<dyn IoManager> {
        let mut config = larder_io_s3::S3Config::new("bucket", "lake");
        config.endpoint = Some(cloud.endpoint());
        config.access_key_id = Some("id".to_owned());
        config.secret_access_key = Some(Secret::new("secret"));
        config.part_bytes = 5 << 20;
        config.versions = false;
        Arc::new(config.open().expect("opens"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_on_s3() {
        let cloud = Cloud::start(Dialect::S3).await;
        cloud.create_bucket("bucket");
        nothing_is_lost(s3(&cloud), 100).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn large_on_s3() {
        let cloud = Cloud::start(Dialect::S3).await;
        cloud.create_bucket("bucket");
        nothing_is_lost(s3(&cloud), LARGE).await;
    }
}
