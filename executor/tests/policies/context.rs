//! What errors say of where they come from.

use crate::support::*;
use larder_executor::policy::{assemble, assemble_by_default};
use larder_io_core::{Error, ErrorKind, PartitionKey};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn an_error_says_everything_once() {
    let (mut out, mut into) = (output(), input());
    let day = PartitionKey::new([("date", "2024-01-01")]).expect("is a partition key");
    (out.partition, into.partition) = (Some(day.clone()), Some(day));
    let manager = Scripted::new()
        .script("stage", fails(ErrorKind::PermissionDenied, 1))
        .script("load", fails(ErrorKind::PermissionDenied, 1));
    for guarded in [
        manager.behind(&plain()),
        assemble_by_default(
            Arc::new(
                manager
                    .clone()
                    .script("stage", fails(ErrorKind::NotFound, 1))
                    .script("load", fails(ErrorKind::NotFound, 1)),
            ),
            "scripted",
            None,
        ),
    ] {
        let error = guarded.stage(&out, &blob()).await.err().expect("fails");
        let run = out.run.to_string();
        let said: Vec<(&str, &str)> = error.contexts().collect();
        let expected = [
            ("operation", "stage"),
            ("asset", "reports/summary"),
            ("partition", "date=2024-01-01"),
            ("io_manager", "scripted (script:/stage)"),
            ("location", "reports/summary"),
            ("run", run.as_str()),
        ];
        assert_eq!(said, expected);
        let error = guarded.load_input(&into).await.expect_err("fails");
        let said: Vec<&str> = error.contexts().map(|(name, _)| name).collect();
        assert_eq!(said, ["operation", "asset", "partition", "io_manager", "location"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_layer_below_said_stays() {
    let error = Error::new(ErrorKind::Conflict, "x").with_context("location", "inner.parquet");
    let manager = Scripted::new().script("publish", [Act::Fail(Duration::ZERO, error)]);
    let once = manager.behind(&plain());
    // Two stacks, as when somebody wraps twice: the inner one knows best.
    let twice = assemble(once, "outer", &plain());
    let error = twice.handle_output(&output(), &blob()).await.expect_err("fails");
    assert_eq!(error.context("location"), Some("inner.parquet"));
    assert_eq!(error.context("io_manager"), Some("scripted (script:/stage)"));
    assert_eq!(error.contexts().filter(|(name, _)| *name == "location").count(), 1);
}
