//! What a step costs: a chain in memory.

use super::row::{Row, limited};
use super::{Size, text};
use larder::{Asset, Definitions};
use std::sync::Arc;
use std::time::Duration;

/// A chain of steps that each take the number before and add one.
pub(super) async fn run(size: Size) -> Result<Vec<Row>, String> {
    let mut best = Duration::MAX;
    for _ in 0..size.times {
        let first = Asset::builder("s0").function(|_| async { Ok(0_u64) });
        let rest = (1..size.steps).map(|step| {
            Asset::builder(format!("s{step}"))
                .input_from::<u64>("before", format!("s{}", step - 1))
                .function(|mut args| async move {
                    let before: u64 = args.input().await?;
                    Ok(before + 1)
                })
        });
        let memory = Arc::new(larder::backends::memory::MemoryIo::new());
        let pipeline = Definitions::new()
            .asset(first)
            .assets(rest)
            .default_io_manager(memory)
            .build()
            .map_err(text)?;
        let report = pipeline.run("*").await.map_err(text)?;
        if !report.succeeded() {
            return Err("a step of the chain failed".to_owned());
        }
        let last: u64 = pipeline.load(&format!("s{}", size.steps - 1)).await.map_err(text)?;
        if last != size.steps as u64 - 1 {
            return Err(format!("the chain ended with {last}"));
        }
        best = best.min(report.duration);
    }
    Ok(vec![limited(
        "a step of a chain, in memory",
        best.div_f64(size.steps as f64),
        Duration::from_micros(10),
        "<= 10 us",
    )])
}
