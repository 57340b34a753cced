//! Generations, in both interfaces of Google's storage.

use crate::raw::{Answer, ask, get};
use crate::stores::start;
use larder_testkit::cloud::{Cloud, Dialect, Operation};
use serde_json::Value;

const OBJECTS: &str = "/storage/v1/b/test-bucket/o";

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

fn post(cloud: &Cloud, path: &str, body: &str) -> Answer {
    ask(cloud, "POST", &format!("{OBJECTS}/{path}"), &[], body)
}

#[tokio::test]
async fn writes_go_by_generation() {
    let cloud = start(Dialect::Gcs).await;
    let write = |name, generation: &str| {
        ask(
            &cloud,
            "PUT",
            &format!("/test-bucket/{name}"),
            &[("x-goog-if-generation-match", generation)],
            "1",
        )
    };
    let first = write("a", "0");
    let generation = first.header("x-goog-generation").expect("a generation").to_owned();
    assert_eq!((write("a", "0").status, write("b", &generation).status), (412, 412));
    let second = write("a", &generation);
    assert_eq!(second.status, 200);
    assert_eq!(write("a", &generation).tag("Code"), "PreconditionFailed");
    let stale = ask(
        &cloud,
        "DELETE",
        "/test-bucket/a",
        &[("x-goog-if-generation-match", &generation)],
        "",
    );
    assert_eq!(stale.status, 412);
    assert_eq!(ask(&cloud, "DELETE", "/test-bucket/a", &[], "").status, 204);
    assert_eq!(
        ask(&cloud, "DELETE", "/test-bucket/a", &[], "").tag("Code"),
        "NoSuchKey"
    );
}

#[tokio::test]
async fn a_completion_takes_no_precondition() {
    let cloud = start(Dialect::Gcs).await;
    let id = ask(&cloud, "POST", "/test-bucket/a?uploads", &[], "")
        .tag("UploadId")
        .to_owned();
    let path = format!("/test-bucket/a?uploadId={id}");
    let refused = ask(&cloud, "POST", &path, &[("x-goog-if-generation-match", "0")], "");
    assert_eq!((refused.status, refused.tag("Code")), (501, "NotImplemented"));
    assert_eq!(ask(&cloud, "DELETE", &path, &[], "").status, 204);
}

#[tokio::test]
async fn generations_are_listed_and_read() {
    let cloud = start(Dialect::Gcs).await.with_versioning();
    let old = cloud.put_directly("dir/a", "old");
    let new = cloud.put_directly("dir/a", "new");
    cloud.put_directly("other", "1");
    cloud.delete_directly("dir/a");
    assert_eq!(get(&cloud, "/test-bucket/dir/a").status, 404);
    assert_eq!(
        get(&cloud, &format!("/test-bucket/dir/a?generation={}", old.version)).body,
        "old"
    );
    let listed = json(&get(&cloud, &format!("{OBJECTS}?versions=true&prefix=dir/")));
    let items = listed["items"].as_array().expect("items");
    let generations: Vec<_> = items
        .iter()
        .map(|item| item["generation"].as_str().expect("text"))
        .collect();
    assert_eq!(generations, [&old.version, &new.version]);
    assert!(items.iter().all(|item| item["timeDeleted"].is_string()), "{listed}");
    let first = json(&get(&cloud, &format!("{OBJECTS}?versions=true&maxResults=1")));
    let token = first["nextPageToken"].as_str().expect("there is more");
    let rest = json(&get(&cloud, &format!("{OBJECTS}?versions=true&pageToken={token}")));
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(get(&cloud, "/test-bucket?versions").tags("Generation").len(), 3);
    let meta = json(&get(&cloud, &format!("{OBJECTS}/dir%2Fa?generation={}", new.version)));
    assert_eq!(
        (meta["name"].as_str(), meta["size"].as_str()),
        (Some("dir/a"), Some("3"))
    );
    assert_eq!(
        get(
            &cloud,
            &format!("{OBJECTS}/dir%2Fa?alt=media&generation={}", new.version)
        )
        .body,
        "new"
    );
    let gone = ask(
        &cloud,
        "DELETE",
        &format!("{OBJECTS}/dir%2Fa?generation={}", old.version),
        &[],
        "",
    );
    assert_eq!((gone.status, cloud.versions("dir/a").len()), (204, 1));
}

#[tokio::test]
async fn generations_are_listed_page_by_page() {
    let cloud = start(Dialect::Gcs).await.with_versioning();
    let versions = ["1", "2", "3"].map(|text| cloud.put_directly("a", text).version);
    let other = cloud.put_directly("b", "1").version;
    let first = get(&cloud, "/test-bucket?versions&max-keys=2");
    assert_eq!(first.tags("Generation"), [&versions[2], &versions[1]]);
    assert_eq!(
        (
            first.tag("IsTruncated"),
            first.tag("NextKeyMarker"),
            first.tag("NextGenerationMarker")
        ),
        ("true", "a", versions[1].as_str())
    );
    let marker = format!("key-marker=a&generation-marker={}", versions[1]);
    let rest = get(&cloud, &format!("/test-bucket?versions&max-keys=2&{marker}"));
    assert_eq!(rest.tags("Generation"), [&versions[0], &other]);
    assert_eq!(rest.tag("IsTruncated"), "false");
}

