//! A reader of the change data feed, by the protocol alone, and small tables with keys.
#![allow(dead_code)]

use crate::common::{Lake, ints, rows, strings, table, whole};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use larder_io_core::{Form, Table, Version};
use larder_io_delta::{DeltaConfig, WriteMode};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value as Json;
use std::fs::File;
use std::path::PathBuf;

pub(crate) fn keyed(pairs: &[(i64, &str)]) -> Table {
    table(vec![
        ("id", ints(pairs.iter().map(|(id, _)| *id))),
        ("t", strings(pairs.iter().map(|(_, t)| *t))),
    ])
}

/// The same in columns that may be null, as others make them.
pub(crate) fn nullable(pairs: &[(i64, &str)]) -> Table {
    let batch = keyed(pairs).to_batch().expect("is one");
    let columns = ["id", "t"]
        .into_iter()
        .zip(batch.columns())
        .map(|(name, column)| (name, column.clone(), true));
    Table::from(RecordBatch::try_from_iter_with_nullable(columns).expect("is a table"))
}

pub(crate) fn merging(config: &mut DeltaConfig) {
    config.change_data_feed = true;
    config.mode = WriteMode::Merge;
    config.merge_on = vec!["id".to_owned()];
}

pub(crate) fn appending(config: &mut DeltaConfig) {
    (config.change_data_feed, config.mode) = (true, WriteMode::Append);
}

fn root(lake: &Lake, asset: &str) -> PathBuf {
    lake.dir.path().join(format!("{asset}.delta"))
}

pub(crate) fn actions(lake: &Lake, asset: &str, version: u64) -> Vec<Json> {
    let path = root(lake, asset).join(format!("_delta_log/{version:020}.json"));
    let text = std::fs::read_to_string(path).expect("is there");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("is JSON"))
        .collect()
}

fn of<'a>(actions: &'a [Json], name: &str) -> Vec<&'a Json> {
    actions
        .iter()
        .map(|action| &action[name])
        .filter(|action| !action.is_null())
        .collect()
}

/// The newest version.
pub(crate) fn newest(lake: &Lake, asset: &str) -> u64 {
    let there = |version: &u64| {
        root(lake, asset)
            .join(format!("_delta_log/{version:020}.json"))
            .exists()
    };
    (0..).take_while(there).last().expect("has one")
}

/// The versions of the protocol that readers and writers need at last.
pub(crate) fn protocol(lake: &Lake, asset: &str) -> (i64, i64) {
    let mut found = (0, 0);
    for version in 0..=newest(lake, asset) {
        for protocol in of(&actions(lake, asset, version), "protocol") {
            let number = |name: &str| protocol[name].as_i64().expect("is a number");
            found = (number("minReaderVersion"), number("minWriterVersion"));
        }
    }
    found
}

/// Names of all change files.
pub(crate) fn files(lake: &Lake, asset: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root(lake, asset).join("_change_data")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.expect("is one").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// How many change files a version has.
pub(crate) fn recorded(lake: &Lake, asset: &str, version: u64) -> usize {
    of(&actions(lake, asset, version), "cdc").len()
}

/// The columns of a version.
fn columns(lake: &Lake, asset: &str, version: u64) -> Vec<String> {
    let logs = (0..=version).rev().flat_map(|version| actions(lake, asset, version));
    let metadata = logs
        .map(|action| action["metaData"].clone())
        .find(|found| !found.is_null());
    let metadata = metadata.expect("has some");
    let schema: Json = serde_json::from_str(metadata["schemaString"].as_str().expect("is text")).expect("is JSON");
    let fields = schema["fields"].as_array().expect("is a list").iter();
    fields
        .map(|field| field["name"].as_str().expect("is text").to_owned())
        .collect()
}

/// The rows of one file as `kind|a|b`.
fn file(lake: &Lake, asset: &str, action: &Json, columns: &[String], kind: Option<&str>) -> Vec<String> {
    assert!(action["deletionVector"].is_null(), "is beyond this reader");
    let path = root(lake, asset).join(action["path"].as_str().expect("is text"));
    let opened = File::open(&path).expect("is there");
    assert_eq!(
        opened.metadata().expect("is there").len(),
        action["size"].as_u64().expect("is a number")
    );
    let reader = ParquetRecordBatchReaderBuilder::try_new(opened)
        .expect("is Parquet")
        .build()
        .expect("reads");
    let options = FormatOptions::new().with_null("null");
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.expect("reads");
        let values = action["partitionValues"].as_object().expect("is there");
        for name in values.keys() {
            assert!(batch.column_by_name(name).is_none(), "the log has `{name}` already");
        }
        let kinds = batch
            .column_by_name("_change_type")
            .map(|kinds| kinds.as_string::<i32>().clone());
        assert_eq!(kinds.is_none(), kind.is_some(), "change files have kinds, others none");
        for row in 0..batch.num_rows() {
            let mut texts = vec![kinds.as_ref().map_or_else(
                || kind.unwrap_or_default().to_owned(),
                |kinds| kinds.value(row).to_owned(),
            )];
            for name in columns {
                texts.push(match (values.get(name), batch.column_by_name(name)) {
                    (Some(Json::String(value)), _) => value.clone(),
                    (None, Some(column)) => ArrayFormatter::try_new(column, &options)
                        .expect("can be shown")
                        .value(row)
                        .to_string(),
                    _ => "null".to_owned(),
                });
            }
            rows.push(texts.join("|"));
        }
    }
    rows
}

/// What a version changed, in order of the text: its change files if it has some, else the files that came and went.
pub(crate) fn changes(lake: &Lake, asset: &str, version: u64) -> Vec<String> {
    let (columns, actions) = (columns(lake, asset, version), actions(lake, asset, version));
    let changing = |name: &str| {
        let mut found = of(&actions, name);
        found.retain(|action| action["dataChange"] == true);
        found
    };
    let mut told = Vec::new();
    let recorded = of(&actions, "cdc");
    for action in &recorded {
        assert_eq!(action["dataChange"], false, "change files change no rows");
        told.extend(file(lake, asset, action, &columns, None));
    }
    if recorded.is_empty() {
        for (name, kind) in [("add", "insert"), ("remove", "delete")] {
            told.extend(
                changing(name)
                    .into_iter()
                    .flat_map(|action| file(lake, asset, action, &columns, Some(kind))),
            );
        }
    }
    told.sort();
    told
}

/// Replays the feed: the rows of each version are those of the one before with its changes.
pub(crate) async fn follows(lake: &Lake, asset: &str) {
    let mut replayed: Vec<String> = Vec::new();
    for version in 0..=newest(lake, asset) {
        for change in changes(lake, asset, version) {
            let (kind, row) = change.split_once('|').expect("has a kind");
            if matches!(kind, "delete" | "update_preimage") {
                let place = replayed.iter().position(|known| known == row);
                let place = place.unwrap_or_else(|| panic!("version {version} takes `{row}` away, which is not there"));
                replayed.remove(place);
            }
        }
        for change in changes(lake, asset, version) {
            let (kind, row) = change.split_once('|').expect("has a kind");
            if matches!(kind, "insert" | "update_postimage") {
                replayed.push(row.to_owned());
            }
        }
        replayed.sort();
        let mut input = whole(asset).to_input(Form::Table);
        input.version = Some(Version::from_text(version.to_string()));
        let mut found = rows(&lake.manager, &input).await;
        found.sort();
        assert_eq!(replayed, found, "version {version}");
    }
}
