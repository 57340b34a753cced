//! Copies between managers, formats and profiles.

use crate::support::{House, day, run};
use larder::{CopyOptions, CopyOutcome, ErrorKind, Recompute};
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
