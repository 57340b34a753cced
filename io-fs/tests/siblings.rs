//! A change of format leaves no stale value behind, and never touches what somebody else put there.

use larder_io_core::{AssetKey, AssetValue, ErrorKind, Form, IoManager, OutputContext, Receipt};
use larder_io_fs::FsConfig;
use larder_io_object::{ObjectFormat, ObjectIo};
use std::path::Path;

fn manager(root: &Path, object: ObjectFormat) -> ObjectIo {
    let mut config = FsConfig::new(root);
    config.object = object;
    config.open().expect("opens")
}

fn context() -> OutputContext {
    let key: AssetKey = "raw/x".parse().expect("is a key");
    OutputContext::new(key, None, "raw/x".parse().expect("is a location"))
}

async fn store(manager: &ObjectIo, value: u32) -> Receipt {
    manager
        .handle_output(&context(), &value.into_value())
        .await
        .expect("stores")
}

#[tokio::test]
async fn the_old_format_is_retired_and_stays_in_the_history() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = store(&manager(dir.path(), ObjectFormat::Json), 1).await;
    let now = manager(dir.path(), ObjectFormat::Msgpack);
    let input = context().to_input(Form::Object);
    let error = now.load_input(&input).await.expect_err("is only there as json");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("raw/x.json"), "{error}");
    store(&now, 2).await;
    assert!(!dir.path().join("raw/x.json").try_exists().expect("looks"));
    let versions = now.versions().expect("keeps versions");
    assert_eq!(versions.history(&input).await.expect("lists").len(), 2);
    let error = versions
        .restore(&input, &old.version)
        .await
        .expect_err("is read as msgpack now");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let restored = manager(dir.path(), ObjectFormat::Json);
    let versions = restored.versions().expect("keeps versions");
    versions.restore(&input, &old.version).await.expect("restores");
    let value = restored.load_input(&input).await.expect("loads");
    assert_eq!(u32::from_value(value).await.expect("decodes"), 1);
    assert!(!dir.path().join("raw/x.msgpack").try_exists().expect("looks"));
}

#[tokio::test]
async fn a_file_of_somebody_else_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("raw")).expect("creates");
    let theirs = dir.path().join("raw/x.json");
    std::fs::write(&theirs, "[1, 2, 3]").expect("writes");
    let manager = manager(dir.path(), ObjectFormat::Msgpack);
    store(&manager, 1).await;
    manager
        .delete(&context().to_input(Form::Object))
        .await
        .expect("deletes");
    assert_eq!(std::fs::read_to_string(&theirs).expect("is there"), "[1, 2, 3]");
}

#[tokio::test]
async fn a_damaged_version_is_not_restored() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path(), ObjectFormat::Json);
    let old = store(&manager, 1).await;
    let file = dir.path().join("raw/x.json");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("may be changed");
    std::fs::write(&file, "7").expect("is damaged");
    store(&manager, 2).await;
    let input = context().to_input(Form::Object);
    let versions = manager.versions().expect("keeps versions");
    let error = versions.restore(&input, &old.version).await.expect_err("is damaged");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    let value = manager.load_input(&input).await.expect("loads");
    assert_eq!(u32::from_value(value).await.expect("decodes"), 2);
}
