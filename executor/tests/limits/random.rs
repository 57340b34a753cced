//! Random graphs with a budget and without.

use crate::early::{Slow, pipeline};
use crate::support::{budget, options};
use larder_executor::{Asset, RunOptions};
use larder_io_core::{Error, ErrorKind};
use larder_io_memory::MemoryIo;
use larder_testkit::faulty::Faulty;
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const MIB: u64 = 1 << 20;

/// What of a step fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fails {
    Nothing,
    Compute,
    Store,
}

/// A step: seconds to compute, seconds to store, what fails, and what it takes of those before it.
type Random = (u64, u64, Fails, Vec<Index>);

fn steps() -> impl Strategy<Value = Vec<Random>> {
    let fails = prop_oneof![8 => Just(Fails::Nothing), 1 => Just(Fails::Compute), 1 => Just(Fails::Store)];
    prop::collection::vec(
        (0_u64..4, 0_u64..4, fails, prop::collection::vec(any::<Index>(), 0..3)),
        1..16,
    )
}

/// Runs it; the values that are there in the end.
async fn made(steps: &[Random], options: RunOptions) -> Vec<Option<u64>> {
    let name = |number: usize| format!("s{number}");
    let stores = steps.iter().enumerate();
    let stores = stores.map(|(number, (_, store, fails, _))| (name(number), (*store, *fails == Fails::Store)));
    let manager = Arc::new(Slow(Faulty::new(MemoryIo::new()), stores.collect()));
    let assets = steps.iter().enumerate().map(|(number, (compute, _, fails, inputs))| {
        let (compute, fails) = (*compute, *fails == Fails::Compute);
        let inputs = inputs.iter().filter(|_| number > 0);
        let mut from: Vec<usize> = inputs.map(|input| input.index(number)).collect();
        from.sort_unstable();
        from.dedup();
        let mut builder = Asset::builder(name(number)).memory(format!("{}MiB", 1 + compute));
        for input in &from {
            builder = builder.input_from::<u64>(name(*input), name(*input));
        }
        let count = from.len();
        builder.function(move |mut args| async move {
            let mut sum = 1;
            for _ in 0..count {
                sum += args.input::<u64>().await?;
            }
            sleep(Duration::from_secs(compute)).await;
            match fails {
                true => Err(Error::new(ErrorKind::AssetFailed, "never")),
                false => Ok(sum),
            }
        })
    });
    let pipeline = pipeline(&manager, assets);
    pipeline.run_with("*", options).await.expect("runs");
    let mut values = Vec::new();
    for number in 0..steps.len() {
        values.push(pipeline.load::<u64>(&name(number)).await.ok());
    }
    values
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever takes how long and whatever fails: what is published is the same as without a budget.
    #[test]
    fn values_that_pass_in_memory_change_no_result(steps in steps(), slots in 1_usize..6, mib in 1_u64..12) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let (with, without) = runtime.expect("starts").block_on(async {
            (made(&steps, budget(slots, mib * MIB)).await, made(&steps, options(slots, &[])).await)
        });
        prop_assert_eq!(with, without);
    }
}
