//! The example `hybrid`: how few bytes of a large table small metrics take.
#![cfg(all(feature = "fs", feature = "memory", feature = "arrow"))]

#[path = "../examples/hybrid/lake.rs"]
#[allow(dead_code, reason = "the program uses the rest")]
mod lake;
#[path = "../examples/hybrid/pipeline.rs"]
mod pipeline;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use larder::{Backend, ByteStream, ErrorKind, IoManager, ManagerUrl, Result, Target, Version, async_trait};
use larder_io_object::target::{FileFacts, ObjectTarget, TargetStore};
use larder_io_object::{Purpose, Reader};
use object_store::path::Path;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Local disk whose targets count what is read of them.
#[derive(Debug)]
struct Counting {
    disk: Arc<dyn Backend>,
    read: Arc<AtomicU64>,
}

impl Backend for Counting {
    fn scheme(&self) -> &str {
        "file"
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        self.disk.open(url)
    }

    fn target(&self, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
        let store = Files(Arc::clone(&self.read));
        let path = url.address().trim_start_matches('/');
        Ok(Arc::new(ObjectTarget::new(
            Arc::new(store),
            path,
            url.to_string(),
            format,
        )?))
    }
}

#[derive(Debug)]
struct Files(Arc<AtomicU64>);

#[async_trait]
impl TargetStore for Files {
    async fn open(&self, path: &Path, _: Purpose) -> Result<Arc<dyn Reader>> {
        let file = File::open(format!("/{path}")).expect("is there");
        let size = file.metadata().expect("is there").len();
        Ok(Arc::new(Counted {
            file,
            size,
            version: Version::from_text("1"),
            read: Arc::clone(&self.0),
        }))
    }

    fn list(&self, _: &Path) -> BoxStream<'static, Result<FileFacts>> {
        stream::empty().boxed()
    }
}

struct Counted {
    file: File,
    size: u64,
    version: Version,
    read: Arc<AtomicU64>,
}

#[async_trait]
impl Reader for Counted {
    fn size(&self) -> u64 {
        self.size
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn modified_millis(&self) -> i64 {
        0
    }

    fn receipt(&self) -> Option<&str> {
        None
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.file.read_exact_at(&mut bytes, range.start).expect("is within");
        self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
        Ok(bytes.into())
    }

    fn stream(&self) -> ByteStream {
        unreachable!("a table of which columns are read is not streamed")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_read_their_columns_and_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().canonicalize().expect("is there");
    lake::make_in(&root.join("lake")).await.expect("is made");
    let (root, home) = (root.join("lake"), root.join("home"));
    let read = Arc::new(AtomicU64::new(0));
    let counting = Counting {
        disk: larder::backends::fs::backend(),
        read: Arc::clone(&read),
    };
    let definitions = pipeline::definitions(&root)
        .without_config()
        .backend(Arc::new(counting))
        .default_io_manager_url(format!("file://{}", home.display()));
    let built = definitions.build().expect("is valid");
    let report = built.run("lake/events").await.expect("is planned");
    assert!(report.succeeded(), "{report:?}");
    let size = fs::metadata(lake::events(&root)).expect("is there").len();
    let footer = read.swap(0, Ordering::Relaxed);
    assert!(
        footer > 0 && footer * 20 < size,
        "recording took {footer} of {size} bytes"
    );
    let report = built.run("quality/*").await.expect("is planned");
    assert!(report.succeeded(), "{report:?}");
    let taken = read.load(Ordering::Relaxed);
    assert!(taken > footer, "something is read");
    assert!(taken * 5 < size, "the metrics took {taken} of {size} bytes");
    let metrics: pipeline::Metrics = built.load("quality/metrics").await.expect("loads");
    assert_eq!((metrics.rows, metrics.no_status), (200_000, 28_572));
    let stored = fs::metadata(home.join("lake/events.json")).expect("is stored").len();
    assert!(stored < 1000, "the reference has {stored} bytes");
}

/// Through the real disk: when the lake changes, the metrics say so and stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_changed_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().canonicalize().expect("is there");
    lake::make_in(&root.join("lake")).await.expect("is made");
    let (root, home) = (root.join("lake"), root.join("home"));
    let definitions = pipeline::definitions(&root)
        .without_config()
        .backend(larder::backends::fs::backend())
        .default_io_manager_url(format!("file://{}", home.display()));
    let built = definitions.build().expect("is valid");
    assert!(built.run("*").await.expect("is planned").succeeded());
    lake::make_in(&root).await.expect("is made again");
    let report = built.run("quality/metrics").await.expect("is planned");
    let error = report.error("quality/metrics").expect("the lake changed");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    let metrics: pipeline::Metrics = built.load("quality/metrics").await.expect("stays");
    assert_eq!(metrics.rows, lake::ROWS as u64);
}
