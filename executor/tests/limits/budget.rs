//! A memory budget: what steps reserve, and who waits.

use crate::support::{Logs, Watch, budget, definitions, options, pipeline, run, taking};
use larder_catalog::Catalog;
use larder_executor::{Asset, AssetBuilder};
use larder_io_core::ErrorKind;
use proptest::prelude::*;
use std::sync::Arc;

const MIB: u64 = 1 << 20;

fn declared(key: &str, mib: u64) -> AssetBuilder {
    Asset::builder(key).memory(format!("{mib}MiB"))
}

#[tokio::test(start_paused = true)]
async fn steps_wait_until_what_they_declare_is_free() {
    let watch = Arc::default();
    let large = (0..4).map(|number| taking(declared(&format!("large/{number}"), 400), "large", 1, 400, &watch));
    let small = (0..2).map(|number| taking(declared(&format!("small/{number}"), 100), "small", 1, 100, &watch));
    let pipeline = pipeline(large.chain(small));
    run(&pipeline, budget(8, 1024 * MIB)).await;
    assert_eq!((watch.most("large"), watch.began("large")), (800, vec![0, 0, 1, 1]));
    assert_eq!(watch.began("small"), [0, 0], "what is left is enough for them");
}

#[tokio::test(start_paused = true)]
async fn a_step_above_the_budget_runs_alone_and_is_told_once() {
    let watch = Arc::default();
    let parted = declared("huge", 3000).partitions(larder_partitions::Partitioning::fixed("region", ["a", "b"]));
    let small = (0..3).map(|number| taking(declared(&format!("small/{number}"), 1), "any", 1, 1, &watch));
    let assets = [taking(parted, "any", 1, 3000, &watch)].into_iter().chain(small);
    let pipeline = pipeline(assets);
    let logs = Arc::<Logs>::default();
    let mut options = budget(8, 1024 * MIB);
    options.observers = vec![Arc::<Logs>::clone(&logs)];
    run(&pipeline, options).await;
    assert_eq!(watch.most("any"), 3000, "nobody runs beside it");
    assert_eq!(
        *logs.0.lock().expect("no panic"),
        ["huge: the step reserves 2.9 GiB and the budget is 1.0 GiB (it declares that much): it runs alone"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_step_does_not_wait_for_ever_behind_small_ones() {
    let watch = Arc::default();
    let small = |number: u64| {
        taking(
            declared(&format!("s{number:02}"), 40),
            "small",
            1 + number % 2,
            40,
            &watch,
        )
    };
    let before = [small(0), small(1)];
    let large = taking(declared("sl", 90), "large", 1, 90, &watch);
    let pipeline = pipeline(before.into_iter().chain([large]).chain((2..40).map(small)));
    run(&pipeline, budget(3, 100 * MIB)).await;
    // Three small ones overtake it, which take two seconds at most each.
    assert!(watch.began("large")[0] <= 6, "{:?}", watch.began("large"));
    assert!(watch.began("small").iter().filter(|began| **began > 6).count() > 20);
}

#[tokio::test(start_paused = true)]
async fn steps_of_which_nobody_knows_anything_share_the_budget() {
    let watch = Arc::default();
    let large = taking(declared("large", 600), "large", 1, 1, &watch);
    let unknown = (0..4).map(|number| taking(Asset::builder(format!("u{number}")), "unknown", 1, 1, &watch));
    let pipeline = pipeline([large].into_iter().chain(unknown));
    run(&pipeline, budget(2, 1000 * MIB)).await;
    assert_eq!(watch.began("large"), [0]);
    assert_eq!(
        watch.began("unknown"),
        [1, 1, 2, 2],
        "half each, which is as many as without a budget, and none beside it"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_before_tells_how_much_is_needed() {
    let catalog = Catalog::in_memory().expect("opens");
    let watch = Arc::<Watch>::default();
    let asset = |key: &str| {
        let watch = Arc::clone(&watch);
        let start = tokio::time::Instant::now();
        Asset::builder(key).function(move |_| {
            let watch = Arc::clone(&watch);
            async move {
                watch.enter("blob", 1, start.elapsed());
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                watch.leave("blob", 1);
                Ok(vec![7_u8; 2 << 20])
            }
        })
    };
    let pipeline = definitions(["a", "b", "c", "d"].map(asset)).build().expect("is valid");
    let pipeline = pipeline.with_catalog(catalog);
    run(&pipeline, options(4, &[])).await;
    assert_eq!(watch.most("blob"), 4);
    // Three times two MiB each.
    let logs = Arc::<Logs>::default();
    let mut tight = budget(4, 5 * MIB);
    tight.observers = vec![Arc::<Logs>::clone(&logs)];
    run(&pipeline, tight).await;
    let told = logs.0.lock().expect("no panic").clone();
    assert_eq!(told.len(), 4);
    let text = "a: the step reserves 6.0 MiB and the budget is 5.0 MiB (by its history; `memory = \"..\"` says otherwise): it runs alone";
    assert_eq!(told[0], text);
    run(&pipeline, budget(4, 13 * MIB)).await;
    assert_eq!(
        watch.began("blob")[4..],
        [1, 2, 3, 4, 5, 5, 6, 6],
        "one at once, then two"
    );
}

#[test]
fn what_is_no_size_is_refused_with_the_definitions() {
    for (text, why) in [
        ("400", "the memory of `a`: `400` is no size: it has no unit"),
        ("0MiB", "it is zero"),
        ("1Gib", "did you mean `GiB`?"),
    ] {
        let asset = Asset::builder("a").memory(text).function(|_| async { Ok(1_u64) });
        let error = definitions([asset]).build().expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
        assert!(error.message().contains(why), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Graphs of any weights: what runs never weighs more than the budget, but for one step that runs alone; and all run.
    #[test]
    fn the_budget_holds_and_everything_runs(
        steps in prop::collection::vec((1_u64..150, 0_u64..4, prop::option::of(any::<prop::sample::Index>())), 1..40),
        slots in 1_usize..8,
        limit in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("starts");
        let (most, limited) = runtime.block_on(async {
            let (all, tagged) = (Arc::<Watch>::default(), Arc::<Watch>::default());
            let assets = steps.iter().enumerate().map(|(number, (weight, seconds, after))| {
                let (all, tagged) = (Arc::clone(&all), Arc::clone(&tagged));
                let (weight, seconds, odd) = (*weight, *seconds, number % 2 == 1);
                let mut builder = declared(&format!("s{number}"), weight);
                if odd {
                    builder = builder.tag("odd", "yes");
                }
                let after = after.filter(|_| number > 0);
                if let Some(after) = after {
                    builder = builder.input_from::<u64>("before", format!("s{}", after.index(number)));
                }
                // One above the budget is weighed as the budget: beside it nothing may run.
                let (heavy, start) = (weight.min(100), tokio::time::Instant::now());
                builder.function(move |mut args| {
                    let (all, tagged) = (Arc::clone(&all), Arc::clone(&tagged));
                    async move {
                        if after.is_some() {
                            args.input::<u64>().await?;
                        }
                        all.enter("all", heavy, start.elapsed());
                        if odd { tagged.enter("odd", 1, start.elapsed()); }
                        tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
                        if odd { tagged.leave("odd", 1); }
                        all.leave("all", heavy);
                        Ok(weight)
                    }
                })
            }).collect::<Vec<_>>();
            let mut options = budget(slots, 100 * MIB);
            if steps.len() > 1 {
                options.limits = vec![format!("tag:odd={limit}").parse().expect("is a limit")];
            }
            run(&pipeline(assets), options).await;
            (all.most("all"), tagged.most("odd"))
        });
        prop_assert!(most <= 100 && limited <= limit as u64, "{most} MiB, {limited} of {limit}");
    }
}
