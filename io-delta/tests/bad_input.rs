//! Bad input: what cannot be stored or read is refused with the place, and what was stored stays.

mod common;

use arrow_array::{ArrayRef, Float64Array};
use common::{Lake, in_run, ints, partition, rows, strings, table, whole};
use larder_io_core::{AssetValue, Error, ErrorKind, Form, IoManager, Table, Version};
use larder_io_delta::{DeltaConfig, Evolution, WriteMode};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn row(n: i64) -> Table {
    table(vec![("n", ints([n])), ("t", strings(["x"]))])
}

/// All files of a table with their bytes.
fn everything(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("is there") {
        let entry = entry.expect("is one");
        match entry.file_type().expect("has one").is_dir() {
            true => found.extend(everything(&entry.path())),
            false => drop(found.insert(entry.path(), std::fs::read(entry.path()).expect("is read"))),
        }
    }
    found
}

/// A lake of three appends, with checkpoints when asked for.
async fn appended(checkpoint_interval: u64) -> Lake {
    let lake = Lake::new(|config| {
        config.mode = WriteMode::Append;
        config.checkpoint_interval = checkpoint_interval;
    });
    for n in 0..3 {
        lake.store(&whole("t"), row(n)).await.expect("stores");
    }
    lake
}

fn log(lake: &Lake, name: &str) -> PathBuf {
    lake.dir.path().join("t.delta/_delta_log").join(name)
}

