//! What Azure has and object_store does not ask for.

use crate::raw::{Answer, ask, get};
use crate::stores::{azure, start};
use futures_util::TryStreamExt;
use larder_testkit::cloud::{Cloud, Dialect, Operation};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

const LIST: &str = "/test-bucket?restype=container&comp=list";

fn put(cloud: &Cloud, key: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut all = vec![("x-ms-blob-type", "BlockBlob")];
    all.extend(headers);
    ask(cloud, "PUT", &format!("/test-bucket/{key}"), &all, body)
}

fn block(cloud: &Cloud, key: &str, id: &str, body: &str) -> Answer {
    ask(
        cloud,
        "PUT",
        &format!("/test-bucket/{key}?comp=block&blockid={id}"),
        &[],
        body,
    )
}

fn commit(cloud: &Cloud, key: &str, headers: &[(&str, &str)], blocks: &str) -> Answer {
    ask(
        cloud,
        "PUT",
        &format!("/test-bucket/{key}?comp=blocklist"),
        headers,
        &format!("<BlockList>{blocks}</BlockList>"),
    )
}

#[tokio::test]
async fn a_block_list_has_preconditions_and_drops_other_blocks() {
    let cloud = start(Dialect::Azure).await;
    let old = cloud.put_directly("a", "old");
    for id in ["1", "2", "3"] {
        assert_eq!(block(&cloud, "a", id, &format!("<{id}>")).status, 201);
    }
    let blocks = "<Uncommitted>2</Uncommitted><Latest>1</Latest>";
    let refused = commit(&cloud, "a", &[("If-None-Match", "*")], blocks);
    assert_eq!(
        (refused.status, refused.header("x-ms-error-code")),
        (409, Some("BlobAlreadyExists"))
    );
    let refused = commit(&cloud, "a", &[("If-Match", "\"other\"")], blocks);
    assert_eq!((refused.status, refused.tag("Code")), (412, "ConditionNotMet"));
    assert_eq!(
        (cloud.object("a").as_ref(), cloud.unfinished_uploads()[0].parts),
        (Some(&old), 3)
    );
    let missing = commit(&cloud, "other", &[("If-Match", &old.etag)], "");
    assert_eq!(missing.status, 412);
    let done = commit(
        &cloud,
        "a",
        &[("If-Match", &old.etag), ("x-ms-meta-owner", "me")],
        blocks,
    );
    assert_eq!(done.status, 201, "{}", done.body);
    let stored = cloud.object("a").expect("it was committed");
    assert_eq!(
        (&stored.bytes[..], stored.metadata["owner"].as_str()),
        (&b"<2><1>"[..], "me")
    );
    assert_eq!(cloud.unfinished_uploads(), []);
    assert_eq!(
        commit(&cloud, "a", &[], "<Uncommitted>3</Uncommitted>").tag("Code"),
        "InvalidBlockList"
    );
    assert_eq!(commit(&cloud, "a", &[], "<Committed>1</Committed>").status, 201);
    assert_eq!(cloud.object("a").expect("it exists").bytes, "<1>");
}

#[tokio::test]
async fn uncommitted_blobs_are_listed_and_a_put_drops_them() {
    let cloud = start(Dialect::Azure).await;
    block(&cloud, "a", "MQ%3D%3D", "12345");
    assert_eq!(get(&cloud, LIST).tags("Name"), [""; 0]);
    assert_eq!(
        get(&cloud, &format!("{LIST}&include=uncommittedblobs")).tags("Name"),
        ["a"]
    );
    let blocks = get(&cloud, "/test-bucket/a?comp=blocklist&blocklisttype=all");
    assert_eq!((blocks.tags("Name"), blocks.tags("Size")), (vec!["MQ=="], vec!["5"]));
    put(&cloud, "a", &[], "whole");
    assert_eq!(cloud.unfinished_uploads(), []);
}

#[tokio::test]
async fn blobs_are_described_and_have_ranges() {
    let cloud = start(Dialect::Azure).await;
    let headers = [
        ("x-ms-blob-content-type", "text/x"),
        ("x-ms-meta-a", "b"),
        ("x-ms-tags", "t=1"),
        ("x-ms-access-tier", "Cool"),
    ];
    assert_eq!(put(&cloud, "a", &headers, "0123456789").status, 201);
    let part = ask(
        &cloud,
        "GET",
        "/test-bucket/a",
        &[("Range", "bytes=0-1"), ("x-ms-range", "bytes=2-3")],
        "",
    );
    assert_eq!(
        (part.status, part.body.as_str(), part.header("content-range")),
        (206, "23", Some("bytes 2-3/10"))
    );
    assert_eq!(
        ask(&cloud, "GET", "/test-bucket/a", &[("Range", "bytes=10-")], "").tag("Code"),
        "InvalidRange"
    );
    for (name, value) in [
        ("content-type", "text/x"),
        ("x-ms-meta-a", "b"),
        ("x-ms-tag-count", "1"),
        ("x-ms-access-tier", "Cool"),
    ] {
        assert_eq!(part.header(name), Some(value), "{name}");
    }
    let listed = get(&cloud, &format!("{LIST}&include=metadata"));
    assert_eq!((listed.tag("Metadata"), listed.tag("AccessTier")), ("<a>b</a>", "Cool"));
    assert_eq!(
        put(&cloud, "a", &[("If-None-Match", "*")], "").tag("Code"),
        "BlobAlreadyExists"
    );
    let account = get(&cloud, "?restype=account&comp=properties");
    assert_eq!(account.header("x-ms-is-hns-enabled"), Some("false"));
}

