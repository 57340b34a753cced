use super::store::file_version;
use super::*;
use crate::Transfer;
use futures_util::stream::{BoxStream, StreamExt};
use larder_io_core::AssetValue as _;
use larder_io_core::Blob;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

/// A bucket whose files are read by ranges of 16 bytes.
struct Bucket {
    objects: Arc<InMemory>,
    store: BucketStore,
}

impl Bucket {
    fn new() -> Self {
        let objects = Arc::new(InMemory::new());
        let transfer = Transfer {
            range_bytes: 16,
            footer_bytes: 16,
            ..Transfer::default()
        };
        let store = BucketStore::new(Arc::<InMemory>::clone(&objects) as Arc<dyn ObjectStore>, "s3://lake");
        Self {
            store: store.with_transfer(transfer),
            objects,
        }
    }

    async fn put(&self, path: &str, text: &str) {
        let path = Path::from(path);
        self.objects.put(&path, text.to_owned().into()).await.expect("is put");
    }

    fn target(&self, url: &str) -> Result<ObjectTarget> {
        let url: ManagerUrl = url.parse().expect("is a URL");
        ObjectTarget::in_bucket(self.store.clone(), url.host_and_path().1, &url, None)
    }
}

/// A store whose lists tell no ETags, though its answers do.
#[derive(Debug)]
struct Terse(Arc<InMemory>);

impl fmt::Display for Terse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terse")
    }
}

