//! What S3 has and object_store does not ask for.

use crate::raw::{Answer, ask, get};
use crate::stores::{s3_builder, start};
use larder_testkit::cloud::{Cloud, Dialect, Operation};
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions, TagSet};

const COMPLETE: &str = "<CompleteMultipartUpload>";

fn put(cloud: &Cloud, key: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    ask(cloud, "PUT", &format!("/test-bucket/{key}"), headers, body)
}

/// Begins an upload, writes parts, and gives the path and body of its completion.
fn upload(cloud: &Cloud, key: &str, parts: &[&str]) -> (String, String) {
    let begun = ask(
        cloud,
        "POST",
        &format!("/test-bucket/{key}?uploads"),
        &[("x-amz-meta-owner", "me")],
        "",
    );
    let id = begun.tag("UploadId").to_owned();
    let mut body = COMPLETE.to_owned();
    for (part, number) in parts.iter().zip(1..) {
        let written = ask(
            cloud,
            "PUT",
            &format!("/test-bucket/{key}?partNumber={number}&uploadId={id}"),
            &[],
            part,
        );
        let etag = written
            .header("etag")
            .expect("a part has an ETag")
            .replace('"', "&quot;");
        body += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    (
        format!("/test-bucket/{key}?uploadId={id}"),
        body + "</CompleteMultipartUpload>",
    )
}

#[tokio::test]
async fn a_completion_has_preconditions() {
    let cloud = start(Dialect::S3).await;
    let old = cloud.put_directly("a", "old");
    let (path, body) = upload(&cloud, "a", &["one", "two"]);
    let refused = ask(&cloud, "POST", &path, &[("If-None-Match", "*")], &body);
    assert_eq!((refused.status, refused.tag("Code")), (412, "PreconditionFailed"));
    let refused = ask(&cloud, "POST", &path, &[("If-Match", "\"other\"")], &body);
    assert_eq!(refused.status, 412);
    assert_eq!(cloud.object("a"), Some(old.clone()));
    assert_eq!(cloud.unfinished_uploads().len(), 1);
    let done = ask(&cloud, "POST", &path, &[("If-Match", &old.etag)], &body);
    assert_eq!(done.status, 200, "{}", done.body);
    let stored = cloud.object("a").expect("it was completed");
    assert_eq!(
        (&stored.bytes[..], stored.metadata["owner"].as_str()),
        (&b"onetwo"[..], "me")
    );
    assert!(stored.etag.ends_with("-2\""), "{}", stored.etag);
    let again = ask(&cloud, "POST", &path, &[], &body);
    assert_eq!((again.status, again.tag("Code")), (404, "NoSuchUpload"));
    let (path, body) = upload(&cloud, "missing", &["one"]);
    assert_eq!(
        ask(&cloud, "POST", &path, &[("If-Match", &old.etag)], &body).tag("Code"),
        "NoSuchKey"
    );
}

#[tokio::test]
async fn unfinished_uploads_are_listed_and_aborted() {
    let cloud = start(Dialect::S3).await;
    let (path, _) = upload(&cloud, "b/2", &["one"]);
    upload(&cloud, "b/1", &["one", "two"]);
    upload(&cloud, "c", &[]);
    let listed = get(&cloud, "/test-bucket?uploads&prefix=b/&max-uploads=1");
    assert_eq!((listed.tags("Key"), listed.tag("IsTruncated")), (vec!["b/1"], "true"));
    let (key, id) = (listed.tag("NextKeyMarker"), listed.tag("NextUploadIdMarker"));
    let rest = get(
        &cloud,
        &format!("/test-bucket?uploads&prefix=b/&key-marker={key}&upload-id-marker={id}"),
    );
    assert_eq!((rest.tags("Key"), rest.tag("IsTruncated")), (vec!["b/2"], "false"));
    let parts = get(&cloud, &path);
    assert_eq!((parts.tags("PartNumber"), parts.tags("Size")), (vec!["1"], vec!["3"]));
    assert_eq!(ask(&cloud, "DELETE", &path, &[], "").status, 204);
    assert_eq!(ask(&cloud, "DELETE", &path, &[], "").tag("Code"), "NoSuchUpload");
    assert_eq!(cloud.unfinished_uploads().len(), 2);
}

#[tokio::test]
async fn wrong_completions_are_refused() {
    let cloud = start(Dialect::S3).await.refusing_small_parts();
    let (path, body) = upload(&cloud, "a", &["one", "two"]);
    let code = |body: &str| ask(&cloud, "POST", &path, &[], body).tag("Code").to_owned();
    assert_eq!(code(&body), "EntityTooSmall");
    assert_eq!(code("<CompleteMultipartUpload/>"), "MalformedXML");
    assert_eq!(code("nonsense"), "MalformedXML");
    let part = |number: u32| format!("<Part><PartNumber>{number}</PartNumber><ETag>x</ETag></Part>");
    assert_eq!(
        code(&format!("{COMPLETE}{}</CompleteMultipartUpload>", part(1))),
        "InvalidPart"
    );
    let (first, second) = body[COMPLETE.len()..].split_once("</Part>").expect("two parts");
    let second = second.trim_end_matches("</CompleteMultipartUpload>");
    assert_eq!(
        code(&format!("{COMPLETE}{second}{first}</Part></CompleteMultipartUpload>")),
        "InvalidPartOrder"
    );
    assert_eq!(cloud.object("a"), None);
}

#[tokio::test]
async fn copies_take_versions_ranges_and_conditions() {
    let cloud = start(Dialect::S3).await.with_versioning();
    let old = cloud.put_directly_with("a", "old", [("x-amz-meta-owner", "me")]);
    cloud.put_directly("a", "newer");
    let source = format!("/test-bucket/a?versionId={}", old.version);
    let copied = put(&cloud, "a", &[("x-amz-copy-source", &source)], "");
    assert_eq!(
        (copied.status, copied.header("x-amz-copy-source-version-id")),
        (200, Some(old.version.as_str()))
    );
    let restored = cloud.object("a").expect("it exists");
    assert_eq!(
        (&restored.bytes[..], restored.metadata["owner"].as_str()),
        (&b"old"[..], "me")
    );
    let replaced = [
        ("x-amz-copy-source", "test-bucket/a"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-meta-b", "c"),
    ];
    put(&cloud, "replaced", &replaced, "");
    let metadata = cloud.object("replaced").expect("it was copied").metadata;
    assert_eq!(
        metadata.into_iter().collect::<Vec<_>>(),
        [("b".to_owned(), "c".to_owned())]
    );
    let wrong = [
        ("x-amz-copy-source", "test-bucket/a"),
        ("x-amz-copy-source-if-match", "\"other\""),
    ];
    assert_eq!(put(&cloud, "b", &wrong, "").status, 412);
    let exists = [("x-amz-copy-source", "test-bucket/a"), ("If-None-Match", "*")];
    assert_eq!(put(&cloud, "a", &exists, "").status, 412);
    let (path, _) = upload(&cloud, "part", &[]);
    let (_, id) = path.split_once("uploadId=").expect("an id");
    let ranged = [
        ("x-amz-copy-source", "test-bucket/a"),
        ("x-amz-copy-source-range", "bytes=1-2"),
    ];
    let part = put(&cloud, &format!("part?partNumber=1&uploadId={id}"), &ranged, "");
    assert_eq!(get(&cloud, &path).tags("Size"), ["2"]);
    assert!(part.tag("ETag").contains("&quot;"), "{}", part.body);
}

#[tokio::test]
async fn versions_and_marks_are_listed_read_and_removed() {
    let cloud = start(Dialect::S3).await;
    cloud.put_directly("a", "before");
    assert_eq!(get(&cloud, "/test-bucket?versioning").tag("Status"), "");
    let enable = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(ask(&cloud, "PUT", "/test-bucket?versioning", &[], enable).status, 200);
    assert_eq!(get(&cloud, "/test-bucket?versioning").tag("Status"), "Enabled");
    let first = put(&cloud, "a", &[], "1")
        .header("x-amz-version-id")
        .expect("it is kept")
        .to_owned();
    let deleted = ask(&cloud, "DELETE", "/test-bucket/a", &[], "");
    assert_eq!(
        (deleted.status, deleted.header("x-amz-delete-marker")),
        (204, Some("true"))
    );
    let mark = deleted.header("x-amz-version-id").expect("a mark has an id").to_owned();
    assert_eq!(get(&cloud, "/test-bucket/a").status, 404);
    assert_eq!(get(&cloud, &format!("/test-bucket/a?versionId={first}")).body, "1");
    assert_eq!(get(&cloud, "/test-bucket/a?versionId=null").body, "before");
    let listed = get(&cloud, "/test-bucket?versions&max-keys=2");
    assert_eq!(listed.tags("VersionId"), [&mark, &first]);
    assert_eq!(
        (listed.tags("DeleteMarker").len(), listed.tags("IsLatest")),
        (1, vec!["true", "false"])
    );
    let (key, id) = (listed.tag("NextKeyMarker"), listed.tag("NextVersionIdMarker"));
    let rest = get(
        &cloud,
        &format!("/test-bucket?versions&key-marker={key}&version-id-marker={id}"),
    );
    assert_eq!(rest.tags("VersionId"), ["null"]);
    assert_eq!(
        ask(&cloud, "DELETE", &format!("/test-bucket/a?versionId={mark}"), &[], "").status,
        204
    );
    assert_eq!(get(&cloud, "/test-bucket/a").body, "1");
    assert_eq!(cloud.versions("a").len(), 2);
}

#[tokio::test]
async fn a_customers_key_is_asked_for() {
    let cloud = start(Dialect::S3).await;
    let key = |md5| {
        [
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-server-side-encryption-customer-key", "c2VjcmV0"),
            ("x-amz-server-side-encryption-customer-key-MD5", md5),
        ]
    };
    let stored = put(&cloud, "a", &key("right"), "value");
    assert_eq!(
        stored.header("x-amz-server-side-encryption-customer-key-md5"),
        Some("right")
    );
    assert_eq!(get(&cloud, "/test-bucket/a").tag("Code"), "InvalidRequest");
    assert_eq!(
        ask(&cloud, "GET", "/test-bucket/a", &key("wrong"), "").tag("Code"),
        "AccessDenied"
    );
    assert_eq!(ask(&cloud, "GET", "/test-bucket/a", &key("right"), "").body, "value");
    assert!(!format!("{:?}{:?}", cloud.requests(), cloud.object("a")).contains("c2VjcmV0"));
}

#[tokio::test]
async fn what_options_send_is_seen() {
    let cloud = start(Dialect::S3).await;
    let store = s3_builder(&cloud)
        .with_sse_kms_encryption("arn:dummy")
        .with_request_payer(true)
        .build()
        .expect("a client");
    let tags = {
        let mut tags = TagSet::default();
        tags.push("team", "a b");
        tags.push("n", "1");
        tags
    };
    let attributes = Attributes::from_iter([
        (Attribute::StorageClass, "STANDARD_IA"),
        (Attribute::Metadata("m".into()), "v"),
    ]);
    let options = PutOptions {
        tags,
        attributes,
        ..PutOptions::default()
    };
    store
        .put_opts(&"a".into(), "1".into(), options)
        .await
        .expect("it is stored");
    let sent = &cloud.requests_of(Operation::Put)[0];
    for (name, value) in [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "arn:dummy"),
        ("x-amz-request-payer", "requester"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-tagging", "team=a+b&n=1"),
        ("x-amz-meta-m", "v"),
    ] {
        assert_eq!(sent.header(name), Some(value), "{name}");
    }
    assert!(sent.authorized());
    let head = ask(&cloud, "HEAD", "/test-bucket/a", &[], "");
    assert_eq!(
        (head.header("x-amz-tagging-count"), head.header("x-amz-storage-class")),
        (Some("2"), Some("STANDARD_IA"))
    );
    assert_eq!((head.header("content-length"), head.body.as_str()), (Some("1"), ""));
    assert_eq!(get(&cloud, "/test-bucket/a?tagging").tags("Value"), ["a b", "1"]);
    store.delete(&"a".into()).await.expect("it is deleted");
}

#[tokio::test]
async fn buckets_have_settings() {
    let cloud = start(Dialect::S3).await;
    assert_eq!(
        get(&cloud, "/test-bucket?lifecycle").tag("Code"),
        "NoSuchLifecycleConfiguration"
    );
    let rule = "<LifecycleConfiguration><Rule><ID>x</ID></Rule></LifecycleConfiguration>";
    assert_eq!(ask(&cloud, "PUT", "/test-bucket?lifecycle", &[], rule).status, 200);
    assert_eq!(get(&cloud, "/test-bucket?lifecycle").body, rule);
    assert_eq!(
        ask(&cloud, "HEAD", "/test-bucket", &[], "").header("x-amz-bucket-region"),
        Some("us-east-1")
    );
    assert_eq!(ask(&cloud, "HEAD", "/other", &[], "").status, 404);
    assert_eq!(ask(&cloud, "PUT", "/other", &[], "").status, 200);
    assert_eq!(get(&cloud, "/").tags("Name"), ["other", "test-bucket"]);
    for path in ["/other?acl", "/other/a?acl"] {
        assert_eq!(get(&cloud, path).tag("Code"), "NotImplemented", "{path}");
        assert_eq!(
            ask(&cloud, "PUT", path, &[], "x").tag("Code"),
            "NotImplemented",
            "{path}"
        );
    }
    assert_eq!(cloud.object_in("other", "a"), None);
    assert_eq!(
        get(&cloud, "/other?location").body,
        "<LocationConstraint></LocationConstraint>"
    );
    let abroad = start(Dialect::S3).await.in_region("eu-west-1");
    assert_eq!(
        get(&abroad, "/test-bucket?location").body,
        "<LocationConstraint>eu-west-1</LocationConstraint>"
    );
    let signed = [(
        "Authorization",
        "AWS4-HMAC-SHA256 Credential=k/20240101/us-east-1/s3/aws4_request",
    )];
    let wrong = ask(&abroad, "HEAD", "/test-bucket", &signed, "");
    assert_eq!(
        (wrong.status, wrong.header("x-amz-bucket-region")),
        (400, Some("eu-west-1"))
    );
}

#[tokio::test]
async fn lists_encode_keys_as_asked() {
    let cloud = start(Dialect::S3).await;
    cloud.put_directly("a b/ü&", "1");
    cloud.put_directly("c", "1");
    let listed = get(&cloud, "/test-bucket?list-type=2&encoding-type=url");
    assert_eq!(listed.tags("Key"), ["a%20b/%C3%BC%26", "c"]);
    let plain = get(&cloud, "/test-bucket?list-type=2&max-keys=1");
    assert_eq!(plain.tags("Key"), ["a b/ü&amp;"]);
    let token = plain.tag("NextContinuationToken");
    let rest = get(&cloud, &format!("/test-bucket?list-type=2&continuation-token={token}"));
    assert_eq!(rest.tags("Key"), ["c"]);
    assert_eq!(get(&cloud, "/test-bucket?list-type=2&start-after=b").tags("Key"), ["c"]);
    assert_eq!(
        get(&cloud, "/test-bucket?list-type=2&continuation-token=xyz").tag("Code"),
        "InvalidArgument"
    );
}
