//! Receipts beside values, in buckets with and without old versions.

use super::super::receipts::receipt_path;
use super::*;
use crate::store::{Purpose, Store, WRITE_ATTRIBUTE, version_of};
use crate::vendor::{Vendor, VendorFeatures};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use larder_io_core::{Error, ErrorKind, Form, InputContext, Version};
use object_store::memory::InMemory;
use object_store::{
    Attribute, Attributes, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use std::fmt;
use std::sync::{Arc, Mutex};

/// A bucket whose old version `id` of `path` is what lies at `old/id/path`, and what it answers when it is asked for all.
#[derive(Debug, Default)]
struct Bucket {
    objects: InMemory,
    ids: Mutex<Vec<String>>,
    refusal: Mutex<Option<ErrorKind>>,
}

#[derive(Clone, Debug)]
struct Handle(Arc<Bucket>);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

#[async_trait]
impl ObjectStore for Handle {
    async fn put_opts(&self, at: &Path, bytes: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.0.objects.put_opts(at, bytes, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.0.objects.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let at = match &options.version {
            Some(id) => Path::from(format!("old/{id}/{at}")),
            None => at.clone(),
        };
        self.0.objects.get_opts(&at, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.0.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.0.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.0.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.0.objects.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl Vendor for Handle {
    fn features(&self) -> VendorFeatures {
        VendorFeatures {
            versions: true,
            ..VendorFeatures::default()
        }
    }

    async fn versions(&self, _: &Path) -> Result<Vec<Version>> {
        if let Some(kind) = *self.0.refusal.lock().expect("no panic") {
            return Err(Error::new(kind, "it does not say"));
        }
        let ids = self.0.ids.lock().expect("no panic").clone();
        ids.into_iter()
            .map(|id| version_of(Some("e".to_owned()), Some(id)))
            .collect()
    }
}

impl Handle {
    /// A value that carries a write id, as an upload leaves it.
    async fn value(&self, at: &str, write: &str) {
        let attributes = Attributes::from_iter([(Attribute::Metadata(WRITE_ATTRIBUTE.into()), write.to_owned())]);
        let options = PutOptions {
            attributes,
            ..PutOptions::default()
        };
        self.put_opts(&Path::from(at), "value".into(), options)
            .await
            .expect("is put");
    }

    async fn receipt(&self, write: &str) {
        let location: Location = "a.json".parse().expect("is a location");
        let context = InputContext::new("a".parse().expect("is a key"), None, location.clone());
        let receipt = Receipt::foreign(&context, location, Form::Object, "json");
        let bytes = serde_json::to_vec(&receipt).expect("is written");
        self.put(&receipt_path(write), bytes.into()).await.expect("is put");
    }

    fn refuse(&self, kind: Option<ErrorKind>) {
        *self.0.refusal.lock().expect("no panic") = kind;
    }
}

async fn removed(store: &BucketStore, older_than: Duration) -> Vec<String> {
    let mut options = GcOptions::default();
    options.older_than = older_than;
    let garbage = store.gc(&options).await.expect("cleans up");
    let mut removed: Vec<String> = garbage.iter().map(|garbage| garbage.name.clone()).collect();
    removed.sort();
    removed
}

const NONE: [&str; 0] = [];

#[tokio::test]
async fn a_receipt_stays_as_long_as_a_version_needs_it() {
    let bucket = Handle(Arc::default());
    let plain: Arc<dyn ObjectStore> = Arc::new(bucket.clone());
    let store = BucketStore::new(plain, "b://").with_vendor(Arc::new(bucket.clone()), true);
    for write in ["w1", "w2", "w3"] {
        bucket.receipt(write).await;
    }
    bucket.value("a.json", "w3").await;
    bucket.value("old/1/a.json", "w1").await;
    bucket.value("old/3/a.json", "w3").await;
    *bucket.0.ids.lock().expect("no panic") = ["3", "2", "1"].map(str::to_owned).to_vec();
    // Who may not look removes nothing, and one that is young may be of a value that is being published.
    bucket.refuse(Some(ErrorKind::PermissionDenied));
    assert_eq!(removed(&store, Duration::ZERO).await, NONE);
    bucket.refuse(None);
    assert_eq!(removed(&store, Duration::from_secs(3600)).await, NONE);
    assert_eq!(removed(&store, Duration::ZERO).await, [".larder/receipts/w2"]);
    store
        .open(&Path::from("a.json"), None, Purpose::Receipt)
        .await
        .expect("is there");
    // The published one goes, and its version stays.
    bucket.delete(&Path::from("a.json")).await.expect("is removed");
    assert_eq!(removed(&store, Duration::ZERO).await, NONE);
    *bucket.0.ids.lock().expect("no panic") = vec!["3".to_owned()];
    assert_eq!(removed(&store, Duration::ZERO).await, [".larder/receipts/w1"]);
    // A bucket that keeps nothing needs none.
    bucket.refuse(Some(ErrorKind::Unsupported));
    assert_eq!(removed(&store, Duration::ZERO).await, [".larder/receipts/w3"]);
    assert_eq!(removed(&store, Duration::ZERO).await, NONE);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_no_empty_one() {
    let bucket = Handle(Arc::default());
    let plain: Arc<dyn ObjectStore> = Arc::new(bucket.clone());
    let store = BucketStore::new(plain, "b://").with_vendor(Arc::new(bucket.clone()), true);
    bucket.receipt("w1").await;
    bucket.refuse(Some(ErrorKind::Unavailable));
    let mut options = GcOptions::default();
    options.older_than = Duration::ZERO;
    let error = store.gc(&options).await.map(drop).expect_err("cannot tell");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    bucket.head(&receipt_path("w1")).await.expect("is still there");
}