#[tokio::test]
async fn a_rewrite_restores_under_a_precondition() {
    let cloud = start(Dialect::Gcs).await.with_versioning();
    let old = cloud.put_directly_with("a", "old", [("x-goog-meta-owner", "me")]);
    let new = cloud.put_directly("a", "new");
    let path = |wanted: &str| {
        format!(
            "a/rewriteTo/b/test-bucket/o/a?sourceGeneration={}&ifGenerationMatch={wanted}",
            old.version
        )
    };
    let refused = post(&cloud, &path(&old.version), "");
    assert_eq!(
        (refused.status, json(&refused)["error"]["errors"][0]["reason"].as_str()),
        (412, Some("conditionNotMet"))
    );
    let done = json(&post(&cloud, &path(&new.version), ""));
    assert_eq!(
        (done["done"].as_bool(), done["resource"]["metadata"]["owner"].as_str()),
        (Some(true), Some("me"))
    );
    let stored = cloud.object("a").expect("it exists");
    assert_eq!(
        (&stored.bytes[..], done["resource"]["generation"].as_str()),
        (&b"old"[..], Some(stored.version.as_str()))
    );
    let replaced = post(
        &cloud,
        "a/rewriteTo/b/test-bucket/o/b?ifGenerationMatch=0",
        r#"{"metadata":{"x":"y"}}"#,
    );
    assert_eq!(replaced.status, 200);
    assert_eq!(
        cloud
            .object("b")
            .expect("it was copied")
            .metadata
            .into_iter()
            .collect::<Vec<_>>(),
        [("x".to_owned(), "y".to_owned())]
    );
    assert_eq!(cloud.requests_of(Operation::Copy).len(), 3);
}

#[tokio::test]
async fn compose_joins_objects_under_preconditions() {
    let cloud = start(Dialect::Gcs).await;
    let (one, _) = (cloud.put_directly("1", "one"), cloud.put_directly("2", "two"));
    let body = format!(
        r#"{{"sourceObjects":[{{"name":"1","generation":"{}"}},{{"name":"2"}}],"destination":{{"metadata":{{"a":"b"}}}}}}"#,
        one.version
    );
    assert_eq!(post(&cloud, "joined/compose?ifGenerationMatch=0", &body).status, 200);
    assert_eq!(post(&cloud, "joined/compose?ifGenerationMatch=0", &body).status, 412);
    let stored = cloud.object("joined").expect("it was composed");
    assert_eq!(
        (&stored.bytes[..], stored.metadata["a"].as_str()),
        (&b"onetwo"[..], "b")
    );
    let stale = body.replace(&one.version, "1");
    assert_eq!(post(&cloud, "other/compose", &stale).status, 404);
    assert_eq!(post(&cloud, "other/compose", r#"{"sourceObjects":[]}"#).status, 400);
}

#[tokio::test]
async fn buckets_tell_of_versioning_and_lifecycle() {
    let cloud = start(Dialect::Gcs).await;
    let bucket = "/storage/v1/b/test-bucket";
    assert_eq!(
        json(&get(&cloud, bucket))["versioning"]["enabled"].as_bool(),
        Some(false)
    );
    let change = r#"{"versioning":{"enabled":true},"lifecycle":{"rule":[{"action":{"type":"AbortIncompleteMultipartUpload"}}]}}"#;
    assert_eq!(ask(&cloud, "PATCH", bucket, &[], change).status, 200);
    let told = json(&get(&cloud, bucket));
    assert_eq!(told["versioning"]["enabled"].as_bool(), Some(true));
    assert_eq!(
        told["lifecycle"]["rule"][0]["action"]["type"].as_str(),
        Some("AbortIncompleteMultipartUpload")
    );
    cloud.put_directly("a", "1");
    cloud.put_directly("a", "2");
    assert_eq!(cloud.versions("a").len(), 2);
}

#[tokio::test]
async fn copies_take_generations_and_conditions() {
    let cloud = start(Dialect::Gcs).await.with_versioning();
    let old = cloud.put_directly("a", "old");
    cloud.put_directly("a", "new");
    let copy = |key: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("x-goog-copy-source", "test-bucket/a")];
        all.extend(headers);
        ask(&cloud, "PUT", &format!("/test-bucket/{key}"), &all, "")
    };
    assert_eq!(
        copy("b", &[("x-goog-copy-source-generation", &old.version)]).status,
        200
    );
    assert_eq!(cloud.object("b").expect("it was copied").bytes, "old");
    assert_eq!(copy("b", &[("x-goog-if-generation-match", "0")]).status, 412);
    assert_eq!(
        copy("c", &[("x-goog-copy-source-if-generation-match", &old.version)]).status,
        412
    );
    assert_eq!(copy("c", &[("x-goog-if-generation-match", "0")]).status, 200);
}
