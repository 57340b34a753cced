//! A storage whose answers to commits get lost.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use larder_io_delta::{DeltaConfig, DeltaIo};
use larder_io_fs::FsConfig;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::{Arc, Mutex};

/// What becomes of the next commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Answered,
    /// It lands, the answer is lost, and the same request is refused: the name is taken.
    SentTwice,
    /// Somebody else's commit has the version a moment before.
    Overtaken,
    /// The same, and every commit after it.
    AlwaysOvertaken,
    /// The answer does not come in time, and it lands when [`Late::land`] says so.
    OnItsWay,
}

/// What is under way: the name, the bytes, and under which condition they are put.
type Put = (Path, PutPayload, PutOptions);

/// Local disk, behind a network.
#[derive(Clone, Debug)]
pub(crate) struct Late {
    disk: Arc<dyn ObjectStore>,
    next: Arc<Mutex<Next>>,
    under_way: Arc<Mutex<Option<Put>>>,
}

impl Late {
    /// A storage, and managers on it.
    pub(crate) fn new(root: &std::path::Path) -> Self {
        Self {
            disk: FsConfig::new(root).open_ground().expect("opens").objects,
            next: Arc::new(Mutex::new(Next::Answered)),
            under_way: Arc::default(),
        }
    }

    pub(crate) fn open(&self, root: &std::path::Path, change: impl FnOnce(&mut DeltaConfig)) -> DeltaIo {
        let mut config = DeltaConfig::default();
        change(&mut config);
        let mut ground = FsConfig::new(root).open_ground().expect("opens");
        ground.objects = Arc::new(self.clone());
        config.open(ground).expect("opens")
    }

    pub(crate) fn next_commit(&self, next: Next) {
        *self.next.lock().expect("is whole") = next;
    }

    /// Lets land what is under way.
    pub(crate) async fn land(&self) {
        self.arrive().await.expect("lands");
    }

    /// Lets arrive what is under way, which may be refused.
    pub(crate) async fn arrive(&self) -> Result<PutResult> {
        let (path, bytes, options) = self
            .under_way
            .lock()
            .expect("is whole")
            .take()
            .expect("one is under way");
        self.disk.put_opts(&path, bytes, options).await
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Late")
    }
}

#[async_trait]
impl ObjectStore for Late {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let commit = location.as_ref().contains("/_delta_log/") && location.as_ref().ends_with(".json");
        let next = match commit {
            true => {
                let mut next = self.next.lock().expect("is whole");
                match *next {
                    Next::AlwaysOvertaken => Next::Overtaken,
                    _ => std::mem::replace(&mut *next, Next::Answered),
                }
            }
            false => Next::Answered,
        };
        match next {
            Next::Answered => self.disk.put_opts(location, payload, options).await,
            Next::SentTwice => {
                self.disk.put_opts(location, payload.clone(), options.clone()).await?;
                self.disk.put_opts(location, payload, options).await
            }
            Next::Overtaken | Next::AlwaysOvertaken => {
                let other = "{\"commitInfo\":{\"timestamp\":0,\"operation\":\"OTHER\"}}";
                self.disk.put_opts(location, other.into(), options.clone()).await?;
                self.disk.put_opts(location, payload, options).await
            }
            Next::OnItsWay => {
                *self.under_way.lock().expect("is whole") = Some((location.clone(), payload, options));
                Err(Error::Generic {
                    store: "Late",
                    source: "no answer came in time".into(),
                })
            }
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.disk.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.disk.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.disk.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.disk.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.disk.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.disk.copy_opts(from, to, options).await
    }
}
