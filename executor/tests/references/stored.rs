//! Storing a reference: the target is looked at, and what is stored is small and says what was there.

use crate::support::{Lake, changing, failed, raw, rows, run};
use larder_io_core::{DataRef, ErrorKind, Pin};
use std::fs;
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_target_says_is_recorded() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(1000)).await;
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.parquet")))]);
    let report = run(&pipeline, "raw").await;
    let stored: DataRef = pipeline.load("raw").await.expect("loads");
    let bytes = fs::metadata(lake.outside("raw.parquet")).expect("is there").len();
    assert_eq!(stored.uri, lake.uri("raw.parquet"));
    assert_eq!((stored.rows, stored.bytes), (Some(1000), Some(bytes)));
    assert_eq!(
        (stored.format.as_deref(), stored.pin),
        (Some("parquet"), Some(Pin::Pinned))
    );
    assert_eq!(stored.columns, Some(vec!["n Int64".to_owned(), "word Utf8".to_owned()]));
    assert!(stored.version.is_some() && stored.modified.is_some(), "{stored:?}");
    let made = report.materialization("raw").expect("was made");
    assert_eq!(made.schema.as_ref().expect("is known").fields().len(), 2);
    assert!(lake.stored("raw").expect("is stored").len() < 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_target_gives_the_same_value() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.parquet")))]);
    let hash = async || {
        let report = run(&pipeline, "raw").await;
        let receipt = report.materialization("raw").expect("was made").receipt.clone();
        receipt.expect("is stored").content_hash.expect("has one")
    };
    let first = hash().await;
    assert_eq!(first, hash().await);
    lake.write("raw", "parquet", rows(4)).await;
    assert_ne!(first, hash().await, "who takes it is out of date");
}

/// Each of these leaves the reference that was stored before as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_there_is_refused_and_the_old_reference_stays() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    fs::create_dir(lake.outside("empty")).expect("is made");
    fs::write(lake.outside("cut.parquet"), b"PAR1").expect("is written");
    let good = DataRef::new(lake.uri("raw.parquet"));
    let slot = Arc::new(Mutex::new(good.clone()));
    let pipeline = lake.pipeline([changing(&slot)]);
    run(&pipeline, "raw").await;
    let before = lake.stored("raw").expect("is stored");
    let uri = |name: &str| DataRef::new(lake.uri(name));
    for (reference, kind, said) in [
        (uri("absent.parquet"), ErrorKind::NotFound, "is not there"),
        (uri("absent/"), ErrorKind::NotFound, "is not there"),
        (uri("empty/"), ErrorKind::NotFound, "no file"),
        (uri("raw.parquet/"), ErrorKind::NotFound, "without the slash"),
        (uri("empty"), ErrorKind::NotFound, "is not there"),
        (uri("cut.parquet"), ErrorKind::InvalidData, "parquet"),
        (
            uri("raw.parquet").with_format("parqet"),
            ErrorKind::InvalidData,
            "did you mean `parquet`",
        ),
        (
            uri("raw.parquet").at_version("another"),
            ErrorKind::InvalidData,
            "another version",
        ),
        (
            DataRef::new("fiel:///raw.parquet"),
            ErrorKind::Unsupported,
            "did you mean `file`",
        ),
        (
            DataRef::new("s3://lake/raw.parquet"),
            ErrorKind::Unsupported,
            "known are file",
        ),
    ] {
        let asked = format!("{reference:?}");
        *slot.lock().expect("no panic") = reference;
        let error = failed(&pipeline, "raw").await;
        assert_eq!(error.kind(), kind, "{asked}: {error}");
        assert!(error.message().contains(said), "{asked}: {error}");
        assert!(error.context("target").is_some(), "{error:?}");
        assert_eq!(lake.stored("raw").as_ref(), Some(&before), "{asked}");
    }
    let error = pipeline
        .store("raw", uri("absent.parquet"))
        .await
        .expect_err("is not there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(lake.stored("raw").as_ref(), Some(&before));
}

/// A run that is killed between looking and publishing has published nothing: here it is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_dropped_leaves_the_old_reference() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.parquet")))]);
    run(&pipeline, "raw").await;
    let before = lake.stored("raw").expect("is stored");
    lake.write("raw", "parquet", rows(4)).await;
    for polls in 1..40 {
        let mut running = Box::pin(pipeline.run("raw"));
        for _ in 0..polls {
            if futures_util::poll!(running.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(running);
        let now = lake.stored("raw").expect("is stored");
        serde_json::from_str::<serde_json::Value>(&now).expect("is whole");
        let rows = now.contains("\"rows\":4") || now.contains("\"rows\": 4");
        assert!(rows || now == before, "{now}");
    }
}
