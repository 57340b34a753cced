//! A catalogue that version 1 of the tables wrote, kept as SQL: whatever the tables become, it opens and says the same.
#![allow(clippy::unwrap_used)]

use larder_catalog::{Catalog, Happening};
use larder_io_core::{AssetKey, PartitionKey, RunId};

fn day(day: &str) -> Option<PartitionKey> {
    PartitionKey::new([("day", day), ("region", "a,b=c\\d\0é")]).ok()
}

#[test]
fn is_read_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("version_1.sql")).unwrap();
    drop(connection);
    let catalog = Catalog::open(&path).unwrap();
    let delays: AssetKey = "reports/delays".parse().unwrap();
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let latest = catalog.latest(&delays).await.unwrap();
            let [entry] = &latest[..] else { panic!("{latest:?}") };
            assert_eq!(
                (&entry.partition, entry.data_version.as_str()),
                (&day("2024-01-01"), "v2")
            );
            assert_eq!(entry.receipt.as_ref().unwrap().version.as_str(), "7");
            assert_eq!(
                (entry.inputs[0].count, entry.inline.as_deref()),
                (1, Some(&[0, 255, 39][..]))
            );
            assert_eq!(
                (&entry.metadata["rows"], entry.tags["team"].as_str()),
                (&3.into(), "ops")
            );
            assert_eq!(entry.durations.store.as_micros(), 1_500);
            let states = catalog.states(&delays).await.unwrap();
            assert_eq!(states.len(), 2);
            assert_eq!(states[0].fingerprint().unwrap(), "00ff".repeat(16));
            assert!(states[0].is_live() && !states[0].failed() && !states[1].is_live() && states[1].failed());
            assert_eq!(states[1].partition().unwrap(), day("2024-01-02"));

            let history = catalog.history(&delays, None, 100).await.unwrap();
            let kinds: Vec<&str> = history
                .iter()
                .map(|it| match it {
                    Happening::Materialized(_) => "materialized",
                    Happening::Observed(_) => "observed",
                    Happening::Failed(_) => "failed",
                    Happening::Checked(_) => "checked",
                    Happening::Deleted(_) => "deleted",
                })
                .collect();
            assert_eq!(
                kinds,
                [
                    "materialized",
                    "deleted",
                    "checked",
                    "failed",
                    "observed",
                    "materialized"
                ]
            );
            let Happening::Failed(failed) = &history[3] else {
                panic!("{history:?}")
            };
            assert_eq!(
                (failed.kind.as_str(), failed.message.as_str()),
                ("Timeout", "it took too long")
            );

            let run = catalog.run(&RunId::from_text("run-1")).await.unwrap().unwrap();
            assert_eq!((run.steps.len(), run.materialized.len(), run.failures.len()), (1, 2, 1));
            assert_eq!(
                (run.summary.profile.as_deref(), run.summary.selection.as_str()),
                (Some("prod"), "reports/*")
            );
            assert_eq!(run.summary.finished.unwrap().counts.failed, 1);
            assert_eq!(catalog.unfinished().await.unwrap()[0].run.as_str(), "run-2");
            assert_eq!(catalog.dynamic_keys("region").await.unwrap(), ["eu", "asia"]);

            catalog.record(larder_catalog::Entry {
                data_version: "v3".to_owned(),
                ..entry.clone()
            });
            assert_eq!(
                catalog
                    .latest_of(&delays, day("2024-01-01").as_ref())
                    .await
                    .unwrap()
                    .unwrap()
                    .data_version,
                "v3"
            );
        });
}
