//! When a table counts as another value.

mod common;

use common::{Lake, in_run, ints, table, whole};
use larder_io_core::{AssetValue, Form, IoManager, Table};
use larder_io_delta::WriteMode;
use std::collections::BTreeSet;

fn row(n: i64) -> Table {
    table(vec![("n", ints([n]))])
}

/// What a store tells is what head tells, or whoever compares the two computes once too often, or once too seldom.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_added_again_are_another_value() {
    for mode in [
        WriteMode::Append,
        WriteMode::Merge,
        WriteMode::ReplacePartitions,
        WriteMode::Overwrite,
    ] {
        let lake = Lake::new(|config| {
            config.mode = mode;
            if mode == WriteMode::Merge {
                config.merge_on = vec!["n".into()];
            }
        });
        let mut told = BTreeSet::new();
        for run in ["one", "two"] {
            let mut ctx = in_run(whole("t"), run);
            ctx.fingerprint = Some("f".into());
            let stored = lake.store(&ctx, row(1)).await.expect("stores");
            let head = lake.manager.head(&ctx.to_input(Form::Table)).await;
            let head = head.expect("can tell").expect("is there");
            assert_eq!(stored.data_version(), head.data_version(), "{mode:?}");
            told.insert(stored.data_version());
        }
        assert_eq!(told.len(), if mode == WriteMode::Overwrite { 1 } else { 2 }, "{mode:?}");
    }
}

/// The fingerprint of one write says nothing of rows that somebody else added.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_to_which_others_added_has_no_fingerprint() {
    let lake = Lake::new(|_| {});
    let mut ctx = whole("t");
    ctx.fingerprint = Some("f".into());
    lake.store(&ctx, row(1)).await.expect("stores");
    let head = || async {
        lake.manager
            .head(&ctx.to_input(Form::Table))
            .await
            .expect("can tell")
            .expect("is there")
    };
    assert_eq!(head().await.fingerprint.as_deref(), Some("f"));
    let other = lake.with(|config| config.mode = WriteMode::Append);
    other
        .handle_output(&in_run(whole("t"), "other"), &row(2).into_value())
        .await
        .expect("stores");
    assert_eq!(head().await.fingerprint, None);
}