#[tokio::test]
async fn versions_are_listed_read_and_copied_back() {
    let cloud = start(Dialect::Azure).await.with_versioning();
    let old = put(&cloud, "a", &[], "old")
        .header("x-ms-version-id")
        .expect("it is kept")
        .to_owned();
    let new = put(&cloud, "a", &[], "new")
        .header("x-ms-version-id")
        .expect("it is kept")
        .to_owned();
    let listed = get(&cloud, &format!("{LIST}&include=versions"));
    assert_eq!(
        (listed.tags("VersionId"), listed.tags("IsCurrentVersion").len()),
        (vec![old.as_str(), &new], 1)
    );
    let path = format!("/test-bucket/a?versionid={old}");
    assert_eq!(get(&cloud, &path).body, "old");
    let current = ask(&cloud, "DELETE", &format!("/test-bucket/a?versionid={new}"), &[], "");
    assert_eq!(
        (current.status, current.tag("Code")),
        (403, "OperationNotAllowedOnRootBlob")
    );
    assert_eq!(ask(&cloud, "DELETE", "/test-bucket/a", &[], "").status, 202);
    assert_eq!(
        ask(&cloud, "DELETE", "/test-bucket/a", &[], "").tag("Code"),
        "BlobNotFound"
    );
    let source = format!("{}{path}", cloud.endpoint());
    let restored = ask(&cloud, "PUT", "/test-bucket/a", &[("x-ms-copy-source", &source)], "");
    assert_eq!(
        (restored.status, restored.header("x-ms-copy-status")),
        (202, Some("success"))
    );
    assert_eq!(get(&cloud, "/test-bucket/a").body, "old");
    assert_eq!(ask(&cloud, "DELETE", &path, &[], "").status, 202);
    assert_eq!(cloud.versions("a").len(), 2);
}

#[tokio::test]
async fn blocks_and_copies_take_conditions_about_their_source() {
    let cloud = start(Dialect::Azure).await;
    let from = cloud.put_directly("from", "0123456789");
    let source = format!("{}/test-bucket/from", cloud.endpoint());
    let stale = [
        ("x-ms-copy-source", source.as_str()),
        ("x-ms-source-if-match", "\"other\""),
    ];
    assert_eq!(
        ask(&cloud, "PUT", "/test-bucket/to", &stale, "").tag("Code"),
        "ConditionNotMet"
    );
    let ranged = [
        ("x-ms-copy-source", source.as_str()),
        ("x-ms-source-range", "bytes=2-4"),
        ("x-ms-source-if-match", &from.etag),
    ];
    assert_eq!(
        ask(&cloud, "PUT", "/test-bucket/to?comp=block&blockid=1", &ranged, "").status,
        201
    );
    commit(&cloud, "to", &[], "<Latest>1</Latest>");
    assert_eq!(cloud.object("to").expect("it was committed").bytes, "234");
}

#[tokio::test]
async fn a_hierarchical_account_has_directories() {
    let cloud = start(Dialect::Azure).await.with_hierarchy();
    put(&cloud, "a/b/c", &[], "1");
    let flat = get(&cloud, &format!("{LIST}&include=metadata"));
    assert_eq!(flat.tags("Name"), ["a", "a/b", "a/b/c"]);
    assert_eq!(
        (flat.tags("hdi_isfolder"), flat.tags("Content-Length")),
        (vec!["true"; 2], vec!["0", "0", "1"])
    );
    let grouped = get(&cloud, &format!("{LIST}&delimiter=/&prefix=a/"));
    assert_eq!(grouped.tags("BlobPrefix"), ["<Name>a/b/</Name>"]);
    let head = ask(&cloud, "HEAD", "/test-bucket/a", &[], "");
    assert_eq!(
        (head.header("x-ms-meta-hdi_isfolder"), head.header("x-ms-resource-type")),
        (Some("true"), Some("directory"))
    );
    let full = ask(&cloud, "DELETE", "/test-bucket/a", &[], "");
    assert_eq!(
        (full.status, full.header("x-ms-error-code")),
        (409, Some("DirectoryIsNotEmpty"))
    );
    assert_eq!(put(&cloud, "a/b", &[], "1").tag("Code"), "ResourceTypeMismatch");
    assert_eq!(put(&cloud, "a/b/c/d", &[], "1").tag("Code"), "ResourceTypeMismatch");
    for (key, status) in [("a/b/c", 202), ("a", 409), ("a/b", 202), ("a", 202), ("a", 404)] {
        assert_eq!(
            ask(&cloud, "DELETE", &format!("/test-bucket/{key}"), &[], "").status,
            status,
            "{key}"
        );
    }
    assert_eq!(get(&cloud, LIST).tags("Name"), [""; 0]);
    let account = get(&cloud, "?restype=account&comp=properties");
    assert_eq!(account.header("x-ms-is-hns-enabled"), Some("true"));
}

