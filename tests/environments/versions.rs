//! Old versions: beside each other, and published again; a home that moves.

use crate::support::{House, day, run};
use larder::{Asset, Differs, ErrorKind, Recompute, Table};
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;

#[tokio::test]
async fn two_versions_are_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let pipeline = larder::definitions()
        .without_config()
        .default_io_manager_url(format!("file:{}", dir.path().display()))
        .asset(Asset::external::<Table>("table"))
        .asset(Asset::external::<BTreeMap<String, u64>>("object"))
        .build()
        .expect("builds");
    let table = |numbers: &[i64]| {
        let array: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(numbers.to_vec()));
        Table::from(arrow_array::RecordBatch::try_from_iter([("n", array)]).expect("fits"))
    };
    let first = pipeline.store("table", table(&[1, 2, 3])).await.expect("stores");
    let second = pipeline.store("table", table(&[3, 2, 4, 4])).await.expect("stores");
    let key = "table".parse::<larder::AssetKey>().expect("is a key");
    let found = pipeline
        .diff(&key, first.version.as_str(), None, 10)
        .await
        .expect("compares");
    assert_eq!(
        (&found.from.version, &found.to.version),
        (&first.version, &second.version)
    );
    match found.what {
        Differs::Table(found) => assert_eq!((found.removed, found.added, found.same), (1, 2, 2)),
        other => panic!("{other:?}"),
    }
    let same = pipeline
        .diff(&key, second.version.as_str(), None, 10)
        .await
        .expect("compares");
    assert!(matches!(same.what, Differs::Nothing));
    // The same rows in another order are another value.
    let turned = pipeline.store("table", table(&[4, 4, 2, 3])).await.expect("stores");
    let found = pipeline
        .diff(&key, second.version.as_str(), Some(turned.version.as_str()), 10)
        .await;
    assert!(matches!(found.expect("compares").what, Differs::Unseen));
    let unknown = pipeline.diff(&key, "nope", None, 10).await.expect_err("is not kept");
    assert_eq!(unknown.kind(), ErrorKind::NotFound);

    let object = |value: u64| BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), value)]);
    let first = pipeline.store("object", object(2)).await.expect("stores");
    pipeline.store("object", object(3)).await.expect("stores");
    let key = "object".parse::<larder::AssetKey>().expect("is a key");
    let found = pipeline
        .diff(&key, first.version.as_str(), None, 10)
        .await
        .expect("compares");
    match found.what {
        Differs::Object(found) => assert_eq!((found.count, found.places[0].at.as_str()), (1, "/b")),
        other => panic!("{other:?}"),
    }
}

/// A directory that was moved with its values keeps them fresh; one whose values are kept elsewhere does not.
#[tokio::test]
async fn a_home_that_moves_keeps_its_values() {
    let mut house = House::new();
    house.config = String::new();
    run(&house.open(None), "*", None, Recompute::All).await;
    assert_eq!(house.called().len(), 4);
    let moved = tempfile::tempdir().expect("a directory");
    let to = moved.path().join("home");
    std::fs::rename(house.dir.path(), &to).expect("moves");
    let elsewhere = TempDir::with_prefix_in("other", moved.path()).expect("a directory");
    house.dir = elsewhere;
    std::fs::remove_dir(house.dir.path()).expect("is empty");
    std::fs::rename(&to, house.dir.path()).expect("moves");
    run(&house.open(None), "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), [] as [String; 0]);
}

/// What was restored is what it was made from: with the same code it is fresh, and what takes it follows.
#[tokio::test]
async fn a_restored_version_is_recorded() {
    let mut house = House::new();
    let pipeline = house.open(None);
    run(&pipeline, "*", None, Recompute::All).await;
    let first = pipeline
        .head(&day("x"))
        .await
        .expect("tells")
        .expect("is there")
        .version;
    house.days = 2;
    run(&house.open(None), "*", None, Recompute::All).await;
    house.called();
    house
        .open(None)
        .restore(&day("x"), first.as_str())
        .await
        .expect("restores");
    // Of the newer code it is none.
    run(&house.open(None), "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), ["kind=x"]);
    house
        .open(None)
        .restore(&day("x"), first.as_str())
        .await
        .expect("restores");
    house.days = 1;
    let back = house.open(None);
    run(&back, "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), ["kind=y", "kind=z", "total"]);
    assert_eq!(
        back.load::<String>("total").await.expect("loads"),
        "kind=x 1, kind=y 1, kind=z 1"
    );
}
