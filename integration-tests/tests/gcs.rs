//! What Google's own client wrote by JSON, larder loads by XML.
//!
//! fake-gcs-server is the server between them; it knows nothing of the writes that larder makes, which are proved on our own double.

use futures_util::TryStreamExt;
use larder::{AssetValue, Blob, ErrorKind, Form, InputContext, IoManager, Table};
use larder_integration_tests::cloud::gcs::{config, google};
use larder_integration_tests::context;
use larder_io_gcs::GcsConfig;
use larder_io_object::ObjectIo;

fn input(key: &str, form: Form) -> InputContext {
    context(key).to_input(form)
}

fn open(config: &GcsConfig) -> ObjectIo {
    config.open().expect("opens")
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn objects_tables_and_large_blobs() {
    let config = config();
    google(
        &config,
        r#"
import io, pyarrow as pa, pyarrow.parquet as pq
bucket.blob('lake/one/numbers.json').upload_from_string('{"a":[1,2,null],"b":"\u00e9"}', content_type='application/json')
table = io.BytesIO()
pq.write_table(pa.table({'n': list(range(1000)), 'half': [None if i % 3 == 0 else i / 2 for i in range(1000)]}), table)
bucket.blob('lake/one/group/table.parquet').upload_from_string(table.getvalue())
# A resumable upload, which larder reads by ranges.
bucket.blob('lake/one/page.bin', chunk_size=4 << 20).upload_from_file(io.BytesIO(bytes(i % 251 for i in range(1 << 20)) * 20), size=20 << 20)
bucket.blob('lake/one2/other.bin').upload_from_string('not ours')
"#,
    );
    let manager = open(&config);
    let loaded = manager
        .load_input(&input("numbers", Form::Object))
        .await
        .expect("loads");
    let numbers = serde_json::Value::from_value(loaded).await.expect("is an object");
    assert_eq!(numbers, serde_json::json!({ "a": [1, 2, null], "b": "é" }));

    let loaded = manager
        .load_input(&input("group/table", Form::Table))
        .await
        .expect("loads");
    let table = Table::from_value(loaded)
        .await
        .expect("is a table")
        .to_batch()
        .expect("joins");
    assert_eq!((table.num_rows(), table.column(1).null_count()), (1000, 334));

    let loaded = manager.load_input(&input("page", Form::Blob)).await.expect("loads");
    let page = Blob::from_value(loaded)
        .await
        .expect("is a blob")
        .bytes()
        .await
        .expect("is read");
    let expected: Vec<u8> = (0..1 << 20)
        .map(|i| u8::try_from(i % 251).expect("is a byte"))
        .collect();
    assert!(page == expected.repeat(20), "{} bytes", page.len());

    let mut listed: Vec<String> = manager
        .list(None)
        .map_ok(Into::into)
        .try_collect()
        .await
        .expect("lists");
    listed.sort();
    assert_eq!(listed, ["group/table", "numbers", "page"]);

    let head = manager
        .head(&input("numbers", Form::Object))
        .await
        .expect("can tell")
        .expect("is there");
    let generation = google(&config, "print(bucket.get_blob('lake/one/numbers.json').generation)");
    assert_eq!(head.version.as_str().split('~').next(), Some(generation.as_str()));
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn what_is_missing_and_what_is_deleted() {
    let config = config();
    google(&config, "bucket.blob('lake/one/a.bin').upload_from_string('1')");
    let manager = open(&config);
    let a = input("a", Form::Blob);
    assert!(manager.head(&a).await.expect("can tell").is_some());
    manager.delete(&a).await.expect("is deleted");
    manager.delete(&a).await.expect("is gone");
    assert_eq!(
        google(&config, "print([blob.name for blob in bucket.list_blobs()])"),
        "[]"
    );
    assert!(manager.head(&a).await.expect("can tell").is_none());
    let missing = manager.load_input(&a).await.map(drop).expect_err("is gone");
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing:?}");
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn a_bucket_tells_about_itself() {
    let config = config();
    let code = "bucket.versioning_enabled = True\nbucket.patch()\nbucket.reload()\nprint(bucket.location)";
    let location = google(&config, code);
    let findings = open(&config)
        .maintenance()
        .expect("has it")
        .survey()
        .await
        .expect("answers");
    let answer = |what: &str| {
        findings
            .iter()
            .find(|finding| finding.what == what)
            .map(|finding| finding.answer.clone())
    };
    assert!(
        answer("region").expect("is told").starts_with(&location),
        "{findings:?}"
    );
    assert!(answer("versioning").expect("is told").starts_with("on"), "{findings:?}");
}
