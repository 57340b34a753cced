//! What is counted of a value is what the server saw.

mod support;

use larder_testkit::cloud::counts_requests;
use support::{Kind, cloud, config};

#[tokio::test]
async fn small_values_and_large_ones() {
    let kinds = [Kind::Plain, Kind::Versioned, Kind::Hierarchical];
    for (kind, preconditions) in kinds.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let cloud = cloud(kind).await;
        let mut config = config(&cloud, kind);
        config.preconditions = preconditions;
        let manager = config.open().expect("opens");
        for bytes in [1000, 20 << 20] {
            counts_requests(&cloud, &manager, bytes).await;
        }
    }
}