#[async_trait]
impl ObjectStore for Terse {
    async fn put_opts(&self, at: &Path, bytes: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.0.put_opts(at, bytes, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.0.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let time = "2024-01-01T00:00:00Z".parse().expect("is a time");
        let without = move |meta: object_store::Result<ObjectMeta>| {
            meta.map(|meta| ObjectMeta {
                e_tag: None,
                last_modified: time,
                ..meta
            })
        };
        self.0.list(prefix).map(without).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

/// A file that is replaced by another one of its size within a second is another one.
#[tokio::test]
async fn a_folder_is_known_by_etags_where_lists_tell_none() {
    let bucket = Bucket::new();
    let terse = Arc::new(Terse(Arc::clone(&bucket.objects)));
    let store = BucketStore::new(terse, "s3://lake");
    let url: ManagerUrl = "s3://lake/year/".parse().expect("is a URL");
    let target = ObjectTarget::in_bucket(store, "year", &url, None).expect("is one");
    bucket.put("year/a.csv", "n\n1\n").await;
    bucket.put("year/b.csv", "n\n2\n").await;
    let version = target.head().await.expect("is there").version.expect("has one");
    #[cfg(feature = "arrow")]
    {
        let value = target.open(Form::Table, Some(&version)).await.expect("is this one");
        let table = larder_io_core::Table::from_value(value).await.expect("reads");
        assert_eq!(table.rows(), 2);
    }
    // What earlier releases made of sizes and times is still found.
    let mut hasher = blake3::Hasher::new();
    for text in ["a.csv", "4-1704067200000", "b.csv", "4-1704067200000"] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let former = Version::from_text(hasher.finalize().to_hex().as_str()[..32].to_owned());
    assert_ne!(former, version);
    let facts = target.describe(Some(&former)).await.expect("is still there");
    assert_eq!(
        facts.version.as_ref(),
        Some(&version),
        "the next reference has the new one"
    );
    bucket.put("year/b.csv", "n\n3\n").await;
    assert_ne!(target.head().await.expect("is there").version, Some(version.clone()));
    let error = target
        .describe(Some(&version))
        .await
        .map(drop)
        .expect_err("is another one");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn a_version_is_known_as_other_tools_write_it() {
    let bucket = Bucket::new();
    let is = |wanted: &str, found: &str| {
        bucket
            .store
            .is_version(&Version::from_text(wanted), &Version::from_text(found))
    };
    for (wanted, found) in [
        ("\"abc\"", "\"abc\""),
        ("abc", "\"abc\""),
        ("W/\"abc\"", "\"abc\""),
        ("\"abc\"", "abc"),
        ("abc", "W/\"abc\""),
        ("abc", "id~\"abc\""),
        ("\"abc\"", "id~\"abc\""),
        ("id", "id~\"abc\""),
        ("id~abc", "id~\"abc\""),
    ] {
        assert!(is(wanted, found), "{wanted} {found}");
    }
    for (wanted, found) in [
        ("", "\"abc\""),
        ("ab", "\"abc\""),
        ("abcd", "\"abc\""),
        ("other~abc", "id~\"abc\""),
        ("id~abd", "id~\"abc\""),
        ("id~abc", "\"abc\""),
        ("ABC", "\"abc\""),
    ] {
        assert!(!is(wanted, found), "{wanted} {found}");
    }
    bucket.put("raw.csv", LONG).await;
    let target = bucket.target("s3://lake/raw.csv").expect("is one");
    let full = target.head().await.expect("is there").version.expect("has one");
    let bare = Version::from_text(format!("\"{}\"", full.as_str().trim_matches('"')));
    let facts = target.describe(Some(&bare)).await.expect("is this one");
    assert_eq!(
        facts.version,
        Some(full.clone()),
        "what is recorded is the store's own text"
    );
    let error = target
        .describe(Some(&Version::from_text("another")))
        .await
        .map(drop)
        .expect_err("is another one");
    assert!(error.message().contains(full.as_str()), "{error}");
}

async fn text(value: Value) -> Result<String> {
    Blob::from_value(value).await.expect("is a blob").text().await
}

/// Longer than one range, so that reading it takes several requests.
const LONG: &str = "n\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n";

#[tokio::test]
async fn a_version_is_asked_for_and_kept_while_it_is_read() {
    let bucket = Bucket::new();
    bucket.put("raw.csv", LONG).await;
    let target = bucket.target("s3://lake/raw.csv").expect("is one");
    let facts = target.describe(None).await.expect("is there");
    assert_eq!(
        (facts.bytes, facts.format.as_deref()),
        (Some(LONG.len() as u64), Some("csv"))
    );
    let version = facts.version.expect("has one");
    let opened = target.open(Form::Blob, Some(&version)).await.expect("is this one");
    assert_eq!(text(opened.clone()).await.expect("reads"), LONG);
    bucket.put("raw.csv", &LONG.replace('1', "2")).await;
    let error = text(opened).await.expect_err("is another one now");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    for error in [
        target
            .open(Form::Blob, Some(&version))
            .await
            .map(drop)
            .expect_err("is another one"),
        target
            .describe(Some(&version))
            .await
            .map(drop)
            .expect_err("is another one"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.message().contains("s3:"), "{error}");
    }
    target.open(Form::Blob, None).await.expect("is there");
}

#[tokio::test]
async fn a_folder_is_known_by_names_and_versions() {
    let bucket = Bucket::new();
    let version = async || {
        let target = bucket.target("s3://lake/year/").expect("is one");
        let facts = target.head().await?;
        Ok::<_, Error>((facts.version.expect("has one"), facts.files.expect("are counted")))
    };
    assert_eq!(version().await.expect_err("is empty").kind(), ErrorKind::NotFound);
    bucket.put("year/b.csv", "n\n1\n").await;
    bucket.put("year/a.csv", "n\n2\n").await;
    bucket.put("years/c.csv", "n\n3\n").await;
    bucket.put("year/_SUCCESS", "").await;
    let first = version().await.expect("is there");
    assert_eq!(first.1, 2, "neither the mark nor the folder beside it");
    assert_eq!(first, version().await.expect("is the same"));
    bucket.put("year/c.csv", "n\n3\n").await;
    let more = version().await.expect("is there");
    assert_ne!(first.0, more.0);
    bucket.put("year/c.csv", "n\n4\n").await;
    assert_ne!(more.0, version().await.expect("is there").0);
    bucket
        .objects
        .delete(&Path::from("year/c.csv"))
        .await
        .expect("is removed");
    assert_eq!(first, version().await.expect("is the same again"));
}

#[tokio::test]
async fn a_file_and_a_folder_are_told_apart() {
    let bucket = Bucket::new();
    bucket.put("year/a.csv", "n\n1\n").await;
    for (url, said) in [
        ("s3://lake/year", "is no file, but a folder"),
        ("s3://lake/year/a.csv/", "is a file and no folder"),
        ("s3://lake/yea", "nothing is stored"),
        ("s3://lake/yea/", "there is no file"),
    ] {
        let error = bucket.target(url).expect("is an address").head().await.expect_err(url);
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.message().contains(said), "{url}: {error}");
    }
    let error = bucket.target("s3://lake").expect_err("is a bucket");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let whole = bucket.target("s3://lake/").expect("is all of it");
    assert_eq!(whole.head().await.expect("is there").files, Some(1));
}

/// What the store tells of a file in a list and when it is opened must be the same, or every folder would seem to change.
#[tokio::test]
async fn lists_and_readers_agree_on_versions() {
    let bucket = Bucket::new();
    bucket.put("a.csv", "n\n1\n").await;
    let mut listed = TargetStore::list(&bucket.store, &Path::default());
    let file = futures_util::TryStreamExt::try_next(&mut listed)
        .await
        .expect("lists")
        .expect("is one");
    let reader = TargetStore::open(&bucket.store, &file.path, crate::Purpose::Receipt)
        .await
        .expect("opens");
    assert_eq!(file_version(reader.version()), file.version);
    for (version, plain) in [
        ("7~\"abc\"", "abc"),
        ("W/\"abc\"", "abc"),
        ("abc", "abc"),
        ("0x8D", "0x8D"),
    ] {
        assert_eq!(file_version(&Version::from_text(version)), plain);
    }
}

#[test]
fn formats_are_known_by_suffix_or_by_name() {
    let named = |path: &str, format: Option<&str>| {
        let store = Arc::new(Bucket::new().store);
        ObjectTarget::new(store, path, "s3://lake", format).map(|target| target.format.and_then(|kind| kind.name()))
    };
    for (path, format, wanted) in [
        ("a.parquet", None, Some("parquet")),
        ("a.PQ", None, Some("parquet")),
        ("a.feather", None, Some("arrow")),
        ("a.jsonl", None, Some("ndjson")),
        ("a.cs", None, Some("cs")),
        // What was recorded is what comes back.
        ("a.cs", Some("cs"), Some("cs")),
        ("a", None, None),
        ("a.txt", Some("CSV"), Some("csv")),
        ("a", Some("json"), Some("json")),
        ("year/", None, None),
    ] {
        let found = named(path, format).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(found.as_deref(), wanted, "{path} {format:?}");
    }
    let error = named("a.txt", Some("parqet")).expect_err("is misspelt");
    assert!(error.message().contains("did you mean `parquet`?"), "{error}");
}
