//! Tables that others made begin to use more of the protocol: what they had stays as it was.

mod common;
mod feed;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use common::{Lake, ints, strings, whole};
use feed::{actions, appending, keyed};
use larder_io_core::{AssetValue, IoManager, Table};
use larder_io_delta::{Evolution, WriteMode};
use std::sync::Arc;

/// The comments and rules that others keep with a column are theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_begins_leaves_what_columns_carry() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    lake.store(&whole("t"), keyed(&[(1, "a")])).await.expect("stores");
    let path = lake.dir.path().join("t.delta/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&path).expect("is read");
    let told = r#"{\"comment\":\"who\",\"__CHAR_VARCHAR_TYPE_STRING\":\"varchar(9)\"}"#;
    let plain = r#"\"name\":\"t\",\"type\":\"string\",\"nullable\":false,\"metadata\":{}"#;
    assert!(text.contains(plain), "{text}");
    let carried = plain.replace("{}", told);
    std::fs::write(&path, text.replace(plain, &carried)).expect("is written");
    let schema = |version: u64| {
        let found = actions(&lake, "t", version)
            .into_iter()
            .find_map(|action| action["metaData"]["schemaString"].as_str().map(str::to_owned));
        let schema: serde_json::Value = serde_json::from_str(&found.expect("has one")).expect("is JSON");
        schema
    };
    let before = schema(0);
    assert_eq!(before["fields"][1]["metadata"]["comment"], "who");
    let manager = lake.with(appending);
    manager
        .handle_output(&whole("t"), &keyed(&[(2, "b")]).into_value())
        .await
        .expect("stores");
    assert_eq!(schema(1), before);
    // So do columns that stay when others come.
    let manager = lake.with(|config| {
        appending(config);
        config.evolution = Evolution::Widen;
    });
    let more = RecordBatch::try_from_iter_with_nullable([
        ("id", ints([3]), false),
        ("t", strings(["c"]), false),
        ("more", Arc::new(Int64Array::from(vec![7])) as ArrayRef, true),
    ]);
    let more = Table::from(more.expect("is a table"));
    manager
        .handle_output(&whole("t"), &more.into_value())
        .await
        .expect("widens");
    assert_eq!(schema(2)["fields"][1], before["fields"][1]);
    assert_eq!(schema(2)["fields"][2]["metadata"], serde_json::json!({}));
}
