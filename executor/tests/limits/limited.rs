//! Limits by resource and by tag.

use crate::support::{Db, Watch, options, pipeline, run, taking};
use larder_executor::{Asset, RunOptions};
use larder_io_core::ErrorKind;
use std::sync::Arc;

fn named(kind: &str, count: usize) -> impl Iterator<Item = larder_executor::AssetBuilder> {
    (0..count).map(move |number| Asset::builder(format!("{kind}/{number}")))
}

#[tokio::test(start_paused = true)]
async fn those_that_take_a_resource_wait_for_each_other_and_for_nobody_else() {
    let watch = Arc::default();
    let db = named("db", 6).map(|asset| taking(asset.resource::<Db>(), "db", 1, 1, &watch));
    let others = named("other", 4).map(|asset| taking(asset, "other", 1, 1, &watch));
    let pipeline = pipeline(db.chain(others));
    run(&pipeline, options(8, &["db=2"])).await;
    assert_eq!((watch.most("db"), watch.began("db")), (2, vec![0, 0, 1, 1, 2, 2]));
    assert_eq!(
        watch.began("other"),
        [0, 0, 0, 0],
        "they stand behind, and need not wait"
    );
}

#[tokio::test(start_paused = true)]
async fn a_tag_limits_all_its_values_together_and_one_value_by_itself() {
    let watch = Arc::default();
    let ops = named("ops", 4).map(|asset| taking(asset.tag("team", "ops"), "ops", 1, 1, &watch));
    let web = named("web", 4).map(|asset| taking(asset.tag("team", "web"), "web", 1, 1, &watch));
    let pipeline = pipeline(ops.chain(web));
    run(&pipeline, options(8, &["tag:team=3", "tag:team=ops=1"])).await;
    assert_eq!((watch.most("ops"), watch.most("web")), (1, 2));
    assert_eq!(
        (watch.began("ops"), watch.began("web")),
        (vec![0, 1, 2, 3], vec![0, 0, 1, 1])
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_failed_gives_its_place_to_the_next() {
    let watch = Arc::<Watch>::default();
    let failing = named("failing", 3).map(|asset| {
        asset
            .resource::<Db>()
            .function(|_| async { Err::<u64, _>(larder_io_core::Error::new(ErrorKind::AssetFailed, "never")) })
    });
    let last = taking(Asset::builder("last").resource::<Db>(), "last", 1, 1, &watch);
    let pipeline = pipeline(failing.chain([last]));
    let report = pipeline.run_with("*", options(4, &["db=1"])).await.expect("runs");
    assert_eq!((report.counts(), watch.most("last")), ([1, 3, 0], 1));
}

#[tokio::test(start_paused = true)]
async fn partitions_of_one_asset_are_limited_too() {
    let watch = Arc::default();
    let asset = Asset::builder("parted")
        .tag("api", "slow")
        .partitions(larder_partitions::Partitioning::fixed("region", ["a", "b", "c", "d"]));
    let pipeline = pipeline([taking(asset, "parted", 1, 1, &watch)]);
    run(&pipeline, options(4, &["tag:api=3"])).await;
    assert_eq!(watch.began("parted"), [0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_over_those_that_waited_have_failed_too() {
    let watch = Arc::default();
    let db = named("db", 3).map(|asset| taking(asset.resource::<Db>(), "db", 2, 1, &watch));
    let pipeline = pipeline(db);
    let mut options = options(4, &["db=1"]);
    options.timeout = Some(std::time::Duration::from_secs(3));
    let report = pipeline.run_with("*", options).await.expect("runs");
    assert_eq!((report.counts(), watch.began("db")), ([1, 2, 0], vec![0, 2]));
}

#[tokio::test(start_paused = true)]
async fn limits_within_which_nothing_could_run_and_unknown_ones_are_refused_before_anything_runs() {
    let watch = Arc::<Watch>::default();
    let asset = taking(
        Asset::builder("a").resource::<Db>().tag("team", "ops"),
        "a",
        1,
        1,
        &watch,
    );
    let pipeline = pipeline([asset]);
    let mut none = RunOptions::default();
    none.memory_budget = Some(0);
    for (options, why) in [
        (options(1, &["bd=1"]), "did you mean `db`?"),
        (options(1, &["tag:taem=1"]), "did you mean `tag:team`?"),
        (options(1, &["tag:team=obs=1"]), "did you mean `tag:team=ops`?"),
        (options(1, &["db=1", "db=2"]), "given twice"),
        (options(0, &[]), "max_concurrent is 0"),
        (none, "memory_budget is 0"),
    ] {
        let error = pipeline.run_with("*", options).await.expect_err(why);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains(why), "{error}");
    }
    assert!(watch.began("a").is_empty());
}
