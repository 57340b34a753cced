//! Copies between managers, formats and profiles.

use crate::support::{House, day, run};
use larder::{Asset, CopyOptions, CopyOutcome, ErrorKind, Recompute};
use std::path::Path;

#[tokio::test]
async fn copies_are_compared_recorded_and_fresh() {
    let mut house = House::new();
    run(&house.open(None), "*", None, Recompute::All).await;
    house.called();
    // Another format: nothing is stored in it yet, and everything would be made again.
    let at = house.dir.path().display().to_string();
    let old = format!("file:{at}/main");
    house.config = format!("io_manager = 'file:{at}/main?object=msgpack'");
    let now = house.open(None);
    let source = house.definitions().build_within(&old).expect("builds");
    let copied = now
        .copy_from(&source, "*", &CopyOptions::default())
        .await
        .expect("copies");
    assert!(copied.iter().all(|done| done.outcome == CopyOutcome::Copied));
    assert_eq!(copied.len(), 4);
    assert_eq!(
        house.stored("main"),
        [
            "days/kind=x/data.msgpack",
            "days/kind=y/data.msgpack",
            "days/kind=z/data.msgpack",
            "total.msgpack"
        ]
    );
    run(&now, "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), [] as [String; 0]);
    assert_eq!(
        now.load::<String>("total").await.expect("loads"),
        "kind=x 1, kind=y 1, kind=z 1"
    );

    // Elsewhere, by key and by profile.
    house.config = format!(
        "io_manager = 'new'\n[io_managers.old]\nurl = 'file:{at}/main?object=msgpack'\n[io_managers.new]\nurl = 'file:{at}/new'\n[profile.p]\nio_manager = 'old'"
    );
    let new = house.open(None);
    let source = house.definitions().build_within("old").expect("builds");
    let mut some = CopyOptions::default();
    some.partitions = Some("x,y".to_owned());
    assert_eq!(new.copy_from(&source, "days", &some).await.expect("copies").len(), 2);
    let copied = new
        .copy_from(&source, "*", &CopyOptions::default())
        .await
        .expect("copies");
    let count = |outcome| copied.iter().filter(|done| done.outcome == outcome).count();
    assert_eq!((count(CopyOutcome::Same), count(CopyOutcome::Copied)), (2, 2));

    // Damage is found before anything is published.
    new.delete(&day("x")).await.expect("deletes");
    let file = house.dir.path().join("main/days/kind=x/data.msgpack");
    let mut bytes = std::fs::read(&file).expect("is there");
    *bytes.last_mut().expect("is not empty") ^= 1;
    damage(&file, &bytes);
    let refused = new
        .copy_from(&source, "days", &CopyOptions::default())
        .await
        .expect_err("is damaged");
    assert_eq!(refused.kind(), ErrorKind::InvalidData, "{refused}");
    assert!(new.head(&day("x")).await.expect("tells").is_none());
    let unknown = house
        .definitions()
        .build_within("odl")
        .map(drop)
        .expect_err("is unknown");
    assert!(unknown.message().contains("did you mean `old`?"), "{unknown}");
}

/// Writes into a published file, which is read-only so that nobody does.
fn damage(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("may be changed");
    std::fs::write(file, bytes).expect("is written");
}

/// Structs, options, and what is a text in JSON and bytes in MessagePack.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Host {
    name: Option<String>,
    address: std::net::IpAddr,
    pair: (u8, char),
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Kind {
    Plain,
    Numbered(u64),
}

#[tokio::test]
async fn objects_are_copied_as_their_type() {
    let host = Host {
        name: Some("a".to_owned()),
        address: "127.0.0.1".parse().expect("is one"),
        pair: (7, 'x'),
        kind: Kind::Numbered(3),
    };
    let (one, other) = (host.clone(), Some(host.clone()));
    let assets = [
        Asset::builder("plain").function(move |_| {
            let one = one.clone();
            async move { Ok(one) }
        }),
        Asset::builder("optional").function(move |_| {
            let other = other.clone();
            async move { Ok(other) }
        }),
        Asset::builder("unit").function(move |_| async move { Ok(vec![Kind::Plain]) }),
    ];
    let (json, msgpack) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let at = |dir: &tempfile::TempDir, format: &str| {
        larder::definitions()
            .without_config()
            .without_catalog()
            .assets(assets.clone())
            .default_io_manager_url(format!("file:{}?object={format}", dir.path().display()))
            .build()
            .expect("builds")
    };
    let (from, to) = (at(&json, "json"), at(&msgpack, "msgpack"));
    run(&from, "*", None, Recompute::All).await;
    for (from, to) in [(&from, &to), (&to, &at(&json, "pickle"))] {
        let copied = to.copy_from(from, "*", &CopyOptions::default()).await;
        let copied = copied.unwrap_or_else(|error| panic!("{error}"));
        assert!(copied.len() == 3 && copied.iter().all(|one| one.outcome == CopyOutcome::Copied));
        assert_eq!(to.load::<Host>("plain").await.expect("loads"), host);
        assert_eq!(
            to.load::<Option<Host>>("optional").await.expect("loads"),
            Some(host.clone())
        );
        assert_eq!(to.load::<Vec<Kind>>("unit").await.expect("loads"), [Kind::Plain]);
    }
}
