//! Copies of small values in the catalogue.

use crate::support::run;
use larder::{
    Asset, AssetKey, Blob, CodeVersion, Differs, ErrorKind, GcOptions, Pipeline, Recompute, Result, RunOptions, Version,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Something that is another value when it is read without its type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Count {
    number: u64,
    ratio: f64,
    at: jiff::Timestamp,
    pairs: Vec<(u8, Option<String>)>,
}

fn count(number: u64) -> Count {
    Count {
        number,
        ratio: f64::NAN,
        at: jiff::Timestamp::from_second(number as i64).expect("is a time"),
        pairs: vec![(1, None), (2, Some("é".to_owned()))],
    }
}

/// The disk keeps `history` versions. `number` goes into every value.
fn open_with(history: usize, home: &Path, inline: &str, number: u64) -> Pipeline {
    let text = format!(
        "io_manager = 'file:{}/lake?history={history}&object=msgpack'\n{inline}\n",
        home.display()
    );
    let made = |name: &str| Asset::builder(name).code_version(CodeVersion::manual(number.to_string()));
    let definitions = larder::definitions()
        .asset(made("count").function(move |_| async move { Ok(count(number)) }))
        .asset(made("bytes").function(move |_| async move { Ok(Blob::from(vec![number as u8; 20])) }))
        .asset(made("large").function(move |_| async move { Ok(vec![number; 1000]) }))
        .config_text(text)
        .variables([("LARDER_HOME".to_owned(), home.display().to_string())]);
    let pipeline = definitions.build().unwrap_or_else(|error| panic!("{error}"));
    pipeline.open_catalog(true).expect("opens")
}

fn open(home: &Path, inline: &str, number: u64) -> Pipeline {
    open_with(1, home, inline, number)
}

async fn three_versions(history: usize, home: &Path, inline: &str) -> Pipeline {
    for number in 1..=3 {
        run(&open_with(history, home, inline, number), "*", None, Recompute::All).await;
    }
    open_with(history, home, inline, 3)
}

fn key(text: &str) -> AssetKey {
    text.parse().expect("is a key")
}

/// Versions, newest first, and whether only the catalogue has them.
async fn kept(pipeline: &Pipeline, asset: &str) -> Vec<(Version, bool)> {
    let (kept, _) = pipeline.history(&key(asset)).await.expect("lists");
    kept.into_iter()
        .map(|receipt| (receipt.version, receipt.uri.is_empty()))
        .collect()
}

async fn load(pipeline: &Pipeline, version: &Version) -> Result<Count> {
    use larder::AssetValue as _;
    Count::from_value(pipeline.load_value(&key("count"), Some(version.clone())).await?).await
}

/// NaN is no equal of itself.
fn assert_same(one: &Count, other: &Count) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[tokio::test]
async fn small_values_stay_when_their_manager_keeps_none() {
    let home = tempfile::tempdir().expect("a directory");
    let pipeline = three_versions(1, home.path(), "inline_bytes = 200").await;
    let versions = kept(&pipeline, "count").await;
    let only: Vec<bool> = versions.iter().map(|(_, only)| *only).collect();
    assert_eq!(only, [false, true, true]);
    assert_eq!(kept(&pipeline, "bytes").await.len(), 3);
    let large = pipeline.history(&key("large")).await.expect_err("is too large");
    assert_eq!(large.kind(), ErrorKind::Unsupported);
    let (second, first) = (&versions[1].0, &versions[2].0);
    assert_same(&load(&pipeline, first).await.expect("loads"), &count(1));
    let found = pipeline
        .diff(&key("count"), first.as_str(), Some(second.as_str()), 10)
        .await;
    match found.expect("compares").what {
        Differs::Object(found) => assert_eq!(found.count, 2),
        other => panic!("{other:?}"),
    }
    // Without a pipeline too.
    let outside = larder::Larder::with(
        larder::definitions()
            .config_text(format!("io_manager = 'file:{}/lake'", home.path().display()))
            .variables([("LARDER_HOME".to_owned(), home.path().display().to_string())]),
    );
    let old: Count = outside.load("count").version(first.clone()).await.expect("loads");
    assert_same(&old, &count(1));
    // What is published again is in the manager.
    let restored = pipeline.restore(&key("count"), first.as_str()).await.expect("restores");
    assert_same(&pipeline.load::<Count>("count").await.expect("loads"), &count(1));
    assert!(kept(&pipeline, "count").await.contains(&(restored.version, false)));
    // Of its older code it is fresh.
    let mut options = RunOptions::default();
    options.recompute = Recompute::Stale;
    let report = open(home.path(), "", 1)
        .run_with("count", options)
        .await
        .expect("is planned");
    assert!(report.succeeded() && report.fresh() == 1, "{report:?}");
}

#[tokio::test]
async fn nothing_is_copied_unless_it_is_wanted() {
    let home = tempfile::tempdir().expect("a directory");
    let pipeline = three_versions(1, home.path(), "").await;
    let none = pipeline.history(&key("count")).await.expect_err("keeps one");
    assert_eq!(none.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn what_retention_does_not_keep_is_forgotten() {
    let home = tempfile::tempdir().expect("a directory");
    let inline = "inline_bytes = 200\n[retention]\n'count' = 'last 2'";
    let pipeline = three_versions(5, home.path(), inline).await;
    let before = kept(&pipeline, "count").await;
    let only: Vec<bool> = before.iter().map(|(_, only)| *only).collect();
    assert_eq!(only, [false, false, true]);
    let mut options = GcOptions::default();
    options.dry_run = true;
    pipeline.gc(&options).await.expect("tells");
    assert_eq!(kept(&pipeline, "count").await.len(), 3);
    options.dry_run = false;
    pipeline.gc(&options).await.expect("cleans");
    assert_eq!(kept(&pipeline, "count").await, before[..2]);
    assert_eq!(kept(&pipeline, "bytes").await.len(), 3);
    let gone = load(&pipeline, &before[2].0).await.expect_err("is gone");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_damaged_copy_is_told() {
    let home = tempfile::tempdir().expect("a directory");
    let pipeline = three_versions(1, home.path(), "inline_bytes = 200").await;
    let (second, _) = kept(&pipeline, "count").await[1].clone();
    let catalog = pipeline.catalog().expect("is open");
    let happened = catalog.history(&key("count"), None, 10).await.expect("answers");
    let entry = happened.into_iter().find_map(|happening| match happening {
        larder::catalog::Happening::Materialized(entry) if entry.version.as_deref() == Some(second.as_str()) => {
            Some(entry)
        }
        _ => None,
    });
    let entry = entry.expect("is recorded");
    for damage in [8, 39, 40, 60] {
        let mut entry = entry.clone();
        let copy = entry.inline.as_mut().expect("is small");
        copy[damage] ^= 1;
        catalog.record(*entry);
        let error = load(&pipeline, &second).await.expect_err("is damaged");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{damage}: {error}");
    }
}

#[tokio::test]
async fn a_copy_replaces_nothing_of_others() {
    let home = tempfile::tempdir().expect("a directory");
    let pipeline = three_versions(1, home.path(), "inline_bytes = 200").await;
    let first = kept(&pipeline, "count").await[2].0.clone();
    let file = home.path().join("lake/count.msgpack");
    std::fs::remove_file(&file).expect("is there");
    std::fs::write(&file, b"\x01").expect("writes");
    let refused = pipeline
        .restore(&key("count"), first.as_str())
        .await
        .expect_err("is there");
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{refused}");
    assert_eq!(std::fs::read(&file).expect("is there"), b"\x01");
}

#[tokio::test]
async fn another_type_reads_a_copy_and_does_not_restore_it() {
    let home = tempfile::tempdir().expect("a directory");
    let pipeline = three_versions(1, home.path(), "inline_bytes = 200").await;
    let first = kept(&pipeline, "count").await[2].0.clone();
    #[derive(Debug, Serialize, Deserialize)]
    struct Later {
        number: u64,
        #[serde(default)]
        note: String,
    }
    let text = format!(
        "io_manager = 'file:{}/lake?history=1&object=msgpack'",
        home.path().display()
    );
    let later = larder::definitions()
        .asset(Asset::builder("count").function(|_| async {
            Ok(Later {
                number: 9,
                note: String::new(),
            })
        }))
        .config_text(text)
        .variables([("LARDER_HOME".to_owned(), home.path().display().to_string())]);
    let later = later.build().expect("builds").open_catalog(true).expect("opens");
    let value = later
        .load_value(&key("count"), Some(first.clone()))
        .await
        .expect("loads");
    let value: Later = larder::AssetValue::from_value(value).await.expect("is one");
    assert_eq!((value.number, value.note.as_str()), (1, ""));
    let refused = later
        .restore(&key("count"), first.as_str())
        .await
        .expect_err("is another");
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    assert_same(&pipeline.load::<Count>("count").await.expect("is as it was"), &count(3));
}

#[tokio::test]
async fn profiles_that_share_a_catalogue_have_their_own_copies() {
    let home = tempfile::tempdir().expect("a directory");
    let at = home.path().display();
    let text = format!(
        "inline_bytes = 200\nio_manager = 'file:{at}/one?history=1'\n[profile.other]\nio_manager = 'file:{at}/two?history=1'\n[retention]\n'count' = 'last 1'"
    );
    let open = |profile: Option<&str>, number: u64| {
        let definitions = larder::definitions()
            .asset(Asset::builder("count").function(move |_| async move { Ok(number) }))
            .config_text(&text)
            .catalog_file(home.path().join("both.db"))
            .variables([]);
        let definitions = match profile {
            Some(profile) => definitions.choose_profile(profile),
            None => definitions,
        };
        definitions.build().expect("builds").open_catalog(true).expect("opens")
    };
    for number in 1..=3 {
        run(&open(None, number), "*", None, Recompute::All).await;
    }
    for number in 4..=5 {
        run(&open(Some("other"), number), "*", None, Recompute::All).await;
    }
    let (one, two) = (open(None, 3), open(Some("other"), 5));
    assert_eq!(
        (kept(&one, "count").await.len(), kept(&two, "count").await.len()),
        (3, 2)
    );
    two.gc(&GcOptions::default()).await.expect("cleans");
    assert_eq!(kept(&one, "count").await.len(), 3);
    let none = two.history(&key("count")).await.expect_err("has one");
    assert_eq!(none.kind(), ErrorKind::Unsupported);
}
