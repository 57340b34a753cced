//! Restoring versions: what cannot come back is refused before the commit, and the feed tells what came and went.

mod common;
mod feed;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use common::{Lake, ints, strings, table, whole};
use feed::{appending, changes, follows, keyed, newest, recorded};
use larder_io_core::{AssetValue, ErrorKind, Form, IoManager, Receipt, Result, Table, Version, Versions};
use larder_io_delta::{Evolution, WriteMode};
use std::sync::Arc;

async fn restored(lake: &Lake, asset: &str, version: u64) -> Result<Receipt> {
    let input = whole(asset).to_input(Form::Table);
    lake.manager
        .restore(&input, &Version::from_text(version.to_string()))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_changes_nothing_tells_nothing() {
    let lake = Lake::new(appending);
    for row in [(1, "a"), (2, "b")] {
        lake.store(&whole("t"), keyed(&[row])).await.expect("stores");
    }
    restored(&lake, "t", 0).await.expect("restores");
    assert_eq!(changes(&lake, "t", 2), ["delete|2|b"]);
    restored(&lake, "t", 0).await.expect("restores");
    assert_eq!(changes(&lake, "t", 3), [""; 0]);
    restored(&lake, "t", 3).await.expect("restores");
    assert_eq!(changes(&lake, "t", 4), [""; 0]);
    assert_eq!(lake.all("t").await, ["1|a"]);
    follows(&lake, "t").await;
}

/// The restored metadata says that the feed is on, and so the commit that restores it is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_a_restore_switches_on_begins_with_it() {
    let lake = Lake::new(appending);
    for row in [(1, "a"), (2, "b")] {
        lake.store(&whole("t"), keyed(&[row])).await.expect("stores");
    }
    switch_off(&lake, 1);
    restored(&lake, "t", 0).await.expect("restores");
    assert_eq!(recorded(&lake, "t", 3), 1);
    assert_eq!(changes(&lake, "t", 3), ["delete|2|b"]);
}

/// Commits the metadata of the first version without the feed, as other engines may.
fn switch_off(lake: &Lake, version: u64) {
    let metadata = feed::actions(lake, "t", 0)
        .into_iter()
        .find(|action| !action["metaData"].is_null());
    let mut metadata = metadata.expect("has some");
    metadata["metaData"]["configuration"]["delta.enableChangeDataFeed"] = "false".into();
    let path = format!("t.delta/_delta_log/{:020}.json", version + 1);
    std::fs::write(lake.dir.path().join(path), metadata.to_string()).expect("is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_takes_nulls_away_where_none_were_allowed() {
    let lake = Lake::new(|config| {
        appending(config);
        config.evolution = Evolution::Widen;
    });
    lake.store(&whole("t"), keyed(&[(1, "a")])).await.expect("stores");
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let rows = RecordBatch::try_from_iter_with_nullable([("id", ints([2]), false), ("t", nulls, true)]);
    lake.store(&whole("t"), Table::from(rows.expect("is a table")))
        .await
        .expect("widens");
    restored(&lake, "t", 0).await.expect("restores");
    assert_eq!(lake.all("t").await, ["1|a"]);
    assert_eq!(changes(&lake, "t", 2), ["delete|2|null"]);
}

/// Others may have columns with names that readers of the feed need for themselves.
#[tokio::test(flavor = "multi_thread")]
async fn no_feed_begins_where_a_column_has_its_name() {
    let reserved = || table(vec![("id", ints([1])), ("_change_type", strings(["x"]))]);
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    lake.store(&whole("t"), reserved()).await.expect("stores");
    // The new rows have no such column: the table has it.
    let manager = lake.with(|config| {
        appending(config);
        config.evolution = Evolution::Merge;
    });
    let lacking = table(vec![("id", ints([2]))]);
    let nullable = lake.with(|config| {
        config.mode = WriteMode::Append;
        config.evolution = Evolution::Widen;
    });
    let text: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let widened = RecordBatch::try_from_iter_with_nullable([("id", ints([3]), false), ("_change_type", text, true)]);
    let widened = Table::from(widened.expect("is a table"));
    nullable
        .handle_output(&whole("t"), &widened.into_value())
        .await
        .expect("widens");
    let refused = manager.handle_output(&whole("t"), &lacking.into_value()).await;
    let refused = refused.expect_err("is refused");
    assert_eq!(refused.kind(), ErrorKind::InvalidDefinition, "{refused}");
    assert!(refused.message().contains("`_change_type`"), "{refused}");
    assert_eq!(newest(&lake, "t"), 1);
    // A version that had one does not come back into a table that records its changes.
    let lake = Lake::new(|config| config.mode = WriteMode::Overwrite);
    lake.store(&whole("t"), reserved()).await.expect("stores");
    let manager = lake.with(|config| {
        config.change_data_feed = true;
        config.evolution = Evolution::Merge;
    });
    manager
        .handle_output(&whole("t"), &table(vec![("id", ints([2]))]).into_value())
        .await
        .expect("stores");
    let refused = restored(&lake, "t", 0).await.expect_err("is refused");
    assert_eq!(refused.kind(), ErrorKind::InvalidDefinition, "{refused}");
    assert_eq!(newest(&lake, "t"), 1);
}