async fn load(lake: &Lake) -> Result<Table, Error> {
    let value = lake.manager.load_input(&whole("t").to_input(Form::Table)).await?;
    Table::from_value(value).await
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_changed_or_vanished_are_told() {
    let lake = Lake::new(|_| {});
    lake.store(&whole("t"), row(1)).await.expect("stores");
    let before = everything(lake.dir.path());
    let texts = table(vec![("n", strings(["1"])), ("t", strings(["x"]))]);
    for (stored, evolution, expected) in [
        (
            table(vec![("n", ints([2]))]),
            Evolution::Strict,
            "`t` Utf8 not null is missing",
        ),
        (
            table(vec![("n", ints([2]))]),
            Evolution::Widen,
            "`t` Utf8 not null is missing",
        ),
        (
            texts.clone(),
            Evolution::Strict,
            "`n` was Int64 not null and is Utf8 not null",
        ),
        (texts, Evolution::Merge, "`n` was Int64 not null and is Utf8 not null"),
    ] {
        let manager = lake.with(|config| config.evolution = evolution);
        let stored = manager.handle_output(&whole("t"), &stored.into_value()).await;
        let error = stored.map(drop).expect_err("is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(everything(lake.dir.path()), before, "nothing was written");
    }
    assert_eq!(lake.all("t").await, ["1|x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nan_is_no_partition() {
    let lake = Lake::new(|config| config.partition_by = vec!["f".to_owned()]);
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
    let stored = || table(vec![("n", ints([1, 2])), ("f", Arc::clone(&floats))]);
    let error = lake
        .store(&whole("t"), stored())
        .await
        .map(drop)
        .expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.message().contains("`f`") && error.message().contains("NaN"),
        "{error}"
    );
    let missing = lake
        .manager
        .head(&whole("t").to_input(Form::Table))
        .await
        .expect("can tell");
    assert!(missing.is_none(), "nothing was stored");
    // Nor as the key of an asset's partition.
    let lake = Lake::new(|_| {});
    lake.store(&whole("t"), stored()).await.expect("stores");
    let before = everything(lake.dir.path());
    let key = partition("t", &[("f", "NaN")]);
    let error = lake.store(&key, stored()).await.map(drop).expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    assert!(
        error.message().contains("`NaN`") && error.message().contains("`f`"),
        "{error}"
    );
    assert_eq!(everything(lake.dir.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_protocol_is_neither_read_nor_written() {
    for (protocol, told, reads) in [
        (
            r#"{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["fromTheFuture"],"writerFeatures":["fromTheFuture"]}"#,
            "fromTheFuture",
            false,
        ),
        (r#"{"minReaderVersion":9,"minWriterVersion":9}"#, "9", false),
        (
            r#"{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["onlyForWriters"]}"#,
            "onlyForWriters",
            true,
        ),
    ] {
        let lake = appended(0).await;
        std::fs::write(
            log(&lake, "00000000000000000003.json"),
            format!("{{\"protocol\":{protocol}}}\n"),
        )
        .expect("is written");
        let before = everything(lake.dir.path());
        match (load(&lake).await, reads) {
            (Ok(found), true) => assert_eq!(found.rows(), 3),
            (Err(error), false) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                assert!(error.message().contains(told), "{error}");
            }
            (other, _) => panic!("{told}: {other:?}"),
        }
        let error = lake.store(&whole("t"), row(7)).await.map(drop).expect_err("is too new");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains(told), "{error}");
        assert_eq!(everything(lake.dir.path()), before, "nothing was written");
        let mut old = whole("t").to_input(Form::Table);
        old.version = Some(Version::from_text("2"));
        assert_eq!(
            rows(&lake.manager, &old).await.len(),
            3,
            "the version before can be loaded"
        );
    }
}

/// Rules of columns that a writer must follow, of a field in a column too.
#[tokio::test(flavor = "multi_thread")]
async fn columns_with_rules_are_not_written() {
    for (rule, value, told) in [
        ("delta.generationExpression", r#""n + 1""#, "is generated from others"),
        (
            "delta.invariants",
            r#""{\"expression\":{\"expression\":\"n > 0\"}}""#,
            "has an invariant",
        ),
        ("delta.identity.start", "1", "is numbered by the table"),
    ] {
        for nested in [false, true] {
            let lake = appended(0).await;
            let (with, without) = (format!(r#"{{"{rule}":{value}}}"#), "{}");
            let field = |name: &str, of: &str, metadata: &str| {
                format!(r#"{{"name":"{name}","type":{of},"nullable":true,"metadata":{metadata}}}"#)
            };
            let column = match nested {
                false => field("made", r#""long""#, &with),
                true => {
                    let inner = field("deep", r#""long""#, &with);
                    field("made", &format!(r#"{{"type":"struct","fields":[{inner}]}}"#), without)
                }
            };
            let fields = [
                field("n", r#""long""#, without),
                field("t", r#""string""#, without),
                column,
            ];
            let schema = format!(r#"{{"type":"struct","fields":[{}]}}"#, fields.join(","));
            let actions = [
                serde_json::json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 6 } }),
                serde_json::json!({ "metaData": {
                    "id": "0b1c3a3e-0000-4000-8000-000000000000", "format": { "provider": "parquet", "options": {} },
                    "schemaString": schema, "partitionColumns": [], "configuration": {},
                } }),
            ];
            let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
            std::fs::write(log(&lake, "00000000000000000003.json"), text).expect("is written");
            let before = everything(lake.dir.path());
            assert_eq!(load(&lake).await.expect("is read").rows(), 3, "{rule}");
            let manager = lake.with(|config| {
                (config.mode, config.evolution) = (WriteMode::Append, Evolution::Merge);
            });
            let stored = manager
                .handle_output(&in_run(whole("t"), "late"), &row(7).into_value())
                .await;
            let error = stored.map(drop).expect_err(rule);
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            let path = if nested { "`made.deep`" } else { "`made`" };
            assert!(
                error.message().contains(path) && error.message().contains(told),
                "{error}"
            );
            assert_eq!(everything(lake.dir.path()), before, "nothing was written");
        }
    }
}

/// Damages of a log: a file and its new bytes, or none where it is gone; whether an old version needs it not; a word of the
/// message.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_told_and_left_alone() {
    let newest = "00000000000000000002.json";
    let checkpoint = "00000000000000000002.checkpoint.parquet";
    let cut = |bytes: &[u8]| Some(bytes[..bytes.len() / 2].to_vec());
    type Damage = dyn Fn(&[u8]) -> Option<Vec<u8>>;
    let damages: [(&str, u64, &str, &Damage); 5] = [
        ("a truncated commit", 0, newest, &cut),
        ("a commit of garbage", 0, newest, &|_| Some(b"\0\x01garbage\n".to_vec())),
        ("a checkpoint of garbage", 2, checkpoint, &|_| Some(vec![0x5A; 4_000])),
        ("a truncated checkpoint", 2, checkpoint, &cut),
        (
            "a commit in the middle that is gone",
            0,
            "00000000000000000001.json",
            &|_| None,
        ),
    ];
    for (what, interval, name, damage) in damages {
        let lake = appended(interval).await;
        let path = log(&lake, name);
        let whole_file = std::fs::read(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        match damage(&whole_file) {
            Some(bytes) => std::fs::write(&path, bytes).expect("is written"),
            None => std::fs::remove_file(&path).expect("is removed"),
        }
        if interval > 0 {
            // Only the checkpoint knows what was before it.
            for version in 0..2 {
                std::fs::remove_file(log(&lake, &format!("{version:020}.json"))).expect("is removed");
            }
        }
        let before = everything(lake.dir.path());
        let error = load(&lake).await.map(drop).expect_err(what);
        println!("{what}: {:?} {error}", error.kind());
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{what}: {error}");
        let named = error.message().contains(name) || error.message().contains("version 1 is missing");
        assert!(named, "{what}: {error}");
        for mode in [WriteMode::Append, WriteMode::Overwrite] {
            let manager = lake.with(|config| config.mode = mode);
            let stored = manager
                .handle_output(&in_run(whole("t"), "late"), &row(9).into_value())
                .await;
            let error = stored.map(drop).expect_err(what);
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{what}: {error}");
        }
        assert_eq!(everything(lake.dir.path()), before, "{what}: the table was left alone");
        std::fs::write(&path, whole_file).expect("is written");
        assert_eq!(
            load(&lake).await.expect(what).rows(),
            3,
            "{what}: mended, it is as before"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_file_that_is_gone_or_cut_is_named() {
    let lake = appended(0).await;
    let text = std::fs::read_to_string(log(&lake, "00000000000000000002.json")).expect("is read");
    let action: serde_json::Value = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("is JSON"))
        .find(|action| !action["add"].is_null())
        .expect("adds one");
    let name = action["add"]["path"].as_str().expect("is text");
    let path = lake.dir.path().join("t.delta").join(name);
    let whole_file = std::fs::read(&path).expect("is read");
    for damage in ["gone", "cut", "garbage"] {
        match damage {
            "gone" => std::fs::remove_file(&path).expect("is removed"),
            "cut" => std::fs::write(&path, &whole_file[..whole_file.len() / 2]).expect("is written"),
            _ => std::fs::write(&path, vec![0x5A; whole_file.len()]).expect("is written"),
        }
        let error = load(&lake).await.map(drop).expect_err(damage);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{damage}: {error}");
        assert!(error.message().contains(name), "{damage}: {error}");
        let mut old = whole("t").to_input(Form::Table);
        old.version = Some(Version::from_text("1"));
        assert_eq!(
            rows(&lake.manager, &old).await.len(),
            2,
            "{damage}: the version before can be loaded"
        );
        std::fs::write(&path, &whole_file).expect("is written");
    }
    assert_eq!(load(&lake).await.expect("loads").rows(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_the_feed_needs_are_refused_before_anything_is_written() {
    let lake = Lake::new(|config| config.change_data_feed = true);
    for name in ["_change_type", "_commit_version", "_Commit_Timestamp"] {
        let error = lake
            .store(&whole("t"), table(vec![(name, ints([1]))]))
            .await
            .map(drop)
            .expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
        assert!(error.message().contains(&format!("`{name}`")), "{error}");
    }
    assert!(!lake.dir.path().join("t.delta").exists());
    let mut config = DeltaConfig::default();
    config.change_data_feed = true;
    config
        .properties
        .insert("delta.enableChangeDataFeed".to_owned(), "false".to_owned());
    let ground = larder_io_fs::FsConfig::new(lake.dir.path())
        .open_ground()
        .expect("opens");
    let error = config.open(ground).map(drop).expect_err("says two things");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}
