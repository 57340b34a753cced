//! Sixteen writers on one location under `Unchanged`: no update is lost, below the size of a part and above it.

use larder_integration_tests::cloud;
use larder_io_core::{
    AssetKey, AssetValue, Blob, ErrorKind, Form, IoManager, OutputContext, Precondition, Result, Retry, Value,
};
use std::sync::Arc;
use tokio::sync::Mutex;

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
fn value(count: u64, bytes: usize) -> Value {
    let mut content = vec![0; bytes];
    content[..8].copy_from_slice(&count.to_le_bytes());
    Blob::from(content).into_value()
}

/// Stores the next value; with `turns`, one publishes after the other, however many stage at once.
async fn store(
    manager: &dyn IoManager,
    context: &OutputContext,
    value: &Value,
    turns: Option<&Mutex<()>>,
) -> Result<()> {
    let mut staged = manager.stage(context, value).await?;
    let turn = match turns {
        Some(turns) => Some(turns.lock().await),
        None => None,
    };
    let published = staged.publish().await.map(drop);
    drop(turn);
    if published.is_err() {
        staged.discard().await?;
    }
    published
}

/// Adds one to the counter, however often somebody else is faster.
async fn add(manager: &dyn IoManager, bytes: usize, turns: Option<&Mutex<()>>) {
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
        match store(manager, &next, &value(count + 1, bytes), turns).await {
            Ok(()) => return,
            Err(error) if error.kind() == ErrorKind::Conflict || error.retry() != Retry::Never => {}
            // Azure drops blocks that nobody committed when somebody else commits.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("cannot be stored: {error:?}"),
        }
    }
}

async fn nothing_is_lost(manager: Arc<dyn IoManager>, bytes: usize) {
    race(manager, bytes, None).await;
}

async fn race(manager: Arc<dyn IoManager>, bytes: usize, turns: Option<Arc<Mutex<()>>>) {
    manager
        .handle_output(&context(), &value(0, bytes))
        .await
        .expect("stores the first");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let manager = Arc::clone(&manager);
            let turns = turns.clone();
            tokio::spawn(async move {
                for _ in 0..UPDATES {
                    add(manager.as_ref(), bytes, turns.as_deref()).await;
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
    use super::{LARGE, cloud, race};
    use std::sync::Arc;
    use tokio::sync::Mutex;

    async fn run(variable: &str, bytes: usize, turns: Option<Arc<Mutex<()>>>) {
        let mut config = cloud::s3::config(variable, false).await;
        config.part_bytes = 5 << 20;
        race(Arc::new(config.open().expect("opens")), bytes, turns).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn small_on_localstack() {
        run("LARDER_TEST_LOCALSTACK", 100, None).await;
    }

    /// In turns: LocalStack compares `If-Match`, joins the parts, and then writes, with no lock around the three, so that
    /// of two completions at once both may win (with no turns 27 of 48 updates were lost). On AWS, and on our double, they are one step.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn large_on_localstack() {
        run("LARDER_TEST_LOCALSTACK", LARGE, Some(Arc::default())).await;
    }

    /// In turns, and only small values: moto compares `If-Match` and writes with no lock around the two (one of 48 updates was
    /// lost in a race), and takes a stale one when an upload is completed.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn small_on_moto() {
        run("LARDER_TEST_MOTO", 100, Some(Arc::default())).await;
    }
}

mod azure {
    use super::{LARGE, cloud, nothing_is_lost};
    use std::sync::Arc;

    async fn run(bytes: usize) {
        let mut config = cloud::azure::config("LARDER_TEST_AZURITE").await;
        config.part_bytes = 1 << 20;
        nothing_is_lost(Arc::new(config.open().expect("opens")), bytes).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn small_on_azurite() {
        run(100).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn large_on_azurite() {
        run(LARGE).await;
    }
}

mod doubles {
    use super::{LARGE, nothing_is_lost};
    use larder_integration_tests::cloud::azure::{ACCOUNT, KEY};
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

    fn gcs(cloud: &Cloud) -> Arc<dyn IoManager> {
        let mut config = larder_io_gcs::GcsConfig::new("bucket", "lake");
        config.endpoint = Some(cloud.endpoint());
        config.access_token = Some(Secret::new("token"));
        config.part_bytes = 5 << 20;
        config.versions = false;
        Arc::new(config.open().expect("opens"))
    }

    fn azure(cloud: &Cloud) -> Arc<dyn IoManager> {
        let mut config = larder_io_adls::AdlsConfig::new(ACCOUNT, "bucket", "lake");
        config.endpoint = Some(cloud.endpoint());
        config.access_key = Some(Secret::new(KEY));
        config.part_bytes = 1 << 20;
        config.versions = false;
        Arc::new(config.open().expect("opens"))
    }

    async fn run(dialect: Dialect, open: fn(&Cloud) -> Arc<dyn IoManager>, bytes: usize) {
        let cloud = Cloud::start(dialect).await;
        cloud.create_bucket("bucket");
        nothing_is_lost(open(&cloud), bytes).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_on_s3() {
        run(Dialect::S3, s3, 100).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn large_on_s3() {
        run(Dialect::S3, s3, LARGE).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_on_gcs() {
        run(Dialect::Gcs, gcs, 100).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn large_on_gcs() {
        run(Dialect::Gcs, gcs, LARGE).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_on_azure() {
        run(Dialect::Azure, azure, 100).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn large_on_azure() {
        run(Dialect::Azure, azure, LARGE).await;
    }
}
