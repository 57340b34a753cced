//! How long old versions are kept when a new one is published.

use larder_io_core::{AssetKey, AssetValue, ErrorKind, Form, IoManager, OutputContext, Version};
use larder_io_fs::FsConfig;
use larder_io_object::ObjectIo;
use std::path::Path;

fn manager(root: &Path, history: usize) -> ObjectIo {
    let mut config = FsConfig::new(root);
    config.history = history;
    config.open().expect("opens")
}

fn context(retention: Option<&str>) -> OutputContext {
    let key: AssetKey = "a/b".parse().expect("is a key");
    let mut context = OutputContext::new(key, None, "a/b".parse().expect("is a location"));
    context.retention = retention.map(|text| text.parse().expect("is a retention"));
    context
}

/// Small values in one write, large ones as an upload.
const SIZES: [usize; 2] = [10, 9 << 20];

async fn store(manager: &ObjectIo, bytes: usize, retention: Option<&str>) -> Version {
    let value = vec![7_u8; bytes].into_value();
    let stored = manager.handle_output(&context(retention), &value).await;
    stored.expect("is stored").version
}

async fn kept(manager: &ObjectIo) -> Vec<Version> {
    let input = context(None).to_input(Form::Blob);
    let history = manager.versions().expect("keeps some").history(&input).await;
    history
        .expect("is listed")
        .into_iter()
        .map(|receipt| receipt.version)
        .collect()
}

#[tokio::test]
async fn an_assets_retention_goes_before_the_managers() {
    for bytes in SIZES {
        for (retention, count) in [
            (None, 2),
            (Some("last 3"), 3),
            (Some("last 1"), 1),
            (Some("forever"), 4),
            (Some("1 day"), 4),
            (Some("0s"), 1),
            (Some("last 2 or 0s"), 2),
        ] {
            let dir = tempfile::tempdir().expect("a directory");
            let manager = manager(dir.path(), 2);
            let mut stored = Vec::new();
            for _ in 0..4 {
                stored.insert(0, store(&manager, bytes, retention).await);
                // So that versions differ in their milliseconds.
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
            stored.truncate(count);
            assert_eq!(kept(&manager).await, stored, "{retention:?}");
        }
    }
}

#[tokio::test]
async fn deleting_and_restoring_take_nothing_from_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path(), 2);
    let mut stored = Vec::new();
    for _ in 0..4 {
        stored.insert(0, store(&manager, 10, Some("forever")).await);
    }
    let input = context(None).to_input(Form::Blob);
    let versions = manager.versions().expect("keeps some");
    versions.restore(&input, &stored[3]).await.expect("is kept");
    assert_eq!(kept(&manager).await, stored);
    manager.delete(&input).await.expect("is deleted");
    assert_eq!(kept(&manager).await, stored);
    // An age: of those that were replaced at a time that is known, and what a restored one took the place of stays.
    versions.restore(&input, &stored[2]).await.expect("is kept");
    store(&manager, 10, Some("1h")).await;
    assert_eq!(kept(&manager).await.len(), 5);
}

#[tokio::test]
async fn a_version_is_removed_for_good() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path(), 5);
    let first = store(&manager, 10, None).await;
    let second = store(&manager, 10, None).await;
    let input = context(None).to_input(Form::Blob);
    let versions = manager.versions().expect("keeps some");
    versions.remove(&input, &first).await.expect("is removed");
    let folder = dir.path().join(".larder/versions/a/b.bin");
    let left = std::fs::read_dir(folder).expect("is there").count();
    assert_eq!((kept(&manager).await, left), (vec![second.clone()], 0));
    let refused = versions.remove(&input, &second).await.expect_err("is published");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    manager.delete(&input).await.expect("is deleted");
    versions.remove(&input, &second).await.expect("is an old one now");
    assert_eq!(kept(&manager).await, [] as [Version; 0]);
}

/// A version that was restored is much older than the day on which it was replaced again; the disk knows that day.
#[tokio::test]
async fn a_version_is_as_old_as_its_replacement() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path(), 5);
    let first = store(&manager, 10, None).await;
    store(&manager, 10, None).await;
    let folder = dir.path().join(".larder/versions/a/b.bin");
    // As if it, and a next one that is gone, had been written in 1970.
    let long_ago = format!("0000000000{}", &first.as_str()[10..]);
    let next = folder.join(format!("00000000ff{}.version", &first.as_str()[10..]));
    std::fs::rename(
        folder.join(format!("{first}.version")),
        folder.join(format!("{long_ago}.version")),
    )
    .expect("is there");
    std::fs::copy(folder.join(format!("{long_ago}.version")), &next).expect("is copied");
    let left = || {
        let names = std::fs::read_dir(&folder).expect("is there").flatten();
        names
            .map(|entry| entry.file_name().into_string().expect("is text"))
            .collect::<Vec<_>>()
    };
    store(&manager, 10, Some("1 day")).await;
    assert!(left().contains(&format!("{long_ago}.version")), "{:?}", left());
    store(&manager, 10, Some("0s")).await;
    assert_eq!(left().len(), 0);
}
