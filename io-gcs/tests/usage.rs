//! What is counted of a value is what the server saw.

mod support;

use larder_testkit::cloud::counts_requests;
use support::{cloud, config};

#[tokio::test]
async fn small_values_and_large_ones() {
    let cloud = cloud(false).await;
    let manager = config(&cloud).open().expect("opens");
    for bytes in [1000, 20 << 20] {
        counts_requests(&cloud, &manager, bytes).await;
    }
}
