//! Tables that references point to.

mod common;

use common::{Lake, ints, strings, table, texts, whole};
use larder_io_core::{
    AssetValue, Backend, ErrorKind, Form, IoManager, Result, Scan, Table, Target, TargetFacts, Value, Version,
};
use larder_io_delta::WriteMode;
use std::fs;
use std::sync::Arc;

fn backend() -> Arc<dyn Backend> {
    let mut backends = larder_io_delta::backends([larder_io_fs::ground()]);
    backends.pop().expect("is one")
}

fn target_of(uri: &str, format: Option<&str>) -> Result<Arc<dyn Target>> {
    backend().target(&larder_io_core::reference::address(uri)?, format)
}

/// The table of the asset `t`.
fn target(lake: &Lake) -> Arc<dyn Target> {
    let root = lake.dir.path().canonicalize().expect("is there");
    target_of(&format!("delta+file://{}/t.delta", root.display()), None).expect("is a target")
}

async fn store(lake: &Lake, values: impl IntoIterator<Item = i64>) {
    lake.store(&whole("t"), table(vec![("n", ints(values))]))
        .await
        .expect("stores");
}

async fn rows(target: &dyn Target, version: Option<&Version>) -> Result<Vec<String>> {
    let value = target.open(Form::Table, version).await?;
    Ok(texts(&Table::from_value(value).await?))
}

async fn described(target: &dyn Target) -> (TargetFacts, Version) {
    let facts = target.describe(None).await.expect("is there");
    let version = facts.version.clone().expect("has one");
    (facts, version)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_says_what_it_is() {
    let lake = Lake::new(|_| {});
    store(&lake, 0..10).await;
    let target = target(&lake);
    let (facts, version) = described(target.as_ref()).await;
    let receipt = lake
        .manager
        .head(&whole("t").to_input(Form::Table))
        .await
        .expect("can tell")
        .expect("is there");
    assert_eq!(
        (facts.rows, facts.bytes, facts.files),
        (Some(10), Some(receipt.bytes), Some(1))
    );
    assert_eq!(facts.format.as_deref(), Some("delta"));
    assert_eq!(facts.schema.expect("is known").field(0).name(), "n");
    assert!(version.as_str().starts_with(receipt.version.as_str()), "{version}");
}

/// Pinned reads the version that was recorded, because Delta keeps it; latest reads the newest.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_is_read_while_it_is_kept() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    store(&lake, [1]).await;
    let target = target(&lake);
    let (_, first) = described(target.as_ref()).await;
    store(&lake, [2]).await;
    let (facts, second) = described(target.as_ref()).await;
    assert_ne!(first, second);
    assert_eq!(facts.rows, Some(2));
    assert_eq!(rows(target.as_ref(), Some(&first)).await.expect("is kept"), ["1"]);
    assert_eq!(rows(target.as_ref(), Some(&second)).await.expect("is kept"), ["1", "2"]);
    assert_eq!(rows(target.as_ref(), None).await.expect("is there"), ["1", "2"]);
    let old = target.describe(Some(&first)).await.expect("is kept");
    assert_eq!((old.rows, old.version), (Some(1), Some(first)));
    // A number alone is what people write.
    let number = Version::from_text(second.as_str().split('~').next().unwrap_or_default());
    assert_eq!(rows(target.as_ref(), Some(&number)).await.expect("is kept").len(), 2);
    let opened = target.open(Form::Table, None).await.expect("opens");
    store(&lake, [3]).await;
    assert_eq!(
        texts(&Table::from_value(opened).await.expect("reads")),
        ["1", "2"],
        "what was opened stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_another_table_is_told() {
    let lake = Lake::new(|_| {});
    let target = target(&lake);
    for version in [None, Some(Version::from_text("0"))] {
        let error = rows(target.as_ref(), version.as_ref()).await.expect_err("is not there");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    assert_eq!(
        target.head().await.expect_err("is not there").kind(),
        ErrorKind::NotFound
    );
    store(&lake, [1]).await;
    let (_, first) = described(target.as_ref()).await;
    let absent = Version::from_text("99");
    let error = rows(target.as_ref(), Some(&absent)).await.expect_err("is not kept");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("keeps version 99 no more"), "{error}");
    for bad in ["", "x", "-1", "99999999999999999999", "1~", "~"] {
        let version = Version::from_text(bad);
        let error = rows(target.as_ref(), Some(&version)).await.expect_err(bad);
        assert!(
            matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::Conflict),
            "{bad}: {error}"
        );
    }
    // Made anew in the same place it counts from 0 again.
    fs::remove_dir_all(lake.dir.path().join("t.delta")).expect("is removed");
    store(&lake, [7]).await;
    let error = rows(target.as_ref(), Some(&first)).await.expect_err("is another table");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("made anew"), "{error}");
    lake.manager
        .delete(&whole("t").to_input(Form::Table))
        .await
        .expect("deletes");
    let error = rows(target.as_ref(), None).await.expect_err("was deleted");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// Only the files and columns that are asked for are read; a damaged log is an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_table_is_an_error() {
    let lake = Lake::new(|_| {});
    let two = table(vec![("n", ints([1, 2])), ("t", strings(["a", "b"]))]);
    lake.store(&whole("t"), two).await.expect("stores");
    let target = target(&lake);
    let Value::Table(source) = target.open(Form::Table, None).await.expect("opens") else {
        panic!("is a table");
    };
    let narrow = source.scan(Scan::all().select(["t"])).await.expect("scans");
    drop(narrow);
    let log = lake.dir.path().join("t.delta/_delta_log/00000000000000000000.json");
    fs::remove_file(&log).expect("is there");
    fs::write(&log, b"{\"add\":").expect("is written");
    let error = target.describe(None).await.expect_err("is damaged");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_table_is_refused() {
    let lake = Lake::new(|_| {});
    store(&lake, [1]).await;
    let root = lake.dir.path().canonicalize().expect("is there");
    let error = target_of("delta+file:///", None).expect_err("is no table");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let uri = format!("delta+file://{}/t.delta", root.display());
    let error = target_of(&uri, Some("parquet")).expect_err("is no parquet");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let slash = target_of(&format!("{uri}/"), Some("delta")).expect("is the same");
    assert_eq!(rows(slash.as_ref(), None).await.expect("reads"), ["1"]);
    let error = target_of(&format!("{uri}?mood=append"), None).expect_err("is unknown");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let error = target(&lake).open(Form::Blob, None).await.expect_err("is a table");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
