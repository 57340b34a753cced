//! What no double shows: rewrites in several requests, lists of several pages, receipts larger than metadata.

use super::copy::Rewrite;
use super::http::Http;
use super::*;
use async_trait::async_trait;
use larder_io_core::Secret;
use larder_io_object::Written;
use larder_io_object::http::{Guard, Transport};
use larder_io_object::store::{Purpose, Store};
use larder_testkit::cloud::{Cloud, Dialect};
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};
use std::collections::VecDeque;
use std::sync::Mutex;

const BUCKET: &str = "bucket";

/// A server of fixed answers, and what it was asked.
#[derive(Clone, Debug, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<&'static str>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl HttpService for Script {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        self.asked.lock().expect("is whole").push(request.uri().to_string());
        let answer = self
            .answers
            .lock()
            .expect("is whole")
            .pop_front()
            .expect("an answer is left");
        Ok(HttpResponse::new(answer.to_owned().into()))
    }
}

impl Script {
    fn new(answers: &[&'static str]) -> Self {
        let script = Self::default();
        script.answers.lock().expect("is whole").extend(answers);
        script
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("is whole").clone()
    }
}

/// The extras of a bucket whose other interfaces answer by a script.
fn api(script: &Script) -> Api {
    let mut config = GcsConfig::new(BUCKET, "lake");
    config.endpoint = Some("http://127.0.0.1:9".to_owned());
    let mut transport = Transport::default();
    transport.allow_http = true;
    let guard = Guard::new(transport, Arc::new(crate::error::judge));
    let requests = Dressed::new(&config, guard).expect("dresses");
    let credentials = crate::credentials::provider(&config, &requests).expect("is nobody");
    let objects = object_store::gcp::GoogleCloudStorageBuilder::new()
        .with_bucket_name(BUCKET)
        .with_base_url(config.address())
        .with_credentials(Arc::clone(&credentials))
        .build();
    let objects = Arc::new(objects.expect("builds"));
    let plain = BucketStore::new(Arc::clone(&objects) as Arc<dyn ObjectStore>, "gs://bucket");
    let mut api = Api::new(&config, &requests, objects, Path::from("lake"), plain).expect("is made");
    api.http = Http::new(HttpClient::new(script.clone()), credentials, "http://double".to_owned());
    api
}

#[tokio::test]
async fn a_rewrite_goes_on_until_it_is_done() {
    let script = Script::new(&[
        r#"{"kind":"storage#rewriteResponse","done":false,"rewriteToken":"t/1"}"#,
        r#"{"done":false,"rewriteToken":"t2"}"#,
        r#"{"done":true,"resource":{"generation":"77"}}"#,
    ]);
    let (from, to) = (Path::from("lake/.larder/uploads/w"), Path::from("lake/a b.json"));
    let rewrite = Rewrite {
        bucket: BUCKET,
        from: &from,
        generation: Some("7"),
        to: &to,
        precondition: &Precondition::Absent,
        description: None,
        kms_key_name: None,
    };
    assert_eq!(rewrite.run(&api(&script).http).await.expect("is done"), "77");
    let first = "http://double/storage/v1/b/bucket/o/lake%2F%2Elarder%2Fuploads%2Fw/rewriteTo/b/bucket/o/lake%2Fa%20b%2Ejson?projection=noAcl&sourceGeneration=7&ifGenerationMatch=0";
    let wanted = [
        first.to_owned(),
        format!("{first}&rewriteToken=t%2F1"),
        format!("{first}&rewriteToken=t2"),
    ];
    assert_eq!(script.asked(), wanted);
}

#[tokio::test]
async fn a_rewrite_that_neither_ends_nor_goes_on_is_refused() {
    for answer in ["{}", r#"{"done":true}"#, "<html>"] {
        let script = Script::new(&[answer]);
        let (from, to) = (Path::from("a"), Path::from("b"));
        let copied = api(&script).copy_any_size(&from, None, &to, &Precondition::None).await;
        assert_eq!(
            copied.expect_err("is strange").kind(),
            ErrorKind::Unexpected,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn generations_come_page_by_page_and_newest_first() {
    let script = Script::new(&[
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextKeyMarker>lake%2Fa%20b.json</NextKeyMarker><NextGenerationMarker>9</NextGenerationMarker>\
         <Version><Key>lake%2Fa%20b.json</Key><Generation>9</Generation><IsLatest>false</IsLatest><ETag>e9</ETag></Version></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextKeyMarker>lake/a+b.json2</NextKeyMarker><NextGenerationMarker>3</NextGenerationMarker>\
         <Version><Key>lake/a+b.json</Key><Generation>10</Generation><IsLatest>true</IsLatest><ETag>\"e10\"</ETag></Version>\
         <Version><Key>lake/a+b.json2</Key><Generation>11</Generation><IsLatest>true</IsLatest><ETag>\"x\"</ETag></Version></ListBucketResult>",
    ]);
    let versions = api(&script)
        .list_versions(&Path::from("a b.json"))
        .await
        .expect("is listed");
    let texts: Vec<_> = versions.iter().map(Version::as_str).collect();
    assert_eq!(texts, ["10~\"e10\"", "9~\"e9\""]);
    let asked = script.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked[1].ends_with("&key-marker=lake%2Fa%20b%2Ejson&generation-marker=9"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_list_that_does_not_go_on_ends() {
    let page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextKeyMarker>lake/a</NextKeyMarker><NextGenerationMarker>9</NextGenerationMarker></ListBucketResult>";
    let listed = api(&Script::new(&[page, page])).list_versions(&Path::from("a")).await;
    assert_eq!(listed.expect_err("is strange").kind(), ErrorKind::Unexpected);
}

#[tokio::test]
async fn unfinished_uploads_come_page_by_page_below_the_prefix() {
    let script = Script::new(&[
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>lake/a</NextKeyMarker><NextUploadIdMarker>u1</NextUploadIdMarker>\
         <Upload><Key>lake/a</Key><UploadId>u1</UploadId><Initiated>2024-01-02T03:04:05.678Z</Initiated></Upload></ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>\
         <Upload><Key>lake2/b</Key><UploadId>u2</UploadId></Upload></ListMultipartUploadsResult>",
    ]);
    let found = api(&script).list_unfinished().await.expect("is listed");
    assert_eq!(found, [Unfinished::new(Path::from("a"), "u1", 1_704_164_645_678)]);
    assert!(
        script.asked()[1].ends_with("&key-marker=lake%2Fa&upload-id-marker=u1"),
        "{:?}",
        script.asked()
    );
}

#[tokio::test]
async fn soft_delete_is_told_where_it_costs() {
    let bucket =
        r#"{"location":"EU","locationType":"multi-region","softDeletePolicy":{"retentionDurationSeconds":"604800"}}"#;
    let findings = api(&Script::new(&[bucket])).look_around().await.expect("answers");
    let find = |what: &str| findings.iter().find(|finding| finding.what == what).expect("is told");
    assert_eq!(find("region").answer, "EU (multi-region)");
    assert!(find("soft delete").answer.contains("7 more days"), "{findings:?}");
    assert!(
        find("soft delete")
            .advice
            .as_ref()
            .expect("costs")
            .contains("--clear-soft-delete"),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_receipt_too_large_for_metadata_goes_beside_the_value() {
    let cloud = Cloud::start(Dialect::Gcs).await;
    cloud.create_bucket(BUCKET);
    let mut config = GcsConfig::new(BUCKET, "lake");
    config.endpoint = Some(cloud.endpoint());
    config.access_token = Some(Secret::new("token"));
    let store = crate::store::open(&config).expect("opens");
    let receipt = format!("\"{}\"", "r".repeat(9000));
    let path = Path::from("a.bin");
    for published in [false, true] {
        let write = WriteId::random();
        let mut upload = store.upload(&path, &write).await.expect("begins");
        upload
            .write(object_store::PutPayload::from_static(b"value"))
            .await
            .expect("is sent");
        let written = Written {
            write: &write,
            receipt: &receipt,
            precondition: if published {
                &Precondition::None
            } else {
                &Precondition::Unchanged(Version::from_text("1~e"))
            },
            retention: None,
        };
        let done = upload.complete(&written).await;
        if published {
            done.expect("is published");
            let reader = store.open(&path, None, Purpose::Value).await.expect("is there");
            let beside = format!("lake/.larder/receipts/{}", write.as_str());
            assert_eq!(cloud.keys(), [beside.clone(), "lake/a.bin".to_owned()]);
            assert_eq!(cloud.length(&beside), Some(9002));
            assert_eq!(
                cloud
                    .object("lake/a.bin")
                    .expect("is there")
                    .metadata
                    .get("larderreceipt"),
                None
            );
            assert_eq!(reader.receipt(), Some(receipt.as_str()));
        } else {
            assert_eq!(done.expect_err("there is none").kind(), ErrorKind::Conflict);
            upload.abort().await.expect("is aborted");
            assert_eq!(cloud.keys(), Vec::<String>::new());
        }
    }
}