#[tokio::test]
async fn object_store_passes_over_directories() {
    let cloud = start(Dialect::Azure).await.with_hierarchy();
    let store = azure(&cloud);
    store.put(&Path::from("a/b"), "1".into()).await.expect("it is stored");
    let listed: Vec<_> = store
        .list(None)
        .map_ok(|meta| meta.location.to_string())
        .try_collect()
        .await
        .expect("a list");
    assert_eq!(listed, ["a/b"]);
    assert!(matches!(
        store.get(&Path::from("a")).await,
        Err(object_store::Error::NotFound { .. })
    ));
    store.delete(&Path::from("a/b")).await.expect("it is deleted");
    store
        .delete(&Path::from("a"))
        .await
        .expect("an empty directory is deleted");
    assert_eq!(cloud.requests_of(Operation::Delete).len(), 2);
}

#[tokio::test]
async fn a_batch_answers_for_each_blob() {
    let cloud = start(Dialect::Azure).await;
    cloud.put_directly("a", "1");
    let item = |id, key| {
        format!(
            "--x\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\nDELETE /test-bucket/{key} HTTP/1.1\r\n\r\n\r\n"
        )
    };
    let body = format!("{}{}--x--\r\n", item(0, "a"), item(1, "missing"));
    let kind = [("Content-Type", "multipart/mixed; boundary=x")];
    let done = ask(
        &cloud,
        "POST",
        "/test-bucket?restype=container&comp=batch",
        &kind,
        &body,
    );
    assert_eq!(done.status, 202);
    let statuses: Vec<_> = done.body.lines().filter(|line| line.starts_with("HTTP/1.1")).collect();
    assert_eq!(statuses, ["HTTP/1.1 202 Accepted", "HTTP/1.1 404 Not Found"]);
    assert_eq!(cloud.keys(), [""; 0]);
}

#[tokio::test]
async fn containers_are_made_and_told() {
    let cloud = start(Dialect::Azure).await;
    assert_eq!(ask(&cloud, "PUT", "/other?restype=container", &[], "").status, 201);
    assert_eq!(
        ask(&cloud, "PUT", "/other?restype=container", &[], "").tag("Code"),
        "ContainerAlreadyExists"
    );
    assert_eq!(get(&cloud, "/other?restype=container").status, 200);
    assert_eq!(
        get(&cloud, "/missing?restype=container").tag("Code"),
        "ContainerNotFound"
    );
    assert_eq!(get(&cloud, "?comp=list").tags("Name"), ["other", "test-bucket"]);
}

/// As Data Lake Storage writes files: made, appended to, flushed.
#[tokio::test]
async fn a_file_has_what_was_flushed() {
    let cloud = start(Dialect::Azure).await.with_hierarchy();
    let at = |query: &str| format!("/test-bucket/d/f?{query}");
    let change = |query: &str, body: &str| ask(&cloud, "PATCH", &at(query), &[], body);
    let stored = || cloud.object("d/f").map(|object| object.bytes);
    assert_eq!(change("action=append&position=0", "x").status, 404);
    for _ in 0..2 {
        assert_eq!(ask(&cloud, "PUT", &at("resource=file"), &[], "").status, 201);
        assert_eq!(stored().as_deref(), Some(&b""[..]));
        assert_eq!(change("action=append&position=0", "one").status, 202);
        assert_eq!(change("action=append&position=3", ", two").status, 202);
        assert_eq!(stored().as_deref(), Some(&b""[..]), "nobody sees what is not flushed");
        for wrong in [3, 9] {
            assert_eq!(change(&format!("action=flush&position={wrong}"), "").status, 400);
        }
        assert_eq!(change("action=flush&position=8", "").status, 200);
        assert_eq!(stored().as_deref(), Some(&b"one, two"[..]));
    }
    assert_eq!(change("action=append&position=8", "!").status, 202);
    assert_eq!(change("action=flush&position=9", "").status, 200);
    assert_eq!(stored().as_deref(), Some(&b"one, two!"[..]));
    let asked = [("x-ms-lease-action", "acquire"), ("x-ms-proposed-lease-id", "mine")];
    let lease = ask(&cloud, "PUT", &at("comp=lease"), &asked, "");
    assert_eq!((lease.status, lease.header("x-ms-lease-id")), (201, Some("mine")));
}
