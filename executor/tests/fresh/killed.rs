//! A process that ended between storing a value and recording it.

use crate::support::{House, called, key, run};
use larder_catalog::Catalog;
use larder_executor::Recompute;

/// The value itself tells what it was made from: it is recorded, and not made again.
#[tokio::test]
async fn a_stored_value_that_was_not_recorded_is_recorded() {
    let mut house = House::new();
    let chain = |house: &House| house.pipeline(house.chain(4, "1"));
    run(&chain(&house), Recompute::Stale).await;
    house.calls.take();
    house.catalog = Catalog::in_memory().expect("opens");
    let report = run(&chain(&house), Recompute::Stale).await;
    assert_eq!((report.fresh(), house.calls.take()), (3, called([])));
    let key = key("c");
    let entry = house
        .catalog
        .latest_of(&key, None)
        .await
        .expect("answers")
        .expect("was recorded");
    assert_eq!(entry.inputs.len(), 1);
    assert!(entry.fingerprint.is_some());
    // But not a value of other code.
    house.catalog = Catalog::in_memory().expect("opens");
    run(&house.pipeline(house.chain(4, "2")), Recompute::Stale).await;
    assert_eq!(house.calls.take(), called([("a", 1)]));
}
